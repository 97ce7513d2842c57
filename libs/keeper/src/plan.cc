#include "muster/keeper/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "muster/http/url.h"
#include "plan_entry.h"
#include "schedule.h"

namespace muster::keeper {
namespace {
/// How long a certificate with plenty of time lets more urgent ones go first.
constexpr Milliseconds kMostSlack{60'000};
}  // namespace

std::string_view to_string(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kTaken:
      return "taken";
    case OutcomeKind::kNothingNewer:
      return "nothing-newer";
    case OutcomeKind::kHeldBack:
      return "held-back";
    case OutcomeKind::kUnconfirmed:
      return "unconfirmed";
    case OutcomeKind::kUnreachable:
      return "unreachable";
    case OutcomeKind::kRefused:
      return "refused";
    case OutcomeKind::kUnacceptable:
      return "unacceptable";
  }
  return "";
}

std::string host_of(std::string_view url) {
  const auto parsed = http::parse_url(url);
  return parsed ? parsed->host + ':' + std::to_string(parsed->port) : std::string();
}

struct Plan::Impl {
  using Way = PlanWay;
  using Entry = PlanEntry;

  Impl(const PlanPolicy& p, std::uint64_t seed) : policy(p), random(seed) {}

  const PlanPolicy policy;
  Random random;
  std::map<Fingerprint, Entry> entries;
  std::map<std::string, Host> hosts;  // never erased: pointers to them stay good
  std::set<Host*, ByName> waiting_hosts;
  Host* last_served = nullptr;
  std::set<std::pair<MonotonicTime, Fingerprint>> timers;
  std::map<std::uint64_t, Started> orders;
  std::set<std::pair<MonotonicTime, std::uint64_t>> order_deadlines;
  std::uint64_t next_ticket = 1;
  std::optional<Milliseconds> clock_offset;

  // ---- one certificate
  // -------------------------------------------------------------------------------------------

  void leave_phase(const Fingerprint& id, Entry& e) {
    if (e.phase == Phase::kWaiting) {
      timers.erase({e.due, id});
    } else if (e.phase == Phase::kQueued) {
      for (Host* host : e.queued_at) {
        host->waiting.erase({e.turn, id});
        if (host->waiting.empty()) {
          waiting_hosts.erase(host);
        }
      }
      e.queued_at.clear();
    }
    e.phase = Phase::kIdle;
  }

  void wait(const Fingerprint& id, Entry& e, Milliseconds delay, Instant now) {
    leave_phase(id, e);
    if (e.ways.empty() || e.subject.not_after <= now.wall || e.paused) {
      return;  // idle: nobody to ask, nothing left to staple for, or told not to
    }
    e.due = now.steady + delay;
    e.phase = Phase::kWaiting;
    timers.insert({e.due, id});
  }

  Host* host_at(const std::string& name, unsigned egress) {
    std::string lane = egress == 0 ? name : name + '#' + std::to_string(egress);
    Host& host = hosts[lane];
    host.name = std::move(lane);
    return &host;
  }

  /// Every URL by every egress; empty when no URL can be asked.
  [[nodiscard]] std::vector<Way> ways_of(const std::vector<std::string>& urls) {
    std::vector<Way> out;
    for (unsigned egress = 0; egress < std::max(1U, policy.egresses); ++egress) {
      for (std::size_t url = 0; url < urls.size(); ++url) {
        if (const std::string name = host_of(urls[url]); !name.empty()) {
          out.push_back({static_cast<std::uint16_t>(url), static_cast<std::uint16_t>(egress), false,
                         egress == 0, false, host_at(name, egress)});
        }
      }
    }
    return out;
  }

  /// Where to ask next: the first way not tried in this round whose host is well; when none is,
  /// wherever a place is free first. A further egress is open once the one before it failed, or is
  /// known to fail.
  [[nodiscard]] static std::vector<Host*> pick_hosts(Entry& e, Instant now) {
    std::vector<Host*> out;
    const std::size_t urls = e.ways.size() / (e.ways.empty() ? 1 : e.ways.back().egress + 1U);
    for (std::size_t i = 0; i < e.ways.size(); ++i) {
      Way& way = e.ways[i];
      way.open = way.open || !e.ways[i - urls].host->is_well(now);
      if (way.tried || !way.open) {
        continue;
      }
      if (way.host->is_well(now)) {
        return {way.host};
      }
      if (std::find(out.begin(), out.end(), way.host) == out.end()) {
        out.push_back(way.host);
      }
    }
    return out;
  }

