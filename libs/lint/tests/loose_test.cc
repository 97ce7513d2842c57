#include "loose.h"

#include "lint_world.h"

namespace muster::lint {
namespace {

using ::testing::IsEmpty;

std::vector<Flaw> flaws(const Buffer& octets) {
  std::vector<Flaw> out;
  for (const auto& note : read_loosely(octets).notes) {
    out.push_back(note.flaw);
  }
  return out;
}

TEST(LooseResponse, SaysOfAGoodOneWhatTheParserSays) {
  World w;
  w.entry().status = ocsp::Revoked{kTestNow - hours(5), ReasonCode::kSuperseded};
  w.entry().extensions = {unknown_extension(false)};
  w.response.nonce = Buffer(32, 1);
  const Buffer octets = w.build();
  const auto strict = ocsp::parse_response(octets);
  ASSERT_TRUE(strict);
  const LooseResponse loose = read_loosely(octets);
  EXPECT_THAT(loose.notes, IsEmpty());
  EXPECT_TRUE(loose.is_successful());
  EXPECT_EQ(loose.produced_at, strict->basic->produced_at);
  ASSERT_EQ(loose.entries.size(), 1U);
  const LooseEntry& entry = loose.entries[0];
  const ocsp::SingleResponseView single = strict->basic->responses.at(0);
  EXPECT_EQ(entry.status, LooseEntry::Status::kRevoked);
  EXPECT_EQ(entry.revoked_at, kTestNow - hours(5));
  EXPECT_EQ(entry.reason, 4U);
  EXPECT_EQ(entry.this_update, single.this_update);
  EXPECT_EQ(entry.next_update, single.next_update);
  EXPECT_TRUE(equal(entry.cert_id->raw, single.cert_id.raw));
  EXPECT_EQ(entry.extensions.size(), 1U);
  EXPECT_EQ(loose.extensions.size(), 1U);
  EXPECT_EQ(loose.certificates.size(), 1U);
  EXPECT_TRUE(equal(loose.signature_algorithm->raw, strict->basic->signature_algorithm.raw));
}

TEST(LooseResponse, TheDefaultOfTheOddOnesIsGood) {
  const Buffer octets = Odd().encode();
  EXPECT_THAT(flaws(octets), IsEmpty());
  const auto strict = ocsp::parse_response(octets);
  EXPECT_TRUE(strict) << to_string(strict.error());
}

TEST(LooseResponse, TimesOfOtherFormsAreUnderstood) {
  struct Case {
    const char* text;
    const char* meant;
  };
  for (const Case& c : {Case{"20261124090000.75Z", "2026-11-24T09:00:00Z"},
                        Case{"202611240900Z", "2026-11-24T09:00:00Z"},
                        Case{"20261124090000+0130", "2026-11-24T07:30:00Z"},
                        Case{"20261124090000-01", "2026-11-24T10:00:00Z"}}) {
    Odd odd;
    odd.this_update = time_element(c.text);
    const Buffer octets = odd.encode();
    const LooseResponse loose = read_loosely(octets);
    EXPECT_NE(loose.find(Flaw::kTime), nullptr) << c.text;
    ASSERT_EQ(loose.entries.size(), 1U);
    EXPECT_EQ(loose.entries[0].this_update, parse_iso8601(c.meant)) << c.text;
  }
  for (const char* text : {"", "2026", "20261324090000Z", "20261124990000Z", "yyyymmddhhmmssZ"}) {
    Odd odd;
    odd.this_update = time_element(text);
    const Buffer octets = odd.encode();
    EXPECT_EQ(read_loosely(octets).entries.at(0).this_update, std::nullopt) << text;
  }
}

// Whatever the strict parser refuses has a note, and no octet string is too odd to be looked at.
TEST(LooseResponse, WhatTheParserRefusesIsNeverWithoutANote) {
  World w;
  w.response.nonce = Buffer(16, 1);
  const Buffer good = w.build();
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const unsigned flip : {0x01U, 0x20U, 0x80U, 0xffU}) {
      Buffer bad = good;
      bad[i] = static_cast<std::uint8_t>(bad[i] ^ flip);
      if (!ocsp::parse_response(bad)) {
        EXPECT_FALSE(read_loosely(bad).notes.empty()) << i;
      }
    }
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    const Buffer cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(read_loosely(cut).notes.empty()) << size;
  }
}

TEST(LooseResponse, ErrorsAndOtherThingsAreToldApart) {
  const Buffer error = ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater);
  EXPECT_THAT(flaws(error), IsEmpty());
  EXPECT_EQ(read_loosely(error).status, 3U);
  EXPECT_FALSE(read_loosely(error).is_successful());
  const Buffer page = to_buffer(as_bytes("<html>"));
  EXPECT_EQ(read_loosely(page).status, std::nullopt);
  EXPECT_NE(read_loosely(page).find(Flaw::kShape), nullptr);
}

}  // namespace
}  // namespace muster::lint
