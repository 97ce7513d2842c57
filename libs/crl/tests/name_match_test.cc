#include "muster/crl/name_match.h"

#include <gtest/gtest.h>

#include "crl_samples.h"

namespace muster::crl {
namespace {

using namespace test;
using der::Tag;

constexpr Tag kBmpString = static_cast<Tag>(0x1e);
constexpr Tag kUniversalString = static_cast<Tag>(0x1c);
constexpr Tag kTeletexString = static_cast<Tag>(0x14);
constexpr Tag kIntegerValue = Tag::kInteger;

std::string_view text(const Buffer& octets) { return as_text(octets); }

TEST(SameName, IgnoresStringTypeCaseAndBlanks) {
  const Buffer reference = name("Example CA");
  EXPECT_TRUE(same_name(reference, name("Example CA", Tag::kPrintableString)));
  EXPECT_TRUE(same_name(reference, name("EXAMPLE ca", Tag::kIa5String)));
  EXPECT_TRUE(same_name(reference, name("  example \t CA  ")));
  const Buffer bmp = hex("004500780061006d0070006c0065002000430041");
  EXPECT_TRUE(same_name(reference, name(text(bmp), kBmpString)));
  EXPECT_FALSE(same_name(reference, name("Example CB")));
  EXPECT_FALSE(same_name(reference, name("ExampleCA")));
  EXPECT_FALSE(same_name(reference, name("Example CA", kIntegerValue)));
  EXPECT_FALSE(same_name(reference, hex("3000")));
}

TEST(SameName, DecodesOtherCharacterWidths) {
  const Buffer utf8 = name("\xc3\xa9\xe2\x82\xac");  // e acute, euro
  EXPECT_TRUE(same_name(utf8, name(text(hex("00e920ac")), kBmpString)));
  EXPECT_TRUE(same_name(utf8, name(text(hex("000000e9000020ac")), kUniversalString)));
  EXPECT_TRUE(same_name(name("\xc3\xa9"), name("\xe9", kTeletexString)));
  EXPECT_TRUE(same_name(name("\xf0\x9f\x98\x80"), name(text(hex("0001f600")), kUniversalString)));
  // Units cut short or no characters only equal themselves.
  const Buffer cut = name(text(hex("00e920")), kBmpString);
  EXPECT_TRUE(same_name(cut, cut));
  EXPECT_FALSE(same_name(cut, name(text(hex("00e920")))));
  EXPECT_FALSE(
      same_name(name(text(hex("d800")), kBmpString), name(text(hex("d800")), kUniversalString)));
}

Buffer attribute(std::uint8_t type, std::string_view value) {
  der::Writer out;
  out.sequence([&] {
    out.oid(Buffer{0x55, 4, type});
    out.element(Tag::kUtf8String, as_bytes(value));
  });
  return out.take();
}
Buffer name_of(const std::vector<std::vector<Buffer>>& rdns) {
  der::Writer out;
  out.sequence([&] {
    for (const auto& rdn : rdns) {
      out.element(Tag::kSet, [&] {
        for (const Buffer& a : rdn) {
          out.raw(a);
        }
      });
    }
  });
  return out.take();
}

TEST(SameName, OrderCountsBetweenRdnsAndNotInside) {
  const Buffer cn = attribute(3, "x");
  const Buffer o = attribute(10, "y");
  EXPECT_TRUE(same_name(name_of({{cn, o}}), name_of({{o, cn}})));
  EXPECT_FALSE(same_name(name_of({{cn}, {o}}), name_of({{o}, {cn}})));
  EXPECT_FALSE(same_name(name_of({{cn, o}}), name_of({{cn}, {o}})));
  EXPECT_FALSE(same_name(name_of({{cn}}), name_of({{cn}, {cn}})));
}

// Values cannot be shifted between attributes so that two names look alike.
TEST(NormalizeName, KeepsBoundaries) {
  EXPECT_NE(normalize_name(name_of({{attribute(3, "ab"), attribute(10, "c")}})),
            normalize_name(name_of({{attribute(3, "a"), attribute(10, "bc")}})));
}

// req: OCSP-CRL-023
TEST(NormalizeName, ConcatenatesWithRelativeNames) {
  const Buffer cn = attribute(3, "CA");
  const Buffer part = attribute(11, "Part 1");
  auto made = normalize_name(name_of({{cn}}));
  const auto rdn = normalize_rdn(part);
  ASSERT_TRUE(made && rdn);
  made->insert(made->end(), rdn->begin(), rdn->end());
  EXPECT_EQ(made, normalize_name(name_of({{cn}, {attribute(11, "part  1")}})));
}

TEST(NormalizeName, RefusesWhatIsNoName) {
  for (const char* octets : {"", "0500", "30003000", "30020500",
                             "30043102"
                             "0500",
                             "3006310430020500",
                             "300831063004"
                             "06000500",
                             "300b3109300706025504"
                             "050005"}) {
    EXPECT_FALSE(normalize_name(hex(octets))) << octets;
  }
  EXPECT_TRUE(same_name(hex("0500"), hex("0500")));
  EXPECT_FALSE(same_name(hex("0500"), hex("3000")));
}

TEST(SameGeneralName, ComparesEachChoiceByItsRule) {
  EXPECT_TRUE(
      same_general_name(directory(name("CA")), directory(name("ca", Tag::kPrintableString))));
  EXPECT_FALSE(same_general_name(directory(name("CA")), directory(name("CB"))));
  EXPECT_TRUE(same_general_name(uri("HTTP://CRL.Example/a.crl"), uri("http://crl.example/a.crl")));
  EXPECT_FALSE(same_general_name(uri("http://crl.example/A.crl"), uri("http://crl.example/a.crl")));
  EXPECT_FALSE(same_general_name(uri("http://crl.example/a"), uri("http://crl.example/ab")));
  EXPECT_TRUE(same_general_name(uri("HTTP://CRL.Example"), uri("http://crl.example")));
  EXPECT_FALSE(same_general_name(uri("URN:a"), uri("urn:a")));
  EXPECT_TRUE(same_general_name(hex("820141"), hex("820161")));   // dNSName A, a
  EXPECT_FALSE(same_general_name(hex("810141"), hex("810161")));  // rfc822Name: exact
  EXPECT_FALSE(same_general_name(hex("820141"), hex("860141")));  // dNSName, URI
  EXPECT_FALSE(same_general_name(hex(""), hex("860141")));
}

}  // namespace
}  // namespace muster::crl
