#include "muster/http/request_parser.h"

#include <gtest/gtest.h>

#include <memory>

namespace muster::http {
namespace {

using Progress = RequestParser::Progress;

constexpr RequestLimits kSmall{
    .max_target_bytes = 100, .max_header_bytes = 300, .max_body_bytes = 50};

/// Parses the whole of `text` at once.
struct Parsed {
  explicit Parsed(std::string_view text, const RequestLimits& limits = kSmall)
      : octets(to_buffer(as_bytes(text))), parser(limits), progress(parser.parse(octets)) {}
  Buffer octets;
  RequestParser parser;
  Progress progress;
  [[nodiscard]] const RequestView& request() const { return parser.request(); }
};

struct Refusal {
  const char* name;
  std::string text;
  unsigned status;
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

class RefusedRequest : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedRequest, GetsItsStatus) {
  const Parsed whole(GetParam().text);
  ASSERT_EQ(whole.progress, Progress::kRefused);
  EXPECT_EQ(whole.parser.refusal_status(), GetParam().status);
}

TEST_P(RefusedRequest, GetsItOctetByOctetToo) {
  Buffer octets = to_buffer(as_bytes(GetParam().text));
  RequestParser parser(kSmall);
  Progress progress = Progress::kNeedHead;
  for (std::size_t n = 1; n <= octets.size() && progress != Progress::kRefused; ++n) {
    progress = parser.parse(std::span(octets).first(n));
    ASSERT_NE(progress, Progress::kComplete) << "after " << n;
  }
  ASSERT_EQ(progress, Progress::kRefused);
  EXPECT_EQ(parser.refusal_status(), GetParam().status);
}

const std::string kPost = "POST / HTTP/1.1\r\nHost: a\r\n";

INSTANTIATE_TEST_SUITE_P(
    All, RefusedRequest,
    testing::Values(
        Refusal{"garbage", "\x01\x02\x03\r\n\r\n", 400},
        Refusal{"no_version", "GET /\r\n\r\n", 400},
        Refusal{"lower_case_version", "GET / http/1.1\r\n\r\n", 400},
        Refusal{"version_2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        Refusal{"two_blanks", "GET  / HTTP/1.1\r\n\r\n", 400},
        Refusal{"blank_in_target", "GET /a b HTTP/1.1\r\n\r\n", 400},
        Refusal{"octet_beyond_ascii_in_target", "GET /\xc3\xa9 HTTP/1.1\r\n\r\n", 400},
        Refusal{"bare_line_feed", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        Refusal{"bare_line_feed_in_headers", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
        Refusal{"bare_carriage_return", "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", 400},
        Refusal{"bare_carriage_return_in_request_line", "GET / HTTP/1.1\rA: b\r\n\r\n", 400},
        Refusal{"nul_in_value", std::string("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 26), 400},
        Refusal{"blank_before_colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        Refusal{"folded_line", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400},
        Refusal{"blank_before_first_header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        Refusal{"no_colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", 400},
        Refusal{"empty_name", "GET / HTTP/1.1\r\n: a\r\n\r\n", 400},
        Refusal{"two_hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        Refusal{"two_lengths", kPost + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
        Refusal{"length_list", kPost + "Content-Length: 1, 1\r\n\r\nx", 400},
        Refusal{"negative_length", kPost + "Content-Length: -1\r\n\r\nx", 400},
        Refusal{"signed_length", kPost + "Content-Length: +1\r\n\r\nx", 400},
        Refusal{"empty_length", kPost + "Content-Length: \r\n\r\nx", 400},
        Refusal{"length_and_coding",
                kPost + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        Refusal{"coding_in_1_0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400},
        Refusal{"two_codings",
                kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400},
        Refusal{"unknown_coding", kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        Refusal{"unknown_expectation", kPost + "Expect: miracle\r\n\r\n", 417},
        // req: OCSP-RESP-078
        Refusal{"long_target", "GET /" + std::string(300, 'a') + " HTTP/1.1\r\n\r\n", 414},
        Refusal{"long_headers", "GET / HTTP/1.1\r\nA: " + std::string(400, 'a') + "\r\n\r\n", 431},
        Refusal{"long_body", kPost + "Content-Length: 51\r\n\r\n" + std::string(51, 'x'), 413},
        Refusal{"huge_length", kPost + "Content-Length: 99999999999999999999999999\r\n\r\n", 413},
        Refusal{
            "long_chunked_body",
            kPost + "Transfer-Encoding: chunked\r\n\r\n28\r\n" + std::string(40, 'x') + "\r\nB\r\n",
            413},
        Refusal{"huge_chunk", kPost + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
                413},
        Refusal{"no_chunk_size", kPost + "Transfer-Encoding: chunked\r\n\r\n\r\n", 400},
        Refusal{"blank_behind_chunk_size", kPost + "Transfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n",
                400},
        Refusal{"hexadecimal_prefix", kPost + "Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n",
                400},
        Refusal{"negative_chunk", kPost + "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n", 400},
        Refusal{"chunk_longer_than_said",
                kPost + "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", 400},
        Refusal{"bare_line_feed_in_chunk",
                kPost + "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", 400},
        Refusal{"endless_chunk_extension",
                kPost + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(300, 'a'), 400},
        Refusal{"endless_trailer",
                [] {
                  std::string text = kPost + "Transfer-Encoding: chunked\r\n\r\n0\r\n";
                  for (int i = 0; i < 100; ++i) {
                    text += "A: b\r\n";
                  }
                  return text + "\r\n";
                }(),
                431}),
    [](const auto& c) { return std::string(c.param.name); });

TEST(RequestParser, ReadsTheHeadersOcspNeeds) {
  const Parsed p(
      "GET /x//y%2F+= HTTP/1.1\r\nHost: ocsp.example\r\nIF-NONE-MATCH: \"e\"\r\nIf-Modified-Since: "
      " d \t\r\n"
      "X-Odd: v\r\n\r\n");
  ASSERT_EQ(p.progress, Progress::kComplete);
  EXPECT_EQ(p.request().method, Method::kGet);
  EXPECT_EQ(p.request().target, "/x//y%2F+=");  // req: OCSP-RESP-076
  EXPECT_EQ(p.request().host, "ocsp.example");
  EXPECT_EQ(p.request().if_none_match, "\"e\"");
  EXPECT_EQ(p.request().if_modified_since, "d");
  EXPECT_EQ(p.request().header("x-odd"), "v");
  EXPECT_EQ(p.request().header("x-od"), std::nullopt);
  EXPECT_TRUE(p.request().keep_alive);
  EXPECT_TRUE(p.request().body.empty());
  EXPECT_EQ(p.parser.consumed(), p.octets.size());
}

TEST(RequestParser, ToleratesAMissingHostAndEmptyLinesBeforeARequest) {
  const Parsed p("\r\n\r\nHEAD / HTTP/1.1\r\n\r\n");
  ASSERT_EQ(p.progress, Progress::kComplete);
  EXPECT_EQ(p.request().method, Method::kHead);
  EXPECT_EQ(p.request().host, "");
  EXPECT_EQ(p.request().header("host"), std::nullopt);
}

TEST(RequestParser, RefusesAFirstLineThatNoMethodBeginsBeforeTheHeadEnds) {
  // As soon as its first octet is there, whether the line has ended or not.
  for (const std::string_view text : {"\r\n\x01", "\r\n\x01 /o HTTP/1.1\r\nHo"}) {
    RequestParser parser({});
    Buffer buffer = to_buffer(as_bytes(text));
    EXPECT_EQ(parser.parse(buffer), RequestParser::Progress::kRefused) << text;
  }
}

TEST(RequestParser, BoundsTheEmptyLinesBeforeARequest) {
  std::string text;
  for (int i = 0; i < 200; ++i) {
    text += "\r\n";
  }
  EXPECT_EQ(Parsed(text).progress, Progress::kRefused);
}

TEST(RequestParser, KnowsEachOctetOfTargetsAndValuesAtEachPlace) {
  for (std::size_t place = 0; place < 18; ++place) {
    for (unsigned octet = 0; octet < 256; ++octet) {
      std::string text(18, 'x');
      text[place] = static_cast<char>(octet);
      const bool is_visible = octet > 0x20 && octet < 0x7f;
      EXPECT_EQ(
          Parsed("GET /" + text + " HTTP/1.1\r\nHost: a\r\n\r\n").progress == Progress::kComplete,
          is_visible)
          << octet << " in the target at " << place;
      const bool is_value = octet == '\t' || (octet >= 0x20 && octet != 0x7f);
      EXPECT_EQ(Parsed("GET / HTTP/1.1\r\nHost: a\r\nX: " + text + "\r\n\r\n").progress ==
                    Progress::kComplete,
                is_value)
          << octet << " in a value at " << place;
    }
  }
}

TEST(RequestParser, KnowsWhichConnectionsStay) {
  const auto keep_alive = [](std::string_view text) {
    const Parsed p(text);
    EXPECT_EQ(p.progress, Progress::kComplete) << text;
    return p.request().keep_alive;
  };
  EXPECT_TRUE(keep_alive("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.1\r\nConnection: te, close\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keep_alive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(RequestParser, NamesOtherMethods) {
  const Parsed p("BREW /pot HTTP/1.1\r\n\r\n");
  ASSERT_EQ(p.progress, Progress::kComplete);
  EXPECT_EQ(p.request().method, Method::kOther);
  EXPECT_EQ(p.request().method_text, "BREW");
}

TEST(RequestParser, ReadsABodyByLength) {
  Parsed p(
      "POST /o HTTP/1.1\r\nContent-Length: 3\r\nContent-Type: "
      "application/ocsp-request\r\n\r\nabcGET");
  ASSERT_EQ(p.progress, Progress::kComplete);
  EXPECT_EQ(as_text(p.request().body), "abc");
  EXPECT_EQ(p.request().content_type, "application/ocsp-request");
  EXPECT_EQ(p.parser.consumed(), p.octets.size() - 3);
}

TEST(RequestParser, JoinsChunksInPlace) {
  Parsed p(
      "POST /o HTTP/1.1\r\nTransfer-Encoding: "
      "Chunked\r\n\r\n3;x=\"y\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\nGET");
  ASSERT_EQ(p.progress, Progress::kComplete);
  EXPECT_EQ(as_text(p.request().body), "abc0123456789");
  EXPECT_EQ(p.parser.consumed(), p.octets.size() - 3);
}

TEST(RequestParser, RefusesChunksThatMultiplyMemory) {
  std::string text = kPost + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 50; ++i) {
    text += "1;aaaaaaaaaa\r\nx\r\n";
  }
  const Parsed p(text);
  ASSERT_EQ(p.progress, Progress::kRefused);
  EXPECT_EQ(p.parser.refusal_status(), 413U);
}

TEST(RequestParser, FollowsABufferThatMovesBetweenAnyTwoOctets) {
  const std::string text =
      "POST /target HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    RequestParser parser(kSmall);
    Buffer first = to_buffer(as_bytes(std::string_view(text).substr(0, cut)));
    ASSERT_NE(parser.parse(first), Progress::kComplete) << cut;
    Buffer moved(first);  // keeps what the parser joined
    moved.insert(moved.end(), text.begin() + static_cast<std::ptrdiff_t>(cut), text.end());
    std::fill(first.begin(), first.end(), std::uint8_t{0});
    ASSERT_EQ(parser.parse(moved), Progress::kComplete) << cut;
    EXPECT_EQ(parser.request().target, "/target");
    EXPECT_EQ(parser.request().host, "h");
    EXPECT_EQ(as_text(parser.request().body), "abcde");
  }
}

TEST(RequestParser, ReadsNoOctetBehindTheBuffer) {
  const std::string text = "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy";
  for (std::size_t size = 0; size < text.size(); ++size) {
    // Exactly as long as the text: the address sanitizer sees any access behind it.
    const auto exact = std::make_unique<std::uint8_t[]>(size);
    std::copy_n(text.begin(), size, exact.get());
    RequestParser parser(kSmall);
    EXPECT_NE(parser.parse({exact.get(), size}), Progress::kComplete) << size;
  }
}

TEST(RequestParser, TakesPipelinedRequestsOneByOne) {
  Buffer octets =
      to_buffer(as_bytes("GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET "
                         "/3 HTTP/1.1\r\n\r\n"));
  RequestParser parser(kSmall);
  std::span<std::uint8_t> rest = octets;
  for (const std::string_view target : {"/1", "/2", "/3"}) {
    ASSERT_EQ(parser.parse(rest), Progress::kComplete);
    EXPECT_EQ(parser.request().target, target);
    rest = rest.subspan(parser.consumed());
    parser.reset();
  }
  EXPECT_TRUE(rest.empty());
}

TEST(RequestParser, SeesTlsOnAPlainPort) {
  Parsed p(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_EQ(p.progress, Progress::kTls);
}

TEST(RequestParser, AsksForTheBodyOnlyOfAClientThatWaits) {
  EXPECT_TRUE(
      Parsed(kPost + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n").parser.wants_continue());
  EXPECT_FALSE(Parsed(kPost + "Content-Length: 3\r\n\r\n").parser.wants_continue());
  // HTTP/1.0 knows no interim answers (RFC 9110 section 10.1.1).
  const Parsed old("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(old.progress, Progress::kNeedBody);
  EXPECT_FALSE(old.parser.wants_continue());
}

}  // namespace
}  // namespace muster::http
