#include "muster/responder/answerer.h"

#include <algorithm>
#include <array>

#include "exchange.h"
#include "http_message.h"
#include "ready_answer.h"
#include "request_rules.h"
#include "resolve.h"

namespace muster::responder {
namespace {

/// One certificate asked about.
struct Asked {
  ocsp::CertIdView id;
  std::size_t issuer = 0;
  Resolved resolved;
};

}  // namespace

struct Answerer::Impl {
  /// What a loop keeps per issuer: its own signing context.
  struct Signing {
    pki::Signer signer;
    ocsp::SignaturePart part;                 ///< algorithm and certificates stay, the signature is filled in
  };

  std::shared_ptr<const Setup> setup;
  std::unique_ptr<store::Reader> reader;
  Counters& counters;
  std::vector<Signing> signings;
  ReadyAnswers ready;
  std::shared_ptr<AnswerExchange> exchange;   ///< with the other loops; may be null
  HttpDate date;
  HttpMessage scratch;                        ///< answers that are not remembered
  HttpMessage not_modified;
  const HttpMessage* last = nullptr;
  std::array<HttpMessage, 7> errors;          ///< by ResponseStatus
  std::vector<Asked> asked;
  ocsp::ResponseData data;
  std::optional<Milliseconds> clock_error;
  UnixSeconds signing_second{};
  std::size_t signed_this_second = 0;

  Impl(std::shared_ptr<const Setup> s, std::unique_ptr<store::Reader> r, Counters& c, std::shared_ptr<AnswerExchange> e)
      : reader(std::move(r)), counters(c), ready(0) {
    take(std::move(s), std::move(e));
  }

  void take(std::shared_ptr<const Setup> next, std::shared_ptr<AnswerExchange> next_exchange) {
    ready = ReadyAnswers(next->policy().ready_answers);
    exchange = std::move(next_exchange);
    last = nullptr;
    signings.clear();
    setup = std::move(next);
    for (const Issuer& issuer : setup->issuers()) {
      ocsp::SignaturePart part;
      pki::Signer signer = issuer.signing.clone();
      part.algorithm = to_buffer(signer.algorithm());
      if (issuer.authority != pki::Authority::kIssuer) {
        part.certificates.push_back(to_buffer(issuer.signer.der()));
      }
      signings.push_back({std::move(signer), std::move(part)});
    }
  }

  Resolved look_up(std::size_t issuer, Bytes serial, UnixSeconds now) {
    const Issuer& who = setup->issuers()[issuer];
    const auto record = reader->find(who.store_id, serial);
    if (!record) {  // never to be taken for "no record"
      Resolved failed;
      failed.cause = Cause::kStoreUnreadable;
      return failed;
    }
    return resolve(who.terms, reader->issuer_state(who.store_id), *record, now);
  }

  Answer show(const HttpMessage& message) {
    last = &message;
    return Answer{message.octets, message.head_bytes, message.cacheable() ? message.etag() : std::string_view(),
                  Cause::kNone};
  }

