#include "muster/testing/pki_builder.h"

#include <arpa/inet.h>

#include <atomic>

#include "muster/base/assert.h"
#include "muster/base/text.h"

namespace muster::testing {
namespace {

using der::Tag;
using der::Writer;

constexpr std::uint8_t kCommonName[] = {0x55, 4, 3};
constexpr std::uint8_t kOrganisation[] = {0x55, 4, 10};
constexpr std::uint8_t kSubjectAltName[] = {0x55, 0x1d, 0x11};

void write_name_part(Writer& w, Bytes type, std::string_view text, Tag string_type) {
  w.element(Tag::kSet, [&] {
    w.sequence([&] {
      w.oid(type);
      w.element(string_type, as_bytes(text));
    });
  });
}

template <class Body>
void add(Writer& w, Bytes oid, bool critical, Body&& body) {
  Writer value;
  body(value);
  der::write_extension(w, oid, critical, value.bytes());
}

void write_key_usage(Writer& w, std::uint16_t usage) {
  std::uint8_t octet = 0;
  unsigned unused = 8;
  for (unsigned n = 0; n < 8; ++n) {
    if ((usage & (1u << n)) != 0) {
      octet = static_cast<std::uint8_t>(octet | (0x80u >> n));
      unused = 7 - n;
    }
  }
  if (unused == 8) {
    const std::uint8_t none[] = {0};
    w.element(Tag::kBitString, none);
    return;
  }
  const std::uint8_t content[] = {static_cast<std::uint8_t>(unused), octet};
  w.element(Tag::kBitString, content);
}

void write_access(Writer& w, const CertificateSpec& spec) {
  const auto each = [&](Bytes method, const std::vector<std::string>& uris) {
    for (const std::string& uri : uris) {
      w.sequence([&] {
        w.oid(method);
        w.element(der::kGeneralNameUri, as_bytes(uri));
      });
    }
  };
  w.sequence([&] {
    each(oid::kAdOcsp, spec.ocsp_uris);
    each(oid::kAdCaIssuers, spec.ca_issuers_uris);
  });
}

void write_crl_points(Writer& w, const CertificateSpec& spec) {
  w.sequence([&] {
    for (const std::string& uri : spec.crl_uris) {
      w.sequence([&] {
        w.element(der::context_constructed(0), [&] {
          w.element(der::context_constructed(0),
                    [&] { w.element(der::kGeneralNameUri, as_bytes(uri)); });
        });
      });
    }
  });
}

void write_alt_names(Writer& w, const CertificateSpec& spec) {
  w.sequence([&] {
    for (const std::string& name : spec.dns_names) {
      w.element(der::context_primitive(2), as_bytes(name));
    }
    for (const std::string& text : spec.ip_addresses) {
      in_addr address{};
      MUSTER_ASSERT(::inet_pton(AF_INET, text.c_str(), &address) == 1);
      w.element(der::context_primitive(7),
                Bytes(reinterpret_cast<const std::uint8_t*>(&address), 4));
    }
  });
}

Bytes key_bits(Bytes public_key_info) {
  der::Reader in(public_key_info);
  auto body = in.enter(Tag::kSequence, "spki");
  MUSTER_ASSERT(body && body->read_any("algorithm"));
  const auto bits = body->read_octet_bits("key");
  MUSTER_ASSERT(bits);
  return *bits;
}

void write_extensions(Writer& w, const CertificateSpec& spec, Bytes subject_spki,
                      Bytes issuer_spki) {
  if (spec.ca) {
    add(w, oid::kCeBasicConstraints, true, [&](Writer& v) {
      v.sequence([&] {
        v.boolean(true);
        if (spec.path_length) {
          v.integer(*spec.path_length);
        }
      });
    });
  }
  if (spec.key_usage) {
    add(w, oid::kCeKeyUsage, true, [&](Writer& v) { write_key_usage(v, *spec.key_usage); });
  }
  if (!spec.extended_key_usage.empty()) {
    add(w, oid::kCeExtendedKeyUsage, false, [&](Writer& v) {
      v.sequence([&] {
        for (const Buffer& purpose : spec.extended_key_usage) {
          v.oid(purpose);
        }
      });
    });
  }
  if (spec.subject_key_id) {
    add(w, oid::kCeSubjectKeyId, false, [&](Writer& v) {
      v.octet_string(pki::digest(HashAlgorithm::kSha1, key_bits(subject_spki)));
    });
  }
  if (spec.authority_key_id) {
    add(w, oid::kCeAuthorityKeyId, false, [&](Writer& v) {
      v.sequence([&] {
        v.element(der::context_primitive(0),
                  pki::digest(HashAlgorithm::kSha1, key_bits(issuer_spki)));
      });
    });
  }
  if (!spec.dns_names.empty() || !spec.ip_addresses.empty()) {
    add(w, kSubjectAltName, false, [&](Writer& v) { write_alt_names(v, spec); });
  }
  if (!spec.ocsp_uris.empty() || !spec.ca_issuers_uris.empty()) {
    add(w, oid::kPeAuthorityInfoAccess, false, [&](Writer& v) { write_access(v, spec); });
  }
  if (!spec.crl_uris.empty()) {
    add(w, oid::kCeCrlDistributionPoints, false, [&](Writer& v) { write_crl_points(v, spec); });
  }
  if (!spec.tls_features.empty()) {
    add(w, oid::kPeTlsFeature, false, [&](Writer& v) {
      v.sequence([&] {
        for (const std::uint32_t feature : spec.tls_features) {
          v.integer(feature);
        }
      });
    });
  }
  if (spec.no_check) {
    add(w, oid::kOcspNoCheck, false, [](Writer& v) { v.null(); });
  }
  if (spec.no_rev_avail) {
    add(w, oid::kCeNoRevAvail, false, [](Writer& v) { v.null(); });
  }
  for (const der::Extension& extension : spec.extensions) {
    der::write_extension(w, extension.oid, extension.critical, extension.value);
  }
}

Buffer next_serial() {
  static std::atomic<std::uint32_t> counter{1};
  const std::uint32_t n = counter++;
  // Eight octets, no sign octet needed, none like another in this process.
  return {0x51,
          0x7e,
          0x57,
          0x01,
          static_cast<std::uint8_t>(n >> 24),
          static_cast<std::uint8_t>(n >> 16),
          static_cast<std::uint8_t>(n >> 8),
          static_cast<std::uint8_t>(n)};
}

Identity make_identity(const CertificateSpec& spec, const Identity* issuer) {
  TestKey key = spec.use_key ? *spec.use_key : make_key(spec.key);
  const Buffer subject = spec.subject ? *spec.subject : make_name(spec.common_name);
  const Bytes issuer_name = issuer != nullptr ? issuer->certificate.subject() : Bytes(subject);
  const Buffer der =
      make_certificate_der(spec, key, issuer_name, issuer != nullptr ? issuer->key : key.key);
  auto parsed = pki::Certificate::parse(der);
  MUSTER_ASSERT(parsed);  // for refused ones there is make_certificate_der
  return {*std::move(parsed), std::move(key.key), std::move(key.pem)};
}

constexpr std::uint16_t bit(pki::KeyUsageBit b) { return static_cast<std::uint16_t>(b); }

}  // namespace

Buffer make_name(std::string_view common_name, Tag string_type) {
  Writer w;
  w.sequence([&] {
    if (!common_name.empty()) {
      write_name_part(w, kOrganisation, "Muster Test", Tag::kUtf8String);
      write_name_part(w, kCommonName, common_name, string_type);
    }
  });
  return w.take();
}

Serial make_serial(std::uint64_t number) {
  Buffer content;
  for (int shift = 56; shift >= 0; shift -= 8) {
    const auto octet = static_cast<std::uint8_t>(number >> shift);
    if (octet != 0 || !content.empty() || shift == 0) {
      content.push_back(octet);
    }
  }
  if ((content[0] & 0x80) != 0) {
    content.insert(content.begin(), 0);
  }
  auto serial = Serial::make(content);
  MUSTER_ASSERT(serial);
  return *serial;
}

CertificateSpec ca_spec(std::string_view common_name) {
  CertificateSpec spec;
  spec.common_name = common_name;
  spec.ca = true;
  spec.key_usage = bit(pki::KeyUsageBit::kDigitalSignature) | bit(pki::KeyUsageBit::kKeyCertSign) |
                   bit(pki::KeyUsageBit::kCrlSign);
  return spec;
}

CertificateSpec ocsp_signer_spec(std::string_view common_name) {
  CertificateSpec spec;
  spec.common_name = common_name;
  spec.key_usage = bit(pki::KeyUsageBit::kDigitalSignature);
  spec.extended_key_usage = {to_buffer(oid::kKpOcspSigning)};
  spec.no_check = true;
  return spec;
}

CertificateSpec leaf_spec(std::string_view dns_name) {
  CertificateSpec spec;
  spec.common_name = dns_name;
  spec.key_usage = bit(pki::KeyUsageBit::kDigitalSignature);
  spec.extended_key_usage = {to_buffer(oid::kKpServerAuth)};
  spec.dns_names = {std::string(dns_name)};
  return spec;
}

Buffer make_certificate_der(const CertificateSpec& spec, const TestKey& subject_key,
                            Bytes issuer_name, const pki::PrivateKey& issuer_key) {
  const Buffer subject = spec.subject ? *spec.subject : make_name(spec.common_name);
  const Buffer subject_spki = subject_key.key.public_key_info();
  const Seconds day(86400);
  Writer tbs;
  tbs.sequence([&] {
    if (!spec.version_1) {
      tbs.element(der::context_constructed(0), [&] { tbs.integer(2); });
    }
    tbs.element(Tag::kInteger, spec.serial ? *spec.serial : next_serial());
    tbs.raw(algorithm_for(spec.sign_as, issuer_key));
    tbs.raw(spec.issuer_name ? Bytes(*spec.issuer_name) : issuer_name);
    tbs.sequence([&] {
      der::write_time(tbs, spec.not_before.value_or(spec.at - (spec.ca ? 365 : 30) * day));
      der::write_time(tbs, spec.not_after.value_or(spec.at + (spec.ca ? 9 * 365 : 60) * day));
    });
    tbs.raw(subject);
    tbs.raw(subject_spki);
    Writer extensions;
    write_extensions(extensions, spec, subject_spki, issuer_key.public_key_info());
    if (!spec.version_1 && !extensions.bytes().empty()) {
      tbs.element(der::context_constructed(3),
                  [&] { tbs.sequence([&] { tbs.raw(extensions.bytes()); }); });
    }
  });
  MadeSignature made = sign_as(spec.sign_as, issuer_key, tbs.bytes());
  if (spec.break_signature) {
    made.signature.back() ^= 1;
  }
  Writer out;
  out.sequence([&] {
    out.raw(tbs.bytes());
    out.raw(made.algorithm);
    out.octet_bits(made.signature);
  });
  return out.take();
}

std::string Identity::certificate_pem() const { return to_pem({certificate}); }

std::string Identity::write(const TempDir& dir, std::string_view name,
                            const std::vector<pki::Certificate>& chain) const {
  dir.write(std::string(name) + ".key", key_pem);
  return dir.write(std::string(name) + ".pem", certificate_pem() + to_pem(chain));
}

Identity make_self_signed(const CertificateSpec& spec) { return make_identity(spec, nullptr); }
Identity issue(const Identity& issuer, const CertificateSpec& spec) {
  return make_identity(spec, &issuer);
}

TestPki make_pki(UnixSeconds at) {
  const auto around = [&](CertificateSpec spec) {
    spec.at = at;
    return spec;
  };
  Identity root = make_self_signed(around(ca_spec("Test Root")));
  Identity intermediate = issue(root, around(ca_spec("Test Intermediate")));
  Identity ocsp_signer = issue(intermediate, around(ocsp_signer_spec()));
  Identity leaf = issue(intermediate, around(leaf_spec("leaf.example")));
  Identity other_leaf = issue(intermediate, around(leaf_spec("other.example")));
  return {std::move(root), std::move(intermediate), std::move(ocsp_signer), std::move(leaf),
          std::move(other_leaf)};
}

const TestPki& standard_pki() {
  static const TestPki pki = make_pki(kTestNow);
  return pki;
}

Identity issue_intermediate(std::vector<std::string> ocsp_uris) {
  const TestPki& pki = standard_pki();
  CertificateSpec spec = ca_spec("again");
  spec.subject = to_buffer(pki.intermediate.certificate.subject());
  spec.use_key = TestKey{pki.intermediate.key, pki.intermediate.key_pem};
  spec.ocsp_uris = std::move(ocsp_uris);
  return issue(pki.root, spec);
}

std::string to_pem(const std::vector<pki::Certificate>& certificates) {
  std::string all;
  for (const pki::Certificate& certificate : certificates) {
    all += to_pem("CERTIFICATE", certificate.der());
  }
  return all;
}

namespace {
std::string utc_time(UnixSeconds t) {
  Writer w;
  der::write_time(w, t);
  return std::string(as_text(Bytes(w.bytes()).subspan(2)));
}
std::string index_fields(const pki::Certificate& certificate, char flag,
                         std::string_view revocation) {
  return std::string(1, flag) + "\t" + utc_time(certificate.not_after()) + "\t" +
         std::string(revocation) + "\t" + certificate.serial().to_hex() +
         "\tunknown\t/CN=" + certificate.serial().to_hex() + "\n";
}
}  // namespace

std::string index_line(const pki::Certificate& certificate) {
  return index_fields(certificate, 'V', "");
}

std::string index_line(const pki::Certificate& certificate, UnixSeconds revoked_at,
                       std::string_view reason) {
  return index_fields(certificate, 'R',
                      utc_time(revoked_at) + (reason.empty() ? "" : "," + std::string(reason)));
}

}  // namespace muster::testing
