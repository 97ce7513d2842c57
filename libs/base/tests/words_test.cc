#include "muster/base/words.h"

#include <gtest/gtest.h>

#include <array>

namespace muster {
namespace {

constexpr std::array<std::uint8_t, 10> kOctets = {0xff, 0x01, 0x02, 0x03, 0x04,
                                                  0x05, 0x06, 0x07, 0x88, 0xff};

TEST(Words, EightOctetsAreReadFromEitherEnd) {
  EXPECT_EQ(load_little(kOctets.data() + 1), 0x8807060504030201U);
  EXPECT_EQ(load_big(kOctets.data() + 1), 0x0102030405060788U);
  EXPECT_EQ(eight_times(0xa5), 0xa5a5a5a5a5a5a5a5U);
}

TEST(Words, EightOctetsAreWrittenHighestFirst) {
  std::array<std::uint8_t, 10> octets = kOctets;
  store_big(0x1122334455667788U, octets.data() + 1);
  EXPECT_EQ(octets, (std::array<std::uint8_t, 10>{0xff, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                                  0x88, 0xff}));
}

}  // namespace
}  // namespace muster