  Answer refuse(Cause cause, UnixSeconds now) {
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

  void count(const ocsp::CertStatus& status) {
    if (std::holds_alternative<ocsp::Good>(status)) {
      counters.good.add();
    } else if (std::holds_alternative<ocsp::Revoked>(status)) {
      counters.revoked.add();
    } else {
      counters.unknown.add();
    }
  }

  /// Position of the issuer an id speaks of.
  Result<std::size_t, Cause> find_issuer(const ocsp::CertIdView& id) {
    const auto hash = der::find_hash(id.hash_algorithm);
    if (!hash) {
      return Err{Cause::kUnknownHash};
    }
    counters.cert_id_hashes[static_cast<std::size_t>(*hash)].add();
    if (*hash == HashAlgorithm::kSha1 && setup->policy().sha1 == Sha1CertIds::kRefused) {
      return Err{Cause::kUnknownHash};
    }
    const auto issuer = setup->index().find(*hash, id.issuer_name_hash, id.issuer_key_hash);
    if (!issuer) {
      return Err{Cause::kUnknownIssuer};
    }
    return *issuer;
  }

  /// Remembered answer for `cert_id` if it may be said at `now`; a stale one stays for sign_one() to replace.
  HttpMessage* use_ready(Bytes cert_id, std::uint64_t sequence, UnixSeconds now) {
    ReadyAnswer* answer = ready.find(cert_id);
    if (answer == nullptr) {
      return nullptr;
    }
    if (!in_time(answer->signed_at, answer->replace_at, now)) {
      counters.ready_replaced.add();
      return nullptr;
    }
    if (answer->sequence != sequence) {
      if (!same_answer(look_up(answer->issuer, answer->serial(), now), answer->basis)) {
        counters.ready_replaced.add();
        return nullptr;
      }
      answer->sequence = sequence;
      counters.ready_rechecked.add();
    }
    counters.ready_hits.add();
    counters.cert_id_hashes[static_cast<std::size_t>(answer->hash_algorithm)].add();
    count(answer->basis.status);
    refresh_clock(answer->message, now, date);
    return &answer->message;
  }

  [[nodiscard]] bool clock_is_sure() const {
    const auto bound = setup->policy().max_clock_error;
    return !bound || (clock_error && *clock_error <= *bound);
  }

  bool may_sign(UnixSeconds now) {
    const std::size_t limit = setup->policy().signatures_per_second;
    if (now != signing_second) {
      signing_second = now;
      signed_this_second = 0;
    }
    return limit == 0 || signed_this_second++ < limit;
  }

  /// Signs what `asked` holds. Body of the answer, or why there is none.
  Result<Buffer, Cause> sign(std::size_t by, const std::optional<Bytes>& nonce, UnixSeconds now) {
    if (!clock_is_sure()) {
      return Err{Cause::kClockUnsure};
    }
    if (!may_sign(now)) {
      return Err{Cause::kSigningLimit};
    }
    const Issuer& issuer = setup->issuers()[by];
    Signing& signing = signings[by];
    if (issuer.terms.policy.responder_id == ResponderIdForm::kByKey) {
      data.responder_id = issuer.signer.key_hash();
    } else {
      data.responder_id = to_buffer(issuer.signer.subject());
    }
    data.produced_at = now;
    data.responses.resize(asked.size());
    bool never_issued = false;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      ocsp::SingleResponse& single = data.responses[i];
      const Resolved& resolved = asked[i].resolved;
      single.cert_id.assign(asked[i].id.raw.begin(), asked[i].id.raw.end());
      single.status = resolved.status;
      single.this_update = resolved.this_update;
      single.next_update = std::min(resolved.next_update, issuer.terms.not_after);
      never_issued = never_issued || resolved.never_issued == NeverIssued::kYes;
    }
    data.extensions.clear();
    if (nonce) {
      data.extensions.push_back({to_buffer(oid::kOcspNonce), false, to_buffer(*nonce)});
    }
    if (never_issued) {
      data.extensions.push_back({to_buffer(oid::kOcspExtendedRevoked), false, {0x05, 0x00}});
    }
    const Buffer tbs = ocsp::encode_response_data(data);
    if (!signing.signer.sign(tbs, signing.part.signature)) {
      return Err{Cause::kSigningFailed};
    }
    counters.signatures.add();
    return ocsp::encode_response(tbs, signing.part);
  }

  /// Until when an answer signed now is used, and may be kept by caches: its refresh age, well before its end. `spread` (0..1023)
  /// makes answers signed in one burst fall due one after the other.
  UnixSeconds replace_at(const Asked& one, std::uint64_t spread, UnixSeconds now) const {
    const Seconds left = one.resolved.next_update - now;
    const Seconds age = std::min(refresh_age(setup->issuers()[one.issuer].terms.policy), left / 2);
    return now + age - age * static_cast<std::int64_t>(spread) / 10240;  // up to a tenth
  }

  /// An answer without nonce for one certificate: from another loop, or signed now and offered to the others.
  Result<std::shared_ptr<const SignedAnswer>, Cause> obtain(const Asked& one, UnixSeconds now) {
    AnswerExchange::Impl* const shared = exchange == nullptr ? nullptr : &exchange->impl();
    if (shared != nullptr) {
      if (auto found = shared->find(one.id.raw); found != nullptr && serves(*found, one.resolved, now)) {
        counters.ready_shared.add();
        return found;
      }
    }
    MUSTER_TRY(Buffer body, sign(one.issuer, std::nullopt, now));
    const auto spread = static_cast<std::uint64_t>(BytesHash()(one.id.raw)) % 1024;
    auto made = std::make_shared<const SignedAnswer>(
        SignedAnswer{one.resolved, now, replace_at(one, spread, now), std::move(body)});
    return shared == nullptr ? made : shared->publish(one.id.raw, std::move(made), now);
  }

