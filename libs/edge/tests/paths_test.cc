#include "muster/edge/paths.h"

#include <gmock/gmock.h>

#include "muster/http/base64.h"
#include "muster/http/get_path.h"

namespace muster::edge {
namespace {

using ::testing::Contains;

TEST(Paths, SlashesOfTheBase64AreFoldersAndSeveralAreOne) {
  const Buffer slashes{0xff, 0xff, 0xff, 0x00};  // ////AA==
  EXPECT_EQ(http::base64_encode(slashes), "////AA==");
  EXPECT_EQ(file_path(slashes), "/AA==");
  EXPECT_EQ(file_path(Buffer{0xfb, 0xff, 0xbe}), "+/++");
}

TEST(Paths, AFolderStandsForItsIndex) {
  EXPECT_EQ(file_path(Buffer{0xfb, 0xff, 0xbf}), "+/+/index.html");
  EXPECT_EQ(file_path(Buffer{0xff, 0xff, 0xff}), "/index.html");
}

// Whatever spelling a client or a proxy uses, our own responder would read the same request.
TEST(Paths, EverySpellingIsTheSameRequest) {
  const Buffer request{0x30, 0xfb, 0xff, 0xbf, 0xfe, 0x3e, 0x3f};
  const auto spellings = get_spellings(request);
  EXPECT_GT(spellings.size(), 5U);
  for (const std::string& spelling : spellings) {
    Buffer decoded;
    ASSERT_TRUE(http::decode_get_tail(spelling, 100, decoded)) << spelling;
    EXPECT_EQ(decoded, request) << spelling;
  }
  EXPECT_THAT(spellings, Contains(http::base64_encode(request)));
  EXPECT_THAT(spellings, Contains(http::encode_get_tail(request)));
}

TEST(Paths, PlainTextHasFewSpellings) {
  EXPECT_EQ(get_spellings(Buffer{0x30, 0x31, 0x32}).size(), 1U);
}

}  // namespace
}  // namespace muster::edge
