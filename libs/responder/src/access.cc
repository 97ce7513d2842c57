#include "access.h"

#include <algorithm>

#include "muster/pki/path_search.h"

namespace muster::responder {
namespace {

constexpr std::string_view kFingerprint = "sha256:";

Requestor refuse(Cause cause, std::string why, std::size_t signatures = 0) {
  return {cause, std::move(why), signatures, {}};
}

std::size_t bits_of(Bytes integer) {
  const bool has_sign_octet = integer.size() > 1 && integer[0] == 0;
  const std::size_t octets = integer.size() - (has_sign_octet ? 1 : 0);
  return octets * 8;  // to the octet
}

/// Whether verifying with the key takes no longer than with RSA of kMaxRequestorRsaBits and an
/// exponent of 64 bits.
bool is_affordable(const pki::Certificate& certificate) {
  der::Reader reader(certificate.public_key_bits());
  auto key = reader.enter(der::Tag::kSequence, "RSAPublicKey");
  if (!key) {
    return true;  // keys of other kinds are points, and short
  }
  const auto modulus = key->read_integer("modulus");
  const auto exponent = key->read_integer("publicExponent");
  return !modulus || !exponent ||
         (bits_of(*modulus) <= kMaxRequestorRsaBits && bits_of(*exponent) <= 64);
}

/// The name in requestorName if it is a directory name: GeneralName [4], which is explicit around a
/// Name.
std::optional<Bytes> directory_name(const std::optional<Bytes>& requestor_name) {
  if (!requestor_name) {
    return std::nullopt;
  }
  der::Reader reader(*requestor_name);
  const auto element = reader.read_any("requestorName");
  return element && element->tag == der::context_constructed(4) ? std::optional(element->content)
                                                                : std::nullopt;
}

/// Who may have signed, the most likely first: the certificates that came along, and the anchors
/// themselves.
Result<std::vector<pki::Certificate>, Requestor> certificates_of(
    const ocsp::SignatureView& signature) {
  if (signature.certificates.size() > kMaxRequestorCertificates) {
    return Err{refuse(Cause::kBadSignature,
                      "more than " + std::to_string(kMaxRequestorCertificates) + " certificates")};
  }
  std::vector<pki::Certificate> out;
  for (const Bytes der : signature.certificates) {
    auto parsed = pki::Certificate::parse(der);
    if (!parsed) {
      return Err{
          refuse(Cause::kBadSignature, "its certificate does not parse: " + parsed.error().detail)};
    }
    if (!is_affordable(*parsed)) {
      return Err{refuse(Cause::kBadSignature, parsed->subject_text() +
                                                  ": its RSA key has more than " +
                                                  std::to_string(kMaxRequestorRsaBits) +
                                                  " bits, or an exponent of more than 64")};
    }
    out.push_back(*std::move(parsed));
  }
  return out;
}

bool is_listed(const std::vector<std::string>& requestors, const pki::Certificate& certificate) {
  return std::any_of(requestors.begin(), requestors.end(), [&](const std::string& listed) {
    return listed.starts_with(kFingerprint)
               ? listed.substr(kFingerprint.size()) == to_hex(certificate.fingerprint())
               : listed == certificate.subject_text();
  });
}

}  // namespace

Cause check_client(const Issuer& issuer, const ocsp::RequestView& request, const Client& client) {
  const IssuerPolicy& policy = issuer.terms.policy;
  if (!policy.clients.empty() && !contains(policy.clients, client.address)) {
    return Cause::kClientRefused;
  }
  if (policy.request_signatures == RequestSignatures::kRequired && !request.signature) {
    return Cause::kUnsigned;
  }
  return Cause::kNone;
}

bool is_for_everybody(const Issuer& issuer) {
  const IssuerPolicy& policy = issuer.terms.policy;
  return policy.clients.empty() && policy.request_signatures != RequestSignatures::kRequired;
}

bool wants_verifying(const Issuer& issuer, const ocsp::RequestView& request) {
  return request.signature && issuer.terms.policy.request_signatures != RequestSignatures::kIgnored;
}

Requestor verify_requestor(const Issuer& issuer, const ocsp::RequestView& request,
                           UnixSeconds now) {
  const auto given = certificates_of(*request.signature);
  if (!given) {
    return given.error();
  }
  const auto name = directory_name(request.requestor_name);
  const auto is_named = [&name](const pki::Certificate& certificate) {
    return !name || pki::same_name(certificate.subject(), *name);
  };
  auto signer = std::find_if(given->begin(), given->end(), is_named);
  if (signer == given->end()) {
    signer =
        std::find_if(issuer.requestor_anchors.begin(), issuer.requestor_anchors.end(), is_named);
    if (signer == issuer.requestor_anchors.end()) {
      return refuse(Cause::kBadSignature, "no certificate came along for the name it gives");
    }
  }
  if (const auto verified = pki::verify_signature(request.signature->algorithm, request.tbs_raw,
                                                  request.signature->signature, *signer);
      !verified) {
    return refuse(Cause::kBadSignature, signer->subject_text() + ": " + verified.error().detail, 1);
  }
  const pki::PathSearch search = pki::search_path(*signer, *given, issuer.requestor_anchors, now);
  const std::size_t signatures = 1 + search.signatures;
  if (!search.path) {
    return refuse(Cause::kNoPath, signer->subject_text() + ": " + search.path.error().detail,
                  signatures);
  }
  const auto& listed = issuer.terms.policy.requestors;
  if (!listed.empty() && !is_listed(listed, *signer)) {
    return refuse(Cause::kRequestorRefused, signer->subject_text() + " is not among requestors",
                  signatures);
  }
  return {Cause::kNone, signer->subject_text(), signatures, *search.path};
}

}  // namespace muster::responder
