#include <algorithm>
#include <bit>

#include "answerer_impl.h"
#include "requestor_status.h"
#include "routing.h"

namespace muster::responder {

Answerer::Impl::Impl(std::shared_ptr<const Setup> s, std::unique_ptr<store::Reader> r, Counters& c,
                     std::shared_ptr<AnswerExchange> e)
    : reader(std::move(r)), counters(c) {
  take(std::move(s), std::move(e));
}

void Answerer::Impl::take(std::shared_ptr<const Setup> next,
                          std::shared_ptr<AnswerExchange> next_exchange) {
  // What is remembered stays: under another setup it is looked at again before it is used.
  if (setup == nullptr || setup->policy().ready_answers != next->policy().ready_answers) {
    ready = ReadyAnswers(next->policy().ready_answers);
  }
  taken_over.clear();
  exchange = std::move(next_exchange);
  forms = exchange != nullptr ? exchange->impl().forms : std::make_shared<AnswerForms>();
  last = nullptr;
  setup = std::move(next);
  signings.emplace(*setup);
  rate = RateLimit(setup->policy().requests_per_second, setup->policy().requests_per_source);
  issuer_counters.clear();
  for (const Issuer& issuer : setup->issuers()) {
    issuer_counters.push_back(&counters.issuers.of(issuer.store_id));
  }
}

Answer Answerer::Impl::show(const HttpMessage& message, std::size_t issuer) {
  last = &message;
  return Answer{message.octets,
                message.head_bytes,
                message.cacheable() ? message.etag() : std::string_view(),
                Cause::kNone,
                unissued,
                setup->issuers()[issuer].label,
                {}};
}

Answer Answerer::Impl::refuse(Cause cause, UnixSeconds now) {
  counters.refused[static_cast<std::size_t>(cause)].add();
  HttpMessage& message = errors[static_cast<std::size_t>(status_for(cause))];
  if (message.octets.empty()) {
    render_unstored(message, ocsp::encode_error_response(status_for(cause)), now, date);
  }
  refresh_clock(message, now, date);
  last = &message;
  return Answer{message.octets, message.head_bytes, {}, cause, unissued, {}, {}};
}

Answer Answerer::Impl::refuse_issuer(Cause cause, UnixSeconds now) {
  const std::size_t issuer = asked.front().by.issuer;
  issuer_counters[issuer]->refused.add();
  Answer answer = refuse(cause, now);
  answer.issuer = setup->issuers()[issuer].label;
  return answer;
}

void Answerer::Impl::count(std::size_t issuer, const Resolved& resolved) {
  IssuerCounters& own = *issuer_counters[issuer];
  if (std::holds_alternative<ocsp::Good>(resolved.status)) {
    counters.good.add();
    own.good.add();
  } else if (std::holds_alternative<ocsp::Revoked>(resolved.status)) {
    counters.revoked.add();
    own.revoked.add();
  } else {
    counters.unknown.add();
    own.unknown.add();
  }
}

void Answerer::Impl::note_unissued(std::size_t issuer, Bytes serial, const Client& client) {
  const IssuerPolicy& policy = setup->issuers()[issuer].terms.policy;
  const bool expected = contains(policy.monitor_clients, client.address) ||
                        std::any_of(policy.monitor_serials.begin(), policy.monitor_serials.end(),
                                    [serial](const Buffer& prefix) {
                                      return serial.size() >= prefix.size() &&
                                             equal(serial.first(prefix.size()), prefix);
                                    });
  if (expected) {
    issuer_counters[issuer]->unissued_monitors.add();
    unissued = unissued == UnissuedSeen::kNo ? UnissuedSeen::kFromMonitor : unissued;
  } else {
    issuer_counters[issuer]->unissued.add();
    unissued = UnissuedSeen::kYes;
  }
}

Cause Answerer::Impl::collect(const ocsp::RequestView& request) {
  asked.clear();
  for (const ocsp::SingleRequestView& entry : request.requests) {
    if (const Cause cause = check_entry(entry); cause != Cause::kNone) {
      return cause;
    }
    asked.push_back({entry.cert_id, {}, {}});
  }
  for (Asked& one : asked) {
    if (const auto hash = der::find_hash(one.id.hash_algorithm); hash && resuming == nullptr) {
      counters.cert_id_hashes[static_cast<std::size_t>(*hash)].add();
    }
    const auto issuer = find_issuer(*setup, one.id);
    if (!issuer) {
      return issuer.error();
    }
    one.by.issuer = *issuer;
  }
  return Cause::kNone;
}

const HttpMessage* Answerer::Impl::use_ready(ReadyAnswers::Place place, std::uint64_t sequence,
                                             UnixSeconds now, const Client& client) {
  const ReadyAnswer& answer = *place.entry();
  if (!in_time(answer.signed_at(), answer.replace_at(), now)) {
    return nullptr;
  }
  const AnswerFacts& facts = answer.form().facts;
  if (!place.is_of(sequence)) {
    if (!same_answer(look_up(*setup, *reader, facts.by, answer.serial(), now), answer.basis())) {
      return nullptr;
    }
    place.set_sequence(sequence);
    counters.ready_rechecked.add();
  }
  counters.ready_hits.add();
  count(facts.by.issuer, facts.basis);
  if (facts.basis.rule == Rule::kUnissued && !is_absence_noted) {
    note_unissued(facts.by.issuer, answer.serial(), client);
  }
  return &composer.compose(answer, now, date);
}

bool Answerer::Impl::clock_is_sure() const { return is_clock_sure(setup->policy(), clock_error); }

Result<Bytes, Cause> Answerer::Impl::sign(const std::optional<Bytes>& nonce, UnixSeconds now) {
  if (!clock_is_sure()) {
    return Err{Cause::kClockUnsure};
  }
  if (resuming != nullptr && !resuming->may_sign) {
    return Err{Cause::kSigningQueueFull};
  }
  const SignerRef by = asked.front().by;
  const bool elsewhere = desk != nullptr && signings->signer(by).remote() != nullptr;
  const bool in_line = !elsewhere && resuming == nullptr && how == Signing::kInLine && line;
  const MonotonicTime began = in_line ? time() : MonotonicTime();
  const SigningLine::Place place = in_line ? place_in_line(began) : SigningLine::Place::kNow;
  if (place == SigningLine::Place::kFull) {
    line->refused(began);
    return Err{Cause::kSigningQueueFull};
  }
  if (resuming == nullptr && !signing.take(setup->policy().signatures_per_second, now)) {
    return Err{Cause::kSigningLimit};
  }
  if (place == SigningLine::Place::kWait) {
    join_line(began);
    return Err{Cause::kNone};
  }
  const Buffer& tbs = drafter.draft(*setup, asked, nonce, *reader, now);
  const auto signature =
      elsewhere ? sign_elsewhere(by, tbs, nonce.has_value(), now) : signings->sign(by, tbs);
  if (in_line) {
    line->signed_at_once(time() - began);
    post_serving();
  }
  if (signature || signature.error() != Cause::kNone) {  // else it is still being made
    const Issuer& issuer = setup->issuers()[by.issuer];
    SignerCounters& own = counters.signers.of(issuer.store_id, issuer.signers[by.signer].label);
    (signature ? own.made : own.failed).add();
  }
  if (!signature) {
    return Err{signature.error()};
  }
  counters.signatures.add();
  const Bytes body = signings->assemble(by, tbs, *signature);
  const std::size_t limit = setup->issuers()[by.issuer].terms.policy.max_response_bytes;
  if (limit != 0 && body.size() > limit) {
    return Err{Cause::kResponseTooLarge};
  }
  return body;
}

Result<Answer, Cause> Answerer::Impl::obtain(std::uint32_t variant, const SignatureWishes& wishes,
                                             std::uint64_t sequence, UnixSeconds now) {
  const Asked& one = asked.front();
  const Issuer& issuer = setup->issuers()[one.by.issuer];
  AnswerExchange::Impl* const shared = exchange == nullptr ? nullptr : &exchange->impl();
  bool replaces = true;
  ReadyRef answer = shared == nullptr ? ReadyRef() : shared->find(one.id.raw, variant);
  if (answer && serves(*answer, one.resolved, one.by.signer, now)) {
    counters.ready_shared.add();
  } else if ((answer = take_over(one, variant, one.by.signer, wishes, now))) {
    counters.ready_taken_over.add();
    replaces = false;
    if (shared != nullptr) {
      answer = shared->publish(one.id.raw, variant, std::move(answer), now);
    }
  } else {
    MUSTER_TRY(const Bytes body, sign(std::nullopt, now));
    const UnixSeconds until = due_at(issuer, one.resolved, spread_of(one.id.serial), now);
    const AnswerFacts facts = facts_of(*setup, one, variant, now, until);
    if (ready.capacity() != 0) {
      answer = forms->make(body, facts);
    }
    if (!answer) {
      render_answer(scratch, body, facts, date);
    }
    if (answer && shared != nullptr) {  // another loop may have been quicker
      answer = shared->publish(one.id.raw, variant, std::move(answer), now);
    }
  }
  count(one.by.issuer, one.resolved);
  const HttpMessage* message = &scratch;
  if (answer) {
    message = &composer.compose(*answer, now, date);
    counters.ready_replaced.add(replaces && ready.find(one.id.raw, variant) ? 1 : 0);
    if (const auto place = ready.put(one.id.raw, variant, std::move(answer))) {
      place.set_sequence(sequence);
    }
  }
  return show(*message, one.by.issuer);
}

Result<Answer, Cause> Answerer::Impl::sign_once(const std::optional<Bytes>& nonce,
                                                UnixSeconds now) {
  MUSTER_TRY(const Bytes body, sign(nonce, now));
  Freshness freshness{UnixSeconds::max(), UnixSeconds::max(), UnixSeconds::max()};
  bool is_private = nonce.has_value();
  bool is_restricted = false;
  for (const Asked& one : asked) {
    count(one.by.issuer, one.resolved);
    const Issuer& issuer = setup->issuers()[one.by.issuer];
    const IssuerPolicy& policy = issuer.terms.policy;
    is_restricted = is_restricted || !is_for_everybody(issuer);
    is_private = is_private || policy.next_update == NextUpdate::kOmitted;
    freshness.longest_age =
        std::min(freshness.longest_age, policy.max_age.value_or(Seconds::max()));
    freshness.this_update = std::min(freshness.this_update, one.resolved.this_update);
    freshness.next_update = std::min(freshness.next_update, one.resolved.next_update);
    freshness.fresh_until = std::min(freshness.fresh_until, due_at(issuer, one.resolved, 0, now));
  }
  if (nonce) {
    counters.nonces_echoed.add();
  }
  if (is_restricted) {
    render_unstored(scratch, body, now, date);
  } else if (is_private) {
    render_private(scratch, body, now, date);
  } else {
    render_cacheable(scratch, body, freshness, now, date);
  }
  return show(scratch, asked.front().by.issuer);
}

void Answerer::Impl::note_absent(const Client& client) {
  is_absence_noted = true;
  for (const Asked& one : asked) {
    if (one.resolved.rule == Rule::kUnissued) {
      note_unissued(one.by.issuer, one.id.serial, client);
    } else if (one.resolved.rule == Rule::kUnlisted) {
      issuer_counters[one.by.issuer]->unlisted.add();
    }
  }
}

Answer Answerer::Impl::answer_signed(const SignatureWishes& wishes,
                                     const std::optional<Bytes>& nonce, std::uint64_t sequence,
                                     UnixSeconds now, const Client& client) {
  const Issuer& issuer = setup->issuers()[asked.front().by.issuer];
  const bool remembered = asked.size() == 1 && !nonce;
  SignerMask excluded = not_shared(*setup, asked);
  if (std::popcount(excluded) == static_cast<int>(issuer.signers.size())) {
    return refuse_issuer(Cause::kSeveralIssuers, now);
  }
  Cause cause = Cause::kSignerExpired;
  while (const auto choice = choose_signer(issuer, wishes, now, excluded)) {
    const auto plain = wishes.empty() ? choice : choose_signer(issuer, {}, now, excluded);
    const std::uint32_t variant = variant_of(choice->signer, plain->signer);
    if (remembered) {
      const auto found = ready.find(asked.front().id.raw, variant);
      if (found && serves_choice(*found.entry(), *setup, choice->signer, variant, wishes)) {
        if (const HttpMessage* message = use_ready(found, sequence, now, client)) {
          return show(*message, asked.front().by.issuer);
        }
      }
    }
    const bool first = cause == Cause::kSignerExpired;
    cause = resolve_all(*setup, *reader, asked, choice->signer, now);
    if (first && resuming == nullptr && !is_absence_noted) {
      note_absent(client);
    }
    if (cause != Cause::kNone) {
      break;
    }
    const auto made = remembered ? obtain(variant, wishes, sequence, now) : sign_once(nonce, now);
    if (made) {
      return *made;
    }
    cause = made.error();
    if (cause == Cause::kNone) {
      Answer answer;
      answer.pending = true;
      return answer;
    }
    if (cause != Cause::kSigningFailed && cause != Cause::kSignerUnavailable &&
        cause != Cause::kResponseTooLarge) {
      break;
    }
    excluded |= SignerMask{1} << choice->signer;  // another one may still be able to
  }
  if (remembered) {
    const auto plain = choose_signer(issuer, {}, now);
    const auto wished = choose_signer(issuer, wishes, now);
    const HttpMessage* const late =
        plain && wished ? use_late(variant_of(wished->signer, plain->signer), cause, now) : nullptr;
    if (late != nullptr) {
      return show(*late, asked.front().by.issuer);
    }
  }
  if (nonce && asked.size() == 1 &&
      may_leave_nonce_out(setup->policy().nonce_overload,
                          nonce_policy(issuer.terms.policy, client.address), cause)) {
    const Answer without = answer_signed(wishes, std::nullopt, sequence, now, client);
    counters.nonces_left_out.add(without.cause == Cause::kNone ? 1 : 0);
    return without;
  }
  return refuse_issuer(cause, now);
}

bool Answerer::Impl::is_limited(const Client& client) const {
  const Policy& policy = setup->policy();
  return policy.requests_per_source != 0 && !contains(policy.unlimited_clients, client.address);
}

Cause Answerer::Impl::check_limits(UnixSeconds now, const Client& client) {
  // The source first: what one source asks too much must not eat up what all have together.
  const bool allowed = (!is_limited(client) || rate.take_from_source(client.address, now)) &&
                       rate.take_from_total(now);
  return allowed ? Cause::kNone : Cause::kRateLimited;
}

Cause Answerer::Impl::admit(const ocsp::RequestView& request, UnixSeconds now,
                            const Client& client) {
  requestor.clear();
  const Issuer* verified = nullptr;
  for (const Asked& one : asked) {
    const Issuer& issuer = setup->issuers()[one.by.issuer];
    if (const Cause cause = check_client(issuer, request, client); cause != Cause::kNone) {
      return cause;
    }
    if (&issuer == verified || !wants_verifying(issuer, request)) {
      continue;
    }
    if (!verifying.take(setup->policy().request_checks_per_second, now)) {
      return Cause::kVerifyingLimit;
    }
    Requestor made_by = check_requestor(*setup, *reader, issuer, request, now);
    verifying.spend(std::max<std::size_t>(made_by.signatures, 1) - 1);
    if (made_by.cause != Cause::kNone) {
      requestor = std::move(made_by.who);
      return made_by.cause;
    }
    verified = &issuer;
  }
  return Cause::kNone;
}

Answer Answerer::Impl::answer(Bytes octets, UnixSeconds now, const Client& client) {
  unissued = UnissuedSeen::kNo;
  is_absence_noted = false;
  if (const Cause cause = resuming != nullptr ? Cause::kNone : check_limits(now, client);
      cause != Cause::kNone) {
    return refuse(cause, now);
  }
  // One snapshot for the whole request (OCSP-RESP-082).
  const std::uint64_t sequence = reader->renew();
  if (sequence == 0) {
    return refuse(Cause::kStoreUnreadable, now);
  }
  const Bytes plain = find_plain_cert_id(octets);
  if (!plain.empty()) {
    const auto found = ready.find(plain, 0);
    if (found) {
      const AnswerFacts& facts = found.entry()->form().facts;
      const bool is_ours = facts.setup == setup->number() && setup->issuers()[facts.by.issuer].open;
      const HttpMessage* const message =
          is_ours ? use_ready(found, sequence, now, client) : nullptr;
      if (message != nullptr) {
        counters.cert_id_hashes[static_cast<std::size_t>(facts.hash_algorithm)].add(
            resuming == nullptr ? 1 : 0);
        return show(*message, facts.by.issuer);
      }
    }
  }
  ocsp::Limits limits;
  limits.max_requests = setup->policy().max_certificates;
  const auto request = ocsp::parse_request(octets, limits);
  if (!request) {
    return refuse(Cause::kBadRequest, now);
  }
  const RequestOptions options = read_options(*request);
  if (options.cause != Cause::kNone) {
    return refuse(options.cause, now);
  }
  if (const Cause cause = collect(*request); cause != Cause::kNone) {
    if (const Route* const route = find_route(*setup, *request)) {
      Answer answer = refuse(Cause::kRouted, now);
      answer.route = route->url;
      return answer;
    }
    return refuse(cause, now);
  }
  if (const Cause cause = is_admitted() ? Cause::kNone : admit(*request, now, client);
      cause != Cause::kNone) {
    Answer answer = refuse_issuer(cause, now);
    answer.requestor = requestor;
    return answer;
  }
  const IssuerPolicy& policy = setup->issuers()[asked.front().by.issuer].terms.policy;
  const NonceChoice nonce = choose_nonce(options.nonce, nonce_policy(policy, client.address));
  if (nonce.cause != Cause::kNone) {
    return refuse_issuer(nonce.cause, now);
  }
  return answer_signed(options.wishes, nonce.echo, sequence, now, client);
}

Answerer::Answerer(std::shared_ptr<const Setup> setup, std::unique_ptr<store::Reader> reader,
                   Counters& counters, std::shared_ptr<AnswerExchange> exchange)
    : impl_(std::make_unique<Impl>(std::move(setup), std::move(reader), counters,
                                   std::move(exchange))) {}
Answerer::~Answerer() {
  if (impl_->desk != nullptr) {
    impl_->desk->leave_seat(impl_->seat);
  }
}

Answer Answerer::answer(Bytes request, UnixSeconds now, const Client& client, Signing how) {
  impl_->how = how;
  return impl_->answer(request, now, client);
}
Answer Answerer::refuse(Cause cause, UnixSeconds now) {
  impl_->unissued = UnissuedSeen::kNo;
  return impl_->refuse(cause, now);
}

Answer Answerer::not_modified() {
  MUSTER_ASSERT(impl_->last != nullptr && impl_->last->cacheable());
  render_not_modified(impl_->not_modified, *impl_->last);
  return Answer{impl_->not_modified.octets,
                impl_->not_modified.head_bytes,
                {},
                Cause::kNone,
                UnissuedSeen::kNo,
                {},
                {}};
}

void Answerer::adopt(std::shared_ptr<const Setup> setup, std::shared_ptr<AnswerExchange> exchange) {
  impl_->take(std::move(setup), std::move(exchange));
}
void Answerer::set_clock_error(std::optional<Milliseconds> error) { impl_->clock_error = error; }
void Answerer::release() { impl_->reader->release(); }

std::string describe_request(Bytes request) {
  const auto parsed = ocsp::parse_request(request);
  if (!parsed) {
    return std::to_string(request.size()) + " octets, " + der::to_string(parsed.error());
  }
  const ocsp::SingleRequestView first = *parsed->requests.begin();
  const auto hash = der::find_hash(first.cert_id.hash_algorithm);
  std::string text = "CertID " +
                     (hash ? std::string(to_string(*hash))
                           : der::oid_to_string(first.cert_id.hash_algorithm.oid)) +
                     ", issuer name hash " + to_hex(first.cert_id.issuer_name_hash) +
                     ", issuer key hash " + to_hex(first.cert_id.issuer_key_hash) + ", serial " +
                     to_hex(first.cert_id.serial);
  if (parsed->requests.size() > 1) {
    text += ", and " + std::to_string(parsed->requests.size() - 1) + " more certificates";
  }
  return text;
}

}  // namespace muster::responder
