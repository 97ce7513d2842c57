#include <algorithm>

#include "keeper_impl.h"
#include "shelf_rules.h"

namespace muster::keeper {
namespace {

/// Turns are taken at least so often, to see the wall clock jump.
constexpr Milliseconds kHeartbeat{1000};

PlanPolicy plan_policy_of(const KeeperOptions& options) {
  PlanPolicy policy = options.plan;
  policy.egresses = static_cast<unsigned>(std::max<std::size_t>(1, options.egresses.size()));
  return policy;
}

}  // namespace

client::LiveOptions KeeperOptions::default_live_options() {
  client::LiveOptions live;
  // Staples are for TLS clients, and widespread ones find only SHA-1 CertIDs in them (decision
  // 018).
  live.hash = HashAlgorithm::kSha1;
  live.other_hash = HashAlgorithm::kSha256;
  live.memory = std::make_shared<client::ResponderMemory>();
  return live;
}

Keeper::Impl::Impl(net::Loop& l, Asker& a, const Clock& c, Logger& g, Shelf& s, KeeperOptions o,
                   std::uint64_t seed)
    : loop(l),
      asker(a),
      clock(c),
      logger(g),
      shelf(s),
      options(std::move(o)),
      plan(plan_policy_of(options), seed) {}

Keeper::Impl::Record Keeper::Impl::new_record(const Watched& watched, Instant t) {
  return {watched, {}, {}, {}, {}, {}, 0, CertificateState::kFresh, {}, {}, {}, t.steady, {}};
}

void Keeper::Impl::plan_for(const Fingerprint& id, PlanSubject subject, Instant t) {
  const auto held = held_facts(id);
  const bool covered = held && held->usable_at(t.wall);
  if (!subject.urls.empty() && !first_round_over && !covered && subject.not_after > t.wall &&
      !is_paused(id)) {
    first_round.insert(id);
  }
  plan.add(id, std::move(subject), held, t);
  plan.pause(id, is_paused(id), t);
}

void Keeper::Impl::forget(const Fingerprint& id) {
  plan.remove(id);
  unconfirmed.erase(id);
  first_round.erase(id);
}

void Keeper::Impl::add(const Watched& watched) {
  const Subject& subject = watched.subject;
  const pki::Certificate& certificate = subject.certificate;
  const Fingerprint id = certificate.fingerprint();
  if (records.contains(id)) {
    return;
  }
  const Instant t = now();
  Applicability applies = judge_applicability(watched, options);
  Record& record = records.emplace(id, new_record(watched, t)).first->second;
  record.not_needed = applies.reason;
  order.push_back(id);
  if (applies.urls.empty()) {
    report_not_needed(record);
  } else {
    shelf.add(Place{id, subject.name, certificate, subject.issuer}, t.wall);
    sum_up_loaded();
  }
  plan_for(id,
           PlanSubject{std::move(applies.urls), certificate.not_before(), certificate.not_after()},
           t);
  if (started) {
    turn();
  }
}

void Keeper::Impl::set_inventory(std::vector<Watched> inventory) {
  const Instant t = now();
  FingerprintMap<Record> next;
  std::vector<Subject> subjects;
  std::vector<std::pair<Fingerprint, PlanSubject>> planned;
  std::vector<Fingerprint> redirected;
  order.clear();
  for (Watched& watched : inventory) {
    const pki::Certificate& certificate = watched.subject.certificate;
    const Fingerprint id = certificate.fingerprint();
    const auto place = next.lower_bound(id);
    if (place != next.end() && place->first == id) {
      logger.log(LogLevel::kWarning, "inventory.twice",
                 "a certificate is listed twice; the first entry counts",
                 {{"certificate", watched.subject.name}});
      continue;
    }
    Applicability applies = judge_applicability(watched, options);
    auto known = records.extract(id);
    if (!known.empty() &&
        !have_same_key(known.mapped().watched.subject.issuer, watched.subject.issuer)) {
      forget(id);
      known = {};  // the shelf begins anew, too
    }
    if (!known.empty() && known.mapped().watched.responders != watched.responders) {
      redirected.push_back(id);
    }
    Record record = known.empty() ? new_record(watched, t) : std::move(known.mapped());
    record.watched = watched;
    record.not_needed = applies.reason;
    if (applies.urls.empty()) {
      report_not_needed(record);
    } else {
      subjects.push_back(watched.subject);
    }
    planned.emplace_back(
        id, PlanSubject{applies.urls, certificate.not_before(), certificate.not_after()});
    order.push_back(id);
    next.emplace_hint(place, id, std::move(record));
  }
  for (const auto& [id, gone] : records) {
    forget(id);
  }
  records = std::move(next);
  shelf.set_subjects(std::move(subjects), t.wall);
  sum_up_loaded();
  for (auto& [id, subject] : planned) {
    plan_for(id, std::move(subject), t);
  }
  for (const Fingerprint& id : redirected) {
    plan.refresh(id, t);  // whether these answer shows now, not when what is held runs out
  }
  if (started) {
    turn();
  }
}

// ---- turns

void Keeper::Impl::watch_clock(Instant t) {
  const Seconds jump = plan.observe_clock(t);
  if (jump != Seconds(0)) {
    logger.log(LogLevel::kWarning, "clock.jumped",
               "the wall clock jumped; every certificate is planned anew",
               {{"seconds", static_cast<long long>(jump.count())}});
  }
  if (jump != Seconds(0)) {
    sanity.forget();
    shelf.look_again(t.wall);
    sum_up_loaded();
  }
  if (clock_suspicion) {
    judge_clock(t);  // what the CAs said is forgotten some day
  }
}

void Keeper::Impl::turn() {
  if (in_turn) {
    return;  // an answer that came at once
  }
  in_turn = true;
  const Instant t = now();
  watch_clock(t);
  shelf.tick(t.wall);
  if (started) {
    for (const std::uint64_t ticket : plan.given_up(t)) {
      const auto found = running.find(ticket);
      if (found == running.end()) {
        continue;
      }
      const Running lost = std::move(found->second);
      running.erase(found);
      asker.cancel(ticket);
      if (!is_wanted(lost)) {
        continue;
      }
      const std::string why =
          "no answer within " + format_duration(options.plan.fetch_deadline) + " from " + lost.url;
      note_failure(lost.subject, why, FailureClass::kUnreachable,
                   Verdict{true, false, plan.view(lost.subject, t).failures, false}, t);
      tell_answer(lost, {OutcomeKind::kUnreachable, {}, {}, {}, FailureClass::kUnreachable}, why,
                  plan.view(lost.subject, t).phase == Phase::kQueued, nullptr, t);
    }
    believe_overdue_news(t);
    for (const Order& o : plan.start_due(t)) {
      begin(o, t);
    }
    check_first_round();
  }
  in_turn = false;
  arm();
  turns.fetch_add(1, std::memory_order_relaxed);
}

std::optional<MonotonicTime> Keeper::Impl::next_turn() const {
  std::optional<MonotonicTime> next = plan.next_event();
  const auto sooner = [&next](MonotonicTime t) { next = next ? std::min(*next, t) : t; };
  if (const auto deadline = shelf.next_deadline()) {
    // The wall clock tells whole seconds only: from the last whole one of the other clock on.
    const Instant t = now();
    sooner(std::chrono::floor<Seconds>(t.steady) + std::max(Seconds(0), *deadline - t.wall));
  }
  for (const auto& [id, news] : unconfirmed) {
    sooner(news.until);
  }
  return next;
}

void Keeper::Impl::arm() {
  if (timer) {
    loop.cancel(*timer);
    timer.reset();
  }
  if (!started) {
    return;
  }
  Milliseconds delay = kHeartbeat;
  if (const auto next = next_turn()) {
    delay = std::clamp(std::chrono::ceil<Milliseconds>(*next - clock.monotonic()), Milliseconds(0),
                       delay);
  }
  timer = loop.after(delay, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->timer.reset();
      self->turn();
    }
  });
}

