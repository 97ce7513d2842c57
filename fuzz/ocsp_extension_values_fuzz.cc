#include "fuzz.h"
#include "muster/ocsp/ocsp.h"

// The values of all extensions of RFC 6960: what parses encodes to the same octets.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  const Bytes octets(data, size);
  if (const auto nonce = ocsp::parse_nonce(octets)) {
    MUSTER_ASSERT(!nonce->octets.empty() && nonce->octets.size() <= ocsp::kMaxNonceOctets);
    MUSTER_ASSERT(equal(nonce->extension_value, octets));
    if (nonce->form == ocsp::NonceForm::kWrapped) {
      MUSTER_ASSERT(equal(ocsp::encode_nonce(nonce->octets), octets));
    }
  }
  if (const auto id = ocsp::parse_crl_id(octets)) {
    MUSTER_ASSERT(equal(ocsp::encode_crl_id(*id), octets));
  }
  if (const auto list = ocsp::parse_acceptable_responses(octets)) {
    std::vector<Buffer> owned;
    for (const Bytes oid : *list) {
      owned.push_back(to_buffer(oid));
    }
    MUSTER_ASSERT(equal(ocsp::encode_acceptable_responses(owned), octets));
  }
  if (const auto cutoff = ocsp::parse_archive_cutoff(octets)) {
    MUSTER_ASSERT(equal(ocsp::encode_archive_cutoff(*cutoff), octets));
  }
  if (const auto locator = ocsp::parse_service_locator(octets)) {
    MUSTER_ASSERT(equal(ocsp::encode_service_locator(*locator), octets));
  }
  if (const auto list = ocsp::parse_preferred_signatures(octets)) {
    MUSTER_ASSERT(equal(ocsp::encode_preferred_signatures(*list), octets));
  }
  if (ocsp::parse_null_value(octets, "value")) {
    MUSTER_ASSERT(size == 2);
  }
  return 0;
}
