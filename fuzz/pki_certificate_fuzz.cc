#include <openssl/x509.h>

#include "fuzz.h"
#include "muster/pki/certificate.h"
#include "muster/pki/host_name.h"
#include "muster/pki/native.h"

// A peer's certificate: what parses keeps its octets, parses again to the same, and its facts can
// be asked for. What parses OpenSSL can decode, now or later, and encodes to the same. OpenSSL's
// own parsing is fuzzed elsewhere; ours of the extensions is here.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  if (const auto certificate = pki::Certificate::parse(Bytes(data, size))) {
    MUSTER_ASSERT(equal(certificate->der(), Bytes(data, size)));
    const auto again = pki::Certificate::parse(certificate->der());
    MUSTER_ASSERT(again && *again == *certificate);
    const pki::CertificateFacts& facts = certificate->facts();
    MUSTER_ASSERT(facts.access.ocsp == again->facts().access.ocsp);
    MUSTER_ASSERT(facts.crl_uris == again->facts().crl_uris);
    std::uint8_t* octets = nullptr;
    const int encoded = i2d_X509(pki::native_x509(*certificate), &octets);
    MUSTER_ASSERT(encoded > 0 &&
                  equal(Bytes(octets, static_cast<std::size_t>(encoded)), Bytes(data, size)));
    OPENSSL_free(octets);
    static_cast<void>(pki::names_host(*certificate, "leaf.example"));
    static_cast<void>(certificate->subject_text());
  }
  static_cast<void>(pki::parse_certificates(Bytes(data, size)));
  return 0;
}
