#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "muster/base/mutex.h"
#include "muster/net/fetcher.h"
#include "muster/relay/options.h"
#include "muster/relay/question.h"

// The relay behind its sockets: what is held, what is fetched, who waits for it.
namespace muster::relay {

/// How a request ended.
enum class Ending : std::uint8_t {
  kHeld,          ///< from what was held
  kFetched,       ///< from what was fetched for it, and is held now
  kPassed,        ///< the upstream's answer to this very request
  kUnknown,       ///< the upstream's verified "unknown"
  kUnauthorized,  ///< the upstream refused to tell
  kUnavailable,   ///< no upstream gave an answer that may be believed
  kLate,          ///< none did in time
  kBusy,          ///< a limit
  kLoop,          ///< it came in circles
  kNotAllowed,    ///< an issuer that is not on the list
  kMalformed,
  kUnsupported,  ///< a critical extension that nobody here knows
  kTooMany,      ///< more CertIDs than allowed
};
inline constexpr std::size_t kEndings = static_cast<std::size_t>(Ending::kTooMany) + 1;
/// "held", "not_allowed"...
std::string_view to_string(Ending ending);
/// What the client is told; kSuccessful for the four that carry an answer.
ocsp::ResponseStatus status_for(Ending ending);

struct Told {
  Ending ending = Ending::kUnavailable;
  keeper::StaplePointer held{};            ///< kHeld, kFetched
  std::shared_ptr<const Buffer> octets{};  ///< kPassed, kUnknown: nobody may keep it
};
using Tell = std::function<void(const Told&)>;

/// A request that what is held did not answer.
struct Wanted {
  std::vector<Asked> asked;
  AllowedIssuer issuer;
  std::optional<Buffer> nonce;
  std::string via;  ///< relays it came through: "1.1 a, 1.1 b"; empty: none
};

/// What the engine counted. Threads: written by its own, read from any (relaxed).
struct EngineCounters {
  std::array<std::atomic<std::uint64_t>, keeper::kOutcomeKinds> fetches{};  ///< by OutcomeKind
  std::atomic<std::uint64_t> given_up{0};    ///< of these: no answer within the deadline
  std::atomic<std::uint64_t> joined{0};      ///< requests that waited for another's fetch
  std::atomic<std::uint64_t> remembered{0};  ///< told of a failure that is remembered
  std::atomic<std::uint64_t> other_form{0};  ///< answers with another CertID than asked for
  std::atomic<std::uint64_t> evicted{0};     ///< answers that made room
  std::atomic<std::uint64_t> forgotten{0};   ///< answers nobody asked for any more
  std::atomic<std::uint64_t> passed{0}, pass_failures{0};
  std::atomic<std::uint64_t> long_base64{0};  ///< answers beyond EngineOptions::base64_limit
};

/// What is known about one configured certificate under one hash.
struct CertificateFigures {
  std::string name;
  HashAlgorithm hash;
  keeper::CertificateState state;
  std::optional<keeper::StapleFacts> held;
  std::optional<UnixSeconds> last_attempt, last_success, next_due;
  unsigned failures = 0;
  std::string last_error;
};
/// A picture of the engine at one instant.
struct EngineFigures {
  UnixSeconds at{};
  MonotonicTime turned{};  ///< when it last had a turn: far back means that it stands still
  bool first_round_over = false;
  std::size_t answers = 0, held_bytes = 0, pending = 0, waiting = 0, in_flight = 0, passing = 0;
  std::array<std::size_t, 11> states{};  ///< answers by keeper::CertificateState
  std::vector<CertificateFigures> certificates;
  std::string disk_error;
  std::size_t unsaved = 0;
};

/// Fetches, verifies, holds. All methods on its loop's thread unless they say otherwise; saving
/// syncs a file there, so the loop serves nobody. Logged events: relay.revoked, .failed,
/// .recovered, .too_long, .restored, .left_out, .withdrawn, .removed, .clock; those of
/// keeper::Shelf.
class Engine {
 public:
  /// `seed` drives all jitter. References outlive the engine; the shelf is an owner's and its
  /// listener is taken. `id`: by which relays tell each other apart, "muster-relay-1f2e".
  Engine(net::Loop& loop, net::FetchService& fetcher, const Clock& clock, Logger& logger,
         keeper::Shelf& shelf, EngineOptions options, std::uint64_t seed, std::string id,
         EngineCounters& counters);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Goes by this from now on: answers of issuers that are no longer allowed are dropped.
  void adopt(std::shared_ptr<const RelaySetup> setup);
  /// Takes up what lies in `directory`, where the shelf keeps it; files about issuers that are no
  /// longer allowed are removed. After the first adopt().
  void restore(const std::string& directory);
  void start();
  /// Ends what is under way: who waits is told kUnavailable. Idempotent.
  void stop();

  /// `tell` runs once, here or later, on this thread.
  void want(Wanted wanted, Tell tell);
  /// These were asked for, and answered from what is held.
  void note_asked(const std::vector<keeper::Fingerprint>& keys);
  /// One turn; runs by itself after start(), at least once a second.
  void turn();

  [[nodiscard]] EngineFigures figures() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::relay
