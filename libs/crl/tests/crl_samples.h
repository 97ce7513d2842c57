#pragma once

#include <functional>
#include <string_view>

#include "muster/crl/crl.h"

// CRLs put together by hand, so that any part can be wrong.
namespace muster::crl::test {

inline Buffer hex(std::string_view text) { return *from_hex(text); }

/// ecdsa-with-SHA256 and ecdsa-with-SHA384
inline const Buffer kEcdsaSha256 = hex("300a06082a8648ce3d040302");
inline const Buffer kEcdsaSha384 = hex("300a06082a8648ce3d040303");

/// Name element "CN=<text>" as UTF8String.
inline Buffer name(std::string_view text, der::Tag string_type = der::Tag::kUtf8String) {
  static constexpr std::uint8_t kCommonName[] = {0x55, 4, 3};
  der::Writer out;
  out.sequence([&] {
    out.element(der::Tag::kSet, [&] {
      out.sequence([&] {
        out.oid(kCommonName);
        out.element(string_type, as_bytes(text));
      });
    });
  });
  return out.take();
}

/// GeneralName element: directoryName or URI.
inline Buffer directory(Bytes name_element) {
  der::Writer out;
  out.element(kGeneralNameDirectory, name_element);
  return out.take();
}
inline Buffer uri(std::string_view text) {
  der::Writer out;
  out.element(der::kGeneralNameUri, as_bytes(text));
  return out.take();
}

inline der::Extension extension(Bytes oid, Bytes value, bool critical = false) {
  return {to_buffer(oid), critical, to_buffer(value)};
}
inline der::Extension number(Bytes oid, Bytes integer_content, bool critical = false) {
  der::Writer value;
  value.element(der::Tag::kInteger, integer_content);
  return extension(oid, value.bytes(), critical);
}
inline constexpr std::uint8_t kPrivateOid[] = {0x2a, 3, 4};

/// certificateIssuer value naming this Name element.
inline der::Extension certificate_issuer(Bytes name_element) {
  der::Writer value;
  value.sequence([&] { value.raw(directory(name_element)); });
  return extension(oid::kCeCertificateIssuer, value.bytes(), true);
}

inline Serial serial(std::uint8_t n) { return *Serial::make(std::array<std::uint8_t, 1>{n}); }

/// An encoded CRL; `edit` changes the owner before.
inline Buffer make_crl(const std::function<void(Crl&)>& edit = {}) {
  Crl crl{name("CA"), kEcdsaSha256, unix_seconds(1700000000), unix_seconds(1700600000), {}, {}};
  if (edit) {
    edit(crl);
  }
  return encode_crl(encode_tbs_crl(crl), crl.signature_algorithm, hex("3000"));
}

/// The parts of a CRL as whole elements, empty ones left out.
struct Parts {
  Buffer version = hex("020101");
  Buffer signature = kEcdsaSha256;
  Buffer issuer = name("CA");
  Buffer this_update = hex("170d3233313131343232313332305a");  // 2023-11-14 22:13:20
  Buffer next_update = hex("170d3233313132313230353332305a");
  Buffer revoked{};
  Buffer extensions{};
  Buffer tbs_tail{};
  Buffer outer_signature = kEcdsaSha256;
  Buffer signature_value =
      hex("030300"
          "3000");
  Buffer outer_tail{};
};
inline Buffer assemble(const Parts& parts) {
  der::Writer out;
  out.sequence([&] {
    out.sequence([&] {
      for (const Buffer* part :
           {&parts.version, &parts.signature, &parts.issuer, &parts.this_update, &parts.next_update,
            &parts.revoked, &parts.extensions, &parts.tbs_tail}) {
        out.raw(*part);
      }
    });
    out.raw(parts.outer_signature);
    out.raw(parts.signature_value);
    out.raw(parts.outer_tail);
  });
  return out.take();
}

// One entry with reasonCode keyCompromise.
inline const Buffer kEntryWithReason =
    hex("3022"
        "3020"
        "020105"
        "170d3233313131343232313332305a"
        "300c"
        "300a"
        "0603551d15"
        "0403"
        "0a0101");
// crlExtensions with CRL number 1.
inline const Buffer kNumberOne =
    hex("a00e"
        "300c"
        "300a"
        "0603551d14"
        "0403"
        "020101");

}  // namespace muster::crl::test
