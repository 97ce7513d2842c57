#include <algorithm>

#include "answerer_impl.h"

// Answers that are signed later. By this loop, when others are first (decision 047): the request is
// put aside and answered from its beginning at its turn. By remote keys (decision 026). A request
// that needs one is put aside; when the signature is there the whole request is answered again from
// its beginning, as of the instant it was drafted. What has not changed since gives the same
// octets, and they are signed already; what has changed (a revocation among it) does not, and is
// signed anew.
namespace muster::responder {
namespace {

/// Rounds a request may take: its signers one after the other, or records that change under it.
constexpr unsigned kMaxRounds = kMaxSigners + 2;

/// The same for everybody who may share a signature; empty: nobody.
Buffer share_key(const std::vector<Asked>& asked, bool has_nonce) {
  if (asked.size() != 1 || has_nonce) {
    return {};
  }
  Buffer key = to_buffer(asked.front().id.raw);
  key.push_back(static_cast<std::uint8_t>(asked.front().by.signer));
  return key;
}

}  // namespace

Result<Bytes, Cause> Answerer::Impl::sign_elsewhere(SignerRef by, const Buffer& tbs, bool has_nonce,
                                                    UnixSeconds now) {
  if (resuming != nullptr) {
    const bool failed = std::any_of(
        resuming->failed->begin(), resuming->failed->end(), [&](const FailedSigner& one) {
          return one.setup == setup.get() && one.by.issuer == by.issuer &&
                 one.by.signer == by.signer;
        });
    if (failed) {
      return Err{Cause::kSignerUnavailable};
    }
    const DeskResult* const made = resuming->result;
    if (made != nullptr && made->signature && made->setup == setup && made->issuer == by.issuer &&
        made->signer == by.signer && made->tbs == tbs) {
      return Bytes(*made->signature);
    }
    if (!resuming->may_order) {
      return Err{Cause::kNone};
    }
  }
  DeskResult wanted{setup, by.issuer, by.signer, now, tbs, {}};
  if (desk->order(seat, ++last_ticket, share_key(asked, has_nonce), std::move(wanted),
                  signings->signer(by)) == SigningDesk::Taken::kFull) {
    return Err{Cause::kSigningQueueFull};
  }
  return Err{Cause::kNone};
}

Cause Answerer::Impl::would_sign(const std::vector<Asked>& what, bool has_nonce, UnixSeconds now) {
  if (!clock_is_sure()) {
    return Cause::kClockUnsure;
  }
  if (!signing.has_room(setup->policy().signatures_per_second, 0, now)) {
    return Cause::kSigningLimit;
  }
  const bool elsewhere = desk != nullptr && signings->signer(what.front().by).remote() != nullptr;
  const bool is_full = elsewhere ? desk->would_take(share_key(what, has_nonce), setup.get()) ==
                                       SigningDesk::Taken::kFull
                                 : line && place_in_line(time()) == SigningLine::Place::kFull;
  return is_full ? Cause::kSigningQueueFull : Cause::kNone;
}

void Answerer::Impl::resume(SigningDesk::Ticket ticket, const DeskResult& result) {
  auto node = awaited.extract(ticket);
  if (node.empty()) {
    return;
  }
  AwaitedRequest& request = node.mapped();
  if (!result.signature) {
    request.failed.push_back({result.setup.get(), {result.issuer, result.signer}});
  }
  Resumption resumption{&result, &request.failed, result.setup->number(), false, true};
  resuming = &resumption;
  Answer given = answer(request.octets, result.now, request.client);
  if (given.pending && ++request.rounds <= kMaxRounds) {
    resumption.may_order = true;
    given = answer(request.octets, clock->now(), request.client);
    if (given.pending) {
      resuming = nullptr;
      node.key() = last_ticket;
      awaited.insert(std::move(node));
      return;
    }
  }
  resuming = nullptr;
  if (given.pending) {
    given = refuse(Cause::kSignerUnavailable, clock->now());
  }
  given.unissued = std::max(given.unissued, request.unissued);
  request.done(given);
}

void Answerer::Impl::join_line(MonotonicTime now) {
  line->join(++last_ticket, now, ready_since(now));
  counters.waited.add();
  counters.waiting.store(line->size(), std::memory_order_relaxed);
  post_serving();
}

void Answerer::Impl::post_serving() {
  if (!is_turn_posted && line->wants_serving()) {
    is_turn_posted = true;
    post_turn([this] { serve_line(); });
  }
}

void Answerer::Impl::serve_line() {
  is_turn_posted = false;
  line->serve(
      sockets && sockets().are_behind,
      [this](SigningDesk::Ticket ticket, bool in_time) { take_up(ticket, in_time); }, time);
  counters.waiting.store(line->size(), std::memory_order_relaxed);
  post_serving();
}

void Answerer::Impl::take_up(SigningDesk::Ticket ticket, bool in_time) {
  auto node = awaited.extract(ticket);
  if (node.empty()) {
    return;  // there was nobody to wait
  }
  AwaitedRequest& request = node.mapped();
  const Resumption resumption{nullptr, &request.failed, request.admitted_under, true, in_time};
  resuming = &resumption;
  Answer given = answer(request.octets, clock->now(), request.client);
  resuming = nullptr;
  if (given.pending) {  // by now it is for a remote key
    node.key() = last_ticket;
    awaited.insert(std::move(node));
    return;
  }
  given.unissued = std::max(given.unissued, request.unissued);
  request.done(given);
}

void Answerer::use_line(const SigningLineLimits& limits,
                        std::function<void(std::function<void()>)> post,
                        std::function<MonotonicTime()> time,
                        std::function<SocketsState()> sockets) {
  MUSTER_ASSERT(!impl_->line && impl_->clock != nullptr);
  impl_->line.emplace(limits);
  impl_->post_turn = std::move(post);
  impl_->time = std::move(time);
  impl_->sockets = std::move(sockets);
}

void Answerer::use_desk(std::shared_ptr<SigningDesk> desk,
                        std::function<void(std::function<void()>)> post, const Clock& clock) {
  MUSTER_ASSERT(impl_->desk == nullptr);
  impl_->clock = &clock;
  impl_->seat =
      desk->take_seat([impl = impl_.get(), post = std::move(post)](
                          SigningDesk::Ticket ticket, std::shared_ptr<const DeskResult> result) {
        post([impl, ticket, result = std::move(result)] { impl->resume(ticket, *result); });
      });
  impl_->desk = std::move(desk);
}

void Answerer::await(Bytes request, const Client& client, std::function<void(const Answer&)> done) {
  MUSTER_ASSERT(impl_->desk != nullptr);
  AwaitedRequest waits{to_buffer(request), client, impl_->setup->number(), impl_->unissued, {}, 0,
                       std::move(done)};
  MUSTER_ASSERT(impl_->awaited.emplace(impl_->last_ticket, std::move(waits)).second);
}

}  // namespace muster::responder
