#pragma once

#include <map>
#include <set>

#include "plan_entry.h"
#include "schedule.h"

namespace muster::keeper {

/// What the plan is made of. Its moves are in plan_moves.cc, what others ask of it in plan.cc.
struct Plan::Impl {
  using Way = PlanWay;
  using Entry = PlanEntry;

  Impl(const PlanPolicy& p, std::uint64_t seed) : policy(p), random(seed) {}

  PlanPolicy policy;  ///< set_unused_end() changes it
  Random random;
  FingerprintMap<Entry> entries;
  std::map<std::string, Host> hosts;  // never erased: pointers to them stay good
  std::set<Host*, ByName> waiting_hosts;
  Host* last_served = nullptr;
  TimedFingerprints<MonotonicTime> timers;
  std::map<std::uint64_t, Started> orders;
  std::set<std::pair<MonotonicTime, std::uint64_t>> order_deadlines;
  std::uint64_t next_ticket = 1;
  std::optional<Milliseconds> clock_offset;

  // ---- one certificate
  // -------------------------------------------------------------------------------------------

  void leave_phase(const Fingerprint& id, Entry& e);

  void wait(const Fingerprint& id, Entry& e, Milliseconds delay, Instant now);

  Host* host_at(const std::string& name, unsigned egress);

  /// Every URL by every egress; empty when no URL can be asked.
  [[nodiscard]] std::vector<Way> ways_of(const std::vector<std::string>& urls);

  /// Where to ask next: the first way not tried in this round whose host is well; when none is,
  /// wherever a place is free first. A further egress is open once the one before it failed, or is
  /// known to fail.
  [[nodiscard]] static std::vector<Host*> pick_hosts(Entry& e, Instant now);

  /// Turns come in the order of queueing, but the closer to expiry the less others may go first: a
  /// queue that starves nobody.
  [[nodiscard]] MonotonicTime turn_of(const Entry& e, Instant now) const;

  void queue(const Fingerprint& id, Entry& e, MonotonicTime turn, Instant now);

  /// Whether this round has another way that can be taken without waiting for a host that fails:
  /// its queue may be hours long, and those asked already may be well again long before.
  [[nodiscard]] bool has_untried(const Entry& e, Instant now) const;

  [[nodiscard]] bool is_overdue(const StapleFacts& staple, Instant now) const {
    const auto window = std::chrono::duration<double>(staple.expires - staple.this_update);
    return now.wall - staple.this_update > window * policy.refresh_at;
  }

  static void end_round(Entry& e);

  [[nodiscard]] bool in_grace(const Entry& e, Instant now) const;

  void replan(const Fingerprint& id, Entry& e, Instant now);

  [[nodiscard]] Milliseconds failure_delay(const Entry& e, const StapleFacts* live,
                                           std::optional<Seconds> retry_after, Instant now,
                                           unsigned first = 1) {
    const auto failing_for = std::chrono::duration_cast<Seconds>(now.steady - e.failing_since);
    return delay_after_failure(policy, live, e.failures, failing_for, retry_after, now.wall,
                               random.next(), first);
  }

  // ---- hosts
  // -----------------------------------------------------------------------------------------------------

  /// Certificates that wait for a host which failed ask elsewhere if they can.
  void rehome(Host& host, Instant now);

  std::optional<Order> start_one(Host& host, Instant now);

  std::vector<Order> start_due(Instant now);

  /// Hosts with a queue, beginning behind the one served last.
  [[nodiscard]] std::vector<Host*> in_turn() const;

  Verdict finish(std::uint64_t ticket, const Outcome& outcome, Instant now);

  /// The end of a question that brought nothing.
  Verdict fail(const Fingerprint& id, Entry& e, const Outcome& outcome, Instant now);

  Seconds observe_clock(Instant now);
};

}  // namespace muster::keeper
