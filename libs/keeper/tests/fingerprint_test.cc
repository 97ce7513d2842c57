#include "muster/keeper/fingerprint.h"

#include <gmock/gmock.h>

#include <vector>

#include "muster/base/time.h"

namespace muster::keeper {
namespace {

/// All zeros but for one octet.
Fingerprint with(std::size_t place, std::uint8_t octet) {
  Fingerprint out{};
  out.at(place) = octet;
  return out;
}

/// Octets with and without the sign bit at every place: within the first eight that are compared as
/// a number, and behind them.
std::vector<Fingerprint> some_of_each_kind() {
  std::vector<Fingerprint> out = {Fingerprint{}};
  for (std::size_t place = 0; place < Fingerprint{}.size(); ++place) {
    for (const int value : {0x01, 0x7f, 0x80, 0xff}) {
      out.push_back(with(place, static_cast<std::uint8_t>(value)));
      Fingerprint full;
      full.fill(0xff);
      full.at(place) = static_cast<std::uint8_t>(value - 1);
      out.push_back(full);
    }
  }
  return out;
}

TEST(FingerprintOrder, IsThatOfTheOctets) {
  const std::vector<Fingerprint> all = some_of_each_kind();
  for (const Fingerprint& a : all) {
    for (const Fingerprint& b : all) {
      ASSERT_EQ(FingerprintOrder()(a, b), a < b)
          << ::testing::PrintToString(a) << " and " << ::testing::PrintToString(b);
    }
  }
}

TEST(FingerprintOrder, TellsThoseApartThatDifferInOneOctetAlone) {
  FingerprintMap<std::size_t> places;
  for (std::size_t place = 0; place < Fingerprint{}.size(); ++place) {
    places.emplace(with(place, 1), place);
  }
  ASSERT_EQ(places.size(), Fingerprint{}.size());
  for (std::size_t place = 0; place < Fingerprint{}.size(); ++place) {
    EXPECT_EQ(places.at(with(place, 1)), place);
  }
}

TEST(TimedFingerprints, GoByTimeAndThenByTheOctets) {
  const Fingerprint first = with(31, 1), second = with(1, 2), third = with(0, 1);
  const UnixSeconds early = unix_seconds(1000), late = unix_seconds(2000);
  const TimedFingerprints<UnixSeconds> all = {
      {late, first}, {early, third}, {late, third}, {early, first}, {early, second}};
  EXPECT_THAT(all, ::testing::ElementsAre(std::pair(early, first), std::pair(early, second),
                                          std::pair(early, third), std::pair(late, first),
                                          std::pair(late, third)));
}

}  // namespace
}  // namespace muster::keeper
