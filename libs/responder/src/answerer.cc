#include "answerer_impl.h"

#include <algorithm>
#include <bit>

namespace muster::responder {

Answerer::Impl::Impl(std::shared_ptr<const Setup> s, std::unique_ptr<store::Reader> r, Counters& c,
                     std::shared_ptr<AnswerExchange> e)
    : reader(std::move(r)), counters(c), ready(0) {
  take(std::move(s), std::move(e));
}

void Answerer::Impl::take(std::shared_ptr<const Setup> next, std::shared_ptr<AnswerExchange> next_exchange) {
  ready = ReadyAnswers(next->policy().ready_answers);
  exchange = std::move(next_exchange);
  last = nullptr;
  setup = std::move(next);
  signings.emplace(*setup);
}

Answer Answerer::Impl::show(const HttpMessage& message) {
  last = &message;
  return Answer{message.octets, message.head_bytes, message.cacheable() ? message.etag() : std::string_view(),
                Cause::kNone};
}

Answer Answerer::Impl::refuse(Cause cause, UnixSeconds now) {
  counters.refused[static_cast<std::size_t>(cause)].add();
  HttpMessage& message = errors[static_cast<std::size_t>(status_for(cause))];
  if (message.octets.empty()) {
    render_error(message, ocsp::encode_error_response(status_for(cause)), now, date);
  }
  refresh_clock(message, now, date);
  Answer answer = show(message);
  answer.cause = cause;
  return answer;
}

void Answerer::Impl::count(const ocsp::CertStatus& status) {
  if (std::holds_alternative<ocsp::Good>(status)) {
    counters.good.add();
  } else if (std::holds_alternative<ocsp::Revoked>(status)) {
    counters.revoked.add();
  } else {
    counters.unknown.add();
  }
}

Resolved Answerer::Impl::look_up(SignerRef by, Bytes serial, UnixSeconds now) const {
  const Issuer& who = setup->issuers()[by.issuer];
  const IssuerSigner& signer = who.signers[by.signer];
  const auto record = reader->find(who.store_id, serial);
  if (!record) {  // never to be taken for "no record"
    Resolved failed;
    failed.cause = Cause::kStoreUnreadable;
    return failed;
  }
  return resolve(who.terms, {signer.not_before, signer.not_after}, reader->issuer_state(who.store_id), *record, now);
}

Result<std::size_t, Cause> Answerer::Impl::find_issuer(const ocsp::CertIdView& id) const {
  const auto hash = der::find_hash(id.hash_algorithm);
  if (!hash || (*hash == HashAlgorithm::kSha1 && setup->policy().sha1 == Sha1CertIds::kRefused)) {
    return Err{Cause::kUnknownHash};
  }
  const auto issuer = setup->index().find(*hash, id.issuer_name_hash, id.issuer_key_hash);
  if (!issuer) {
    return Err{Cause::kUnknownIssuer};
  }
  return *issuer;
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
    if (const auto hash = der::find_hash(one.id.hash_algorithm)) {
      counters.cert_id_hashes[static_cast<std::size_t>(*hash)].add();
    }
    const auto issuer = find_issuer(one.id);
    if (!issuer) {
      return issuer.error();
    }
    one.by.issuer = *issuer;
  }
  return Cause::kNone;
}

HttpMessage* Answerer::Impl::use_ready(ReadyAnswer& answer, std::uint64_t sequence, UnixSeconds now) {
  if (!in_time(answer.signed_at, answer.replace_at, now)) {
    return nullptr;
  }
  if (answer.sequence != sequence) {
    if (!same_answer(look_up(answer.by, answer.serial(), now), answer.basis)) {
      return nullptr;
    }
    answer.sequence = sequence;
    counters.ready_rechecked.add();
  }
  counters.ready_hits.add();
  count(answer.basis.status);
  refresh_clock(answer.message, now, date);
  return &answer.message;
}

bool Answerer::Impl::clock_is_sure() const {
  const auto bound = setup->policy().max_clock_error;
  return !bound || (clock_error && *clock_error <= *bound);
}

bool Answerer::Impl::may_sign(UnixSeconds now) {
  const std::size_t limit = setup->policy().signatures_per_second;
  if (now != signing_second) {
    signing_second = now;
    signed_this_second = 0;
  }
  return limit == 0 || signed_this_second++ < limit;
}

Result<Buffer, Cause> Answerer::Impl::sign(const std::optional<Bytes>& nonce, UnixSeconds now) {
  if (!clock_is_sure()) {
    return Err{Cause::kClockUnsure};
  }
  if (!may_sign(now)) {
    return Err{Cause::kSigningLimit};
  }
  const SignerRef by = asked.front().by;
  const Buffer tbs = drafter.draft(*setup, asked, nonce, now);
  MUSTER_TRY(const Bytes signature, signings->sign(by, tbs));
  counters.signatures.add();
  return signings->assemble(by, tbs, signature);
}