void Keeper::Impl::stop() {
  started = false;
  arm();
  for (const auto& [open, asked] : std::exchange(running, {})) {
    asker.cancel(open);
  }
}

void Keeper::Impl::set_pause(Pause next) {
  const Instant t = now();
  for (auto& [id, record] : records) {
    const bool was = is_paused(id);
    const bool is = next.all || next.certificates.contains(id);
    if (is) {
      first_round.erase(id);
    }
    if (was && !is) {
      record.resumed = t.wall;
    }
    plan.pause(id, is, t);
  }
  pause = std::move(next);
  if (started) {
    turn();
  }
}

void Keeper::Impl::check_first_round() {
  if (!first_round_over && first_round.empty()) {
    first_round_over = true;
    if (first_round_done) {
      first_round_done();
    }
  }
}

Keeper::Keeper(net::Loop& loop, net::FetchService& fetcher, const Clock& clock, Logger& logger,
               Shelf& shelf, KeeperOptions options, std::uint64_t seed) {
  auto asker = make_live_asker(fetcher, clock, options.live, options.egresses);
  impl_ = std::make_shared<Impl>(loop, *asker, clock, logger, shelf, std::move(options), seed);
  impl_->owned_asker = std::move(asker);
  listen();
}
Keeper::Keeper(net::Loop& loop, Asker& asker, const Clock& clock, Logger& logger, Shelf& shelf,
               KeeperOptions options, std::uint64_t seed)
    : impl_(std::make_shared<Impl>(loop, asker, clock, logger, shelf, std::move(options), seed)) {
  listen();
}
void Keeper::listen() {
  impl_->shelf.on_change(
      [raw = impl_.get()](const Subject& subject, ShelfChange change, const StaplePointer& staple) {
        raw->on_shelf_change(subject, change, staple);
      });
  impl_->shelf.on_held([raw = impl_.get()](const Fingerprint& id) {
    raw->plan.staple_changed(id, raw->held_facts(id), raw->now());
  });
}
Keeper::~Keeper() {
  stop();
  impl_->shelf.on_change({});
  impl_->shelf.on_held({});
}

