#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/der/der.h"

namespace muster::der {
namespace {

Buffer hex(std::string_view text) {
  std::optional<Buffer> octets = from_hex(text);
  EXPECT_TRUE(octets.has_value()) << text;
  return octets.value_or(Buffer());
}

/// What reading one element of any type from `text` says: "ok", or the code and the offset.
std::string read_any_outcome(std::string_view text) {
  const Buffer octets = hex(text);
  Reader in{Bytes(octets)};
  const auto element = in.read_any("x");
  if (element) {
    return in.at_end() ? "ok" : "ok, rest";
  }
  return std::string(to_string(element.error().code)) + " @" +
         std::to_string(element.error().offset);
}

// req: OCSP-COD-028
TEST(Reader, TakesOnlyDefiniteMinimalLengths) {
  struct Case {
    std::string octets;
    std::string outcome;
  };
  const auto of = [](std::size_t n) { return std::string(2 * n, '0'); };
  const Case cases[] = {
      {"0400", "ok"},
      {"0401 00", "ok"},
      {"0400 00", "ok, rest"},
      {"047f" + of(127), "ok"},
      {"048180" + of(128), "ok"},
      {"0481ff" + of(255), "ok"},
      {"04820100" + of(256), "ok"},
      {"0482ffff" + of(65535), "ok"},
      {"0483010000" + of(65536), "ok"},
      // Not minimal: the short form would do, or a leading zero octet.
      {"048100", "bad length @0"},
      {"04817f" + of(127), "bad length @0"},
      {"04820080" + of(128), "bad length @0"},
      {"048200ff" + of(255), "bad length @0"},
      {"048300ffff" + of(65535), "bad length @0"},
      {"0484000fffff", "bad length @0"},
      // Indefinite, reserved and more than four length octets.
      {"0480 00 0000", "bad length @0"},
      {"3080 0000", "bad length @0"},
      {"2480 0401 00 0000", "bad value @0"},
      {"0485 0000000001 00", "bad length @0"},
      {"0485 0100000000", "bad length @0"},
      {"04ff", "bad length @0"},
      {"04fe 01", "bad length @0"},
      // Truncated at every place.
      {"", "truncated @0"},
      {"04", "truncated @1"},
      {"0401", "truncated @2"},
      {"0402 00", "truncated @3"},
      {"0481", "truncated @2"},
      {"048180", "truncated @3"},
      {"048180" + of(127), "truncated @130"},
      {"048201", "truncated @3"},
      {"04820100" + of(255), "truncated @259"},
      {"0484ff", "truncated @3"},
      {"0484ffffffff", "truncated @6"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(read_any_outcome(c.octets), c.outcome) << c.octets.substr(0, 20);
  }
}

// req: OCSP-COD-028
TEST(Reader, TakesOnlyIdentifiersThatDerHas) {
  for (unsigned identifier = 0; identifier < 256; ++identifier) {
    const std::array<std::uint8_t, 2> element = {static_cast<std::uint8_t>(identifier), 0};
    Reader in{Bytes(element)};
    const unsigned number = identifier & 0x1fu;
    const bool is_universal = identifier < 0x40;
    const bool is_constructed = (identifier & 0x20u) != 0;
    // EXTERNAL, EMBEDDED PDV, SEQUENCE, SET and CHARACTER STRING are always constructed, other
    // universal types never.
    const bool must_be_constructed =
        number == 8 || number == 11 || number == 16 || number == 17 || number == 29;
    bool expected = number != 31;
    if (is_universal) {
      expected = expected && number != 0 && is_constructed == must_be_constructed;
    }
    EXPECT_EQ(static_cast<bool>(in.read_any("x")), expected) << identifier;
  }
}

// req: OCSP-COD-029
TEST(Reader, BelievesNoLengthBeforeTheOctetsAreThere) {
  // A length of 4 GiB - 1 in front of nothing costs a comparison, no memory.
  const Buffer octets = hex("3084ffffffff 0400");
  Reader in{Bytes(octets)};
  const auto inner = in.enter(Tag::kSequence, "message");
  ASSERT_FALSE(inner);
  EXPECT_EQ(inner.error().code, DerErrc::kTruncated);
  EXPECT_EQ(in.offset(), 0u) << "a failed read consumes nothing";
}

TEST(Reader, TellsOffsetsFromTheStartOfTheMessage) {
  // SEQUENCE { SEQUENCE { INTEGER 1, INTEGER 00 01 (not minimal) } }
  const Buffer octets = hex("3009 3007 020101 02020001");
  Reader in{Bytes(octets)};
  auto outer = in.enter(Tag::kSequence, "outer");
  ASSERT_TRUE(outer);
  EXPECT_EQ(outer->offset(), 2u);
  auto inner = outer->enter(Tag::kSequence, "inner");
  ASSERT_TRUE(inner);
  EXPECT_EQ(inner->offset(), 4u);
  ASSERT_TRUE(inner->read_integer("first"));
  const auto second = inner->read_integer("second");
  ASSERT_FALSE(second);
  EXPECT_EQ(to_string(second.error()), "second: bad value at octet 7");
}

TEST(Reader, TellsAMissingElementFromAMissingMessage) {
  Reader nothing{Bytes()};
  EXPECT_EQ(nothing.read_element(Tag::kSequence, "x").error().code, DerErrc::kTruncated);
  const Buffer octets = hex("3000");
  Reader in{Bytes(octets)};
  auto inner = in.enter(Tag::kSequence, "x");
  ASSERT_TRUE(inner);
  const DerError error = inner->read(Tag::kInteger, "y").error();
  EXPECT_EQ(error.code, DerErrc::kWrongTag);
  EXPECT_EQ(error.offset, 2u);
}

TEST(Reader, GivesContentAndRawOfAnElement) {
  const Buffer octets = hex("0403 aabbcc 0500");
  Reader in{Bytes(octets)};
  const Reader start = in;
  const auto element = in.read_any("x");
  ASSERT_TRUE(element);
  EXPECT_EQ(element->tag, Tag::kOctetString);
  EXPECT_EQ(to_hex(element->content), "aabbcc");
  EXPECT_EQ(to_hex(element->raw), "0403aabbcc");
  EXPECT_EQ(to_hex(in.consumed_since(start)), "0403aabbcc");
  EXPECT_EQ(to_hex(in.rest()), "0500");
  EXPECT_EQ(in.offset(), 5u);
}

TEST(Reader, ReadsOptionalElementsOnlyWhenTheyAreNext) {
  const Buffer octets = hex("a003020105 0500");
  Reader in{Bytes(octets)};
  const auto absent = in.read_optional(context_primitive(0), "x");
  ASSERT_TRUE(absent);
  EXPECT_FALSE(absent->has_value());
  auto present = in.enter_optional(context_constructed(0), "x");
  ASSERT_TRUE(present && present->has_value());
  EXPECT_EQ((*present)->offset(), 2u);
  const auto null = in.read_optional(Tag::kNull, "y");
  ASSERT_TRUE(null && null->has_value());
  const auto at_end = in.enter_optional(Tag::kNull, "y");
  ASSERT_TRUE(at_end);
  EXPECT_FALSE(at_end->has_value());
}

TEST(Reader, PassesOnTheErrorOfABrokenOptionalElement) {
  const Buffer octets = hex("a005 0201");
  Reader in{Bytes(octets)};
  EXPECT_EQ(in.enter_optional(context_constructed(0), "x").error().code, DerErrc::kTruncated);
  EXPECT_EQ(in.read_optional(context_constructed(0), "x").error().code, DerErrc::kTruncated);
}

template <class Read>
std::string outcome(std::string_view text, Read&& read) {
  const Buffer octets = hex(text);
  Reader in{Bytes(octets)};
  const auto value = read(in);
  return value ? "ok" : std::string(to_string(value.error().code));
}

TEST(Reader, ReadsBooleansOfTwoSpellings) {
  const auto read = [](Reader& in) { return in.read_boolean("b"); };
  EXPECT_EQ(outcome("0101ff", read), "ok");
  EXPECT_EQ(outcome("010100", read), "ok");
  EXPECT_EQ(outcome("010101", read), "bad value");
  EXPECT_EQ(outcome("0101fe", read), "bad value");
  EXPECT_EQ(outcome("0100", read), "bad value");
  EXPECT_EQ(outcome("0102ffff", read), "bad value");
  EXPECT_EQ(outcome("020101", read), "wrong tag");
  const Buffer octets = hex("0101ff 010100");
  Reader in{Bytes(octets)};
  EXPECT_EQ(*in.read_boolean("b"), Truth::kTrue);
  EXPECT_EQ(*in.read_boolean("b"), Truth::kFalse);
}

TEST(Reader, ReadsMinimalIntegersOfAnySize) {
  const auto read = [](Reader& in) { return in.read_integer("n"); };
  EXPECT_EQ(outcome("020100", read), "ok");
  EXPECT_EQ(outcome("02017f", read), "ok");
  EXPECT_EQ(outcome("020180", read), "ok");
  EXPECT_EQ(outcome("0201ff", read), "ok");
  EXPECT_EQ(outcome("02020080", read), "ok");
  EXPECT_EQ(outcome("0202ff7f", read), "ok");
  EXPECT_EQ(outcome("0214" + std::string(40, '7'), read), "ok");
  EXPECT_EQ(outcome("0200", read), "bad value");
  EXPECT_EQ(outcome("0202007f", read), "bad value");
  EXPECT_EQ(outcome("02020000", read), "bad value");
  EXPECT_EQ(outcome("0202ff80", read), "bad value");
  EXPECT_EQ(outcome("0202ffff", read), "bad value");
  EXPECT_EQ(outcome("0a0101", read), "wrong tag");
}

TEST(Reader, ReadsUnsignedNumbersUpToAMaximum) {
  const auto up_to = [](std::uint64_t max) {
    return [max](Reader& in) { return in.read_unsigned("n", max); };
  };
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  EXPECT_EQ(outcome("020100", up_to(0)), "ok");
  EXPECT_EQ(outcome("020101", up_to(0)), "too large");
  EXPECT_EQ(outcome("0201ff", up_to(kAll)), "bad value");
  EXPECT_EQ(outcome("020900ffffffffffffffff", up_to(kAll)), "ok");
  EXPECT_EQ(outcome("0209010000000000000000", up_to(kAll)), "too large");
  EXPECT_EQ(outcome("020a00ffffffffffffffffff", up_to(kAll)), "too large");
  EXPECT_EQ(outcome("02020001", up_to(kAll)), "bad value");
  const Buffer octets = hex("02030080ff");
  Reader in{Bytes(octets)};
  EXPECT_EQ(*in.read_unsigned("n", kAll), 0x80ffu);
}

TEST(Reader, ReadsWellFormedObjectIdentifiers) {
  const auto read = [](Reader& in) { return in.read_oid("oid"); };
  EXPECT_EQ(outcome("06012b", read), "ok");
  EXPECT_EQ(outcome("06032b8101", read), "ok");
  EXPECT_EQ(outcome("0600", read), "bad value");
  EXPECT_EQ(outcome("060180", read), "bad value");
  EXPECT_EQ(outcome("06022b81", read), "bad value");    // the last arc does not end
  EXPECT_EQ(outcome("06032b8001", read), "bad value");  // an arc with a leading zero digit
  EXPECT_EQ(outcome("0602 8001", read), "bad value");
}

TEST(Reader, ReadsNullsWithoutContent) {
  const auto read = [](Reader& in) { return in.read_null("null"); };
  EXPECT_EQ(outcome("0500", read), "ok");
  EXPECT_EQ(outcome("050100", read), "bad value");
  EXPECT_EQ(outcome("0400", read), "wrong tag");
}

// req: OCSP-COD-027
TEST(Reader, RefusesUnusedBitsInABitString) {
  const auto read = [](Reader& in) { return in.read_octet_bits("signature"); };
  EXPECT_EQ(outcome("030100", read), "ok");
  EXPECT_EQ(outcome("030200aa", read), "ok");
  EXPECT_EQ(outcome("030201aa", read), "bad value");
  EXPECT_EQ(outcome("0302 07 80", read), "bad value");
  EXPECT_EQ(outcome("030208aa", read), "bad value");
  EXPECT_EQ(outcome("0300", read), "bad value");
  EXPECT_EQ(outcome("2380 030100 0000", read), "wrong tag");
}

// req: OCSP-COD-027
TEST(ReadAll, RefusesOctetsLeftOverAtEitherLevel) {
  const auto parse = [](std::string_view text) {
    const Buffer octets = hex(text);
    const auto value = read_all(Bytes(octets), Tag::kSequence, "message",
                                [](Reader& in) { return in.read_unsigned("n", 9); });
    return value ? "ok" : to_string(value.error());
  };
  EXPECT_EQ(parse("3003020101"), "ok");
  EXPECT_EQ(parse("300302010100"), "message: trailing data at octet 5");
  EXPECT_EQ(parse("30050201010500"), "message: trailing data at octet 5");
  EXPECT_EQ(parse("3003020110"), "n: too large at octet 2");
  EXPECT_EQ(parse("3103020101"), "message: wrong tag at octet 0");
}

}  // namespace
}  // namespace muster::der