/// Until when an answer signed now is used, and may be kept by caches: its refresh age, well before its end. `spread` (0..1023)
/// makes answers signed in one burst fall due one after the other.
UnixSeconds Answerer::Impl::replace_at(const Asked& one, std::uint64_t spread, UnixSeconds now) const {
  const Seconds left = one.resolved.next_update - now;
  const Seconds age = std::min(refresh_age(setup->issuers()[one.by.issuer].terms.policy), left / 2);
  return now + age - age * static_cast<std::int64_t>(spread) / 10240;  // up to a tenth
}

Result<std::shared_ptr<const SignedAnswer>, Cause> Answerer::Impl::obtain(std::uint32_t variant, UnixSeconds now) {
  const Asked& one = asked.front();
  AnswerExchange::Impl* const shared = exchange == nullptr ? nullptr : &exchange->impl();
  if (shared != nullptr) {
    if (auto found = shared->find(one.id.raw, variant);
        found != nullptr && serves(*found, one.resolved, one.by.signer, now)) {
      counters.ready_shared.add();
      return found;
    }
  }
  MUSTER_TRY(Buffer body, sign(std::nullopt, now));
  const auto spread = static_cast<std::uint64_t>(BytesHash()(one.id.raw)) % 1024;
  auto made = std::make_shared<const SignedAnswer>(
      SignedAnswer{one.resolved, one.by.signer, now, replace_at(one, spread, now), std::move(body)});
  return shared == nullptr ? made : shared->publish(one.id.raw, variant, std::move(made), now);
}

Answer Answerer::Impl::remember(const SignedAnswer& answer, std::uint32_t variant, std::uint64_t sequence,
                                UnixSeconds now) {
  const Asked& one = asked.front();
  count(one.resolved.status);
  if (ready.find(one.id.raw, variant) != nullptr) {
    counters.ready_replaced.add();
  }
  ReadyAnswer* const place = ready.claim(one.id.raw, variant);
  if (place != nullptr) {
    place->by = one.by;
    place->hash_algorithm = *der::find_hash(one.id.hash_algorithm);
    place->serial_at = static_cast<std::size_t>(one.id.serial.data() - one.id.raw.data());
    place->serial_size = one.id.serial.size();
    place->sequence = sequence;
    place->basis = answer.basis;
    place->signed_at = answer.signed_at;
    place->replace_at = answer.replace_at;
  }
  HttpMessage& message = place != nullptr ? place->message : scratch;
  render_cacheable(message, answer.body, {answer.basis.this_update, answer.basis.next_update, answer.replace_at}, now,
                   date);
  return show(message);
}

Result<Answer, Cause> Answerer::Impl::sign_once(const std::optional<Bytes>& nonce, UnixSeconds now) {
  MUSTER_TRY(const Buffer body, sign(nonce, now));
  Freshness freshness{UnixSeconds::max(), UnixSeconds::max(), UnixSeconds::max()};
  for (const Asked& one : asked) {
    count(one.resolved.status);
    freshness.this_update = std::min(freshness.this_update, one.resolved.this_update);
    freshness.next_update = std::min(freshness.next_update, one.resolved.next_update);
    freshness.fresh_until = std::min(freshness.fresh_until, replace_at(one, 0, now));
  }
  if (nonce) {
    counters.nonces_echoed.add();
    render_private(scratch, body, now, date);
  } else {
    render_cacheable(scratch, body, freshness, now, date);
  }
  return show(scratch);
}

SignerMask Answerer::Impl::not_shared() const {
  SignerMask out = 0;
  const std::vector<IssuerSigner>& signers = setup->issuers()[asked.front().by.issuer].signers;
  for (std::size_t i = 0; i < signers.size(); ++i) {
    const bool shared = std::all_of(asked.begin(), asked.end(), [&](const Asked& one) {
      const auto& own = setup->issuers()[one.by.issuer].signers;
      return std::any_of(own.begin(), own.end(),
                         [&](const IssuerSigner& signer) { return signer.number == signers[i].number; });
    });
    out |= (shared ? 0U : 1U) << i;
  }
  return out;
}

Cause Answerer::Impl::resolve_all(std::size_t position, UnixSeconds now) {
  const std::size_t number = setup->issuers()[asked.front().by.issuer].signers[position].number;
  for (Asked& one : asked) {
    const auto& own = setup->issuers()[one.by.issuer].signers;
    const auto same = std::find_if(own.begin(), own.end(),
                                   [number](const IssuerSigner& signer) { return signer.number == number; });
    one.by.signer = static_cast<std::size_t>(same - own.begin());
    one.resolved = look_up(one.by, one.id.serial, now);
    if (one.resolved.cause != Cause::kNone) {
      return one.resolved.cause;
    }
  }
  return Cause::kNone;
}

