#pragma once

#include <string>

#include "muster/ocsp/ocsp.h"
#include "re_encode.h"

// Messages and outcomes for the tests of this library.
namespace muster::ocsp {

inline Buffer hex(std::string_view text) {
  std::optional<Buffer> octets = from_hex(text);
  MUSTER_ASSERT(octets.has_value());
  return *std::move(octets);
}

/// "ok", or the error as text.
template <class T>
std::string outcome(const der::DerResult<T>& result) {
  return result ? "ok" : to_string(result.error());
}

inline Serial make_serial(std::string_view content_hex) {
  const auto serial = Serial::make(hex(content_hex));
  MUSTER_ASSERT(serial);
  return *serial;
}

inline CertId make_cert_id(std::string_view serial_content_hex = "01",
                           HashAlgorithm hash = HashAlgorithm::kSha256) {
  const Buffer name_hash(digest_size(hash), 0x11);
  const Buffer key_hash(digest_size(hash), 0x22);
  return CertId::make(hash, name_hash, key_hash, make_serial(serial_content_hex));
}

inline der::Extension make_extension(std::string_view dotted, std::string_view value_hex,
                                     bool critical = false) {
  const std::optional<Buffer> oid = der::oid_from_string(dotted);
  MUSTER_ASSERT(oid.has_value());
  return {*oid, critical, hex(value_hex)};
}

inline constexpr UnixSeconds kNow = unix_seconds(1'795'000'000);

/// ecdsa-with-SHA256 and something that is not one.
inline SignaturePart make_signature(std::size_t certificates = 0) {
  SignaturePart part{hex("300a06082a8648ce3d040302"), hex("3006020101020102"), {}};
  for (std::size_t i = 0; i < certificates; ++i) {
    part.certificates.push_back(hex("3003020100"));
  }
  return part;
}

inline SingleResponse make_single_response(const CertId& id, CertStatus status = Good{}) {
  return {id.der(), status, kNow, kNow + Seconds(3600), {}};
}

inline ResponseData make_response_data() {
  ResponseData data;
  data.responder_id.emplace<std::array<std::uint8_t, 20>>().fill(0x33);
  data.produced_at = kNow;
  data.responses.push_back(make_single_response(make_cert_id()));
  return data;
}

inline Buffer encode_sample(const ResponseData& data, std::size_t certificates = 0) {
  return encode_response(encode_response_data(data), make_signature(certificates));
}

// What parsing an owned message says; the parsers themselves refuse temporaries, whose views would
// dangle.
inline std::string cert_id_outcome(const Buffer& octets) { return outcome(parse_cert_id(octets)); }
inline std::string request_outcome(const Buffer& octets, const Limits& limits = {}) {
  return outcome(parse_request(octets, limits));
}
inline std::string response_outcome(const Buffer& octets, const Limits& limits = {}) {
  return outcome(parse_response(octets, limits));
}
/// The error; the message must not parse.
inline der::DerError request_error(const Buffer& octets, const Limits& limits = {}) {
  return parse_request(octets, limits).error();
}
inline der::DerError response_error(const Buffer& octets, const Limits& limits = {}) {
  return parse_response(octets, limits).error();
}

using testing::re_encode_request;
using testing::re_encode_response;

/// `octets` with the first occurrence of `from` replaced, all in hexadecimal; lengths around it are
/// the caller's business.
inline Buffer replaced(Bytes octets, std::string_view from, std::string_view to) {
  std::string text = to_hex(octets);
  const std::size_t at = text.find(from);
  MUSTER_ASSERT(at != std::string::npos && at % 2 == 0);
  return hex(text.replace(at, from.size(), to));
}

}  // namespace muster::ocsp