  /// Turns come in the order of queueing, but the closer to expiry the less others may go first: a
  /// queue that starves nobody.
  [[nodiscard]] MonotonicTime turn_of(const Entry& e, Instant now) const {
    const StapleFacts* live = e.live(now.wall);
    const Milliseconds slack =
        live == nullptr ? Milliseconds(0) : Milliseconds(live->expires - now.wall) / 20;
    return now.steady + std::min(slack, kMostSlack);
  }

  void queue(const Fingerprint& id, Entry& e, MonotonicTime turn, Instant now) {
    leave_phase(id, e);
    if (e.paused) {
      return;
    }
    e.phase = Phase::kQueued;
    e.turn = turn;
    e.queued_at = pick_hosts(e, now);
    for (Host* host : e.queued_at) {
      host->waiting.insert({turn, id});
      waiting_hosts.insert(host);
    }
  }

  /// Whether this round has another way that can be taken without waiting for a host that fails:
  /// its queue may be hours long, and those asked already may be well again long before.
  [[nodiscard]] bool has_untried(const Entry& e, Instant now) const {
    return std::any_of(e.ways.begin(), e.ways.end(), [&](const Way& w) {
      const Host& host = *w.host;
      return w.open && !w.tried &&
             (host.is_well(now) || (host.waiting.empty() && host.may_start(policy, now)));
    });
  }

  [[nodiscard]] bool is_overdue(const StapleFacts& staple, Instant now) const {
    const auto window = std::chrono::duration<double>(staple.expires - staple.this_update);
    return now.wall - staple.this_update > window * policy.refresh_at;
  }

  static void end_round(Entry& e) {
    e.round_answered = false;
    for (Way& way : e.ways) {
      way.tried = false;
      way.open = way.egress == 0;
    }
  }

  [[nodiscard]] bool in_grace(const Entry& e, Instant now) const {
    // notBefore is often set back by an hour, so what counts is when we first saw a certificate
    // that is still young.
    const bool young = e.first_seen < e.subject.not_before + Seconds(86400);
    return young && now.wall < e.first_seen + policy.grace;
  }

  void replan(const Fingerprint& id, Entry& e, Instant now) {
    const StapleFacts* live = e.live(now.wall);
    if (e.failures > 0) {
      wait(id, e, failure_delay(e, live, std::nullopt, now), now);
    } else {
      wait(id, e, delay_at_start(policy, live, now.wall, random.next()), now);
    }
  }

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
  void rehome(Host& host, Instant now) {
    const auto waiting = host.waiting;
    for (const auto& [turn, id] : waiting) {
      queue(id, entries.at(id), turn, now);
    }
  }

  std::optional<Order> start_one(Host& host, Instant now) {
    if (host.waiting.empty() || !host.may_start(policy, now)) {
      return std::nullopt;
    }
    const Fingerprint id = host.waiting.begin()->second;
    Entry& e = entries.at(id);
    leave_phase(id, e);
    const auto way = std::find_if(e.ways.begin(), e.ways.end(), [&host](const Way& w) {
      return w.open && !w.tried && w.host == &host;
    });
    MUSTER_ASSERT(way != e.ways.end());
    e.way = static_cast<std::size_t>(way - e.ways.begin());
    e.phase = Phase::kInFlight;
    e.ticket = next_ticket++;
    ++e.attempts;
    ++host.in_flight;
    host.asked_at = now.steady;
    const MonotonicTime deadline = now.steady + policy.fetch_deadline;
    orders.emplace(e.ticket, Started{id, &host, deadline});
    order_deadlines.insert({deadline, e.ticket});
    return Order{e.ticket,
                 id,
                 e.subject.urls[way->url],
                 way->egress,
                 way->by_post ? client::HttpMethod::kPostOnly : client::HttpMethod::kByLength,
                 e.queued_since};
  }

