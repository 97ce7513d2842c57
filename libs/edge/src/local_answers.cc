#include <algorithm>

#include "muster/edge/answers.h"
#include "muster/responder/answerer.h"

namespace muster::edge {
namespace {

/// These extensions move by themselves: times of the CRL behind the answer, and of the answer.
bool moves(const std::string& oid) {
  static const std::string crl_reference = der::oid_to_string(oid::kOcspCrlReference);
  static const std::string archive_cutoff = der::oid_to_string(oid::kOcspArchiveCutoff);
  return oid == crl_reference || oid == archive_cutoff;
}

/// What is said of the certificate, but for times that move by themselves.
std::string said(const responder::ExplainedCertificate& one) {
  std::string out = one.status + "\n" + (one.revoked_at ? format_iso8601(*one.revoked_at) : "") +
                    "\n" + one.reason;
  for (const std::string& extension : one.extensions) {
    if (!moves(extension.substr(0, extension.find(' ')))) {
      out += "\n" + extension;
    }
  }
  return out;
}
/// The same of an answer.
std::string said(const ocsp::SingleResponseView& single) {
  responder::ExplainedCertificate one;
  one.status = ocsp::to_string(single.status);
  if (const auto* revoked = std::get_if<ocsp::Revoked>(&single.status)) {
    one.revoked_at = revoked->time;
    one.reason = revoked->reason ? std::string(to_string(*revoked->reason)) : "";
  }
  for (const der::ExtensionView& extension : single.extensions) {
    one.extensions.push_back(der::oid_to_string(extension.oid) + " = " + to_hex(extension.value));
  }
  return said(one);
}

/// The rules that answers of the issuer are made by.
std::string rules_of(const responder::IssuerPolicy& policy) {
  std::string out = policy.crl_url;
  const auto add = [&out](std::int64_t value) { out += " " + std::to_string(value); };
  add(policy.validity.count());
  add(responder::refresh_age(policy).count());
  add(policy.retain_expired ? policy.retain_expired->count() : -1);
  add(static_cast<int>(policy.next_update));
  add(static_cast<int>(policy.responder_id));
  add(static_cast<int>(policy.reasons));
  add(static_cast<int>(policy.hold));
  add(static_cast<int>(policy.invalidity_date));
  add(static_cast<int>(policy.crl_reference));
  add(static_cast<int>(policy.extended_revoked));
  add(static_cast<int>(policy.archive_cutoff));
  add(static_cast<int>(policy.beyond_signer));
  return out;
}

/// Certificates of the signers with this label: those of one subject share one.
std::string certificates_of(const responder::Issuer& issuer, std::string_view label,
                            UnixSeconds now) {
  std::string out;
  for (const responder::IssuerSigner& one : issuer.signers) {
    if (one.label == label && one.is_usable(now)) {
      out += " " + to_hex(one.certificate.fingerprint());
    }
  }
  return out;
}

/// What an answer says, who says it, and by which rules; its times move by themselves.
std::string basis_of(const responder::Issuer& issuer, std::string_view signer,
                     std::string_view algorithm, const std::string& what, UnixSeconds now) {
  constexpr std::size_t kOctets = 16;
  const std::string all = certificates_of(issuer, signer, now) + "\n" + std::string(algorithm) +
                          "\n" + rules_of(issuer.terms.policy) + "\n" + what;
  return to_hex(Bytes(pki::digest(HashAlgorithm::kSha256, as_bytes(all))).first(kOctets));
}

/// From the answer itself: records and keys may have moved since they were asked. "-" when it is
/// none of ours.
std::string basis_of(const responder::Issuer& issuer, Bytes response, UnixSeconds now) {
  const auto parsed = ocsp::parse_response(response);
  if (!parsed || !parsed->basic || parsed->basic->responses.size() != 1) {
    return "-";
  }
  const ocsp::BasicResponseView& basic = *parsed->basic;
  const auto signer = std::find_if(
      issuer.signers.begin(), issuer.signers.end(), [&basic](const responder::IssuerSigner& one) {
        return pki::identifies(basic.responder_id, one.certificate) &&
               pki::verify_signature(basic.signature_algorithm, basic.tbs_raw, basic.signature,
                                     one.certificate);
      });
  return signer == issuer.signers.end()
             ? "-"
             : basis_of(issuer, signer->label, pki::algorithm_text(basic.signature_algorithm),
                        said(*basic.responses.begin()), now);
}

/// Whether it should have been answered: the fault is ours, and may be over soon.
bool is_miss(responder::Cause cause) {
  const ocsp::ResponseStatus status = responder::status_for(cause);
  return status == ocsp::ResponseStatus::kTryLater ||
         status == ocsp::ResponseStatus::kInternalError;
}

class LocalAnswers final : public AnswerSource {
 public:
  LocalAnswers(std::shared_ptr<const responder::Setup> setup, const store::Store& store,
               std::optional<Milliseconds> clock_error)
      : setup_(std::move(setup)),
        reader_(store.reader()),
        clock_error_(clock_error),
        answerer_(setup_, store.reader(), counters_) {
    answerer_.set_clock_error(clock_error);
  }

  Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                              UnixSeconds now) override {
    std::vector<Given> out;
    for (const Wanted& one : wanted) {
      out.push_back(ask_one(one, now));
    }
    reader_->release();
    answerer_.release();
    return out;
  }

