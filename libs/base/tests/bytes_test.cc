#include "muster/base/bytes.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(Hex, RoundTripsAndSkipsSeparatorsBetweenPairs) {
  const Buffer octets = {0x00, 0x9a, 0xff};
  EXPECT_EQ(to_hex(octets), "009aff");
  EXPECT_EQ(to_hex_colons(octets), "00:9A:FF");
  EXPECT_EQ(to_hex(Bytes()), "");
  EXPECT_EQ(to_hex_colons(Bytes()), "");
  EXPECT_EQ(from_hex("00:9A:ff"), octets);
  EXPECT_EQ(from_hex(""), Buffer());
}

TEST(Hex, RejectsHalfOctetsAndOtherCharacters) {
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0:0"));
  EXPECT_FALSE(from_hex("0g"));
}

TEST(Bytes, EqualAndLessCompareOctets) {
  const Buffer a = {1, 2};
  const Buffer b = {1, 2, 3};
  EXPECT_TRUE(equal(a, Buffer{1, 2}));
  EXPECT_FALSE(equal(a, b));
  EXPECT_TRUE(equal(Bytes(), Buffer()));
  EXPECT_TRUE(less(a, b));
  EXPECT_FALSE(less(b, a));
}

}  // namespace
}  // namespace muster
