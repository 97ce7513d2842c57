#include <gtest/gtest.h>

#include <unordered_set>

#include "muster/der/pkix.h"
#include "muster/der/serial_digits.h"

namespace muster {
namespace {

Serial make_serial(std::string_view content_hex) {
  const auto serial = Serial::make(*from_hex(content_hex));
  MUSTER_ASSERT(serial);
  return *serial;
}

// req: OCSP-COD-025
// req: OCSP-COD-026
TEST(Serial, ReadsAndPrintsNumbersAsIndexFilesDo) {
  struct Case {
    std::string content;
    std::string text;
  };
  const Case cases[] = {
      {"00", "00"},      {"01", "01"},         {"7f", "7F"},
      {"0080", "80"},    {"009a", "9A"},       {"00ffff", "FFFF"},
      {"0100", "0100"},  {"9a", "-66"},        {"ff", "-01"},
      {"80", "-80"},     {"ff7f", "-81"},      {"8000", "-8000"},
      {"ff00", "-0100"}, {"4a19c2", "4A19C2"}, {"00" + std::string(40, 'f'), std::string(40, 'F')}};
  for (const Case& c : cases) {
    const Serial serial = make_serial(c.content);
    EXPECT_EQ(to_hex(serial.octets()), c.content);
    EXPECT_EQ(serial.to_hex(), c.text);
    const std::optional<Serial> back = Serial::from_hex(c.text);
    ASSERT_TRUE(back.has_value()) << c.text;
    EXPECT_TRUE(*back == serial) << c.text;
  }
}

TEST(Serial, ReadsTheFormsPeoplePaste) {
  const Serial expected = make_serial("4a19c2");
  for (const std::string_view text :
       {"4A19C2", "4a19c2", "4A:19:C2", " 4A19C2 ", "004A19C2", "0004a19c2"}) {
    const std::optional<Serial> serial = Serial::from_hex(text);
    ASSERT_TRUE(serial.has_value()) << text;
    EXPECT_TRUE(*serial == expected) << text;
  }
  EXPECT_EQ(Serial::from_hex("5")->to_hex(), "05");
  EXPECT_EQ(Serial::from_hex("0:1:23")->to_hex(), "0123");
  EXPECT_EQ(Serial::from_hex("-80")->to_hex(), Serial::make(Buffer{0x80})->to_hex());
  EXPECT_EQ(Serial::from_hex(std::string(500, '0') + "5")->to_hex(), "05");
  EXPECT_EQ(Serial::from_hex("-0")->to_hex(), "00");
  for (const std::string_view bad : {"", "-", ":", "0x10", "4G", "4A 19", "--1", "1-"}) {
    EXPECT_FALSE(Serial::from_hex(bad).has_value()) << bad;
  }
}

TEST(Serial, ReadsDigitsAndNothingElse) {
  struct Case {
    std::string_view text;
    std::string_view content;
  };
  for (const Case& c : std::initializer_list<Case>{{"0", "00"},
                                                   {"00", "00"},
                                                   {"-0", "00"},
                                                   {"1", "01"},
                                                   {"0001", "01"},
                                                   {"123", "0123"},
                                                   {"7f", "7f"},
                                                   {"80", "0080"},
                                                   {"aBcDeF", "00abcdef"},
                                                   {"0000000123456789", "0123456789"},
                                                   {"-1", "ff"},
                                                   {"-80", "80"},
                                                   {"-0081", "ff7f"}}) {
    const std::optional<Serial> serial = parse_serial_digits(c.text);
    ASSERT_TRUE(serial.has_value()) << c.text;
    EXPECT_EQ(to_hex(serial->octets()), c.content) << c.text;
  }
  for (const std::string_view bad : {"", "-", "--1", "1-", " 01", "01 ", "0 1", "01:02", ":01",
                                     "0x01", "0g", "g0", "g", "@1", "/1", "`1", "G1"}) {
    EXPECT_FALSE(parse_serial_digits(bad).has_value()) << bad;
  }
  for (std::size_t place = 0; place < 33; ++place) {
    std::string digits(33, '7');
    EXPECT_TRUE(parse_serial_digits(digits).has_value());
    digits[place] = 'x';
    EXPECT_FALSE(parse_serial_digits(digits).has_value()) << place;
  }
  const std::string longest(2 * kMaxSerialOctets, '7');
  EXPECT_TRUE(parse_serial_digits(std::string(500, '0') + longest).has_value());
  EXPECT_TRUE(parse_serial_digits("-" + longest).has_value());
  EXPECT_FALSE(parse_serial_digits("1" + longest).has_value());
  EXPECT_FALSE(parse_serial_digits(std::string(2 * kMaxSerialOctets, 'f')).has_value());
  EXPECT_FALSE(parse_serial_digits(std::string(500, '7')).has_value());
}

TEST(Serial, ColonsHideNoLimit) {
  std::string pairs = "77";
  for (std::size_t i = 1; i < kMaxSerialOctets; ++i) {
    pairs += ":77";
  }
  EXPECT_EQ(Serial::from_hex(pairs)->octets().size(), kMaxSerialOctets);
  EXPECT_EQ(Serial::from_hex("00:00:" + pairs)->octets().size(), kMaxSerialOctets);
  EXPECT_FALSE(Serial::from_hex("01:" + pairs).has_value());
  EXPECT_FALSE(Serial::from_hex("01:01:01:" + pairs).has_value());
  EXPECT_EQ(to_hex(Serial::from_hex("00:00")->octets()), "00");
  EXPECT_EQ(to_hex(Serial::from_hex("-:0:1")->octets()), "ff");
}

// req: OCSP-COD-029
TEST(Serial, IsBoundedAndMinimal) {
  EXPECT_TRUE(Serial::make(Buffer(kMaxSerialOctets, 0x11)));
  const auto too_long = Serial::make(Buffer(kMaxSerialOctets + 1, 0x11), 7);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(to_string(too_long.error()), "serialNumber: too large at octet 7");
  EXPECT_EQ(Serial::make(Bytes()).error().code, der::DerErrc::kBadValue);
  EXPECT_EQ(Serial::make(*from_hex("0001")).error().code, der::DerErrc::kBadValue);
  EXPECT_EQ(Serial::make(*from_hex("ff80")).error().code, der::DerErrc::kBadValue);
  // The sign octet counts: 64 octets of number that need one more do not fit.
  EXPECT_TRUE(Serial::from_hex(std::string(2 * kMaxSerialOctets, '7')).has_value());
  EXPECT_FALSE(Serial::from_hex(std::string(2 * kMaxSerialOctets, 'f')).has_value());
}

TEST(Serial, IsOrderedAndHashedByItsOctets) {
  EXPECT_TRUE(make_serial("01") < make_serial("02"));
  EXPECT_TRUE(make_serial("01") < make_serial("0100"));
  EXPECT_FALSE(make_serial("9a") == make_serial("009a")) << "-102 and 154";
  const std::unordered_set<Serial, SerialHash> set = {make_serial("01"), make_serial("9a"),
                                                      make_serial("009a"), make_serial("01")};
  EXPECT_EQ(set.size(), 3u);
}

TEST(ReasonCode, HasTheNumbersAndNamesOfTheRfc) {
  std::size_t defined = 0;
  for (std::uint64_t value = 0; value < 300; ++value) {
    const std::optional<ReasonCode> reason = make_reason_code(value);
    if (!reason) {
      continue;
    }
    ++defined;
    EXPECT_EQ(static_cast<std::uint64_t>(*reason), value);
    EXPECT_EQ(parse_reason_code(to_string(*reason)), reason);
  }
  EXPECT_EQ(defined, 10u);
  EXPECT_FALSE(make_reason_code(7).has_value());
  EXPECT_FALSE(make_reason_code(11).has_value());
  EXPECT_EQ(to_string(ReasonCode::kRemoveFromCrl), "removeFromCRL");
  EXPECT_EQ(parse_reason_code("CACompromise"), ReasonCode::kCaCompromise) << "openssl's spelling";
  EXPECT_FALSE(parse_reason_code("stolen").has_value());
}

}  // namespace
}  // namespace muster