 private:
  [[nodiscard]] const responder::Issuer* issuer_of(Bytes octets) const {
    const auto request = ocsp::parse_request(octets);
    MUSTER_ASSERT(request);  // made by us
    const ocsp::CertIdView id = (*request->requests.begin()).cert_id;
    const auto hash = der::find_hash(id.hash_algorithm);
    const auto found =
        hash ? setup_->index().find(*hash, id.issuer_name_hash, id.issuer_key_hash) : std::nullopt;
    return found ? &setup_->issuers()[*found] : nullptr;
  }
  Given none(responder::Cause cause) {
    const std::string why(to_string(cause));
    return is_miss(cause) ? miss(why) : Given{Given::Kind::kNone, {}, {}, why};
  }

  Given ask_one(const Wanted& one, UnixSeconds now) {
    const auto explained =
        responder::explain(*setup_, *reader_, one.request, now, {}, clock_error_);
    if (explained.cause != responder::Cause::kNone) {
      return none(explained.cause);
    }
    const responder::Issuer* const issuer = issuer_of(one.request);
    MUSTER_ASSERT(issuer != nullptr && explained.certificates.size() == 1);  // it was explained
    if (!one.is_due && !one.digest.empty() &&
        one.basis == basis_of(*issuer, explained.signer, explained.algorithm,
                              said(explained.certificates.front()), now)) {
      return {Given::Kind::kSame, {}, {}, {}};
    }
    const responder::Answer answer = answerer_.answer(one.request, now);
    if (answer.cause != responder::Cause::kNone) {
      return none(answer.cause);
    }
    if (answer.etag.empty()) {
      return {Given::Kind::kNone, {}, {}, "nobody may keep it"};
    }
    return {
        Given::Kind::kAnswer, to_buffer(answer.body()), basis_of(*issuer, answer.body(), now), {}};
  }

  const std::shared_ptr<const responder::Setup> setup_;
  const std::unique_ptr<store::Reader> reader_;
  const std::optional<Milliseconds> clock_error_;
  responder::Counters counters_;
  responder::Answerer answerer_;
};

}  // namespace

std::unique_ptr<AnswerSource> make_local_answers(std::shared_ptr<const responder::Setup> setup,
                                                 const store::Store& store,
                                                 std::optional<Milliseconds> clock_error) {
  return std::make_unique<LocalAnswers>(std::move(setup), store, clock_error);
}

}  // namespace muster::edge
