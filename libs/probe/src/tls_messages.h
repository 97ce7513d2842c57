#pragma once

#include <optional>
#include <vector>

#include "muster/base/bytes.h"
#include "muster/base/result.h"
#include "muster/probe/probe.h"

// The two handshake messages that carry certificates and staples, read as received: OpenSSL 3.0
// hands out the staple of the leaf only, and we want all (RFC 8446 section 4.4.2.1).
namespace muster::probe {

inline constexpr std::uint8_t kCertificateMessage = 11;
inline constexpr std::uint8_t kCertificateStatusMessage = 22;
inline constexpr std::size_t kMaxCertificates = 64;

struct CertificateEntry {
  Bytes certificate;
  std::optional<Bytes> staple;
};
/// Malformed messages give nothing. `body` is the message without its four octets of type and
/// length.
std::optional<std::vector<CertificateEntry>> parse_certificate_message(Bytes body,
                                                                       TlsVersion version);
/// CertificateStatus of RFC 6066 section 8 with type ocsp: the response.
std::optional<Bytes> parse_certificate_status(Bytes body);

}  // namespace muster::probe
