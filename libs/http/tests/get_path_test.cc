#include "muster/http/get_path.h"

#include <gtest/gtest.h>

#include "muster/http/base64.h"

namespace muster::http {
namespace {

// Encodes to "+/+/AP/+/w==": every character that is written in several ways.
const Buffer kRequest = {0xfb, 0xff, 0xbf, 0x00, 0xff, 0xfe, 0xff};

struct Spelling {
  const char* name;
  std::string_view text;
};
void PrintTo(const Spelling& spelling, std::ostream* out) { *out << spelling.name; }
class GoodSpelling : public testing::TestWithParam<Spelling> {};

// req: OCSP-RESP-075
// req: OCSP-RESP-077
TEST_P(GoodSpelling, GivesTheSameRequest) {
  Buffer out = {1, 2, 3};
  ASSERT_TRUE(decode_get_tail(GetParam().text, 100, out));
  EXPECT_EQ(to_hex(out), to_hex(kRequest));
}
INSTANTIATE_TEST_SUITE_P(All, GoodSpelling,
                         testing::Values(Spelling{"raw", "+/+/AP/+/w=="},
                                         Spelling{"upper", "%2B%2F%2B%2FAP%2F%2B%2Fw%3D%3D"},
                                         Spelling{"lower", "%2b%2f%2b%2fAP%2f%2b%2fw%3d%3d"},
                                         Spelling{"mixed", "+%2F%2b/AP/%2B%2fw=%3D"},
                                         Spelling{"base64url", "-_-_AP_-_w=="},
                                         Spelling{"unpadded", "+/+/AP/+/w"},
                                         Spelling{"base64url_unpadded", "-_-_AP_-_w"},
                                         Spelling{"blanks", "%20/%20/AP/%20/w=="},
                                         Spelling{"letters_escaped", "+/+/%41%50/+/w=="}),
                         [](const auto& c) { return std::string(c.param.name); });

struct Bad {
  const char* name;
  std::string_view text;
  GetPathErrc code;
};
void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }
class BadTail : public testing::TestWithParam<Bad> {};

// req: OCSP-RESP-075
// req: OCSP-RESP-077
TEST_P(BadTail, IsRefused) {
  Buffer out;
  const auto result = decode_get_tail(GetParam().text, 100, out);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), GetParam().code);
  EXPECT_FALSE(to_string(result.error()).empty());
}
INSTANTIATE_TEST_SUITE_P(
    All, BadTail,
    testing::Values(Bad{"empty", "", GetPathErrc::kEmpty},
                    Bad{"double_escape", "%252B%252FAP", GetPathErrc::kBadCharacter},
                    Bad{"exclamation", "MEI!", GetPathErrc::kBadCharacter},
                    Bad{"line_feed", "MEIw%0AMEIw", GetPathErrc::kBadCharacter},
                    Bad{"query", "MEIw?x=y", GetPathErrc::kBadCharacter},
                    Bad{"nul", "MEIw%00", GetPathErrc::kBadCharacter},
                    Bad{"cut_escape", "MEIw%2", GetPathErrc::kBadEscape},
                    Bad{"lone_percent", "MEIw%", GetPathErrc::kBadEscape},
                    Bad{"bad_escape", "MEIw%2G", GetPathErrc::kBadEscape},
                    Bad{"one_digit_left", "MEIwM", GetPathErrc::kBadLength},
                    Bad{"padding_inside", "ME=w", GetPathErrc::kBadLength},
                    Bad{"too_much_padding", "MEIw====", GetPathErrc::kBadLength},
                    Bad{"too_little_padding", "MA=", GetPathErrc::kBadLength},
                    Bad{"only_padding", "====", GetPathErrc::kBadLength}),
    [](const auto& c) { return std::string(c.param.name); });

// req: OCSP-RESP-075
TEST(DecodeGetTail, FindsTheSameOctetsWhereverTheEscapesAre) {
  Buffer request, out;
  for (unsigned i = 0; i < 50; ++i) {
    request.push_back(static_cast<std::uint8_t>(i * 151U + i / 3));
    const std::string text = base64_encode(request);
    for (std::size_t at = 0; at < text.size(); ++at) {
      const std::string escaped = text.substr(0, at) + "%" +
                                  to_hex(as_bytes(std::string_view(text)).subspan(at, 1)) +
                                  text.substr(at + 1);
      ASSERT_TRUE(decode_get_tail(escaped, 100, out)) << escaped;
      ASSERT_EQ(to_hex(out), to_hex(request)) << escaped;
    }
  }
}

// req: OCSP-RESP-075
TEST(DecodeGetTail, FindsTheSameOctetsThoughTwoAreEscaped) {
  Buffer request, out;
  for (unsigned i = 0; i < 25; ++i) {
    request.push_back(static_cast<std::uint8_t>(i * 151U + i / 3));
  }
  const std::string text = base64_encode(request);  // nine quads, the last padded
  const auto escape = [&text](std::size_t at) {
    return "%" + to_hex(as_bytes(std::string_view(text)).subspan(at, 1));
  };
  for (std::size_t first = 0; first < text.size(); ++first) {
    for (std::size_t second = first + 1; second < text.size(); ++second) {
      const std::string escaped = text.substr(0, first) + escape(first) +
                                  text.substr(first + 1, second - first - 1) + escape(second) +
                                  text.substr(second + 1);
      ASSERT_TRUE(decode_get_tail(escaped, 100, out)) << escaped;
      ASSERT_EQ(to_hex(out), to_hex(request)) << escaped;
      ASSERT_TRUE(decode_get_tail(escaped, request.size(), out)) << escaped;
      ASSERT_EQ(to_hex(out), to_hex(request)) << escaped;
      ASSERT_FALSE(decode_get_tail(escaped, request.size() - 1, out)) << escaped;
    }
  }
}

