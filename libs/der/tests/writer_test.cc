#include <gtest/gtest.h>

#include "muster/der/der.h"
#include "muster/der/heads.h"

namespace muster::der {
namespace {

// req: OCSP-COD-037
TEST(Writer, WritesMinimalLengthsOfEverySize) {
  struct Case {
    std::size_t size;
    std::string header;
  };
  const Case cases[] = {{0, "0400"},         {1, "0401"},           {127, "047f"},
                        {128, "048180"},     {255, "0481ff"},       {256, "04820100"},
                        {65535, "0482ffff"}, {65536, "0483010000"}, {1 << 24, "048401000000"}};
  for (const Case& c : cases) {
    const Buffer content(c.size, 0x5a);
    Writer w;
    w.octet_string(content);
    const Bytes out(w.bytes());
    ASSERT_EQ(out.size(), c.header.size() / 2 + c.size);
    EXPECT_EQ(to_hex(out.first(c.header.size() / 2)), c.header);
    Writer head;
    write_head(head, Tag::kOctetString, c.size);
    EXPECT_EQ(to_hex(head.bytes()), c.header);
    EXPECT_EQ(head_bytes(c.size), c.header.size() / 2);
    Reader in(out);
    const auto back = in.read(Tag::kOctetString, "x");
    ASSERT_TRUE(back);
    EXPECT_TRUE(equal(*back, content));
  }
}

TEST(Writer, WidensTheLengthsOfNestedElements) {
  const Buffer content(120, 1);
  Writer w;
  w.sequence([&] {
    w.sequence([&] {
      w.octet_string(content);  // 122 octets: short form
      w.integer(1);             // 125
    });
    w.null();  // 129: long form
  });
  EXPECT_EQ(to_hex(Bytes(w.bytes()).first(5)), "308181307d");
  EXPECT_EQ(w.bytes().size(), 3u + 129u);
}

// req: OCSP-COD-037
TEST(Writer, WritesMinimalIntegers) {
  const std::pair<std::int64_t, std::string> cases[] = {{0, "020100"},
                                                        {1, "020101"},
                                                        {127, "02017f"},
                                                        {128, "02020080"},
                                                        {255, "020200ff"},
                                                        {256, "02020100"},
                                                        {-1, "0201ff"},
                                                        {-128, "020180"},
                                                        {-129, "0202ff7f"},
                                                        {INT64_MAX, "02087fffffffffffffff"},
                                                        {INT64_MIN, "02088000000000000000"}};
  for (const auto& [value, expected] : cases) {
    Writer w;
    w.integer(value);
    EXPECT_EQ(to_hex(w.bytes()), expected);
  }
}

TEST(Writer, WritesTheOtherTypes) {
  const std::uint8_t oid[] = {0x2b, 6, 1};
  const std::uint8_t bits[] = {0xaa};
  const std::uint8_t serial[] = {0x00, 0x9a};
  Writer w;
  w.boolean(true);
  w.boolean(false);
  w.enumerated(6);
  w.oid(oid);
  w.null();
  w.octet_bits(bits);
  w.integer_octets(serial);
  w.element(context_constructed(0), [&] { w.raw(serial); });
  EXPECT_EQ(to_hex(w.bytes()), "0101ff0101000a010606032b06010500030200aa0202009aa002009a");
}

TEST(Writer, ReusesTheStorageItIsGiven) {
  Buffer warm(512, 0xee);
  const std::uint8_t* const storage = warm.data();
  Writer w(std::move(warm));
  w.integer(5);
  EXPECT_EQ(to_hex(w.bytes()), "020105");
  EXPECT_EQ(w.take().data(), storage);
}

TEST(WriterDeathTest, StopsOnAnIntegerWithoutOctets) {
  Writer w;
  EXPECT_DEATH(w.integer_octets(Bytes()), "content.empty");
}

}  // namespace
}  // namespace muster::der
