#include "fuzz.h"
#include "tls_messages.h"

// The handshake messages of a hostile server: certificates and staples are views of the message,
// in their order and within their bounds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  const Bytes body(data, size);
  const auto is_within = [&](Bytes part) {
    return part.empty() || (part.data() >= data && part.data() + part.size() <= data + size);
  };
  for (const auto version : {probe::TlsVersion::kTls12, probe::TlsVersion::kTls13}) {
    if (const auto entries = probe::parse_certificate_message(body, version)) {
      MUSTER_ASSERT(entries->size() <= probe::kMaxCertificates);
      const std::uint8_t* end = data;
      for (const probe::CertificateEntry& entry : *entries) {
        MUSTER_ASSERT(!entry.certificate.empty() && is_within(entry.certificate));
        MUSTER_ASSERT(entry.certificate.data() >= end);
        end = entry.certificate.data() + entry.certificate.size();
        MUSTER_ASSERT(!entry.staple || is_within(*entry.staple));
      }
    }
  }
  if (const auto staple = probe::parse_certificate_status(body)) {
    MUSTER_ASSERT(is_within(*staple));
  }
  return 0;
}
