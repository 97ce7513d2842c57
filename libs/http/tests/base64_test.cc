#include "muster/http/base64.h"

#include <gtest/gtest.h>

namespace muster::http {
namespace {

TEST(Base64, MatchesTheExamplesOfTheRfc) {  // RFC 4648 section 10
  const std::pair<std::string_view, std::string_view> kExamples[] = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"fo", "Zm8="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"}};
  for (const auto& [octets, text] : kExamples) {
    EXPECT_EQ(base64_encode(as_bytes(octets)), text);
    const auto decoded = base64_decode(text);
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(as_text(*decoded), octets);
  }
}

TEST(Base64, CarriesEveryOctet) {
  Buffer all(256);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::uint8_t>(i);
  }
  EXPECT_EQ(base64_decode(base64_encode(all)), all);
}

TEST(Base64, ReadsOneSpellingOnly) {
  for (const std::string_view text : {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "=",
                                      "====", "Zm9v\n", "Zm 9", "Zm-_", "Z=9v"}) {
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace muster::http
