#include "ahead_signer.h"

#include <algorithm>

#include "muster/ocsp/encode_into.h"
#include "muster/pki/certificate.h"

namespace muster::responder {

bool signs_ahead(const Setup& setup) {
  return std::any_of(setup.issuers().begin(), setup.issuers().end(),
                     [](const Issuer& issuer) { return issuer.terms.policy.presign != 0; });
}

AheadSigner::AheadSigner(std::shared_ptr<const Setup> setup, std::unique_ptr<store::Reader> reader,
                         std::shared_ptr<AnswerExchange> exchange)
    : setup_(std::move(setup)),
      reader_(std::move(reader)),
      exchange_(std::move(exchange)),
      signings_(*setup_) {
  const std::uint8_t any[] = {0x01};
  for (const Issuer& issuer : setup_->issuers()) {
    std::vector<Place>& own = places_.emplace_back();
    for (const HashAlgorithm hash : kAllHashAlgorithms) {
      if ((issuer.terms.policy.presign & hash_set(hash)) == 0) {
        continue;
      }
      const ocsp::CertId id =
          pki::make_cert_id(hash, issuer.certificates.front(), *Serial::make(any));
      if (!find_issuer(*setup_, id.view())) {
        continue;  // the rules refuse CertIDs of this hash
      }
      der::Writer fixed;
      fixed.raw(id.view().hash_algorithm.raw);
      fixed.octet_string(id.view().issuer_name_hash);
      fixed.octet_string(id.view().issuer_key_hash);
      own.push_back({fixed.take(), hash});
    }
  }
}

const ocsp::CertIdView& AheadSigner::cert_id(Place& place, Bytes serial) {
  if (place.view.serial.size() == serial.size()) {  // all but its octets is there
    std::copy(serial.begin(), serial.end(),
              place.cert_id.end() - static_cast<std::ptrdiff_t>(serial.size()));
    return place.view;
  }
  der::Writer out(std::move(place.cert_id));
  out.sequence([&] {
    out.raw(place.fixed);
    out.integer_octets(serial);
  });
  place.cert_id = out.take();
  place.view = *ocsp::parse_cert_id(place.cert_id);
  return place.view;
}

std::optional<PresignUrgency> AheadSigner::judge(const ReadyRef& there, const Resolved& wanted,
                                                 std::size_t signer, UnixSeconds now) const {
  if (!there) {
    return PresignUrgency::kLater;
  }
  if (!same_answer(there->basis(), wanted)) {
    return PresignUrgency::kNow;
  }
  const bool is_fresh =
      there->by().signer == signer && in_time(there->signed_at(), there->replace_at(), now) &&
      now < renew_at(there->signed_at(), there->replace_at(), spread_of(there->serial()));
  return is_fresh ? std::nullopt : std::optional(PresignUrgency::kLater);
}

std::optional<PresignUrgency> AheadSigner::look(std::size_t issuer, const Serial& serial,
                                                const store::Status& record, UnixSeconds now) {
  const Issuer& who = setup_->issuers()[issuer];
  const auto choice = choose_signer(who, {}, now);
  if (!choice) {
    return std::nullopt;
  }
  const IssuerSigner& signer = who.signers[choice->signer];
  const Resolved wanted = resolve(who.terms, {signer.not_before, signer.not_after},
                                  reader_->issuer_state(who.store_id), record, now);
  if (wanted.cause != Cause::kNone) {
    return std::nullopt;
  }
  std::optional<PresignUrgency> out;
  for (Place& place : places_[issuer]) {
    const auto wrong = judge(exchange_->impl().find_ahead(cert_id(place, serial.octets()).raw),
                             wanted, choice->signer, now);
    out = wrong == PresignUrgency::kNow || !out ? wrong : out;
  }
  return out;
}

std::uint64_t AheadSigner::records(std::size_t issuer) const {
  const store::IssuerState* const state = reader_->issuer_state(setup_->issuers()[issuer].store_id);
  return state == nullptr ? 0 : state->records;
}

ReadyRef AheadSigner::make(const Asked& one, Bytes body, UnixSeconds signed_at) {
  const Issuer& issuer = setup_->issuers()[one.by.issuer];
  const UnixSeconds until = due_at(issuer, one.resolved, spread_of(one.id.serial), signed_at);
  return exchange_->impl().forms->make(body, facts_of(*setup_, one, 0, signed_at, until));
}

AheadSigner::Made AheadSigner::sign(const PresignItem& item, UnixSeconds now) {
  Made made;
  const Issuer& who = setup_->issuers()[item.issuer];
  const auto choice = choose_signer(who, {}, now);
  if (!choice || reader_->renew() == 0) {
    return made;
  }
  const SignerRef by{item.issuer, choice->signer};
  const Resolved wanted = look_up(*setup_, *reader_, by, item.serial.octets(), now);
  if (wanted.cause != Cause::kNone) {
    return made;
  }
  asked_.resize(1);
  for (Place& place : places_[item.issuer]) {
    const ocsp::CertIdView& id = cert_id(place, item.serial.octets());
    const auto wrong = judge(exchange_->impl().find_ahead(id.raw), wanted, choice->signer, now);
    if (!wrong) {
      continue;
    }
    asked_.front() = {id, by, wanted};
    const Bytes tbs = drafter_.draft(*setup_, asked_, std::nullopt, *reader_, now);
    const auto signature = signings_.sign(by, tbs);
    if (!signature) {
      ++made.failures;
      continue;
    }
    const std::size_t limit = who.terms.policy.max_response_bytes;
    const Bytes body = signings_.assemble(by, tbs, *signature);
    if (ReadyRef answer =
            limit != 0 && body.size() > limit ? ReadyRef() : make(asked_.front(), body, now)) {
      exchange_->impl().keep_ahead(id.raw, std::move(answer));
      ++made.signatures;
      made.changed += *wrong == PresignUrgency::kNow ? 1U : 0U;
    }
  }
  return made;
}

bool AheadSigner::take_over(Bytes tbs, Bytes signature, Bytes made_by, UnixSeconds now) {
  // In the frame of any signer: only what is signed is looked at.
  ocsp::SignaturePart frame = part_of(setup_->issuers().front().signers.front());
  frame.signature = to_buffer(signature);
  ocsp::encode_response_into(tbs, frame, body_);
  const auto before = read_signed(body_);
  if (!before) {
    return false;
  }
  const auto issuer = find_issuer(*setup_, before->single.cert_id);
  if (!issuer) {
    return false;
  }
  const Issuer& who = setup_->issuers()[*issuer];
  const auto hash = der::find_hash(before->single.cert_id.hash_algorithm);
  const auto choice = choose_signer(who, {}, now);
  if (!choice || (who.terms.policy.presign & hash_set(*hash)) == 0) {
    return false;
  }
  const SignerRef by{*issuer, choice->signer};
  const auto one = would_sign_again(*setup_, *reader_, drafter_, *before, by, now);
  if (!one) {
    return false;
  }
  const IssuerSigner& signer = who.signers[choice->signer];
  if (!equal(signer.certificate.der(), made_by)) {
    der::Reader algorithm(signer.signing.algorithm());
    const auto read = der::read_algorithm(algorithm, "signatureAlgorithm");
    if (!read || !pki::verify_signature(*read, tbs, signature, signer.certificate)) {
      return false;
    }
  }
  const Bytes body = signings_.assemble(by, tbs, signature);
  const ReadyRef answer = make(*one, body, before->signed_at);
  if (answer) {
    exchange_->impl().keep_ahead(one->id.raw, answer);
  }
  return static_cast<bool>(answer);
}

}  // namespace muster::responder
