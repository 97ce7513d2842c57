#include "reply.h"

#include <gtest/gtest.h>

#include <string>

namespace muster::bench {
namespace {

const std::string kWhole = "HTTP/1.1 200 OK\r\nDate: now\r\ncontent-length: 5\r\n\r\nhello";

TEST(ParseReply, TakesOneAnswerOffTheFront) {
  const ReplyResult got = parse_reply(kWhole + "HTTP/1.1 500");
  ASSERT_EQ(got.state, ReplyState::kWhole);
  EXPECT_EQ(got.reply.code, 200U);
  EXPECT_EQ(got.reply.body, "hello");
  EXPECT_EQ(got.reply.octets, kWhole.size());
  EXPECT_FALSE(got.reply.closes);
}

TEST(ParseReply, WaitsForTheRestWhereverItIsCut) {
  for (std::size_t n = 0; n < kWhole.size(); ++n) {
    EXPECT_EQ(parse_reply(kWhole.substr(0, n)).state, ReplyState::kMore) << n;
  }
}

TEST(ParseReply, SeesThatTheConnectionEnds) {
  const auto closes = [](const std::string& start, const std::string& field) {
    const ReplyResult got = parse_reply(start + "\r\n" + field + "Content-Length: 0\r\n\r\n");
    EXPECT_EQ(got.state, ReplyState::kWhole);
    return got.reply.closes;
  };
  EXPECT_TRUE(closes("HTTP/1.1 200 OK", "Connection: close\r\n"));
  EXPECT_FALSE(closes("HTTP/1.1 200 OK", "Connection: keep-alive\r\n"));
  EXPECT_TRUE(closes("HTTP/1.0 200 OK", ""));
  EXPECT_FALSE(closes("HTTP/1.0 200 OK", "Connection: Keep-Alive\r\n"));
}

TEST(ParseReply, RefusesWhatIsNoAnswer) {
  for (const char* const bad :
       {"SSH-2.0-OpenSSH_9.2", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n"}) {
    EXPECT_EQ(parse_reply(bad).state, ReplyState::kBroken) << bad;
  }
}

TEST(OcspStatus, IsReadBehindShortAndLongLengths) {
  EXPECT_EQ(ocsp_status({"\x30\x03\x0a\x01\x03", 5}), 3U);
  EXPECT_EQ(ocsp_status({"\x30\x82\x01\x00\x0a\x01\x00", 7}), 0U);
}

TEST(OcspStatus, IsNothingForOtherBodies) {
  for (const std::string_view bad :
       {std::string_view(""), std::string_view("x"), std::string_view("\x30\x03\x0a\x01", 4),
        std::string_view("\x30\x03\x02\x01\x00", 5), std::string_view("\x30\xff\x0a\x01\x00", 5)}) {
    EXPECT_EQ(ocsp_status(bad), std::nullopt);
  }
}

}  // namespace
}  // namespace muster::bench
