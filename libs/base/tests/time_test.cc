#include "muster/base/time.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(Iso8601, RoundTripsAcrossTheRange) {
  for (const std::int64_t s : {0LL, 1795514400LL, -62167219200LL, 253402300799LL, 4102444800LL}) {
    EXPECT_EQ(parse_iso8601(format_iso8601(unix_seconds(s))), unix_seconds(s)) << s;
  }
  EXPECT_EQ(format_iso8601(unix_seconds(1795514400)), "2026-11-24T10:00:00Z");
  EXPECT_EQ(format_iso8601(unix_seconds(-62135596799)), "0001-01-01T00:00:01Z");
  EXPECT_EQ(format_iso8601(unix_seconds(253402300799)), "9999-12-31T23:59:59Z");
  EXPECT_EQ(parse_iso8601("2026-11-24"), unix_seconds(1795478400));
  EXPECT_EQ(parse_iso8601("@5"), unix_seconds(5));
}

TEST(Iso8601, RejectsWhatIsNotOne) {
  for (const char* text :
       {"", "2026-13-01", "2026-02-30", "2026-11-24T10:00:00", "2026-11-24T24:00:00Z", "@", "@x"}) {
    EXPECT_FALSE(parse_iso8601(text)) << text;
  }
}

TEST(HttpDate, ReadsTheThreeForms) {
  const auto t = unix_seconds(784111777);
  EXPECT_EQ(format_http_date(t), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), t);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), t);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), t);
  EXPECT_FALSE(parse_http_date("yesterday"));
  EXPECT_FALSE(parse_http_date("Sun, 06 Nov 1994 08:49:37 CET"));
}

TEST(Duration, ParsesUnitsInFallingOrderAndRefusesTheRest) {
  EXPECT_EQ(parse_duration("90s"), Seconds(90));
  EXPECT_EQ(parse_duration("1h30m"), Seconds(5400));
  EXPECT_EQ(parse_duration("7d"), Seconds(604800));
  EXPECT_EQ(parse_duration("0"), Seconds(0));
  for (const char* text : {"", "5", "5x", "-5s", "5m1h", "9223372036854775807d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_EQ(format_duration(Seconds(223200)), "2d 14h");
  EXPECT_EQ(format_duration(Seconds(0)), "0s");
  EXPECT_EQ(format_duration(Seconds(-61)), "-1m 1s");
}

}  // namespace
}  // namespace muster
