#include "muster/der/name.h"

#include <gtest/gtest.h>

#include "muster/der/pkix.h"

namespace muster::der {
namespace {

Buffer hex(std::string_view text) { return from_hex(text).value_or(Buffer()); }

struct Value {
  std::string_view type;
  unsigned tag;
  std::string_view content;
};
/// A Name of one RDN for each inner list.
Buffer make_name(const std::vector<std::vector<Value>>& rdns) {
  Writer out;
  out.sequence([&] {
    for (const std::vector<Value>& rdn : rdns) {
      out.element(Tag::kSet, [&] {
        for (const Value& value : rdn) {
          out.sequence([&] {
            out.oid(*oid_from_string(value.type));
            out.element(static_cast<Tag>(value.tag), as_bytes(value.content));
          });
        }
      });
    }
  });
  return out.take();
}

TEST(Name, PrintsInTheOrderOfTheEncoding) {
  EXPECT_EQ(name_to_string(make_name({{{"2.5.4.6", 0x13, "XX"}},
                                      {{"2.5.4.10", 0x0c, "Certs 'r Us"}},
                                      {{"2.5.4.3", 0x0c, "leaf"}, {"2.5.4.5", 0x13, "7"}},
                                      {{"0.9.2342.19200300.100.1.25", 0x16, "example"}},
                                      {{"1.2.840.113549.1.9.1", 0x16, "a@b"}},
                                      {{"1.2.3", 0x0c, "x"}}})),
            "C=XX, O=Certs 'r Us, CN=leaf + serialNumber=7, DC=example, emailAddress=a@b, 1.2.3=x");
  EXPECT_EQ(name_to_string(make_name({})), "");
}

TEST(Name, MakesValuesSafeToPrint) {
  using std::string_view_literals::operator""sv;
  const auto cn = [](unsigned tag, std::string_view content) {
    return name_to_string(make_name({{{"2.5.4.3", tag, content}}}));
  };
  EXPECT_EQ(cn(0x0c, "a, b=c"), "CN=a\\, b\\=c");
  EXPECT_EQ(cn(0x0c, "a\nb\x1b[31m\x00"sv), "CN=a\\x0ab\\x1b[31m\\x00");
  EXPECT_EQ(cn(0x0c, "\xc3\xa9\xff"), "CN=\xc3\xa9\\xff");
  EXPECT_EQ(cn(0x14, "caf\xe9"), "CN=caf\xc3\xa9") << "TeletexString as Latin-1";
  EXPECT_EQ(cn(0x1e, "\x00o\x20\xac"sv), "CN=o\xe2\x82\xac") << "BMPString";
  EXPECT_EQ(cn(0x1e, "\x00"sv), "CN=#1e0100") << "half a BMPString character";
  EXPECT_EQ(cn(0x1c, "\x00\x00\x00o"sv), "CN=#1c040000006f");
  EXPECT_EQ(cn(0x02, "\x05"), "CN=#020105");
}

TEST(Name, PrintsBrokenOnesInHexadecimal) {
  EXPECT_EQ(name_to_string(hex("30023100")), "[30023100]");
  EXPECT_EQ(name_to_string(hex("")), "[]");
}

TEST(Name, IsCheckedForShape) {
  const auto outcome = [](const Buffer& octets) {
    Reader in{Bytes(octets)};
    const auto name = read_name(in, "issuer");
    return name ? (equal(*name, octets) ? "whole" : "part") : to_string(name.error());
  };
  EXPECT_EQ(outcome(make_name({})), "whole");
  EXPECT_EQ(outcome(make_name({{{"2.5.4.6", 0x13, "XX"}}})), "whole");
  EXPECT_EQ(outcome(hex("300005")), "part");
  EXPECT_EQ(outcome(hex("30023100")), "attribute: wrong tag at octet 4");
  EXPECT_EQ(outcome(hex("30023000")), "relativeDistinguishedName: wrong tag at octet 2");
  EXPECT_EQ(outcome(hex("300431023000")), "attributeType: wrong tag at octet 6");
  EXPECT_EQ(outcome(hex("3009310730050603550403")), "attributeValue: truncated at octet 11");
  EXPECT_EQ(outcome(hex("300d310b3009060355040305000500")), "attribute: trailing data at octet 13");
}

TEST(Name, IsWalkedAttributeByAttribute) {
  const Buffer name =
      make_name({{{"2.5.4.6", 0x13, "XX"}}, {{"2.5.4.3", 0x0c, "a"}, {"2.5.4.5", 0x13, "7"}}});
  Reader in{Bytes(name)};
  std::string seen;
  const auto see = [&seen](const NameAttribute& attribute, bool is_first) {
    seen += (is_first ? "|" : "+") + oid_to_string(attribute.type) + "=";
    seen += as_text(attribute.value.content);
  };
  EXPECT_TRUE(walk_name(in, see, "name"));
  EXPECT_EQ(seen, "|2.5.4.6=XX|2.5.4.3=a+2.5.4.5=7");
}

TEST(GeneralName, TakesTheNineAlternatives) {
  const auto outcome = [](unsigned identifier) {
    const std::uint8_t element[] = {static_cast<std::uint8_t>(identifier), 0};
    Reader in{Bytes(element)};
    const auto name = read_general_name(in, "name");
    return static_cast<bool>(name);
  };
  for (const unsigned good : {0xa0u, 0x81u, 0x82u, 0xa3u, 0xa4u, 0xa5u, 0x86u, 0x87u, 0x88u}) {
    EXPECT_TRUE(outcome(good)) << good;
  }
  for (const unsigned bad : {0x80u, 0xa1u, 0xa6u, 0x84u, 0x89u, 0xa9u, 0x0cu, 0x30u}) {
    EXPECT_FALSE(outcome(bad)) << bad;
  }
}

// req: OCSP-COD-033
TEST(AccessDescriptions, TellOcspUrisInOrder) {
  // Two OCSP URIs with a caIssuers URI and an OCSP directoryName between them.
  Writer out;
  const auto add = [&out](Bytes method, Tag tag, std::string_view content) {
    out.sequence([&] {
      out.oid(method);
      out.element(tag, as_bytes(content));
    });
  };
  out.sequence([&] {
    add(oid::kAdOcsp, kGeneralNameUri, "http://a");
    add(oid::kAdCaIssuers, kGeneralNameUri, "http://ca");
    add(oid::kAdOcsp, context_constructed(4), std::string_view("\x30\x00", 2));
    add(oid::kAdOcsp, kGeneralNameUri, "http://b");
  });
  Reader in{Bytes(out.bytes())};
  const auto list = read_access_descriptions(in, "aia");
  ASSERT_TRUE(list) << to_string(list.error());
  EXPECT_EQ(list->size(), 4u);
  std::vector<std::string> uris;
  for (const AccessDescriptionView& access : *list) {
    if (equal(access.method, oid::kAdOcsp) && access.location.tag == kGeneralNameUri) {
      uris.emplace_back(as_text(access.location.content));
    }
  }
  EXPECT_EQ(uris, (std::vector<std::string>{"http://a", "http://b"}));
}

TEST(AccessDescriptions, RefuseOtherShapes) {
  const auto outcome = [](std::string_view text) {
    const Buffer octets = hex(text);
    Reader in{Bytes(octets)};
    const auto list = read_access_descriptions(in, "aia");
    return list ? "ok" : to_string(list.error());
  };
  EXPECT_EQ(outcome("3000"), "aia: bad value at octet 0");
  EXPECT_EQ(outcome("30073005 06012a 8600"), "ok");
  EXPECT_EQ(outcome("30073005 06012a 0c00"), "accessLocation: wrong tag at octet 7");
  EXPECT_EQ(outcome("30093007 06012a 8600 0500"), "accessDescription: trailing data at octet 9");
  std::string many;
  for (std::size_t i = 0; i <= kMaxAccessDescriptions; ++i) {
    many += "300506012a8600";
  }
  EXPECT_EQ(outcome("308201c7" + many), "aia: too large at octet 452");
}

}  // namespace
}  // namespace muster::der
