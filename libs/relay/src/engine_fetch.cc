#include "engine_impl.h"
#include "muster/keeper/outcome.h"

// One fetch ahead or for who waits: ordered by the plan, verified, offered to the shelf.
namespace muster::relay {

void Engine::Impl::begin(const keeper::Order& order, Instant t) {
  Entry& entry = entries.at(order.subject);
  entry.last_attempt = t.wall;
  client::LiveOptions live;
  live.urls = {order.url};
  live.hash = entry.asked.hash;  // and no other: its answer would not be one
  live.nonce = client::NonceUse::kNone;
  live.rounds = 1;
  live.transport = options.transport;
  if (order.method == client::HttpMethod::kPostOnly) {
    live.transport.method = order.method;
  }
  client::LiveQuery query(entry.subject, entry.issuer, std::move(live), shelf.policy().verify);
  client::LiveAction action = query.start(t.wall);
  running.emplace(order.ticket, Running{order.subject, std::move(query), order.url, 0,
                                        via_for(std::exchange(entry.via, {}))});
  act(order.ticket, std::move(action));
}

void Engine::Impl::act(std::uint64_t ticket, client::LiveAction action) {
  if (auto* request = std::get_if<net::FetchRequest>(&action)) {
    Running& one = running.at(ticket);
    one.fetch = fetcher.start(as_relay(std::move(*request), one.via),
                              [weak = weak_from_this(), ticket](const net::FetchResult& result) {
                                if (const auto self = weak.lock()) {
                                  self->on_fetched(ticket, result);
                                }
                              });
    return;
  }
  // rounds = 1: there is nothing to wait for.
  MUSTER_ASSERT(std::holds_alternative<client::LiveOutcome>(action));
  conclude(ticket, std::get<client::LiveOutcome>(action));
}

void Engine::Impl::on_fetched(std::uint64_t ticket, const net::FetchResult& result) {
  const auto found = running.find(ticket);
  if (found == running.end()) {
    return;  // given up or stopped meanwhile
  }
  act(ticket, found->second.query.on_fetched(result, clock.now()));
  turn();
}

void Engine::Impl::conclude(std::uint64_t ticket, const client::LiveOutcome& outcome) {
  const auto node = running.extract(ticket);
  const std::string& url = node.mapped().url;
  const Instant t = now();
  const auto found = entries.find(node.mapped().key);
  if (found == entries.end()) {
    plan.finish(ticket, keeper::Outcome{keeper::OutcomeKind::kUnacceptable, {}, {}, {}}, t);
    return;
  }
  Entry& entry = found->second;
  if (outcome.response() != nullptr) {
    on_verified(ticket, entry, outcome, url, t);
    return;
  }
  const client::LiveFailure& failure = *outcome.failure();
  entry.all_unauthorized = entry.all_unauthorized && failure.verify &&
                           failure.verify->response_status == ocsp::ResponseStatus::kUnauthorized;
  keeper::OutcomeKind kind = keeper::outcome_of(failure);
  std::optional<keeper::FailureClass> what = keeper::classify(failure);
  if (failure.code == client::LiveErrc::kResponderError && !entry.is_configured &&
      entry.held_bytes == 0) {
    // It was reached. What becomes of a stranger's question must not put the host to rest for all.
    kind = keeper::OutcomeKind::kRefused;
    what.reset();  // the host would be judged by it
  }
  on_failed(ticket, entry, keeper::Outcome{kind, {}, {}, failure.retry_after, what},
            failure.detail + " (" + url + ")", t);
}

void Engine::Impl::on_verified(std::uint64_t ticket, Entry& entry,
                               const client::LiveOutcome& outcome, const std::string& url,
                               Instant t) {
  const client::VerifiedResponse& response = *outcome.response();
  const Fingerprint key = entry.asked.key;
  entry.all_unauthorized = false;
  if (!answers(response.der(), key)) {
    count(counters.other_form);
    on_failed(ticket, entry, keeper::Outcome{keeper::OutcomeKind::kUnacceptable, {}, {}, {}},
              "the answer's CertID is made with another hash than was asked with (" + url + ")", t);
    return;
  }
  if (is_contradicted(key, entry.subject, entry.issuer, shelf.facts_of(response, t.wall), t.wall)) {
    on_failed(ticket, entry, keeper::Outcome{keeper::OutcomeKind::kUnacceptable, {}, {}, {}},
              "the answer from " + url +
                  " is not of use: the certificate was revoked, says an answer with another CertID "
                  "of it",
              t);
    return;
  }
  const keeper::Choice choice = shelf.offer(key, response, url, t.wall);
  withdraw_contradicted(t);
  keeper::Outcome result{keeper::OutcomeKind::kTaken, held_facts(key), outcome.caching.max_age, {}};
  result.kind = keeper::outcome_of(choice, result.staple, t.wall);
  switch (result.kind) {
    case keeper::OutcomeKind::kTaken:
    case keeper::OutcomeKind::kNothingNewer:
    case keeper::OutcomeKind::kHeldBack: {
      if (result.kind == keeper::OutcomeKind::kHeldBack) {
        result.staple = shelf.held_back(key)->facts;
      }
      if (!entry.last_error.empty()) {
        logger.log(LogLevel::kInfo, "relay.recovered", "an upstream answers again",
                   {{"certificate", entry.name}, {"url", url}});
      }
      entry.last_success = t.wall;
      entry.last_error.clear();
      count(counters.fetches.at(static_cast<std::size_t>(result.kind)));
      const keeper::Verdict verdict = plan.finish(ticket, result, t);
      refusals.forget(key);
      if (!verdict.another_url) {
        end_round(entry, t);
      }
      return;
    }
    case keeper::OutcomeKind::kUnconfirmed:  // the keeper's alone
    case keeper::OutcomeKind::kRefused:
    case keeper::OutcomeKind::kUnacceptable:
    case keeper::OutcomeKind::kUnreachable:
      break;
  }
  if (choice == keeper::Choice::kUnknownStatus) {
    entry.unknown = std::make_shared<const Buffer>(to_buffer(response.der()));
  }
  result.staple.reset();
  on_failed(ticket, entry, result,
            "the answer from " + url + " is not of use: " + std::string(to_string(choice)), t);
}

void Engine::Impl::on_failed(std::uint64_t ticket, Entry& entry, const keeper::Outcome& outcome,
                             const std::string& why, Instant t) {
  count(counters.fetches.at(static_cast<std::size_t>(outcome.kind)));
  const keeper::Verdict verdict = plan.finish(ticket, outcome, t);
  // Strangers may ask about what does not exist: only news about what we were told to keep is worth
  // a warning.
  const bool is_news = entry.last_error != why && (entry.is_configured || entry.held_bytes != 0);
  entry.last_error = why;
  logger.log(is_news && !verdict.quiet ? LogLevel::kWarning : LogLevel::kDebug, "relay.failed", why,
             {{"certificate", entry.name}, {"failures", verdict.failures}});
  if (!verdict.another_url) {
    end_round(entry, t);
  }
}

void Engine::Impl::give_up(std::uint64_t ticket, Instant t) {
  const auto found = running.find(ticket);
  if (found == running.end()) {
    return;
  }
  const Running lost = std::move(found->second);
  running.erase(found);
  fetcher.cancel(lost.fetch);
  count(counters.given_up);
  count(counters.fetches.at(static_cast<std::size_t>(keeper::OutcomeKind::kUnreachable)));
  const auto entry = entries.find(lost.key);
  if (entry == entries.end()) {
    return;
  }
  entry->second.all_unauthorized = false;
  entry->second.last_error =
      "no answer within " + format_duration(options.plan.fetch_deadline) + " from " + lost.url;
  const keeper::Phase phase = plan.view(lost.key, t).phase;
  if (phase == keeper::Phase::kWaiting || phase == keeper::Phase::kIdle) {
    end_round(entry->second, t);
  }
}

void Engine::Impl::end_round(Entry& entry, Instant t) {
  const Fingerprint key = entry.asked.key;
  const keeper::StaplePointer held = shelf.find(key, t.wall);
  entry.had_round = true;
  Told told{Ending::kFetched, held, {}};
  if (!held) {
    const Seconds refused = options.limits.refused_for;
    Seconds stands = options.limits.failed_for;
    if (entry.unknown) {
      told = {Ending::kUnknown, {}, entry.unknown};
      stands = refused;
    } else if (entry.all_unauthorized && !shelf.held_back(key)) {
      told = {Ending::kUnauthorized, {}, {}};
      stands = refused;
    } else {
      told = {Ending::kUnavailable, {}, {}};
    }
    refusals.remember(key, told, t.steady + stands);
  }
  entry.all_unauthorized = true;
  entry.unknown.reset();
  end_pending(key);
  const std::vector<WaitingRoom::Id> waiters = std::exchange(entry.waiters, {});
  if (!entry.is_configured && !shelf.held(key) && !shelf.held_back(key)) {
    drop(key, {});  // nothing is known about it that is worth a place
  } else if (held) {
    make_room(0);
  }
  for (const WaitingRoom::Id waiter : waiters) {
    room.tell(waiter, told);
  }
}

}  // namespace muster::relay
