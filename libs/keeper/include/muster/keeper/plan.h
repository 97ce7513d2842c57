#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "muster/client/request.h"
#include "muster/keeper/failure.h"
#include "muster/keeper/shelf.h"

// When to ask whom for which certificate (decision 019). Pure: instants, results and a seed go in,
// orders and the next deadline come out; the same inputs give the same plan.
namespace muster::keeper {

/// Both clocks of one moment: validity is measured by the wall clock, patience by the one that
/// never jumps.
struct Instant {
  UnixSeconds wall{};
  MonotonicTime steady{};
  [[nodiscard]] static Instant of(const Clock& clock) { return {clock.now(), clock.monotonic()}; }
};

struct PlanPolicy {
  /// A response is refreshed before this share of its window [thisUpdate, expiry) has passed. 0.30
  /// lets a responder fail for two thirds of the window at the worst moment without a gap (decision
  /// 019).
  double refresh_at = 0.30;
  double refresh_jitter = 0.06;  ///< up to this share of the window earlier, at random
  /// Of the end of each window servers make no use (HAProxy drops a staple five minutes before its
  /// end): left out of account, up to half of the window.
  Seconds unused_end{0};
  std::optional<Seconds>
      max_refresh;  ///< never longer between two answers, however long they are valid
  Seconds first_retry{5};
  Seconds most_retry{3600};         ///< and never above 5 % of the remaining life
  Seconds most_retry_without{240};  ///< while there is nothing to staple
  Seconds most_retry_after{
      900};  ///< longest Retry-After that is obeyed while there is nothing to staple
  Seconds fetch_deadline{20};  ///< an order not answered by then is given up
  unsigned per_host = 4;       ///< fetches at a time from one responder host
  unsigned in_flight = 256;    ///< fetches at a time altogether
  unsigned open_after =
      3;  ///< consecutive failures to reach a host before it is left alone for a while
  Seconds first_rest{5};
  Seconds most_rest{60};
  Seconds start_spread{60};  ///< overdue refreshes of held responses are spread over this at start
  Seconds grace{3600};  ///< unauthorized or unknown is no news this long after a new certificate
                        ///< was first seen
  /// Ways out of here (proxies, source addresses), the first preferred: another is taken when that
  /// one seems to be at fault. At least one.
  unsigned egresses = 1;
  Seconds confirm_retry{10};  ///< until the next question while news waits to be confirmed
  Seconds clock_jump{2};      ///< wall clock steps beyond this make everything be planned anew
};

/// What planning needs to know of a certificate. `urls` in the order to ask; none: nothing is ever
/// fetched.
struct PlanSubject {
  std::vector<std::string> urls;
  UnixSeconds not_before{};
  UnixSeconds not_after{};
};

/// A fetch to make now.
struct Order {
  std::uint64_t ticket = 0;
  Fingerprint subject{};
  std::string url;
  unsigned egress = 0;  ///< which of PlanPolicy::egresses
  /// kPostOnly where the last answer from there looked like one of a cache that is at fault.
  client::HttpMethod method = client::HttpMethod::kByLength;
  MonotonicTime due{};  ///< since when it has waited for its turn
};

enum class OutcomeKind : std::uint8_t {
  kTaken,         ///< the shelf took it
  kNothingNewer,  ///< verified, but no better than what is held
  kHeldBack,      ///< verified, waits for its thisUpdate
  kUnconfirmed,   ///< verified news that a second answer has to confirm: ask again soon
  kUnreachable,   ///< the host did not give an HTTP answer of use: counts against the host
  kRefused,       ///< unauthorized and the like, HTTP 4xx, or a verified "unknown"
  kUnacceptable,  ///< an answer that does not verify
};
inline constexpr std::size_t kOutcomeKinds = 7;
std::string_view to_string(OutcomeKind kind);
struct Outcome {
  OutcomeKind kind;
  std::optional<StapleFacts>
      staple;  ///< kTaken, kNothingNewer, kHeldBack: what is now held (or held back)
  std::optional<Seconds> max_age;  ///< of the HTTP answer
  std::optional<Seconds> retry_after;
  /// Of the last three kinds, more precisely; nothing: unreachable, unauthorized or malformed.
  std::optional<FailureClass> failure{};
};

/// What finish() made of an outcome.
struct Verdict {
  bool known_order = false;  ///< false: a late answer to an order given up
  bool quiet =
      false;  ///< within the grace period of a new certificate: not worth a warning (OCSP-STAP-021)
  unsigned failures = 0;     ///< rounds over all URLs that failed in a row
  bool another_url = false;  ///< the next URL is asked at once
};

enum class Phase : std::uint8_t { kIdle, kWaiting, kQueued, kInFlight };
struct PlanView {
  Phase phase = Phase::kIdle;
  unsigned failures = 0;
  std::uint64_t attempts = 0;
  std::optional<UnixSeconds> next_due;  ///< estimated on the wall clock; nothing when idle
  /// While none of its hosts is well: when one of them was last asked, about whatever certificate.
  std::optional<MonotonicTime> probed;
  /// Queued, and every host that could be asked now is left alone after failures: whoever waits for
  /// this waits in vain for a while.
  bool is_resting = false;
};

class Plan {
 public:
  Plan(const PlanPolicy& policy, std::uint64_t seed);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  /// `held`: what the shelf has for it, expired or not. Adding a known subject replaces its facts.
  void add(const Fingerprint& id, PlanSubject subject, const std::optional<StapleFacts>& held,
           Instant now);
  void remove(const Fingerprint& id);
  /// Tells that the shelf changed by itself: a response held back came into force, or one expired.
  void staple_changed(const Fingerprint& id, const std::optional<StapleFacts>& held, Instant now);
  /// Another PlanPolicy::unused_end, for whatever is planned from here on.
  void set_unused_end(Seconds unused_end);
  /// Makes everything due (`muster stapler refresh`), spread like a start.
  void refresh_all(Instant now);
  /// Makes one due now. One that is queued or asked about already stays so.
  void refresh(const Fingerprint& id, Instant now);
  /// No orders are given for a paused one; the one under way is finished. Afterwards it is planned
  /// as at a start.
  void pause(const Fingerprint& id, bool paused, Instant now);
  /// Something came from elsewhere than an order: what is held now is planned like an answer.
  void offered(const Fingerprint& id, const StapleFacts& held, Instant now);

  /// Fetches to start now. Each subject has at most one order at a time; each must be answered by
  /// finish() unless given_up() names it.
  std::vector<Order> start_due(Instant now);
  /// Tickets whose deadline passed: cancel them. They count as unreachable already.
  std::vector<std::uint64_t> given_up(Instant now);
  Verdict finish(std::uint64_t ticket, const Outcome& outcome, Instant now);
  /// Compares the clocks; when the wall clock jumped, plans everything anew and returns by how
  /// much. Call before the others.
  Seconds observe_clock(Instant now);

  /// When start_due() or given_up() may have something to do next; nothing when only finish() can
  /// change that.
  [[nodiscard]] std::optional<MonotonicTime> next_event() const;
  [[nodiscard]] PlanView view(const Fingerprint& id, Instant now) const;
  [[nodiscard]] std::size_t in_flight() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "host:port" in lower case: what limits and rests are kept for. Empty for what is no http or
/// https URL.
std::string host_of(std::string_view url);

}  // namespace muster::keeper
