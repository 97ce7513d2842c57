#include <algorithm>

#include "engine_impl.h"

// Requests that what is held did not answer.
namespace muster::relay {

void Engine::Impl::want(Wanted wanted, Tell tell) {
  if (const auto due = shelf.next_deadline(); due && *due <= clock.now()) {
    turn();  // what has just expired is asked for again
  }
  const Instant t = now();
  const AllowedIssuer* const issuer = setup->issuers.find(wanted.asked.front().id.view());
  if (issuer == nullptr) {
    tell({Ending::kNotAllowed, {}, {}});  // no longer
    return;
  }
  if (!started) {
    tell({Ending::kUnavailable, {}, {}});
    return;
  }
  if (wanted.asked.size() > 1 || (wanted.nonce && options.nonce == NonceUse::kPass)) {
    wanted.issuer = *issuer;  // as it is now, not as it was when the request came
    pass(std::move(wanted), std::move(tell), t);
    return;
  }
  Asked& asked = wanted.asked.front();
  const Fingerprint key = asked.key;
  if (auto held = shelf.find(key, t.wall)) {
    tell({Ending::kHeld, std::move(held), {}});  // came while this request did
    return;
  }
  if (const Told* known = refusals.find(key, t.steady)) {
    count(counters.remembered);
    tell(*known);
    return;
  }
  auto found = entries.find(key);
  if (found != entries.end()) {
    const keeper::Phase phase = plan.view(key, t).phase;
    if (phase != keeper::Phase::kQueued && phase != keeper::Phase::kInFlight) {
      count(counters.remembered);
      tell({Ending::kUnavailable, {}, {}});  // it failed; the plan says when to ask again
      return;
    }
    count(counters.joined);
  }
  const bool is_new = found == entries.end();
  const std::string host = is_new ? keeper::host_of(issuer->urls.front()) : std::string();
  // A host that hangs takes its share of the places, not everybody's.
  const auto at_host = pending_at.find(host);
  const bool is_full =
      pending.size() >= options.limits.max_pending ||
      (at_host != pending_at.end() && at_host->second >= options.limits.max_pending_per_host);
  if (room.size() >= options.limits.max_waiting || (is_new && (is_full || !make_room(1)))) {
    tell({Ending::kBusy, {}, {}});
    return;
  }
  if (is_new) {
    client::Subject subject(issuer->certificate, asked.serial);
    Entry entry{std::move(asked), subject, issuer->certificate, issuer->urls, subject.text()};
    entry.last_asked = t.wall;
    entry.via = wanted.via;
    add(std::move(entry), t);
    withdraw_contradicted(t);
    if (auto held = shelf.find(key, t.wall)) {
      tell({Ending::kHeld, std::move(held), {}});  // it lay on disk
      return;
    }
    pending.emplace(key, host);
    ++pending_at[host];
    found = entries.find(key);
  }
  touch(found->second, t.wall);
  found->second.waiters.push_back(room.add(std::move(tell), t.steady));
  turn();
  fail_fast(key, t);
}

/// Who would wait for a host that is left alone after failures is told at once.
void Engine::Impl::fail_fast(const Fingerprint& key, Instant t) {
  const auto found = entries.find(key);
  if (found == entries.end() || !plan.view(key, t).is_resting) {
    return;
  }
  const Told told{Ending::kUnavailable, {}, {}};
  const std::vector<WaitingRoom::Id> waiters = std::exchange(found->second.waiters, {});
  if (pending.count(key) != 0) {
    drop(key, {});
  }
  for (const WaitingRoom::Id waiter : waiters) {
    room.tell(waiter, told);
  }
}

void Engine::Impl::pass(Wanted wanted, Tell tell, Instant t) {
  const EngineLimits& limits = options.limits;
  auto accept = [this, asked = wanted.asked,
                 issuer = wanted.issuer.certificate](const Passage::Answers& answers) {
    return may_hand_out(asked, issuer, answers);
  };
  auto passage = std::make_unique<Passage>(
      std::move(wanted.asked), std::move(wanted.issuer), std::move(wanted.nonce), options.transport,
      via_for(wanted.via), client::VerifyPolicy(), std::move(accept));
  Fingerprint key;
  pki::digest_into(HashAlgorithm::kSha256, passage->request(), key);
  const auto known = passing.find(key);
  const std::string host = keeper::host_of(passage->url());
  const auto of_host = std::count_if(passing.begin(), passing.end(),
                                     [&](const auto& one) { return one.second.host == host; });
  const bool is_full =
      known == passing.end() && (passing.size() >= limits.max_passing ||
                                 static_cast<std::size_t>(of_host) >= limits.max_passing_per_host);
  if (room.size() >= limits.max_waiting || is_full) {
    tell({Ending::kBusy, {}, {}});
    return;
  }
  const WaitingRoom::Id waiter = room.add(std::move(tell), t.steady);
  if (known != passing.end()) {
    count(counters.joined);
    known->second.waiters.push_back(waiter);
    return;
  }
  Passage::Step first = passage->start();
  passing.emplace(key, Passing{std::move(passage), {waiter}, 0, host});
  step(key, std::move(first));
  arm();
}

void Engine::Impl::step(const Fingerprint& key, Passage::Step next) {
  Passing& one = passing.at(key);
  if (auto* request = std::get_if<net::FetchRequest>(&next)) {
    one.host = keeper::host_of(one.passage->url());
    one.fetch = fetcher.start(std::move(*request),
                              [weak = weak_from_this(), key](const net::FetchResult& result) {
                                if (const auto self = weak.lock()) {
                                  self->on_passed(key, result);
                                }
                              });
    return;
  }
  Told told;
  if (auto* octets = std::get_if<std::shared_ptr<const Buffer>>(&next)) {
    count(counters.passed);
    told = {Ending::kPassed, {}, std::move(*octets)};
  } else {
    const auto& failed = std::get<Passage::Failed>(next);
    count(counters.pass_failures);
    logger.log(LogLevel::kInfo, "relay.not_passed", "a request was passed on and not answered",
               {{"url", one.passage->url()}, {"why", failed.detail}});
    told.ending = failed.is_unauthorized ? Ending::kUnauthorized : Ending::kUnavailable;
  }
  const auto ended = passing.extract(key);
  for (const WaitingRoom::Id waiter : ended.mapped().waiters) {
    room.tell(waiter, told);
  }
}

void Engine::Impl::on_passed(const Fingerprint& key, const net::FetchResult& result) {
  const auto found = passing.find(key);
  if (found != passing.end()) {
    step(key, found->second.passage->on_fetched(result, clock.now()));
  }
}

bool Engine::Impl::may_hand_out(const std::vector<Asked>& asked, const pki::Certificate& issuer,
                                const Passage::Answers& answers) const {
  const UnixSeconds t = clock.now();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const keeper::StaplePointer held = shelf.find(asked[i].key, t);
    const keeper::StapleFacts facts = shelf.facts_of(answers[i], t);
    // A responder's clock may be ahead of ours by what the verifier tolerates.
    const UnixSeconds at = std::max(t, facts.this_update);
    if (is_contradicted(asked[i].key, client::Subject(issuer, asked[i].serial), issuer, facts,
                        at)) {
      return false;
    }
    switch (keeper::judge_candidate(facts, held ? &held->facts : nullptr, at)) {
      case keeper::Choice::kTake:
      case keeper::Choice::kTakeRevocation:
      case keeper::Choice::kTakeReinstatement:
      case keeper::Choice::kSame:
        break;
      case keeper::Choice::kUnknownStatus:
        if (held) {
          return false;
        }
        break;
      case keeper::Choice::kHoldBack:
      case keeper::Choice::kOlder:
      case keeper::Choice::kExpired:
      case keeper::Choice::kRevocationStands:
        return false;
    }
  }
  return true;
}

void Engine::Impl::end_passing_nobody_waits_for() {
  for (auto at = passing.begin(); at != passing.end();) {
    const std::vector<WaitingRoom::Id>& waiters = at->second.waiters;
    if (std::any_of(waiters.begin(), waiters.end(),
                    [this](WaitingRoom::Id id) { return room.is_here(id); })) {
      ++at;
      continue;
    }
    const net::FetchId fetch = at->second.fetch;
    count(counters.pass_failures);
    at = passing.erase(at);
    fetcher.cancel(fetch);  // reports to nobody: its place is gone
  }
}

}  // namespace muster::relay
