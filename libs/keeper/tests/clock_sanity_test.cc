#include "clock_sanity.h"

#include <gmock/gmock.h>

namespace muster::keeper {
namespace {

constexpr MonotonicTime kNow{std::chrono::hours(100)};

Fingerprint ca(unsigned n) {
  Fingerprint f{};
  f[0] = static_cast<std::uint8_t>(n);
  f[1] = static_cast<std::uint8_t>(n >> 8);
  return f;
}

TEST(ClockSanity, OneCaAloneSaysNothingAboutUs) {
  ClockSanity sanity;
  for (int i = 0; i < 10; ++i) {
    sanity.note(ca(1), Seconds(86400), kNow);
  }
  EXPECT_EQ(sanity.suspicion(kNow), std::nullopt);
}

TEST(ClockSanity, SeveralThatAgreeDo) {
  ClockSanity sanity;
  sanity.note(ca(1), Seconds(5000), kNow);
  sanity.note(ca(2), Seconds(4000), kNow);
  EXPECT_EQ(sanity.suspicion(kNow), Seconds(4000));
  sanity.note(ca(3), Seconds(0), kNow);
  EXPECT_EQ(sanity.suspicion(kNow), std::nullopt) << "one of three is in order";
  for (unsigned n = 4; n < 10; ++n) {
    sanity.note(ca(n), Seconds(4500), kNow);
  }
  EXPECT_EQ(sanity.suspicion(kNow), Seconds(4000)) << "one of nine may be wrong itself";
}

TEST(ClockSanity, AnswersThatAreOverWhenTheyComeMeanThatWeAreAhead) {
  ClockSanity sanity;
  sanity.note(ca(1), Seconds(-300), kNow);
  sanity.note(ca(2), Seconds(-90'000), kNow);
  EXPECT_EQ(sanity.suspicion(kNow), Seconds(-300));
}

TEST(ClockSanity, LittleDifferencesAreInOrder) {
  ClockSanity sanity;
  sanity.note(ca(1), Seconds(120), kNow);
  sanity.note(ca(2), Seconds(120), kNow);
  EXPECT_EQ(sanity.suspicion(kNow), std::nullopt);
}

TEST(ClockSanity, TheLastWordCountsAndIsForgottenAfterHours) {
  ClockSanity sanity;
  sanity.note(ca(1), Seconds(5000), kNow);
  sanity.note(ca(2), Seconds(5000), kNow);
  EXPECT_EQ(sanity.suspicion(kNow + ClockSanity::kMemory + Milliseconds(1)), std::nullopt);
  sanity.note(ca(2), Seconds(0), kNow);
  EXPECT_EQ(sanity.suspicion(kNow), std::nullopt);
}

TEST(ClockSanity, ASetClockBeginsAnew) {
  ClockSanity sanity;
  sanity.note(ca(1), Seconds(5000), kNow);
  sanity.note(ca(2), Seconds(5000), kNow);
  sanity.forget();
  EXPECT_EQ(sanity.suspicion(kNow), std::nullopt);
}

TEST(ClockSanity, ManyCasAreBounded) {
  ClockSanity sanity;
  for (unsigned n = 0; n < 2 * ClockSanity::kMostAuthorities; ++n) {
    sanity.note(ca(n), Seconds(n < ClockSanity::kMostAuthorities ? 5000 : 0), kNow);
  }
  EXPECT_EQ(sanity.suspicion(kNow), Seconds(5000));
}

}  // namespace
}  // namespace muster::keeper
