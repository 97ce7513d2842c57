#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "muster/lint/subject.h"

// The rules as data: what is demanded by whom, where that is written, and how it is told.
namespace muster::lint {

/// Whose rules a responder is held to. Persistent names in profiles().
enum class Profile : std::uint8_t {
  kRfc6960,
  kRfc9919,
  kCabfTls,
  kCabfCs,
  kCabfSmime,
  kMozilla,
  kMicrosoft,
  kEtsi,
  kFpki,
  kOcpp,
};
/// Bit i stands for Profile(i).
using ProfileSet = std::uint16_t;
constexpr ProfileSet set_of(std::initializer_list<Profile> list) {
  ProfileSet set = 0;
  for (const Profile profile : list) {
    set = static_cast<ProfileSet>(set | 1U << static_cast<unsigned>(profile));
  }
  return set;
}
struct ProfileRow {
  Profile profile;
  std::string_view name;
  std::string_view source;  ///< which text it stands for
};
/// Every profile, in the order of the enumerators.
std::span<const ProfileRow> profiles();
std::optional<Profile> find_profile(std::string_view name);

/// How much it matters, in this order. Persistent words: "info", "should", "must".
enum class Level : std::uint8_t { kInfo, kShould, kMust };
std::string_view to_string(Level level);

/// What a rule is asked about.
enum class Scope : std::uint8_t {
  kResponse,   ///< each response
  kSigner,     ///< each certificate that signed one
  kResponder,  ///< all that a live responder answered, together
  kCrl,
};
std::string_view to_string(Scope scope);

/// What a rule says of one case.
struct Ruling {
  enum class State : std::uint8_t {
    kNotApplicable,  ///< it binds nothing here, or what it needs is not known
    kHolds,
    kBroken,
  };
  State state = State::kNotApplicable;
  std::string detail{};  ///< of a broken one: what was seen
};
std::string_view to_string(Ruling::State state);

struct Case;  // what a check sees; internal

/// One rule. Everything but `check` is for people; `id` is stable.
struct Rule {
  std::string_view id;
  Scope scope;
  Level level;
  ProfileSet profiles;
  std::string_view clause;       ///< "RFC 6960 4.2.2.1"
  std::string_view requirement;  ///< "OCSP-RESP-044": the row of the requirements table
  std::string_view says;         ///< one sentence
  Ruling (*check)(const Case&);
  /// What must have been asked for the check to apply, beside kGet and kPost.
  std::optional<ProbeKind> probe{};
};
/// Every rule, grouped by what it is about. Threads: any.
std::span<const Rule> rules();
const Rule* find_rule(std::string_view id);

}  // namespace muster::lint
