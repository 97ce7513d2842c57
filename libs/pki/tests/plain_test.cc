#include "plain.h"

#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "muster/pki/keys.h"
#include "muster/pki/native.h"
#include "muster/testing/pki_builder.h"

namespace muster::pki {
namespace {

using muster::testing::cached_key;
using muster::testing::CertificateSpec;
using muster::testing::KeyKind;
using muster::testing::make_name;
using muster::testing::standard_pki;

constexpr auto kTeletexString = static_cast<der::Tag>(0x14);
constexpr auto kBmpString = static_cast<der::Tag>(0x1e);

Buffer der_of(const CertificateSpec& spec) {
  const auto& ca = standard_pki().intermediate;
  return testing::make_certificate_der(spec, cached_key(KeyKind::kP256), ca.certificate.subject(),
                                       ca.key);
}
Buffer der_of(std::string_view name, der::Tag string_type) {
  CertificateSpec spec;
  spec.subject = make_name(name, string_type);
  return der_of(spec);
}

/// The same with an issuerUniqueID that has this content; its signature is not right any more.
Buffer with_unique_id(Bytes der, Bytes content) {
  const auto inside = [](Bytes element) {
    der::Reader in(element);
    return *in.enter(der::Tag::kSequence, "");
  };
  der::Reader certificate = inside(der);
  der::Reader tbs = inside(certificate.read_any("")->raw);
  der::Writer out;
  out.sequence([&] {
    out.sequence([&] {
      while (!tbs.at_end()) {
        if (tbs.next_is(der::context_constructed(3))) {
          out.element(der::context_primitive(1), content);
        }
        out.raw(tbs.read_any("")->raw);
      }
    });
    out.raw(certificate.rest());
  });
  return out.take();
}

/// Parses what is expected to parse.
Certificate parsed(Bytes der) {
  auto certificate = Certificate::parse(der);
  MUSTER_ASSERT(certificate);
  return *std::move(certificate);
}

TEST(Plain, CertificatesOfEveryDayAreDecodedByOpensslWhenItIsNeeded) {
  const auto& pki = standard_pki();
  for (const testing::Identity* made :
       {&pki.root, &pki.intermediate, &pki.ocsp_signer, &pki.leaf}) {
    const Certificate c = parsed(made->certificate.der());
    EXPECT_FALSE(c.impl().is_decoded()) << c.subject_text();
    EXPECT_NE(native_x509(c), nullptr);
    EXPECT_TRUE(c.impl().is_decoded());
  }
  for (const KeyKind kind :
       {KeyKind::kP384, KeyKind::kP521, KeyKind::kRsa2048, KeyKind::kEd25519, KeyKind::kEd448}) {
    CertificateSpec spec = testing::ca_spec("CA");
    spec.use_key = cached_key(kind);
    const testing::Identity ca = testing::make_self_signed(spec);
    const Certificate c = parsed(ca.certificate.der());
    EXPECT_FALSE(c.impl().is_decoded());
    EXPECT_TRUE(verify_issued_by(c, c)) << "OpenSSL decodes it now, and with it the key";
    EXPECT_TRUE(c.impl().is_decoded());
  }
}

TEST(Plain, NamesOfEveryDayAre) {
  for (const der::Tag type :
       {der::Tag::kUtf8String, der::Tag::kPrintableString, der::Tag::kIa5String}) {
    const Certificate c = parsed(der_of("www.example", type));
    EXPECT_FALSE(c.impl().is_decoded());
    EXPECT_NE(native_x509(c), nullptr);
  }
  const Certificate umlaut =
      parsed(der_of("B\xc3\xbc"
                    "cher",
                    der::Tag::kUtf8String));
  EXPECT_FALSE(umlaut.impl().is_decoded());
  EXPECT_NE(native_x509(umlaut), nullptr);
  CertificateSpec nameless;
  nameless.subject = make_name("");
  const Certificate c = parsed(der_of(nameless));
  EXPECT_FALSE(c.impl().is_decoded());
  EXPECT_NE(native_x509(c), nullptr);
}

TEST(Plain, WhatOpensslMightRefuseIsDecodedWhenItIsParsed) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(parsed(der_of("\0w\0w"sv, kBmpString)).impl().is_decoded());
  EXPECT_TRUE(parsed(der_of("www.example", kTeletexString)).impl().is_decoded());
  EXPECT_TRUE(parsed(der_of("a\x01", der::Tag::kUtf8String)).impl().is_decoded());
  EXPECT_TRUE(parsed(der_of("\xfc", der::Tag::kPrintableString)).impl().is_decoded());
  const std::uint8_t id[] = {0x00, 0xaa};
  const Buffer der = with_unique_id(standard_pki().leaf.certificate.der(), id);
  EXPECT_TRUE(parsed(der).impl().is_decoded());
  if (testing::can_make(KeyKind::kDsa2048)) {
    CertificateSpec spec;
    spec.use_key = cached_key(KeyKind::kDsa2048);
    const auto made = testing::issue(standard_pki().intermediate, spec);
    EXPECT_TRUE(parsed(made.certificate.der()).impl().is_decoded());
  }
}

TEST(Plain, WhatIsBeyondEveryDayIsDecodedWhenItIsParsed) {
  EXPECT_TRUE(parsed(der_of(std::string(16384, 'a'), der::Tag::kUtf8String)).impl().is_decoded());
  CertificateSpec large;
  large.extensions = {{Buffer{0x2a, 3}, false, Buffer(std::size_t{1} << 20, 0)}};
  EXPECT_TRUE(parsed(der_of(large)).impl().is_decoded());
  CertificateSpec empty_value;
  der::Writer name;
  name.sequence([&] {
    name.element(der::Tag::kSet, [&] {
      name.sequence([&] {
        name.oid(Buffer{0x55, 4, 3});
        name.element(der::Tag::kUtf8String, Bytes());
      });
    });
  });
  empty_value.subject = name.take();
  EXPECT_TRUE(parsed(der_of(empty_value)).impl().is_decoded());
  CertificateSpec ca = testing::ca_spec("RSA CA"), pss;
  ca.use_key = cached_key(KeyKind::kRsa2048);
  pss.sign_as = testing::SignAs::kPssSha256;
  const auto leaf = testing::issue(testing::make_self_signed(ca), pss);
  EXPECT_TRUE(parsed(leaf.certificate.der()).impl().is_decoded()) << "parameters";
}

// The octets of these are well-formed for our reader: it is OpenSSL that refuses them, and it must
// not be asked too late.
TEST(Plain, WhatOpensslRefusesDoesNotParse) {
  const auto expect_refused = [](Bytes der, const char* what) {
    const auto certificate = Certificate::parse(der);
    ASSERT_FALSE(certificate) << what;
    EXPECT_EQ(certificate.error().code, PkiErrc::kNotACertificate) << what;
  };
  expect_refused(der_of("odd", kBmpString), "half a character");
  expect_refused(der_of("\xc3(", der::Tag::kUtf8String), "not UTF-8");
  const Bytes leaf = standard_pki().leaf.certificate.der();
  expect_refused(with_unique_id(leaf, Bytes()), "a BIT STRING without its first octet");
  const std::uint8_t nine_bits[] = {0x09, 0xaa};
  expect_refused(with_unique_id(leaf, nine_bits), "nine unused bits of eight");
}

TEST(Plain, OneThatIsDecodedLaterSaysTheSame) {
  const auto& pki = standard_pki();
  const Certificate later = parsed(pki.leaf.certificate.der());
  const Certificate at_once = parsed(der_of("www.example", kTeletexString));
  EXPECT_FALSE(verify_issued_by(later, pki.root.certificate));
  EXPECT_TRUE(verify_issued_by(later, pki.intermediate.certificate));
  EXPECT_FALSE(later.impl().is_decoded()) << "whose signature is verified need not be";
  EXPECT_TRUE(verify_issued_by(at_once, pki.intermediate.certificate));
  EXPECT_TRUE(pki.leaf.key.matches(later));
  EXPECT_FALSE(pki.other_leaf.key.matches(later));
}

TEST(Plain, ThreadsThatNeedItAtOnceGetTheSame) {
  constexpr std::size_t kThreads = 8;
  for (int round = 0; round < 20; ++round) {
    const Certificate c = parsed(standard_pki().leaf.certificate.der());
    std::array<x509_st*, kThreads> got{};
    std::latch start(kThreads);
    std::vector<std::thread> threads;
    for (x509_st*& place : got) {
      threads.emplace_back([&c, &start, &place] {
        start.arrive_and_wait();
        place = native_x509(c);
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    for (const x509_st* const one : got) {
      EXPECT_EQ(one, native_x509(c));
    }
  }
}

}  // namespace
}  // namespace muster::pki
