#include "screen.h"

#include <gtest/gtest.h>

namespace muster::report {
namespace {

TEST(Screen, CountsColumnsAsATerminalDoes) {
  EXPECT_EQ(columns_of("plain"), 5U);
  EXPECT_EQ(columns_of("münchen"), 7U);
  EXPECT_EQ(columns_of("\u8a3c\u660e"), 4U) << "two wide characters";
  EXPECT_EQ(columns_of("e\u0301"), 1U) << "a combining accent";
  EXPECT_EQ(columns_of(paint("red", Ink::kRed, Colour::kAnsi)), 3U);
  EXPECT_EQ(columns_of("\xe2\x80"), 1U) << "a sequence that ends early is not read beyond its end";
}

TEST(Screen, CutsWithAMarkAndNeverThroughACharacter) {
  EXPECT_EQ(cut("abcdef", 6), "abcdef");
  EXPECT_EQ(cut("abcdefg", 6), "abcd..");
  EXPECT_EQ(cut("\u8a3c\u660e\u66f8", 5), "\u8a3c..");
  EXPECT_EQ(cut("abc", 1), ".");
  EXPECT_EQ(cut("abc", 0), "");
}

TEST(Screen, WrapsAtBlanksAndIndents) {
  EXPECT_EQ(wrap("  a fix: one two three", 12, 4), "  a fix: one\n    two\n    three\n");
  EXPECT_EQ(wrap("see http://a.very.long.example/ now", 10, 2),
            "see\n  http://a.very.long.example/\n  now\n");
  EXPECT_EQ(wrap("as long as it likes", 0, 4), "as long as it likes\n");
  EXPECT_EQ(wrap("keeps  its  columns", 80, 4), "keeps  its  columns\n");
}

}  // namespace
}  // namespace muster::report
