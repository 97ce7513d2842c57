#include <gtest/gtest.h>

#include "muster/der/pkix.h"

namespace muster::der {
namespace {

template <class T>
std::string outcome(const DerResult<T>& result) {
  return result ? "ok" : to_string(result.error());
}

DerResult<ExtensionsView> parse(const Buffer& octets, EmptyAllowed empty = EmptyAllowed::kNo) {
  Reader in{Bytes(octets)};
  return read_extensions(in, empty, "extensions");
}

// req: OCSP-COD-016
TEST(Extension, ReadsTheCriticalFlagAsAbsentOrTrue) {
  const auto parse_one = [](std::string_view text) {
    const Buffer octets = *from_hex(text);
    Reader in{Bytes(octets)};
    const auto extension = read_extension(in);
    return extension ? (extension->critical ? "critical" : "plain") : to_string(extension.error());
  };
  EXPECT_EQ(parse_one("300606022a030400"), "plain");
  EXPECT_EQ(parse_one("300906022a030101ff0400"), "critical");
  // DER omits FALSE, and BOOLEAN has two spellings only.
  EXPECT_EQ(parse_one("300906022a030101000400"), "critical: bad value at octet 6");
  EXPECT_EQ(parse_one("300906022a030101010400"), "critical: bad value at octet 6");
}

TEST(Extension, RefusesOtherShapes) {
  const auto parse_one = [](std::string_view text) {
    const Buffer octets = *from_hex(text);
    Reader in{Bytes(octets)};
    return outcome(read_extension(in));
  };
  EXPECT_EQ(parse_one("3000"), "extnID: wrong tag at octet 2");
  EXPECT_EQ(parse_one("300406022a03"), "extnValue: wrong tag at octet 6");
  EXPECT_EQ(parse_one("300606022a030500"), "extnValue: wrong tag at octet 6");
  EXPECT_EQ(parse_one("300806022a0304000500"), "extension: trailing data at octet 8");
  EXPECT_EQ(parse_one("300606022a830400"), "extnID: bad value at octet 2");
}

TEST(Extensions, AreWalkedInOrderAndFoundByOid) {
  Writer out;
  out.sequence([&] {
    write_extension(out, oid::kOcspNonce, false, oid::kSha1);
    write_extension(out, oid::kOcspNoCheck, true, Bytes());
  });
  const auto list = parse(out.bytes());
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 2u);
  EXPECT_FALSE(list->empty());
  std::vector<std::string> oids;
  for (const ExtensionView& extension : *list) {
    oids.push_back(oid_to_string(extension.oid));
  }
  EXPECT_EQ(oids, (std::vector<std::string>{"1.3.6.1.5.5.7.48.1.2", "1.3.6.1.5.5.7.48.1.5"}));
  EXPECT_TRUE(find_extension(*list, oid::kOcspNoCheck)->critical);
  EXPECT_TRUE(equal(find_extension(*list, oid::kOcspNonce)->value, oid::kSha1));
  EXPECT_FALSE(find_extension(*list, oid::kSha1).has_value());
  EXPECT_TRUE(equal(list->at(1).oid, oid::kOcspNoCheck));
  EXPECT_FALSE(find_extension(ExtensionsView(), oid::kSha1).has_value());
}

// req: OCSP-COD-015
TEST(Extensions, MayBeEmptyOnlyWhereToldSo) {
  const Buffer empty = *from_hex("3000");
  EXPECT_EQ(outcome(parse(empty, EmptyAllowed::kNo)), "extensions: bad value at octet 0");
  EXPECT_EQ(outcome(parse(empty, EmptyAllowed::kYes)), "ok");
}

TEST(Extensions, RefuseAnOidThatAppearsTwice) {
  EXPECT_EQ(outcome(parse(*from_hex("3010300606022a030400300606022a040400"))), "ok");
  EXPECT_EQ(outcome(parse(*from_hex("3010300606022a030400300606022a030400"))),
            "extensions: inconsistent at octet 10");
}

// req: OCSP-COD-029
TEST(Extensions, AreBounded) {
  Writer out;
  out.sequence([&] {
    for (std::uint8_t i = 0; i <= kMaxExtensions; ++i) {
      const std::uint8_t oid[] = {0x2a, i};
      write_extension(out, oid, false, Bytes());
    }
  });
  const auto list = parse(out.bytes());
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, DerErrc::kTooLarge);
}

TEST(ListDeathTest, StopsOnAnIndexBeyondTheEnd) {
  EXPECT_DEATH(static_cast<void>(ExtensionsView().at(0)), "index");
}

}  // namespace
}  // namespace muster::der
