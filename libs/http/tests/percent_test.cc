#include "muster/http/percent.h"

#include <gtest/gtest.h>

namespace muster::http {
namespace {

TEST(PercentDecode, DecodesOnce) {
  EXPECT_EQ(percent_decode(""), "");
  EXPECT_EQ(percent_decode("test%20CA"), "test CA");
  EXPECT_EQ(percent_decode("%c3%A4"), "\xc3\xa4");
  EXPECT_EQ(percent_decode("%2541"), "%41");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("%00"), std::string(1, '\0'));
}

TEST(PercentDecode, RefusesHalfAnEscape) {
  for (const char* text : {"%", "%4", "a%4", "%4g", "%g4", "%%41", "% 4", "%-1", "%0x41"}) {
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace muster::http
