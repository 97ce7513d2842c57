#include "muster/http/chunks.h"

#include <gtest/gtest.h>

#include <string>

namespace muster::http {
namespace {

struct Decoded {
  std::string body;
  bool is_complete = false;
  unsigned status = 0;
  std::size_t used = 0;
};
/// Feeds `coded` in pieces of `piece` octets.
Decoded decode(std::string_view coded, std::size_t piece, std::size_t max_trailer = 100) {
  ChunkDecoder decoder(max_trailer);
  Decoded out;
  std::size_t fed = 0;
  while (fed < coded.size() && !out.is_complete && out.status == 0) {
    fed = std::min(coded.size(), fed + piece);
    for (bool more = true; more;) {
      const auto step = decoder.next(as_bytes(coded.substr(out.used, fed - out.used)));
      if (step.kind == ChunkDecoder::Kind::kData) {
        out.body += coded.substr(out.used, step.bytes);
      }
      out.used += step.bytes;
      out.status = step.status;
      out.is_complete = step.kind == ChunkDecoder::Kind::kEnd;
      more = step.kind == ChunkDecoder::Kind::kData || step.kind == ChunkDecoder::Kind::kFraming;
    }
  }
  return out;
}

TEST(ChunkDecoder, JoinsChunksHoweverTheyArrive) {
  const std::string coded = "5\r\nhello\r\n7;x=\"y\"\r\n, world\r\n0\r\nTrailer: t\r\n\r\nNEXT";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, coded.size()}) {
    const Decoded out = decode(coded, piece);
    EXPECT_EQ(out.body, "hello, world") << piece;
    EXPECT_TRUE(out.is_complete) << piece;
    EXPECT_EQ(coded.substr(out.used), "NEXT") << piece;
  }
}

TEST(ChunkDecoder, RefusesWhatCouldBeReadTwoWays) {
  EXPECT_EQ(decode("5\nhello\r\n", 99).status, 400U);  // bare LF
  EXPECT_EQ(decode("-5\r\nhello\r\n", 99).status, 400U);
  EXPECT_EQ(decode("\r\n", 99).status, 400U);  // no size
  EXPECT_EQ(decode("5 \r\nhello\r\n", 99).status, 400U);
  EXPECT_EQ(decode("3\r\nhello\r\n", 99).status, 400U);  // longer than it said
  EXPECT_EQ(decode("fffffffffffffffff\r\n", 99).status, 413U);
  EXPECT_EQ(decode(std::string(300, '0'), 99).status, 400U);  // a size line without end
  EXPECT_EQ(
      decode("0\r\n" + std::string(60, 'a') + ": b\r\n" + std::string(60, 'c') + ": d\r\n\r\n", 200)
          .status,
      431U);
}

}  // namespace
}  // namespace muster::http
