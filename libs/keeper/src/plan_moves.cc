#include <algorithm>

#include "plan_impl.h"

// When a certificate's turn comes, at which host, and what follows from an answer.
namespace muster::keeper {
namespace {
/// How long a certificate with plenty of time lets more urgent ones go first.
constexpr Milliseconds kMostSlack{60'000};
}  // namespace

void Plan::Impl::leave_phase(const Fingerprint& id, Entry& e) {
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

void Plan::Impl::wait(const Fingerprint& id, Entry& e, Milliseconds delay, Instant now) {
  leave_phase(id, e);
  if (e.ways.empty() || e.subject.not_after <= now.wall || e.paused) {
    return;  // idle: nobody to ask, nothing left to staple for, or told not to
  }
  e.due = now.steady + delay;
  e.phase = Phase::kWaiting;
  timers.insert({e.due, id});
}

Host* Plan::Impl::host_at(const std::string& name, unsigned egress) {
  std::string lane = egress == 0 ? name : name + '#' + std::to_string(egress);
  Host& host = hosts[lane];
  host.name = std::move(lane);
  return &host;
}

std::vector<PlanWay> Plan::Impl::ways_of(const std::vector<std::string>& urls) {
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

std::vector<Host*> Plan::Impl::pick_hosts(Entry& e, Instant now) {
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

MonotonicTime Plan::Impl::turn_of(const Entry& e, Instant now) const {
  const StapleFacts* live = e.live(now.wall);
  const Milliseconds slack =
      live == nullptr ? Milliseconds(0) : Milliseconds(live->expires - now.wall) / 20;
  return now.steady + std::min(slack, kMostSlack);
}

void Plan::Impl::queue(const Fingerprint& id, Entry& e, MonotonicTime turn, Instant now) {
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

bool Plan::Impl::has_untried(const Entry& e, Instant now) const {
  return std::any_of(e.ways.begin(), e.ways.end(), [&](const Way& w) {
    const Host& host = *w.host;
    return w.open && !w.tried &&
           (host.is_well(now) || (host.waiting.empty() && host.may_start(policy, now)));
  });
}

void Plan::Impl::end_round(Entry& e) {
  e.round_answered = false;
  for (Way& way : e.ways) {
    way.tried = false;
    way.open = way.egress == 0;
  }
}

bool Plan::Impl::in_grace(const Entry& e, Instant now) const {
  // notBefore is often set back by an hour, so what counts is when we first saw a certificate
  // that is still young.
  const bool young = e.first_seen < e.subject.not_before + Seconds(86400);
  return young && now.wall < e.first_seen + policy.grace;
}

void Plan::Impl::replan(const Fingerprint& id, Entry& e, Instant now) {
  const StapleFacts* live = e.live(now.wall);
  if (e.failures > 0) {
    wait(id, e, failure_delay(e, live, std::nullopt, now), now);
  } else {
    wait(id, e, delay_at_start(policy, live, now.wall, random.next()), now);
  }
}

void Plan::Impl::rehome(Host& host, Instant now) {
  const auto waiting = host.waiting;
  for (const auto& [turn, id] : waiting) {
    queue(id, entries.at(id), turn, now);
  }
}

std::optional<Order> Plan::Impl::start_one(Host& host, Instant now) {
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
  e.asked_at = now.steady;
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

std::vector<Order> Plan::Impl::start_due(Instant now) {
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

std::vector<Host*> Plan::Impl::in_turn() const {
  const auto next =
      last_served == nullptr ? waiting_hosts.begin() : waiting_hosts.upper_bound(last_served);
  std::vector<Host*> out(next, waiting_hosts.end());
  out.insert(out.end(), waiting_hosts.begin(), next);
  return out;
}

Verdict Plan::Impl::finish(std::uint64_t ticket, const Outcome& outcome, Instant now) {
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
      e.failures = 0;  // not before: a promise in each round would end the backoff of the others
      end_round(e);
      Milliseconds delay =
          delay_after_answer(policy, *outcome.staple, outcome.max_age, now.wall, random.next());
      if (is_held_back || live == nullptr) {
        // A promise is no staple: what is on offer may end before it is kept. Nor is what seems to
        // lie ahead since the clock was set back: which of both clocks is right will be seen.
        delay = std::min<Milliseconds>(
            delay, live != nullptr ? delay_after_answer(policy, *live, {}, now.wall, random.next())
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

Verdict Plan::Impl::fail(const Fingerprint& id, Entry& e, const Outcome& outcome, Instant now) {
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
    e.failures = 0;
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

Seconds Plan::Impl::observe_clock(Instant now) {
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

}  // namespace muster::keeper
