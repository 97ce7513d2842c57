#include <gtest/gtest.h>

#include "sample_messages.h"

namespace muster::ocsp {
namespace {

// req: OCSP-COD-023
TEST(CertId, MatchesAcrossBothSpellingsOfHashParameters) {
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    const Buffer digest(digest_size(hash), 0x42);
    const CertId with_null = CertId::make(hash, digest, digest, make_serial("05"));
    const CertId without =
        CertId::make(hash, digest, digest, make_serial("05"), der::HashParameters::kAbsent);
    EXPECT_EQ(with_null.der().size(), without.der().size() + 2);
    EXPECT_TRUE(with_null == without) << to_string(hash);
    EXPECT_EQ(der::find_hash(with_null.view().hash_algorithm), hash);
    EXPECT_EQ(der::find_hash(without.view().hash_algorithm), hash);
  }
}

TEST(CertId, TakesOtherParametersForAnotherAlgorithm) {
  const Buffer odd = replaced(make_cert_id().der(), "300d06096086480165030402010500",
                              "300d06096086480165030402010400");
  const auto id = parse_cert_id(odd);
  ASSERT_TRUE(id);
  EXPECT_FALSE(der::find_hash(id->hash_algorithm).has_value());
  EXPECT_FALSE(matches(*id, make_cert_id().view()));
}

TEST(CertId, MatchesUnknownHashesByTheirOid) {
  // MD5 with NULL and without parameters, as RFC 5019 has it in an example.
  const Buffer with_null = hex("3019 300c06082a864886f70d02050500 0402aaaa 0402bbbb 020101");
  const Buffer without = hex("3017 300a06082a864886f70d0205 0402aaaa 0402bbbb 020101");
  const Buffer other = hex("3017 300a06082a864886f70d0204 0402aaaa 0402bbbb 020101");
  EXPECT_TRUE(matches(*parse_cert_id(with_null), *parse_cert_id(without)));
  EXPECT_FALSE(matches(*parse_cert_id(other), *parse_cert_id(without)));
}

TEST(CertId, DiffersInEachField) {
  const Buffer a(32, 1);
  const Buffer b(32, 2);
  const auto make = [](const Buffer& name, const Buffer& key, std::string_view serial) {
    return CertId::make(HashAlgorithm::kSha256, name, key, make_serial(serial));
  };
  EXPECT_TRUE(make(a, a, "01") == make(a, a, "01"));
  EXPECT_FALSE(make(a, a, "01") == make(b, a, "01"));
  EXPECT_FALSE(make(a, a, "01") == make(a, b, "01"));
  EXPECT_FALSE(make(a, a, "01") == make(a, a, "02"));
  EXPECT_FALSE(make_cert_id("01", HashAlgorithm::kSha256) ==
               make_cert_id("01", HashAlgorithm::kSha384));
}

// req: OCSP-COD-025
TEST(CertId, KeepsSerialsOfOneToTwentyOctetsExactly) {
  for (std::size_t size = 1; size <= 20; ++size) {
    for (const std::uint8_t first : {std::uint8_t{0x01}, std::uint8_t{0x7f}}) {
      Buffer content(size, 0xee);
      content[0] = first;
      const CertId id = make_cert_id(to_hex(content));
      EXPECT_TRUE(equal(id.view().serial, content));
    }
  }
  // 9A as a certificate has it: with the octet that keeps it positive.
  const CertId id = make_cert_id("009a");
  const std::string encoded = to_hex(id.der());
  EXPECT_TRUE(encoded.ends_with("0202009a")) << encoded;
  EXPECT_FALSE(id == make_cert_id("9a")) << "-102 is another certificate";
}

// req: OCSP-COD-026
TEST(CertId, CarriesOddSerialsUnmodified) {
  const std::string serials[] = {"00",                              // zero
                                 "9a",                              // -102
                                 "ff7f",                            // -129
                                 "01" + std::string(40, 'a'),       // 21 octets
                                 "7f" + std::string(78, '5'),       // 40 octets
                                 "01" + std::string(2 * 63, '0')};  // the limit
  for (const std::string& serial : serials) {
    const CertId id = make_cert_id(serial);
    const auto back = parse_cert_id(id.der());
    ASSERT_TRUE(back) << serial;
    EXPECT_EQ(to_hex(back->serial), serial);
    EXPECT_TRUE(equal(back->to_owned().der(), id.der()));
  }
}

// req: OCSP-COD-029
TEST(CertId, RefusesSerialsBeyondTheLimit) {
  const std::string content = "01" + std::string(2 * kMaxSerialOctets, '0');
  der::Writer out;
  out.sequence([&] {
    out.raw(der::hash_algorithm_der(HashAlgorithm::kSha1, der::HashParameters::kNull));
    out.octet_string(Buffer(20, 1));
    out.octet_string(Buffer(20, 2));
    out.integer_octets(hex(content));
  });
  EXPECT_EQ(cert_id_outcome(out.bytes()), "serialNumber: too large at octet 57");
}

TEST(CertId, RefusesSerialsThatAreNotMinimal) {
  const Buffer id = replaced(make_cert_id("017f").der(), "0202017f", "0202007f");
  EXPECT_EQ(cert_id_outcome(id), "serialNumber: bad value at octet 85");
}

TEST(CertId, RefusesMissingAndExtraFields) {
  EXPECT_EQ(cert_id_outcome(hex("3000")), "hashAlgorithm: wrong tag at octet 2");
  EXPECT_EQ(cert_id_outcome(hex("3012 300706052b0e03021a 0400 0400 020101 05")),
            "certID: truncated at octet 19");
  EXPECT_EQ(cert_id_outcome(hex("3012 300706052b0e03021a 0400 0400 020101 0500")),
            "certID: trailing data at octet 18");
  EXPECT_EQ(cert_id_outcome(hex("3010 300706052b0e03021a 0400 0400 020101 0500")),
            "certID: trailing data at octet 18");
}

}  // namespace
}  // namespace muster::ocsp
