#include <gtest/gtest.h>

#include "crl_samples.h"
#include "muster/crl/encode.h"

namespace muster::crl {
namespace {

using test::hex;

TEST(CrlNumber, KeepsWhatItWasMadeFrom) {
  EXPECT_EQ(Number().content(), hex("00"));
  EXPECT_EQ(Number(127).content(), hex("7f"));
  EXPECT_EQ(Number(128).content(), hex("0080"));
  EXPECT_EQ(Number(0x1122334455667788).to_hex(), "1122334455667788");
  EXPECT_EQ(Number().to_hex(), "0");
  EXPECT_EQ(*Number::make(hex("0080")), Number(128));
  EXPECT_EQ(*Number::from_hex("1a"), Number(26));
  EXPECT_EQ(*Number::from_hex("F1A"), Number(0xf1a));
  EXPECT_LT(Number(255), Number(256));
}

TEST(CrlNumber, RefusesWhatIsNone) {
  EXPECT_FALSE(Number::make({}));
  EXPECT_FALSE(Number::make(hex("80")));
  EXPECT_FALSE(Number::from_hex(""));
  EXPECT_FALSE(Number::from_hex("xyz"));
}

// req: OCSP-CRL-009
TEST(CrlNumber, EndsBelowTwoToThe159) {
  EXPECT_EQ(*Number(255).next(), Number(256));
  EXPECT_EQ(*Number(0xffffffffffffffff).next(), *Number::from_hex("10000000000000000"));
  const auto last = Number::from_hex("7fffffffffffffffffffffffffffffffffffffff");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->content().size(), 20u);
  EXPECT_FALSE(last->next());
  EXPECT_FALSE(Number::from_hex("8000000000000000000000000000000000000000")) << "2^159";
}

}  // namespace
}  // namespace muster::crl