  std::vector<Order> start_due(Instant now) {
    while (!timers.empty() && timers.begin()->first <= now.steady) {
      const Fingerprint id = timers.begin()->second;
      Entry& e = entries.at(id);
      e.queued_since = e.due;
      queue(id, e, turn_of(e, now), now);
    }
    std::vector<Order> out;
    // In turns over the hosts, so that a host with a long queue does not take all places.
    for (bool progress = true; progress;) {
      progress = false;
      const std::vector<Host*> waiting = in_turn();
      for (Host* host : waiting) {
        if (orders.size() >= policy.in_flight) {
          return out;
        }
        if (auto order = start_one(*host, now)) {
          last_served = host;
          out.push_back(*std::move(order));
          progress = true;
        }
      }
    }
    return out;
  }

  /// Hosts with a queue, beginning behind the one served last.
  [[nodiscard]] std::vector<Host*> in_turn() const {
    const auto next =
        last_served == nullptr ? waiting_hosts.begin() : waiting_hosts.upper_bound(last_served);
    std::vector<Host*> out(next, waiting_hosts.end());
    out.insert(out.end(), waiting_hosts.begin(), next);
    return out;
  }

  Verdict finish(std::uint64_t ticket, const Outcome& outcome, Instant now) {
    const auto order = orders.find(ticket);
    if (order == orders.end()) {
      return {};
    }
    const Started started = order->second;
    order_deadlines.erase({started.deadline, ticket});
    orders.erase(order);
    Host& host = *started.host;
    --host.in_flight;
    const bool was_well = host.is_well(now);
    host.note(outcome, policy, now);
    if (was_well && !host.is_well(now)) {
      rehome(host, now);
    }
    Verdict verdict;
    verdict.known_order = true;
    const auto found = entries.find(started.subject);
    if (found == entries.end() || found->second.ticket != ticket) {
      return verdict;  // removed, or removed and added again, meanwhile
    }
    Entry& e = found->second;
    Way& way = e.ways[e.way];
    way.tried = true;
    switch (outcome.kind) {
      case OutcomeKind::kTaken:
      case OutcomeKind::kNothingNewer:
      case OutcomeKind::kHeldBack: {
        MUSTER_ASSERT(outcome.staple.has_value());
        if (outcome.kind != OutcomeKind::kHeldBack) {
          e.held = outcome.staple;
        }
        e.failures = 0;
        e.asked_again = false;
        const StapleFacts* live = e.live(now.wall);
        const bool is_held_back = outcome.kind == OutcomeKind::kHeldBack;
        const bool stuck = is_held_back ? live == nullptr
                                        : outcome.kind == OutcomeKind::kNothingNewer &&
                                              is_overdue(*outcome.staple, now);
        way.by_post = stuck && !way.by_post;
        if (stuck && has_untried(e, now)) {
          verdict.another_url = true;  // this one may be a cache that got stuck
          e.round_answered = true;
          queue(started.subject, e, turn_of(e, now), now);
          return verdict;
        }
        end_round(e);
        Milliseconds delay =
            delay_after_answer(policy, *outcome.staple, outcome.max_age, now.wall, random.next());
        if (is_held_back) {
          // A promise is no staple: what is on offer may end before it is kept.
          delay = std::min<Milliseconds>(
              delay, live != nullptr
                         ? delay_after_answer(policy, *live, {}, now.wall, random.next())
                         : Milliseconds(policy.most_retry_without));
        }
        wait(started.subject, e, delay, now);
        return verdict;
      }
      case OutcomeKind::kUnconfirmed:
        way.by_post = !way.by_post;
        e.failures = 0;
        verdict.another_url = has_untried(e, now) || !e.asked_again;
        if (verdict.another_url) {
          if (!has_untried(e, now)) {
            end_round(e);
          }
          e.asked_again = true;
          queue(started.subject, e, turn_of(e, now), now);
        } else {
          end_round(e);
          wait(started.subject, e, policy.confirm_retry, now);
        }
        return verdict;
      case OutcomeKind::kUnreachable:
      case OutcomeKind::kRefused:
      case OutcomeKind::kUnacceptable:
        break;
    }
    return fail(started.subject, e, outcome, now);
  }

