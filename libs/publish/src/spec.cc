#include <algorithm>

#include "muster/crl/name_match.h"
#include "muster/publish/publisher.h"

namespace muster::publish {
namespace {

Err<PublishError> bad(PublishErrc code, std::string detail) {
  return Err{PublishError{code, std::move(detail)}};
}

PublishResult<Unit> check_signer(const Spec& spec, UnixSeconds now,
                                 std::vector<std::string>& warnings) {
  const std::string who = "CRL signer " + spec.signer.subject_text() + ": ";
  const pki::CertificateFacts& facts = spec.signer.facts();
  if (!spec.key.matches(spec.signer)) {
    return bad(PublishErrc::kSigner, who + "the private key is not that of the certificate");
  }
  if (facts.has_unknown_critical_extension) {
    return bad(PublishErrc::kSigner,
               who + "its certificate has a critical extension we do not know");
  }
  const auto crl_sign = static_cast<std::uint16_t>(pki::KeyUsageBit::kCrlSign);
  if (facts.key_usage && (*facts.key_usage & crl_sign) == 0) {
    return bad(
        PublishErrc::kSigner,
        who +
            "the key usage of its certificate does not have cRLSign, so nobody would accept the "
            "CRL (issue a certificate with it)");
  }
  if (!facts.key_usage && spec.is_indirect()) {
    return bad(PublishErrc::kSigner,
               who + "a separate CRL issuer needs a certificate with key usage cRLSign");
  }
  if (now < spec.signer.not_before() || now > spec.signer.not_after()) {
    return bad(PublishErrc::kSigner, who + "its certificate is valid from " +
                                         format_iso8601(spec.signer.not_before()) + " to " +
                                         format_iso8601(spec.signer.not_after()) + " only");
  }
  if (const auto signer = pki::Signer::make(spec.key, spec.scheme); !signer) {
    return bad(PublishErrc::kSigner, who + signer.error().detail);
  }
  if (now + interval_of(spec.terms) + overlap_of(spec.terms) > spec.signer.not_after()) {
    warnings.push_back(who + "its certificate ends at " + format_iso8601(spec.signer.not_after()) +
                       ", before nextUpdate: clients stop believing the CRL then");
  }
  return Unit{};
}

}  // namespace

bool Spec::is_indirect() const {
  return subjects.size() != 1 || !crl::same_name(signer.subject(), subjects.front().ca.subject());
}

PublishResult<Unit> check_spec(const Spec& spec, UnixSeconds now,
                               std::vector<std::string>& warnings) {
  MUSTER_ASSERT(!spec.subjects.empty());
  MUSTER_CHECK(check_terms(spec.terms));
  MUSTER_CHECK(check_partitions(spec.partitions, spec.assignment));
  if (spec.terms.delta_interval && !spec.has_deltas()) {
    return bad(PublishErrc::kTerms, "delta_interval is set, but no file to write delta CRLs to");
  }
  if (spec.is_indirect() && !spec.terms.profile->indirect_allowed) {
    return bad(PublishErrc::kTerms, "profile " + std::string(spec.terms.profile->name) +
                                        " forbids indirect CRLs: " + spec.signer.subject_text() +
                                        " is not the CA (sign with the CA's own key)");
  }
  for (const pki::Certificate& sample : spec.samples) {
    const bool ours = std::any_of(
        spec.subjects.begin(), spec.subjects.end(),
        [&](const Subject& subject) { return equal(sample.issuer(), subject.ca.subject()); });
    if (!ours) {
      return bad(PublishErrc::kTerms,
                 "sample certificate " + sample.subject_text() + " was issued by " +
                     sample.issuer_text() +
                     ", whose name is not, octet by octet, that of a CA on this CRL");
    }
    MUSTER_CHECK(check_sample(sample, spec.partitions, spec.assignment));
  }
  return check_signer(spec, now, warnings);
}

std::string issuer_tag(Bytes name) { return to_hex(pki::digest(HashAlgorithm::kSha256, name)); }

}  // namespace muster::publish
