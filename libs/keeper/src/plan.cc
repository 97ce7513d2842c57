#include "muster/keeper/plan.h"

#include <algorithm>

#include "muster/http/url.h"
#include "plan_impl.h"

namespace muster::keeper {
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

Plan::Plan(const PlanPolicy& policy, std::uint64_t seed)
    : impl_(std::make_unique<Impl>(policy, seed)) {}
Plan::~Plan() = default;

void Plan::add(const Fingerprint& id, PlanSubject subject, const std::optional<StapleFacts>& held,
               Instant now) {
  auto place = impl_->entries.lower_bound(id);
  if (place != impl_->entries.end() && place->first == id) {
    if (place->second.subject.urls == subject.urls) {
      return;  // a certificate never changes, so there is nothing new to plan
    }
    impl_->leave_phase(id, place->second);
    place = impl_->entries.erase(place);
  }
  Impl::Entry e;
  e.ways = impl_->ways_of(subject.urls);
  e.subject = std::move(subject);
  e.held = held;
  e.first_seen = now.wall;
  Impl::Entry& placed = impl_->entries.emplace_hint(place, id, std::move(e))->second;
  impl_->replan(id, placed, now);
}

void Plan::set_unused_end(Seconds unused_end) { impl_->policy.unused_end = unused_end; }

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
  Milliseconds delay(0);
  if (e.failures > 0) {
    delay = impl_->failure_delay(e, nullptr, std::nullopt, now);
  } else if (held && e.attempts > 0) {
    // An answer that ended as soon as it came says what the next one will be like.
    delay = std::max(
        delay, std::chrono::ceil<Milliseconds>(e.asked_at + least_interval(*held) - now.steady));
  }
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
