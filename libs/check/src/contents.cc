#include "contents.h"

#include <algorithm>
#include <array>

#include "manifest.h"
#include "muster/base/text.h"
#include "muster/crl/crl.h"
#include "muster/ocsp/ocsp.h"

namespace muster::check {
namespace {

using Outcome = Result<Contents, ContentsError>;

Err<ContentsError> nothing(std::string found) {
  return Err{ContentsError{ContentsErrc::kNothing,
                           std::move(found) + "; wanted: certificates (PEM, DER, PKCS#7, PKCS#12), "
                                              "an OCSP response, or a manifest with TLS Secrets"}};
}
Err<ContentsError> broken(std::string why) {
  return Err{ContentsError{ContentsErrc::kBroken, std::move(why)}};
}

Contents one_heap(std::vector<pki::Certificate> certificates) {
  Contents contents;
  contents.heaps.emplace_back();
  contents.heaps.back().certificates = std::move(certificates);
  return contents;
}

// ---- PEM ----------------------------------------------------------------------------------------

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::array<std::string_view, 5> kCertificateLabels = {
    "-----BEGIN CERTIFICATE-----", "-----BEGIN X509 CERTIFICATE-----",
    "-----BEGIN TRUSTED CERTIFICATE-----", "-----BEGIN PKCS7-----", "-----BEGIN CMS-----"};
constexpr std::string_view kResponseLabel = "-----BEGIN OCSP RESPONSE-----";

/// What the first block calls itself: "X509 CRL", "PRIVATE KEY".
std::string first_label(std::string_view text) {
  text.remove_prefix(text.find(kBegin) + kBegin.size());
  return printable(text.substr(0, std::min<std::size_t>(text.find("-----"), 40)));
}

/// A response that does not parse is no evidence and no reason to forget the certificates: it is
/// judged, and refused there with its own code.
Outcome read_pem(Bytes octets) {
  const std::string_view text = as_text(octets);
  std::size_t blocks = 0;
  for (const std::string_view label : kCertificateLabels) {
    blocks += count_of(text, label);
  }
  std::vector<Buffer> responses;
  if (text.find(kResponseLabel) != std::string_view::npos) {
    auto decoded = pki::decode_responses(to_buffer(octets));
    if (!decoded) {
      return broken(decoded.error().detail);
    }
    responses = *std::move(decoded);
  }
  if (blocks == 0 && !responses.empty()) {
    Contents contents;
    contents.responses = std::move(responses);
    return contents;
  }
  if (blocks == 0) {
    const std::string label = first_label(text);
    return nothing("PEM of '" + label + "' and no certificate" +
                   (label == "X509 CRL" ? " (a CRL is given with --crl)" : ""));
  }
  auto certificates = pki::parse_certificates(octets);
  if (!certificates) {
    return broken(certificates.error().detail);
  }
  if (certificates->size() < blocks) {
    return broken(std::to_string(blocks) + " PEM blocks of certificates begin, but only " +
                  std::to_string(certificates->size()) +
                  " can be read: does each BEGIN stand at the left edge of its line?");
  }
  Contents contents = one_heap(*std::move(certificates));
  contents.heaps.back().responses = std::move(responses);
  return contents;
}

// ---- DER ----------------------------------------------------------------------------------------

/// A SEQUENCE whose length is long, or fits: text does not go on like that behind a '0'.
bool is_der(Bytes octets) {
  return octets.size() > 1 && octets[0] == 0x30 &&
         (octets[1] >= 0x80 || octets.size() == 2U + octets[1]);
}

/// SEQUENCE of a SEQUENCE: certificates, CRLs and requests begin so; a response and PKCS#7 do not.
bool begins_like_a_certificate(Bytes octets) {
  if (octets.size() < 8 || octets[0] != 0x30) {
    return false;
  }
  const std::size_t length_octets = octets[1] > 0x80 ? 1U + (octets[1] & 0x7fU) : 1U;
  return octets.size() > 1 + length_octets && octets[1 + length_octets] == 0x30;
}

Outcome read_der(Bytes octets) {
  auto certificates = pki::parse_certificates(octets);
  if (certificates) {
    return one_heap(*std::move(certificates));
  }
  if (ocsp::parse_response(octets)) {
    Contents contents;
    contents.responses.push_back(to_buffer(octets));
    return contents;
  }
  if (crl::parse_crl(octets)) {
    return nothing("a CRL (it is given with --crl)");
  }
  if (ocsp::parse_request(octets)) {
    return nothing("an OCSP request");
  }
  if (pki::PrivateKey::parse(octets)) {
    return nothing("a private key");
  }
  if (begins_like_a_certificate(octets)) {
    return broken("it begins like a certificate, but: " + certificates.error().detail);
  }
  return nothing("DER of something else");
}

// ---- manifests ----------------------------------------------------------------------------------

Heap heap_of(const Secret& secret) {
  Heap heap;
  heap.label = "Secret " + secret.name;
  heap.problem = secret.problem;
  if (!heap.problem.empty()) {
    return heap;
  }
  const auto read = [&heap](Bytes octets, const char* entry) -> std::vector<pki::Certificate> {
    auto certificates = pki::parse_certificates(octets);
    if (!certificates) {
      heap.problem = "its '" + std::string(entry) + "': " + certificates.error().detail;
      return {};
    }
    return *std::move(certificates);
  };
  heap.certificates = read(secret.certificates, "tls.crt");
  if (!secret.authorities.empty() && heap.problem.empty()) {
    heap.helpers = read(secret.authorities, "ca.crt");
  }
  if (secret.staple) {
    auto responses = pki::decode_responses(*secret.staple);
    // What is no response at all is refused by the judge like any other malformed staple.
    if (responses) {
      heap.responses = *std::move(responses);
    } else {
      heap.responses.push_back(*secret.staple);
    }
  }
  return heap;
}

Outcome read_manifest(Bytes octets) {
  const auto manifest = parse_manifest(octets);
  if (!manifest) {
    return broken("it looks like a Kubernetes manifest, but is " + manifest.error());
  }
  if (manifest->secrets.empty()) {
    return nothing("a manifest of " + std::to_string(manifest->other_objects) +
                   " objects, none of them a Secret with tls.crt");
  }
  Contents contents;
  for (const Secret& secret : manifest->secrets) {
    contents.heaps.push_back(heap_of(secret));
  }
  return contents;
}

}  // namespace

Outcome read_contents(Bytes octets, std::span<const pki::AskPassphrase> passphrases) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (octets.empty()) {
    return nothing("it is empty");
  }
  if (is_der(octets)) {
    if (!pki::looks_like_pkcs12(octets)) {
      return read_der(octets);
    }
    auto certificates = pki::parse_pkcs12_certificates(octets, passphrases);
    if (!certificates) {
      const bool locked = certificates.error().code == pki::PkiErrc::kWrongPassphrase;
      return broken(certificates.error().detail + (locked ? "; name one with --pass" : ""));
    }
    return one_heap(*std::move(certificates));
  }
  if (as_text(octets).starts_with(kByteOrderMark)) {
    octets = octets.subspan(kByteOrderMark.size());
  }
  if (looks_like_manifest(octets)) {
    return read_manifest(octets);
  }
  if (as_text(octets).find(kBegin) != std::string_view::npos) {
    return read_pem(octets);
  }
  if (octets.size() > 1 &&
      ((octets[0] == 0xff && octets[1] == 0xfe) || (octets[0] == 0xfe && octets[1] == 0xff))) {
    return nothing("UTF-16 text (save it as UTF-8)");
  }
  return nothing("neither PEM nor DER of anything known ('muster show' may tell what it is)");
}

}  // namespace muster::check