  Answer sign_one(std::uint64_t sequence, UnixSeconds now) {
    const Asked& one = asked.front();
    const auto obtained = obtain(one, now);
    if (!obtained) {
      return refuse(obtained.error(), now);
    }
    const SignedAnswer& answer = **obtained;
    count(one.resolved.status);
    ReadyAnswer* const place = ready.claim(one.id.raw);
    if (place != nullptr) {
      place->issuer = one.issuer;
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

  /// An answer that is not remembered: with a nonce, or for several certificates.
  Answer sign_once(const std::optional<Bytes>& nonce, UnixSeconds now) {
    auto body = sign(asked.front().issuer, nonce, now);
    if (!body) {
      return refuse(body.error(), now);
    }
    Freshness freshness{UnixSeconds::max(), UnixSeconds::max(), UnixSeconds::max()};
    for (const Asked& one : asked) {
      count(one.resolved.status);
      freshness.this_update = std::min(freshness.this_update, one.resolved.this_update);
      freshness.next_update = std::min(freshness.next_update, one.resolved.next_update);
      freshness.fresh_until = std::min(freshness.fresh_until, replace_at(one, 0, now));
    }
    if (nonce) {
      counters.nonces_echoed.add();
      render_private(scratch, *body, now, date);
    } else {
      render_cacheable(scratch, *body, freshness, now, date);
    }
    return show(scratch);
  }

  /// Fills `asked` from a request that is not to be refused for its form.
  Cause collect(const ocsp::RequestView& request) {
    asked.clear();
    for (const ocsp::SingleRequestView& entry : request.requests) {
      if (const Cause cause = check_entry(entry); cause != Cause::kNone) {
        return cause;
      }
      asked.push_back({entry.cert_id, 0, {}});
    }
    return Cause::kNone;
  }

  /// Finds issuers and records; one signer must be entitled for all (decision 013).
  Cause look_up_all(UnixSeconds now) {
    for (Asked& one : asked) {
      const auto issuer = find_issuer(one.id);
      if (!issuer) {
        return issuer.error();
      }
      one.issuer = *issuer;
      if (setup->issuers()[*issuer].signer_group != setup->issuers()[asked.front().issuer].signer_group) {
        return Cause::kSeveralIssuers;
      }
    }
    for (Asked& one : asked) {
      one.resolved = look_up(one.issuer, one.id.serial, now);
      if (one.resolved.cause != Cause::kNone) {
        return one.resolved.cause;
      }
    }
    return Cause::kNone;
  }

  Answer answer(Bytes octets, UnixSeconds now) {
    // One snapshot for the whole request (OCSP-RESP-082).
    const std::uint64_t sequence = reader->renew();
    if (sequence == 0) {
      return refuse(Cause::kStoreUnreadable, now);
    }
    const Bytes plain = find_plain_cert_id(octets);
    if (!plain.empty()) {
      if (const HttpMessage* message = use_ready(plain, sequence, now)) {
        return show(*message);
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
    const bool one = asked.size() == 1;
    if (one && !options.nonce && plain.empty()) {
      if (const HttpMessage* message = use_ready(asked.front().id.raw, sequence, now)) {
        return show(*message);
      }
    }
    if (const Cause cause = look_up_all(now); cause != Cause::kNone) {
      return refuse(cause, now);
    }
    return one && !options.nonce ? sign_one(sequence, now) : sign_once(options.nonce, now);
  }
};

Answerer::Answerer(std::shared_ptr<const Setup> setup, std::unique_ptr<store::Reader> reader, Counters& counters,
                   std::shared_ptr<AnswerExchange> exchange)
    : impl_(std::make_unique<Impl>(std::move(setup), std::move(reader), counters, std::move(exchange))) {}
Answerer::~Answerer() = default;

Answer Answerer::answer(Bytes request, UnixSeconds now) { return impl_->answer(request, now); }
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
