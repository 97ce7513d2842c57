#include "tls_messages.h"

namespace muster::probe {
namespace {

constexpr std::uint8_t kStatusTypeOcsp = 1;
constexpr std::uint16_t kStatusRequestExtension = 5;

/// Vectors with big-endian lengths in front, as TLS has them.
class Cursor {
 public:
  explicit Cursor(Bytes octets) : rest_(octets) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  std::optional<std::size_t> number(std::size_t octets) {
    if (rest_.size() < octets) {
      return std::nullopt;
    }
    std::size_t value = 0;
    for (const std::uint8_t octet : rest_.first(octets)) {
      value = value << 8 | octet;
    }
    rest_ = rest_.subspan(octets);
    return value;
  }
  std::optional<Bytes> vector(std::size_t length_octets) {
    const auto size = number(length_octets);
    if (!size || *size > rest_.size()) {
      return std::nullopt;
    }
    const Bytes value = rest_.first(*size);
    rest_ = rest_.subspan(*size);
    return value;
  }

 private:
  Bytes rest_;
};

/// Extension extensions<0..2^16-1> of a CertificateEntry: the staple, if any. False for malformed
/// ones.
bool read_entry_extensions(Bytes block, std::optional<Bytes>& staple) {
  Cursor in(block);
  while (!in.at_end()) {
    const auto type = in.number(2);
    const auto data = in.vector(2);
    if (!type || !data) {
      return false;
    }
    if (*type == kStatusRequestExtension) {
      if (staple) {
        return false;  // at most one of a type (RFC 8446 section 4.2)
      }
      staple = parse_certificate_status(*data);
      if (!staple) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

std::optional<std::vector<CertificateEntry>> parse_certificate_message(Bytes body,
                                                                       TlsVersion version) {
  Cursor in(body);
  const bool tls13 = version == TlsVersion::kTls13;
  if (tls13 && !in.vector(1)) {  // certificate_request_context
    return std::nullopt;
  }
  const auto list = in.vector(3);
  if (!list || !in.at_end()) {
    return std::nullopt;
  }
  std::vector<CertificateEntry> entries;
  for (Cursor rest(*list); !rest.at_end();) {
    const auto certificate = rest.vector(3);
    if (!certificate || certificate->empty() || entries.size() == kMaxCertificates) {
      return std::nullopt;
    }
    CertificateEntry entry{*certificate, std::nullopt};
    if (tls13) {
      const auto extensions = rest.vector(2);
      if (!extensions || !read_entry_extensions(*extensions, entry.staple)) {
        return std::nullopt;
      }
    }
    entries.push_back(entry);
  }
  return entries;
}

std::optional<Bytes> parse_certificate_status(Bytes body) {
  Cursor in(body);
  const auto type = in.number(1);
  const auto response = in.vector(3);
  if (type != kStatusTypeOcsp || !response || response->empty() || !in.at_end()) {
    return std::nullopt;
  }
  return response;
}

}  // namespace muster::probe