TEST(DecodeGetTail, KnowsEachOctetAtEachPlace) {
  const std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_ ";
  Buffer out;
  constexpr std::size_t kPlaces = 20;  // eight at a time, and what is left over
  for (std::size_t place = 0; place < kPlaces; ++place) {
    for (unsigned octet = 0; octet < 256; ++octet) {
      std::string text(kPlaces, 'A');
      text[place] = static_cast<char>(octet);
      const bool is_digit = digits.find(static_cast<char>(octet)) != std::string_view::npos;
      const bool is_padding = octet == '=' && place == kPlaces - 1;
      EXPECT_EQ(static_cast<bool>(decode_get_tail(text, 100, out)), is_digit || is_padding)
          << octet << " at " << place;
    }
  }
}

// req: OCSP-RESP-078
TEST(DecodeGetTail, StopsAtTheLimit) {
  Buffer out;
  const std::string fits = base64_encode(Buffer(99, 0x30));
  EXPECT_TRUE(decode_get_tail(fits, 99, out));
  EXPECT_EQ(decode_get_tail(fits, 98, out).error(), GetPathErrc::kTooLong);
  const std::string huge(10 << 20, 'A');
  EXPECT_EQ(decode_get_tail(huge, 99, out).error(), GetPathErrc::kTooLong);
  EXPECT_LT(out.capacity(), 1000U);
  // A limit does not forbid the longest spelling of what it allows.
  std::string escaped;
  for (const char c : fits) {
    escaped += "%" + to_hex(as_bytes(std::string_view(&c, 1)));
  }
  EXPECT_TRUE(decode_get_tail(escaped, 99, out));
}

// req: OCSP-RESP-076
TEST(FindGetTail, TakesAwayThePrefixAndNothingElse) {
  EXPECT_EQ(find_get_tail("/ocsp/a//b/../c", "/ocsp"), "a//b/../c");
  EXPECT_EQ(find_get_tail("/ocsp/a", "/ocsp/"), "a");
  EXPECT_EQ(find_get_tail("/ocsp//a//", "/ocsp"), "a//");
  EXPECT_EQ(find_get_tail("/ocsp///a", "/ocsp"), "/a");
  EXPECT_EQ(find_get_tail("//a", "/"), "a");
  EXPECT_EQ(find_get_tail("/a", ""), "a");
  EXPECT_EQ(find_get_tail("/", "/"), "");
  EXPECT_EQ(find_get_tail("/ocsp", "/ocsp"), "");
  EXPECT_EQ(find_get_tail("/ocsp/", "/ocsp"), "");
  EXPECT_EQ(find_get_tail("/ocspx/a", "/ocsp"), std::nullopt);
  EXPECT_EQ(find_get_tail("/other/a", "/ocsp"), std::nullopt);
  EXPECT_EQ(find_get_tail("*", "/"), std::nullopt);
  EXPECT_EQ(find_get_tail("", "/"), std::nullopt);
}

TEST(FindGetTail, ReadsTheAbsoluteFormOfProxies) {
  EXPECT_EQ(find_get_tail("http://ocsp.example:80/ocsp/a//b", "/ocsp"), "a//b");
  EXPECT_EQ(find_get_tail("HTTP://ocsp.example", "/"), "");
  EXPECT_EQ(find_get_tail("ftp://ocsp.example/a", "/"), std::nullopt);
}

// req: OCSP-CLI-053
TEST(MakeGetUrl, EscapesTheThreeCharacters) {
  EXPECT_EQ(encode_get_tail(kRequest), "%2B%2F%2B%2FAP%2F%2B%2Fw%3D%3D");
}

// req: OCSP-CLI-054
TEST(MakeGetUrl, PutsExactlyOneSlashBetween) {
  EXPECT_EQ(make_get_url("http://a", Buffer{0x30}), "http://a/MA%3D%3D");
  EXPECT_EQ(make_get_url("http://a/", Buffer{0x30}), "http://a/MA%3D%3D");
  EXPECT_EQ(make_get_url("http://a/b", Buffer{0x30}), "http://a/b/MA%3D%3D");
  EXPECT_EQ(make_get_url("http://a/b/", Buffer{0x30}), "http://a/b/MA%3D%3D");
  EXPECT_EQ(make_get_url("http://a/b?c=d", Buffer{0x30}), std::nullopt);
  EXPECT_EQ(make_get_url("http://a/b#c", Buffer{0x30}), std::nullopt);
}

// req: OCSP-CLI-052
TEST(MakeGetUrl, LeavesLongUrlsToPost) {
  const Buffer request(60, 0);  // eighty characters without a special one
  const auto url_of = [&](std::size_t length) {
    return make_get_url("http://" + std::string(length - 80 - 7 - 1, 'a'), request);
  };
  ASSERT_TRUE(url_of(254));
  EXPECT_EQ(url_of(254)->size(), 254U);
  ASSERT_TRUE(url_of(255));
  EXPECT_EQ(url_of(255)->size(), 255U);
  EXPECT_FALSE(url_of(256));
}

}  // namespace
}  // namespace muster::http