Answer Answerer::Impl::answer_signed(const RequestOptions& options, std::uint64_t sequence, UnixSeconds now) {
  const Issuer& issuer = setup->issuers()[asked.front().by.issuer];
  const bool remembered = asked.size() == 1 && !options.nonce;
  SignerMask excluded = not_shared();
  if (std::popcount(excluded) == static_cast<int>(issuer.signers.size())) {
    return refuse(Cause::kSeveralIssuers, now);
  }
  Cause cause = Cause::kSignerExpired;
  while (const auto choice = choose_signer(issuer, options.wishes, now, excluded)) {
    const auto plain = options.wishes.empty() ? choice : choose_signer(issuer, {}, now, excluded);
    const std::uint32_t variant = variant_of(choice->signer, plain->signer);
    if (remembered) {
      ReadyAnswer* const found = ready.find(asked.front().id.raw, variant);
      if (found != nullptr && found->by.signer == choice->signer) {
        if (const HttpMessage* message = use_ready(*found, sequence, now)) {
          return show(*message);
        }
      }
    }
    cause = resolve_all(choice->signer, now);
    if (cause != Cause::kNone) {
      break;
    }
    if (remembered) {
      const auto made = obtain(variant, now);
      if (made) {
        return remember(**made, variant, sequence, now);
      }
      cause = made.error();
    } else {
      const auto made = sign_once(options.nonce, now);
      if (made) {
        return *made;
      }
      cause = made.error();
    }
    if (cause != Cause::kSigningFailed) {
      break;
    }
    excluded |= SignerMask{1} << choice->signer;  // another one may still be able to
  }
  return refuse(cause, now);
}

Answer Answerer::Impl::answer(Bytes octets, UnixSeconds now) {
  // One snapshot for the whole request (OCSP-RESP-082).
  const std::uint64_t sequence = reader->renew();
  if (sequence == 0) {
    return refuse(Cause::kStoreUnreadable, now);
  }
  const Bytes plain = find_plain_cert_id(octets);
  if (!plain.empty()) {
    if (ReadyAnswer* found = ready.find(plain, 0)) {
      if (const HttpMessage* message = use_ready(*found, sequence, now)) {
        counters.cert_id_hashes[static_cast<std::size_t>(found->hash_algorithm)].add();
        return show(*message);
      }
    }
  }
  ocsp::Limits limits;
  limits.max_requests = setup->policy().max_certificates;
  const auto request = ocsp::parse_request(octets, limits);
  if (!request) {
    return refuse(Cause::kBadRequest, now);
  }
  const RequestOptions options = read_options(*request, setup->policy().nonce);
  if (options.cause != Cause::kNone) {
    return refuse(options.cause, now);
  }
  if (const Cause cause = collect(*request); cause != Cause::kNone) {
    return refuse(cause, now);
  }
  return answer_signed(options, sequence, now);
}

Answerer::Answerer(std::shared_ptr<const Setup> setup, std::unique_ptr<store::Reader> reader, Counters& counters,
                   std::shared_ptr<AnswerExchange> exchange)
    : impl_(std::make_unique<Impl>(std::move(setup), std::move(reader), counters, std::move(exchange))) {}
Answerer::~Answerer() = default;

Answer Answerer::answer(Bytes request, UnixSeconds now, const Client& client) {
  static_cast<void>(client);
  return impl_->answer(request, now);
}
Answer Answerer::refuse(Cause cause, UnixSeconds now) { return impl_->refuse(cause, now); }

Answer Answerer::not_modified() {
  MUSTER_ASSERT(impl_->last != nullptr && impl_->last->cacheable());
  render_not_modified(impl_->not_modified, *impl_->last);
  return Answer{impl_->not_modified.octets, impl_->not_modified.head_bytes, {}, Cause::kNone};
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
  std::string text = "CertID " + (hash ? std::string(to_string(*hash)) : der::oid_to_string(first.cert_id.hash_algorithm.oid)) +
                     ", issuer name hash " + to_hex(first.cert_id.issuer_name_hash) + ", issuer key hash " +
                     to_hex(first.cert_id.issuer_key_hash) + ", serial " + to_hex(first.cert_id.serial);
  if (parsed->requests.size() > 1) {
    text += ", and " + std::to_string(parsed->requests.size() - 1) + " more certificates";
  }
  return text;
}

}  // namespace muster::responder
