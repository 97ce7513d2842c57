#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "muster/pki/keys.h"

namespace muster::signers {

/// A delegate that could be loaded.
struct Delegate {
  std::string name;  ///< of its file: "ocsp-2027.pem"
  pki::Certificate certificate;
  pki::PrivateKey key;
};

/// Whether trying again with the same contents may help.
enum class Refusal : std::uint8_t {
  kForGood,  ///< these contents never become acceptable
  kForNow,   ///< a token that does not answer, a file that could not be read, a wrong passphrase or
             ///< PIN
  kIncomplete,  ///< a certificate without its key, which may follow in a moment
};
struct DelegateError {
  Refusal refusal;
  std::string detail;  ///< which file, why, what to do
};

/// Something in the directory that claims to be a delegate.
struct Found {
  std::string name;
  /// Of everything it consists of (certificate, key, URI).
  std::array<std::uint8_t, 32> fingerprint{};
  std::function<Result<Delegate, DelegateError>()> load;
};

enum class DelegateState : std::uint8_t {
  kActive,   ///< signs
  kStandby,  ///< could sign: takes over when the active one cannot
  kWaiting,  ///< not valid yet
  kEnded,
  kRefused,  ///< see DelegateStatus::why
};
std::string_view to_string(DelegateState state);

struct DelegateStatus {
  std::string name;
  DelegateState state{};
  std::string subject;  ///< empty when it never could be loaded
  std::optional<UnixSeconds> not_before, not_after;
  std::string why;       ///< of a refusal; of new contents, when older ones are still in use
  bool is_gone = false;  ///< its file was removed, but nothing else can sign
};

enum class DelegateEvent : std::uint8_t {
  kAccepted,    ///< passed every check
  kIncomplete,  ///< it waits for its key; refused when none comes within DelegateBook::kKeyPatience
  kRefused,     ///< told once for the same contents
  kActivated,   ///< signs from now on
  kEnded,
  kKept,  ///< its file is gone; it signs on because nothing else can
  kLetGo,
};
/// "signer.accepted": the name of the logged event.
std::string_view to_string(DelegateEvent event);
struct DelegateNews {
  DelegateEvent event;
  std::string name;
  std::string detail;
};

/// The delegates of one directory. Pure: what was found, and the time, go in. Contents that were
/// refused, or a file that is half written, change nothing: what was accepted from that name before
/// signs on. Threads: one at a time.
class DelegateBook {
 public:
  /// Whether a delegate may sign: issued by the CA's key, extended key usage, validity, key, trial
  /// signature. Called once for the same contents; again later after kForNow.
  static constexpr Seconds kKeyPatience{60};
  using Judge = std::function<Result<Unit, DelegateError>(const Delegate&, UnixSeconds now)>;
  /// Takes what is in the directory now. Returns the news since the last call.
  std::vector<DelegateNews> update(const std::vector<Found>& found, const Judge& judge,
                                   UnixSeconds now);
  /// Those that can sign at the last update's time: the active one first, then standbys. Newest
  /// notBefore first: the latest issued signs.
  [[nodiscard]] const std::vector<Delegate>& signers() const { return signers_; }
  /// Raised whenever signers() changed.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] std::vector<DelegateStatus> status(UnixSeconds now) const;
  /// When update() would say something new although the directory stays as it is: a delegate begins
  /// or ends, a refusal for now is to be tried again. Nothing: never.
  [[nodiscard]] std::optional<UnixSeconds> next_change(UnixSeconds now) const;

 private:
  struct Entry {
    std::optional<std::array<std::uint8_t, 32>> judged;  ///< contents last looked at
    std::optional<Delegate> good;     ///< accepted, of these contents or older ones
    std::optional<Delegate> waiting;  ///< loaded, not valid yet, not judged
    std::string why;                  ///< the last refusal; empty: none
    std::optional<UnixSeconds> retry_at;
    Seconds retry_delay{0};
    bool is_incomplete = false;
    bool is_gone = false;
    bool told_ended = false;
  };
  void look(Entry& entry, const Found& found, const Judge& judge, UnixSeconds now,
            std::vector<DelegateNews>& news);
  void take(Entry& entry, Delegate delegate, const Judge& judge, UnixSeconds now,
            std::vector<DelegateNews>& news);
  void refuse(Entry& entry, const std::string& name, DelegateError error, UnixSeconds now,
              std::vector<DelegateNews>& news);
  void drop_gone(UnixSeconds now, std::vector<DelegateNews>& news);
  void order(UnixSeconds now, std::vector<DelegateNews>& news);

  std::map<std::string, Entry> entries_;
  std::vector<Delegate> signers_;
  std::uint64_t generation_ = 0;
};

}  // namespace muster::signers
