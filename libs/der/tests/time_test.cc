#include <gtest/gtest.h>

#include "muster/der/pkix.h"
#include "muster/der/time_text.h"

namespace muster::der {
namespace {

std::optional<std::int64_t> read_generalized(std::string_view text) {
  Writer out;
  out.element(Tag::kGeneralizedTime, as_bytes(text));
  Reader in{Bytes(out.bytes())};
  const auto t = read_generalized_time(in, "t");
  return t ? std::optional(to_int(*t)) : std::nullopt;
}

std::optional<std::int64_t> read_utc(std::string_view text) {
  Writer out;
  out.element(Tag::kUtcTime, as_bytes(text));
  Reader in{Bytes(out.bytes())};
  const auto t = read_time(in, "t");
  return t ? std::optional(to_int(*t)) : std::nullopt;
}

// req: OCSP-COD-013
TEST(GeneralizedTime, ReadsTheOneSpelling) {
  EXPECT_EQ(read_generalized("19700101000000Z"), 0);
  EXPECT_EQ(read_generalized("20261124100000Z"), 1795514400);
  EXPECT_EQ(read_generalized("20240229235959Z"), 1709251199);
  EXPECT_EQ(read_generalized("19691231235959Z"), -1);
  EXPECT_EQ(read_generalized("00000101000000Z"), -62167219200);
  EXPECT_EQ(read_generalized("99991231235959Z"), 253402300799);
}

// req: OCSP-COD-014
TEST(GeneralizedTime, RefusesEveryOtherSpelling) {
  for (const std::string_view bad :
       {"", "2026112410Z", "202611241000Z", "20261124100000", "20261124100000.5Z",
        "20261124100000.0Z", "20261124100000,5Z", "20261124110000+0100", "20261124100000+0000",
        "20261124100000z", "2026112410000Z", "020261124100000Z", "20261124100000ZZ",
        " 20261124100000", "2026112410000 Z", "-0261124100000Z", "2026112410000aZ",
        "20261124100000\n"}) {
    EXPECT_FALSE(read_generalized(bad).has_value()) << bad;
  }
}

TEST(GeneralizedTime, RefusesInstantsThatDoNotExist) {
  for (const std::string_view bad :
       {"20260001000000Z", "20261301000000Z", "20260100000000Z", "20260132000000Z",
        "20260229000000Z", "21000229000000Z", "20260431000000Z", "20260101240000Z",
        "20260101006000Z", "20260101000060Z"}) {
    EXPECT_FALSE(read_generalized(bad).has_value()) << bad;
  }
  EXPECT_TRUE(read_generalized("20000229000000Z").has_value());
}

TEST(UtcTime, CoversTheYears1950To2049) {
  EXPECT_EQ(read_utc("500101000000Z"), -631152000);
  EXPECT_EQ(read_utc("491231235959Z"), 2524607999);
  EXPECT_EQ(read_utc("700101000000Z"), 0);
  for (const std::string_view bad : {"7001010000Z", "700101000000", "700101000000+0000",
                                     "19700101000000Z", "70010100000aZ", "a00101000000Z"}) {
    EXPECT_FALSE(read_utc(bad).has_value()) << bad;
  }
}

TEST(Time, TakesEitherFormAndNothingElse) {
  EXPECT_FALSE(read_utc("").has_value());
  Writer out;
  write_generalized_time(out, unix_seconds(5));
  Reader in{Bytes(out.bytes())};
  const auto t = read_time(in, "t");
  ASSERT_TRUE(t);
  EXPECT_EQ(to_int(*t), 5);
  const std::uint8_t integer[] = {2, 1, 0};
  Reader other{Bytes(integer)};
  EXPECT_EQ(read_time(other, "t").error().code, DerErrc::kWrongTag);
}

std::string written(UnixSeconds t) {
  Writer out;
  write_time(out, t);
  return std::string(1, static_cast<char>(out.bytes()[0] == 0x17 ? 'U' : 'G')) +
         std::string(as_text(Bytes(out.bytes()).subspan(2)));
}

// req: OCSP-COD-037
TEST(Time, IsWrittenAsUtcTimeUpTo2049) {
  EXPECT_EQ(written(unix_seconds(0)), "U700101000000Z");
  EXPECT_EQ(written(unix_seconds(2524607999)), "U491231235959Z");
  EXPECT_EQ(written(unix_seconds(2524608000)), "G20500101000000Z");
  EXPECT_EQ(written(unix_seconds(-631152001)), "G19491231235959Z");
  EXPECT_EQ(written(unix_seconds(-631152000)), "U500101000000Z");
}

TEST(Time, RoundTripsOverTheWholeCalendar) {
  for (std::int64_t s = -62167219200; s <= 253402300799; s += 86'400 * 97 + 12'345) {
    Writer out;
    write_generalized_time(out, unix_seconds(s));
    Reader in{Bytes(out.bytes())};
    const auto back = read_generalized_time(in, "t");
    ASSERT_TRUE(back);
    ASSERT_EQ(to_int(*back), s);
    std::array<std::uint8_t, kGeneralizedTimeBytes> text;
    put_generalized_time(unix_seconds(s), text);
    ASSERT_EQ(as_text(text), as_text(Bytes(out.bytes()).subspan(2)));
  }
}

TEST(TimeDeathTest, StopsOnYearsThatCannotBeWritten) {
  Writer out;
  EXPECT_DEATH(write_generalized_time(out, unix_seconds(253402300800)), "year");
  EXPECT_DEATH(write_generalized_time(out, unix_seconds(-62167219201)), "year");
}

}  // namespace
}  // namespace muster::der
