#include "muster/relay/engine.h"

#include <algorithm>

#include "engine_impl.h"

namespace muster::relay {

std::string_view to_string(Ending ending) {
  switch (ending) {
    case Ending::kHeld:
      return "held";
    case Ending::kFetched:
      return "fetched";
    case Ending::kPassed:
      return "passed";
    case Ending::kUnknown:
      return "unknown";
    case Ending::kUnauthorized:
      return "unauthorized";
    case Ending::kUnavailable:
      return "unavailable";
    case Ending::kLate:
      return "late";
    case Ending::kBusy:
      return "busy";
    case Ending::kLoop:
      return "loop";
    case Ending::kNotAllowed:
      return "not_allowed";
    case Ending::kMalformed:
      return "malformed";
    case Ending::kUnsupported:
      return "unsupported";
    case Ending::kTooMany:
      return "too_many";
  }
  return "";
}

ocsp::ResponseStatus status_for(Ending ending) {
  switch (ending) {
    case Ending::kHeld:
    case Ending::kFetched:
    case Ending::kPassed:
    case Ending::kUnknown:
      return ocsp::ResponseStatus::kSuccessful;
    case Ending::kUnavailable:
    case Ending::kLate:
    case Ending::kBusy:
    case Ending::kLoop:
      return ocsp::ResponseStatus::kTryLater;
    case Ending::kMalformed:
      return ocsp::ResponseStatus::kMalformedRequest;
    case Ending::kUnauthorized:
    case Ending::kNotAllowed:
    case Ending::kUnsupported:
    case Ending::kTooMany:
      break;
  }
  return ocsp::ResponseStatus::kUnauthorized;
}

std::optional<keeper::StapleFacts> Engine::Impl::held_facts(const Fingerprint& key) const {
  const keeper::StaplePointer held = shelf.held(key);
  return held ? std::optional(held->facts) : std::nullopt;
}

void Engine::Impl::turn() {
  const Instant t = now();
  turned = t.steady;
  if (const Seconds jump = plan.observe_clock(t); jump != Seconds(0)) {
    logger.log(LogLevel::kWarning, "relay.clock",
               "the wall clock jumped; everything is planned anew",
               {{"seconds", static_cast<long long>(jump.count())}});
    follow_clock(jump, t.wall);
    shelf.look_again(t.wall);  // what the clock before made useless may be of use (decision 052)
    restore_untimely(t);
  }
  shelf.tick(t.wall);
  withdraw_contradicted(t);
  room.tell_late(t.steady);
  end_passing_nobody_waits_for();
  if (!started) {
    return;
  }
  forget_old(t.wall);
  for (const std::uint64_t ticket : plan.given_up(t)) {
    give_up(ticket, t);
  }
  for (const keeper::Order& order : plan.start_due(t)) {
    begin(order, t);
  }
  arm();
}

void Engine::Impl::arm() {
  if (timer) {
    loop.cancel(*timer);
  }
  Milliseconds delay{1000};  // at least once a second, to see the wall clock jump
  for (const auto& next : {plan.next_event(), room.next_deadline()}) {
    if (next) {
      delay = std::clamp(std::chrono::ceil<Milliseconds>(*next - clock.monotonic()),
                         Milliseconds(0), delay);
    }
  }
  timer = loop.after(delay, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->timer.reset();
      self->turn();
    }
  });
}

void Engine::Impl::stop() {
  started = false;
  if (timer) {
    loop.cancel(*timer);
    timer.reset();
  }
  // Ended fetches report to nobody: what they would report to is gone first.
  const auto fetches = std::exchange(running, {});
  auto passages = std::exchange(passing, {});
  for (const auto& [ticket, one] : fetches) {
    fetcher.cancel(one.fetch);
  }
  const Told told{Ending::kUnavailable, {}, {}};
  for (const auto& [key, one] : passages) {
    fetcher.cancel(one.fetch);
    for (const WaitingRoom::Id waiter : one.waiters) {
      room.tell(waiter, told);
    }
  }
  for (auto& [key, entry] : entries) {
    for (const WaitingRoom::Id waiter : std::exchange(entry.waiters, {})) {
      room.tell(waiter, told);
    }
  }
}