void Keeper::on_change(Shelf::Listener listener) { impl_->listener = std::move(listener); }
void Keeper::on_answer(std::function<void(const Answered&)> listener) {
  impl_->answer_listener = std::move(listener);
}
void Keeper::on_first_round(std::function<void()> done) {
  impl_->first_round_done = std::move(done);
}
void Keeper::set_inventory(std::vector<Watched> inventory) {
  impl_->set_inventory(std::move(inventory));
}
void Keeper::add(const Watched& watched) { impl_->add(watched); }

void Keeper::start(FirstFetch first) {
  if (first == FirstFetch::kEverything) {
    for (const auto& [id, record] : impl_->records) {
      if (record.not_needed.empty() && !impl_->is_paused(id) &&
          record.watched.subject.certificate.not_after() > impl_->clock.now()) {
        impl_->first_round.insert(id);
      }
    }
    impl_->plan.refresh_all(impl_->now());
  }
  impl_->started = true;
  impl_->turn();
}

void Keeper::stop() { impl_->stop(); }

void Keeper::set_unused_end(Seconds unused_end) { impl_->plan.set_unused_end(unused_end); }

void Keeper::refresh_all() {
  impl_->plan.refresh_all(impl_->now());
  impl_->turn();
}
void Keeper::refresh(const Fingerprint& certificate) {
  impl_->plan.refresh(certificate, impl_->now());
  impl_->turn();
}
void Keeper::set_pause(Pause pause) { impl_->set_pause(std::move(pause)); }
Choice Keeper::offer(const client::VerifiedResponse& response, const std::string& source) {
  return impl_->offer(response, source);
}
void Keeper::turn() { impl_->turn(); }
std::uint64_t Keeper::turns() const { return impl_->turns.load(std::memory_order_relaxed); }
std::optional<MonotonicTime> Keeper::next_turn() const { return impl_->next_turn(); }
std::optional<Seconds> Keeper::clock_suspicion() const { return impl_->clock_suspicion; }

std::vector<CertificateStatus> Keeper::status() const {
  const Instant t = impl_->now();
  std::vector<CertificateStatus> out;
  out.reserve(impl_->order.size());
  for (const Fingerprint& id : impl_->order) {
    out.push_back(impl_->status_of(id, impl_->records.at(id), t));
  }
  return out;
}

std::optional<CertificateStatus> Keeper::status(const Fingerprint& certificate) const {
  const auto record = impl_->records.find(certificate);
  return record == impl_->records.end()
             ? std::nullopt
             : std::optional(impl_->status_of(certificate, record->second, impl_->now()));
}

}  // namespace muster::keeper
