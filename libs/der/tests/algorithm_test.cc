#include <gtest/gtest.h>

#include "muster/der/pkix.h"

namespace muster::der {
namespace {

DerResult<AlgorithmView> parse(const Buffer& octets) {
  Reader in{Bytes(octets)};
  return read_algorithm(in, "algorithm");
}

// req: OCSP-COD-023
TEST(Algorithm, NamesAHashWithNullAndWithoutParameters) {
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    for (const HashParameters parameters : {HashParameters::kNull, HashParameters::kAbsent}) {
      const Buffer octets = to_buffer(hash_algorithm_der(hash, parameters));
      const auto algorithm = parse(octets);
      ASSERT_TRUE(algorithm);
      EXPECT_EQ(find_hash(*algorithm), hash);
      EXPECT_TRUE(equal(algorithm->raw, octets));
      EXPECT_EQ(algorithm->parameters.has_value(), parameters == HashParameters::kNull);
    }
  }
  EXPECT_EQ(to_string(HashAlgorithm::kSha384), "sha384");
  EXPECT_EQ(digest_size(HashAlgorithm::kSha512), 64u);
}

// req: OCSP-COD-024
TEST(Algorithm, HasTheLengthsThatTheTwoSpellingsDiffer) {
  EXPECT_EQ(to_hex(hash_algorithm_der(HashAlgorithm::kSha256, HashParameters::kNull)).substr(0, 4),
            "300d");
  EXPECT_EQ(
      to_hex(hash_algorithm_der(HashAlgorithm::kSha256, HashParameters::kAbsent)).substr(0, 4),
      "300b");
}

TEST(Algorithm, IsNoHashWithOtherParametersOrOid) {
  EXPECT_FALSE(find_hash(*parse(*from_hex("300906052b0e03021a0400"))).has_value());
  EXPECT_FALSE(find_hash(*parse(*from_hex("300706052b0e03021b"))).has_value());
  EXPECT_FALSE(find_hash(*parse(*from_hex("300606042b0e0302"))).has_value());
}

TEST(Algorithm, RefusesOtherShapes) {
  const auto outcome = [](std::string_view text) {
    const auto algorithm = parse(*from_hex(text));
    return algorithm ? "ok" : to_string(algorithm.error());
  };
  EXPECT_EQ(outcome("3000"), "algorithm: wrong tag at octet 2");
  EXPECT_EQ(outcome("30020600"), "algorithm: bad value at octet 2");
  EXPECT_EQ(outcome("300706012b05000500"), "algorithm: trailing data at octet 7");
  EXPECT_EQ(outcome("300506012b0504"), "parameters: truncated at octet 7");
  EXPECT_EQ(outcome("300506012b2400"), "parameters: bad value at octet 5");
  EXPECT_EQ(outcome("3105 06012b0500"), "algorithm: wrong tag at octet 0");
}

TEST(Oid, GoesToTextAndBack) {
  const std::pair<std::string, std::string> cases[] = {
      {"2b06010505073001 01", "1.3.6.1.5.5.7.48.1.1"},
      {"2a864886f70d01010b", "1.2.840.113549.1.1.11"},
      {"551d38", "2.5.29.56"},
      {"00", "0.0"},
      {"27", "0.39"},
      {"28", "1.0"},
      {"4f", "1.39"},
      {"50", "2.0"},
      {"883703", "2.999.3"},
      {"2a81ffffffffffffffff7f", "1.2.18446744073709551615"},
  };
  for (const auto& [octets, text] : cases) {
    EXPECT_EQ(oid_to_string(*from_hex(octets)), text);
    const std::optional<Buffer> back = oid_from_string(text);
    ASSERT_TRUE(back.has_value()) << text;
    EXPECT_EQ(*back, *from_hex(octets)) << text;
  }
}

TEST(Oid, PrintsIllFormedOnesInHexadecimal) {
  EXPECT_EQ(oid_to_string(Bytes()), "[]");
  EXPECT_EQ(oid_to_string(*from_hex("2a80")), "[2a80]");
  EXPECT_EQ(oid_to_string(*from_hex("2a8001")), "[2a8001]");
  EXPECT_EQ(oid_to_string(*from_hex("2a82808080808080808000")), "[2a82808080808080808000]");
}

TEST(Oid, RefusesTextThatNamesNone) {
  for (const std::string_view bad :
       {"", "1", "1.", ".1", "1..2", "3.1", "1.40", "0.40", "1.2.a", "1.02",
        "1.2.18446744073709551616", "2.18446744073709551615", "-1.2"}) {
    EXPECT_FALSE(oid_from_string(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace muster::der
