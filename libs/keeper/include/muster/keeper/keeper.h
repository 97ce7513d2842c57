#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "muster/keeper/asker.h"
#include "muster/keeper/plan.h"

// Runs the plan: fetches when it says so, verifies, feeds the shelf, remembers what happened to
// each certificate.
namespace muster::keeper {

/// A certificate to keep a staple for, and how.
struct Watched {
  Subject subject;
  std::vector<std::string>
      responders;  ///< asked instead of the URLs in the certificate; empty: those
};

struct KeeperOptions {
  PlanPolicy plan;
  /// How to ask: hash, transport, SHA-1 fallback. urls, nonce and rounds are the keeper's business.
  client::LiveOptions live = default_live_options();
  /// Ways out, the preferred one first (decision 052); none: that of live.transport.
  std::vector<Egress> egresses{};
  /// A revocation is acted upon when a second answer says so too, or after this long without one;
  /// zero: at once.
  Seconds confirm_within{60};
  /// Certificates valid for less are left without staple (OCSP-STAP-014). Zero, the default: none
  /// is too short, because a CA that writes an OCSP URL into a short-lived certificate wants it
  /// asked.
  Seconds skip_shorter_than{0};

  static client::LiveOptions default_live_options();
};

enum class CertificateState : std::uint8_t {
  kFresh,
  kDue,
  kLate,
  kCritical,  ///< a staple is on offer, at that freshness (client::Freshness)
  kOnHold,
  kRevoked,   ///< a verified answer says so
  kHeldBack,  ///< nothing on offer; a response waits for its thisUpdate
  kMissing,   ///< nothing obtained yet
  kExpired,   ///< what was held has expired
  kCertificateExpired,
  kNotNeeded,  ///< no OCSP URL, noRevAvail or short-lived
};
/// "fresh", "on-hold", "certificate-expired"... Stable: in status.json.
std::string_view to_string(CertificateState state);
/// Whether a valid good response is on offer.
constexpr bool is_covered(CertificateState s) { return s <= CertificateState::kCritical; }

/// The state at `now` of a certificate that needs a staple and holds `staple` (null: nothing ever).
CertificateState judge_state(const StapleFacts* staple, bool held_back, UnixSeconds not_after,
                             UnixSeconds now);

/// What is known about one certificate at one instant.
struct CertificateStatus {
  std::string name;
  Fingerprint certificate{};
  std::string subject;  ///< its subject name, for people
  CertificateState state = CertificateState::kMissing;
  std::string reason;  ///< kNotNeeded: why
  bool must_staple = false;
  std::optional<StapleFacts> staple;
  std::string source;  ///< URL the staple came from
  std::optional<UnixSeconds> obtained, last_attempt, last_success, next_due;
  std::optional<UnixSeconds> listed{};  ///< since when it is watched
  std::string last_error;               ///< of the last attempt; empty when that succeeded
  unsigned failures = 0;                ///< failed rounds in a row
  std::uint64_t attempts = 0;
  UnixSeconds not_after{};
  std::optional<FailureClass> last_failure{};  ///< of the last attempt
  /// While no host of its responders is well: when one was last asked about any certificate.
  std::optional<UnixSeconds> last_probe{};
  bool paused = false;                   ///< nobody is asked about it
  std::optional<UnixSeconds> resumed{};  ///< when a pause ended last
  std::optional<Pin> pin{};              ///< in the place of `staple`
  /// Certificates in whose chains it stands; told by who knows the chains, the keeper does not.
  std::size_t below = 0;
  /// What is on offer or would be, were it not expired.
  [[nodiscard]] const StapleFacts* shown() const {
    return pin ? &pin->facts : staple ? &*staple : nullptr;
  }
};

/// What became of one question.
struct Answered {
  Fingerprint certificate{};
  std::string name;
  std::string url;
  UnixSeconds at{};
  Milliseconds took{};
  OutcomeKind outcome = OutcomeKind::kUnreachable;
  std::optional<FailureClass> failure;                 ///< of the kinds that are failures
  std::string detail;                                  ///< a sentence
  bool another = false;                                ///< and it is asked again at once, elsewhere
  const client::VerifiedResponse* response = nullptr;  ///< when it verified; for the call only
};

/// Whether the refreshing of a certificate stands still, judged from outside by what was observed
/// and not by what the plan says it will do (decision 052): it needs an answer, and more than
/// kNeglectedShare of what remained at the last attempt (where there was none: at `since`, or when
/// it was listed) has passed without another; with nothing on offer, more than kNeglectedWithout.
/// \param since  when the keeper started at the latest.   Threads: pure.
inline constexpr double kNeglectedShare = 0.65;
inline constexpr Seconds kNeglectedWithout{1800};
bool is_neglected(const CertificateStatus& status, UnixSeconds since, UnixSeconds now);

/// What to do about a certificate: its URLs, or why none is asked.
struct Applicability {
  std::vector<std::string> urls;
  std::string reason;  ///< when urls is empty
};
Applicability judge_applicability(const Watched& watched, const KeeperOptions& options);

/// The keeper of one shelf. All methods and callbacks on the loop's thread. Saving a response syncs
/// a file on this thread: give it a loop that serves nobody.
class Keeper {
 public:
  /// `seed` drives all jitter. The other arguments must outlive the keeper; the shelf must be an
  /// owner's and its listener is taken.
  Keeper(net::Loop& loop, net::FetchService& fetcher, const Clock& clock, Logger& logger,
         Shelf& shelf, KeeperOptions options, std::uint64_t seed);
  /// The same with another way of asking: options.live and options.egresses are not looked at, but
  /// for the number of these.
  Keeper(net::Loop& loop, Asker& asker, const Clock& clock, Logger& logger, Shelf& shelf,
         KeeperOptions options, std::uint64_t seed);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Told after the shelf changed (see Shelf::Listener).
  void on_change(Shelf::Listener listener);
  /// Told once, when each certificate of the first inventory is covered from disk or had its first
  /// answer or failure.
  void on_first_round(std::function<void()> done);
  /// Loads staples of new certificates from the shelf and plans their fetches. Certificates that
  /// stay keep their plan and history, but for those that others are to be asked about than before:
  /// these are due now. One whose issuer has another key than before is new, as for the shelf, and
  /// answers to what was asked under that are dropped.
  void set_inventory(std::vector<Watched> inventory);
  /// One more, beside what is there, without a look at that. A certificate that is there already
  /// stays as it is.
  void add(const Watched& watched);
  /// Told of the end of every question.
  void on_answer(std::function<void(const Answered&)> listener);
  /// Starts fetching. `everything`: also what is covered from disk.
  enum class FirstFetch : std::uint8_t { kWhatIsDue, kEverything };
  void start(FirstFetch first = FirstFetch::kWhatIsDue);
  /// Cancels fetches and timers; idempotent.
  void stop();
  /// As Plan::set_unused_end().
  void set_unused_end(Seconds unused_end);
  /// Makes everything due now.
  void refresh_all();
  /// Makes one due now; nothing happens to one that is paused, or that nobody is asked about.
  void refresh(const Fingerprint& certificate);
  /// Nobody is asked about these until they are no longer named here; what is held stays on offer
  /// until it expires. `all`: about none, whatever comes into the inventory.
  struct Pause {
    bool all = false;
    std::set<Fingerprint> certificates;
  };
  void set_pause(Pause pause);
  /// Offers the shelf what came from elsewhere than a responder (Shelf::offer), and plans by it.
  /// The operator's word confirms a revocation.
  Choice offer(const client::VerifiedResponse& response, const std::string& source);
  /// One turn: observes the clock, ticks the shelf, starts what is due. Runs by itself after
  /// start(), at least once a second.
  void turn();
  /// When turn() may have something to do next, if no answer comes and the clock does not jump.
  [[nodiscard]] std::optional<MonotonicTime> next_turn() const;
  /// Turns taken so far: what stands still is noticed from outside. Any thread.
  [[nodiscard]] std::uint64_t turns() const;
  /// By how much the wall clock seems to be behind (positive) or ahead (negative) of the CAs.
  [[nodiscard]] std::optional<Seconds> clock_suspicion() const;

  /// In the order of the inventory, those added since at its end.
  [[nodiscard]] std::vector<CertificateStatus> status() const;
  /// Of one; nothing when it is not in the inventory.
  [[nodiscard]] std::optional<CertificateStatus> status(const Fingerprint& certificate) const;

 private:
  struct Impl;
  void listen();
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::keeper
