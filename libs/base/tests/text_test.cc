#include "muster/base/text.h"

#include <gtest/gtest.h>

#include <array>

namespace muster {
namespace {

TEST(Printable, KeepsTextAndEscapesWhatCouldFoolATerminalOrALog) {
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("plain ü"), "plain ü");
  EXPECT_EQ(printable("\x7f ~\x1f"), "\\x7f ~\\x1f");
  EXPECT_EQ(printable("a\nb\x1b[0m"), "a\\x0ab\\x1b[0m");
  EXPECT_EQ(printable("\xff\xc0\x80"), "\\xff\\xc0\\x80");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");           // C1 control
  EXPECT_EQ(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // right-to-left override
  for (const char* trick : {"\u200e", "\u200f", "\u061c", "\u2067", "\u2028", "\u2029", "\ufeff",
                            "\uffff", "\ufdd0", "\U000e0041"}) {
    EXPECT_EQ(printable(trick).substr(0, 2), "\\x") << printable(trick);
  }
  EXPECT_EQ(printable("\u200c\u0915\u0300\U0001f600"), "\u200c\u0915\u0300\U0001f600");
}

TEST(ClosestMatch, FindsTyposAndNothingFar) {
  constexpr std::array<std::string_view, 3> kWords = {"listen", "validity", "signer"};
  EXPECT_EQ(closest_match("lisen", kWords), "listen");
  EXPECT_EQ(closest_match("Validty", kWords), "validity");
  EXPECT_EQ(closest_match("zzzzzz", kWords), "");
}

TEST(CountOf, CountsThoseSideBySide) {
  EXPECT_EQ(count_of("abcabab", "ab"), 3u);
  EXPECT_EQ(count_of("aaaaa", "aa"), 2u);
  EXPECT_EQ(count_of("ab", "abc"), 0u);
  EXPECT_EQ(count_of("", "a"), 0u);
}

TEST(Split, KeepsEmptyPieces) {
  EXPECT_EQ(split("a\t\tb", '\t'), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
}

}  // namespace
}  // namespace muster