void Engine::Impl::on_shelf_change(const keeper::Place& place, keeper::ShelfChange change,
                                   const keeper::StaplePointer& staple) {
  const auto found = entries.find(place.key);
  if (found == entries.end()) {
    return;
  }
  Entry& entry = found->second;
  held_bytes -= entry.held_bytes;
  entry.held_bytes = staple ? staple->der().size() : 0;
  held_bytes += entry.held_bytes;
  if (staple) {
    put_on_offer.push_back(place.key);
  }
  const LogLevel level = entry.is_configured ? LogLevel::kInfo : LogLevel::kDebug;
  switch (change) {
    case keeper::ShelfChange::kLoaded:
      break;
    case keeper::ShelfChange::kReplaced:
      logger.log(level, "relay.replaced", "a newer answer is held",
                 {{"certificate", place.name}, {"expires", format_iso8601(staple->facts.expires)}});
      break;
    case keeper::ShelfChange::kRevoked:
      logger.log(LogLevel::kWarning, "relay.revoked", "a certificate was revoked",
                 {{"certificate", place.name},
                  {"status", to_string(staple->facts.status)},
                  {"source", staple->source}});
      break;
    case keeper::ShelfChange::kReinstated:
      logger.log(LogLevel::kWarning, "relay.reinstated",
                 "the CA lifted its hold; the certificate is good again",
                 {{"certificate", place.name}});
      break;
    case keeper::ShelfChange::kWithdrawn:
      logger.log(entry.is_configured ? LogLevel::kError : LogLevel::kWarning, "relay.expired",
                 "the answer held expired and nothing better came",
                 {{"certificate", place.name}, {"last_error", entry.last_error}});
      break;
  }
  if (const std::size_t characters = 4 * ((entry.held_bytes + 2) / 3);
      characters > options.base64_limit) {
    count(counters.long_base64);
    logger.log(LogLevel::kWarning, "relay.too_long",
               "an answer is longer in base64 than the limit that was set (OCPP has room for 5,500 "
               "characters); have the CA sign without extra certificates",
               {{"certificate", place.name}, {"characters", characters}});
  }
  plan.staple_changed(place.key, held_facts(place.key), now());
}

Engine::Engine(net::Loop& loop, net::FetchService& fetcher, const Clock& clock, Logger& logger,
               keeper::Shelf& shelf, EngineOptions options, std::uint64_t seed, std::string id,
               EngineCounters& counters)
    : impl_(std::make_shared<Impl>(loop, fetcher, clock, logger, shelf, std::move(options), seed,
                                   std::move(id), counters)) {
  shelf.on_place_change([impl = impl_.get()](const keeper::Place& place, keeper::ShelfChange change,
                                             const keeper::StaplePointer& staple) {
    impl->on_shelf_change(place, change, staple);
  });
}

Engine::~Engine() {
  stop();
  impl_->shelf.on_place_change({});
}

void Engine::adopt(std::shared_ptr<const RelaySetup> setup) { impl_->adopt(std::move(setup)); }
void Engine::restore(const std::string& directory) { impl_->restore(directory); }
void Engine::start() {
  impl_->started = true;
  impl_->turn();
}
void Engine::stop() { impl_->stop(); }
void Engine::want(Wanted wanted, Tell tell) { impl_->want(std::move(wanted), std::move(tell)); }
void Engine::note_asked(const std::vector<keeper::Fingerprint>& keys) {
  const UnixSeconds now = impl_->clock.now();
  for (const keeper::Fingerprint& key : keys) {
    if (const auto found = impl_->entries.find(key); found != impl_->entries.end()) {
      impl_->touch(found->second, now);
    }
  }
}
void Engine::turn() { impl_->turn(); }
EngineFigures Engine::figures() const { return impl_->figures(); }

}  // namespace muster::relay
