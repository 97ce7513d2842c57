#include "single_extensions.h"

namespace muster::responder {
namespace {

/// id-isismtt-at-certHash, Common PKI part 4: 1.3.36.8.3.13.
constexpr std::uint8_t kCertHash[] = {0x2b, 0x24, 0x08, 0x03, 0x0d};

std::optional<UnixSeconds> archive_cutoff(const Issuer& issuer, const store::IssuerState* state,
                                          UnixSeconds now) {
  if (state != nullptr && state->this_update) {
    return std::nullopt;  // CRLs drop what expired (RFC 5280 section 3.3): nobody retains what the
                          // cutoff would promise
  }
  const IssuerPolicy& policy = issuer.terms.policy;
  switch (policy.archive_cutoff) {
    case ArchiveCutoff::kNone:
      break;
    case ArchiveCutoff::kRetention:
      return policy.retain_expired ? std::optional(now - *policy.retain_expired) : std::nullopt;
    case ArchiveCutoff::kIssuer:
      return issuer.certificates.front().not_before();
  }
  return std::nullopt;
}

der::Extension plain(Bytes oid, Buffer value) { return {to_buffer(oid), false, std::move(value)}; }

/// CertHash ::= SEQUENCE { hashAlgorithm AlgorithmIdentifier, certificateHash OCTET STRING }
Buffer encode_cert_hash(const IssuedCertificates::Digest& digest) {
  der::Writer out;
  out.sequence([&] {
    out.raw(der::hash_algorithm_der(HashAlgorithm::kSha256, der::HashParameters::kAbsent));
    out.octet_string(digest);
  });
  return out.take();
}

Buffer encode_time(UnixSeconds t) {
  der::Writer out;
  der::write_generalized_time(out, t);
  return out.take();
}

}  // namespace

std::vector<der::Extension> make_single_extensions(const Issuer& issuer, const Asked& one,
                                                   const store::IssuerState* state,
                                                   UnixSeconds now) {
  std::vector<der::Extension> out;
  if (one.resolved.rule == Rule::kUnissued) {
    return out;
  }
  const IssuerPolicy& policy = issuer.terms.policy;
  if (const auto cutoff = archive_cutoff(issuer, state, now)) {
    out.push_back(plain(oid::kOcspArchiveCutoff, ocsp::encode_archive_cutoff(*cutoff)));
  }
  if (policy.crl_reference == Shown::kYes && state != nullptr && state->this_update) {
    ocsp::CrlIdView reference;
    reference.time = state->this_update;
    if (!policy.crl_url.empty()) {
      reference.url = as_bytes(policy.crl_url);
    }
    if (state->crl_number) {
      reference.number = Bytes(*state->crl_number);
    }
    out.push_back(plain(oid::kOcspCrlReference, ocsp::encode_crl_id(reference)));
  }
  if (one.resolved.invalidity_date) {
    out.push_back(plain(oid::kCeInvalidityDate, encode_time(*one.resolved.invalidity_date)));
  }
  if (issuer.issued != nullptr && one.resolved.rule == Rule::kRecord) {
    if (const IssuedCertificates::Digest* digest = issuer.issued->find(one.id.serial)) {
      out.push_back(plain(kCertHash, encode_cert_hash(*digest)));
    }
  }
  return out;
}

}  // namespace muster::responder