  /// The end of a question that brought nothing.
  Verdict fail(const Fingerprint& id, Entry& e, const Outcome& outcome, Instant now) {
    const FailurePolicy& follows = policy_of(failure_of(outcome));
    Way& way = e.ways[e.way];
    way.by_post = follows.blames_cache && !way.by_post;
    if (follows.blames_way) {
      for (Way& other : e.ways) {
        other.open = other.open || (other.url == way.url && other.egress == way.egress + 1);
      }
    }
    Verdict verdict;
    verdict.known_order = true;
    verdict.another_url = has_untried(e, now);
    if (verdict.another_url) {
      verdict.failures = e.failures;
      queue(id, e, turn_of(e, now), now);
      return verdict;
    }
    const bool answered = e.round_answered;
    end_round(e);
    const StapleFacts* live = e.live(now.wall);
    if (answered && live != nullptr) {
      wait(id, e, delay_after_answer(policy, *live, outcome.max_age, now.wall, random.next()), now);
      return verdict;
    }
    if (e.failures++ == 0) {
      e.failing_since = now.steady;
    }
    verdict.failures = e.failures;
    Milliseconds delay = failure_delay(e, live, outcome.retry_after, now, follows.first_retry);
    if (follows.quiet_when_new && live == nullptr && in_grace(e, now)) {
      verdict.quiet = true;
      delay = std::min(delay, Milliseconds(60'000));
    }
    wait(id, e, delay, now);
    return verdict;
  }

  Seconds observe_clock(Instant now) {
    const Milliseconds offset =
        now.wall.time_since_epoch() -
        std::chrono::duration_cast<Milliseconds>(now.steady.time_since_epoch());
    const Milliseconds moved = clock_offset ? offset - *clock_offset : Milliseconds(0);
    clock_offset = offset;  // slow drift is followed, not reported
    if (std::chrono::abs(moved) <= policy.clock_jump) {
      return Seconds(0);
    }
    for (auto& [id, e] : entries) {
      if (e.phase == Phase::kWaiting || e.phase == Phase::kIdle) {
        replan(id, e, now);
      }
    }
    return std::chrono::round<Seconds>(moved);
  }
};

Plan::Plan(const PlanPolicy& policy, std::uint64_t seed)
    : impl_(std::make_unique<Impl>(policy, seed)) {}
Plan::~Plan() = default;

void Plan::add(const Fingerprint& id, PlanSubject subject, const std::optional<StapleFacts>& held,
               Instant now) {
  const auto before = impl_->entries.find(id);
  if (before != impl_->entries.end() && before->second.subject.urls == subject.urls) {
    return;  // a certificate never changes, so there is nothing new to plan
  }
  remove(id);
  Impl::Entry e;
  e.ways = impl_->ways_of(subject.urls);
  e.subject = std::move(subject);
  e.held = held;
  e.first_seen = now.wall;
  Impl::Entry& placed = impl_->entries.emplace(id, std::move(e)).first->second;
  impl_->replan(id, placed, now);
}

void Plan::remove(const Fingerprint& id) {
  const auto found = impl_->entries.find(id);
  if (found != impl_->entries.end()) {
    impl_->leave_phase(id, found->second);
    impl_->entries.erase(found);
  }
}

void Plan::staple_changed(const Fingerprint& id, const std::optional<StapleFacts>& held,
                          Instant now) {
  const auto found = impl_->entries.find(id);
  if (found == impl_->entries.end()) {
    return;
  }
  Impl::Entry& e = found->second;
  const bool is_another = e.held != held;
  e.held = held;
  if (e.phase != Phase::kWaiting) {
    return;
  }
  if (e.live(now.wall) != nullptr) {
    if (is_another) {
      impl_->replan(id, e, now);
    }
    return;
  }
  const Milliseconds delay =
      e.failures == 0 ? Milliseconds(0) : impl_->failure_delay(e, nullptr, std::nullopt, now);
  if (now.steady + delay < e.due) {
    impl_->wait(id, e, delay, now);
  }
}

void Plan::refresh_all(Instant now) {
  const Milliseconds spread =
      std::min<Milliseconds>(impl_->policy.start_spread,
                             Milliseconds(20) * static_cast<std::int64_t>(impl_->entries.size()));
  for (auto& [id, e] : impl_->entries) {
    if (e.phase == Phase::kWaiting) {
      const double share = impl_->random.next();
      impl_->wait(id, e, std::chrono::duration_cast<Milliseconds>(spread * share), now);
    }
  }
}

void Plan::refresh(const Fingerprint& id, Instant now) {
  const auto found = impl_->entries.find(id);
  if (found != impl_->entries.end() && found->second.phase == Phase::kWaiting) {
    impl_->wait(id, found->second, Milliseconds(0), now);
  }
}

void Plan::pause(const Fingerprint& id, bool paused, Instant now) {
  const auto found = impl_->entries.find(id);
  if (found == impl_->entries.end() || found->second.paused == paused) {
    return;
  }
  Impl::Entry& e = found->second;
  e.paused = paused;
  if (paused && e.phase != Phase::kInFlight) {
    impl_->leave_phase(id, e);
    Impl::end_round(e);
  } else if (!paused && e.phase == Phase::kIdle) {
    impl_->replan(id, e, now);
  }
}

void Plan::offered(const Fingerprint& id, const StapleFacts& held, Instant now) {
  const auto found = impl_->entries.find(id);
  if (found == impl_->entries.end()) {
    return;
  }
  Impl::Entry& e = found->second;
  e.held = held;
  e.failures = 0;
  if (e.phase == Phase::kWaiting) {
    impl_->wait(
        id, e,
        delay_after_answer(impl_->policy, held, std::nullopt, now.wall, impl_->random.next()), now);
  }
}

std::vector<Order> Plan::start_due(Instant now) { return impl_->start_due(now); }

std::vector<std::uint64_t> Plan::given_up(Instant now) {
  std::vector<std::uint64_t> out;
  while (!impl_->order_deadlines.empty() && impl_->order_deadlines.begin()->first <= now.steady) {
    const std::uint64_t ticket = impl_->order_deadlines.begin()->second;
    out.push_back(ticket);
    impl_->finish(ticket, Outcome{OutcomeKind::kUnreachable, {}, {}, {}}, now);
  }
  return out;
}

Verdict Plan::finish(std::uint64_t ticket, const Outcome& outcome, Instant now) {
  return impl_->finish(ticket, outcome, now);
}
Seconds Plan::observe_clock(Instant now) { return impl_->observe_clock(now); }

std::optional<MonotonicTime> Plan::next_event() const {
  std::optional<MonotonicTime> next;
  const auto sooner = [&next](MonotonicTime t) { next = next ? std::min(*next, t) : t; };
  if (!impl_->timers.empty()) {
    sooner(impl_->timers.begin()->first);
  }
  if (!impl_->order_deadlines.empty()) {
    sooner(impl_->order_deadlines.begin()->first);
  }
  if (impl_->orders.size() >= impl_->policy.in_flight) {
    return next;  // the end of a fetch moves the queues
  }
  for (const Host* host : impl_->waiting_hosts) {
    if (host->in_flight == 0) {
      sooner(host->rest_until);
    }
  }
  return next;
}

PlanView Plan::view(const Fingerprint& id, Instant now) const {
  const auto found = impl_->entries.find(id);
  if (found == impl_->entries.end()) {
    return {};
  }
  const Impl::Entry& e = found->second;
  PlanView view{e.phase, e.failures, e.attempts, std::nullopt, std::nullopt, false};
  for (const PlanWay& way : e.ways) {
    if (way.host->is_well(now)) {
      view.probed.reset();
      break;
    }
    view.probed = std::max(view.probed.value_or(way.host->asked_at), way.host->asked_at);
  }
  switch (e.phase) {
    case Phase::kIdle:
      break;
    case Phase::kWaiting:
      view.next_due =
          now.wall + std::max(Seconds(0), std::chrono::duration_cast<Seconds>(e.due - now.steady));
      break;
    case Phase::kQueued:
      view.next_due = now.wall;
      view.is_resting = std::all_of(e.queued_at.begin(), e.queued_at.end(), [&](const Host* host) {
        return host->rest_until > now.steady;
      });
      break;
    case Phase::kInFlight:
      view.next_due = now.wall;
      break;
  }
  return view;
}

std::size_t Plan::in_flight() const { return impl_->orders.size(); }

}  // namespace muster::keeper
