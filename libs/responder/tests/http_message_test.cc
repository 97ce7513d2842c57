#include "muster/responder/http_message.h"

#include <gmock/gmock.h>

#include "muster/pki/certificate.h"

namespace muster::responder {
namespace {

using testing::HasSubstr;
using testing::Not;
constexpr UnixSeconds kNow = unix_seconds(1795514400);  // Tue, 24 Nov 2026 10:00:00 GMT
constexpr Freshness kWeek{kNow - Seconds(60), kNow + Seconds(604739), kNow + Seconds(100000)};

std::string head(const HttpMessage& message) {
  return std::string(as_text(Bytes(message.octets).first(message.head_bytes)));
}
std::string body(const HttpMessage& message) {
  return std::string(as_text(Bytes(message.octets).subspan(message.head_bytes)));
}

// req: OCSP-RESP-033 OCSP-RESP-046 OCSP-RESP-047 OCSP-RESP-048 OCSP-RESP-051
TEST(HttpMessage, CacheableHeadSaysAllCachesNeed) {
  HttpMessage message;
  HttpDate date;
  render_cacheable(message, as_bytes("body"), kWeek, kNow, date);
  EXPECT_EQ(head(message),
            "HTTP/1.1 200 OK\r\n"
            "Content-Type: application/ocsp-response\r\n"
            "Content-Length: 4\r\n"
            "Date: Tue, 24 Nov 2026 10:00:00 GMT\r\n"
            "Last-Modified: Tue, 24 Nov 2026 09:59:00 GMT\r\n"
            "Expires: Tue, 01 Dec 2026 09:58:59 GMT\r\n"
            "ETag: \"" +
                to_hex(pki::digest(HashAlgorithm::kSha256, as_bytes("body"))) +
                "\"\r\n"
                "Cache-Control: max-age=100000, public, no-transform, must-revalidate\r\n\r\n");
  EXPECT_EQ(body(message), "body");
  EXPECT_EQ(message.etag().size(), 66U);
  EXPECT_EQ(message.etag().front(), '"');
  EXPECT_EQ(message.etag().back(), '"');
}

// req: OCSP-RESP-052
TEST(HttpMessage, ErrorsAreNotStored) {
  HttpMessage message;
  HttpDate date;
  render_unstored(message, as_bytes("e"), kNow, date);
  EXPECT_THAT(head(message), HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head(message), HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(head(message), Not(HasSubstr("ETag")));
  EXPECT_FALSE(message.cacheable());
}

TEST(HttpMessage, PrivateHeadHasNoFreshness) {
  HttpMessage message;
  HttpDate date;
  render_private(message, as_bytes("p"), kNow, date);
  for (const char* field : {"ETag", "Last-Modified", "Expires", "Cache-Control", "no-store"}) {
    EXPECT_THAT(head(message), Not(HasSubstr(field)));
  }
}

// req: OCSP-RESP-049
TEST(HttpMessage, ClockFieldsFollowTheClock) {
  HttpMessage message;
  HttpDate date;
  render_cacheable(message, as_bytes("body"), kWeek, kNow, date);
  const std::string etag(message.etag());
  for (const std::int64_t passed : {1, 10, 90001, 99001, 99991, 99999, 100000, 100001}) {
    refresh_clock(message, kNow + Seconds(passed), date);
    HttpMessage fresh;
    HttpDate other;
    render_cacheable(fresh, as_bytes("body"), kWeek, kNow + Seconds(passed), other);
    EXPECT_EQ(head(message), head(fresh)) << passed;
    EXPECT_EQ(body(message), "body") << passed;
    EXPECT_EQ(message.etag(), etag);
  }
  refresh_clock(message, kNow, date);  // the clock was set back: digits grow again
  EXPECT_THAT(head(message), HasSubstr("max-age=100000, public"));
  EXPECT_EQ(body(message), "body");
}

TEST(HttpMessage, DateOfErrorsFollowsTheClock) {
  HttpMessage message;
  HttpDate date;
  render_unstored(message, as_bytes("e"), kNow, date);
  refresh_clock(message, kNow + Seconds(61), date);
  EXPECT_THAT(head(message), HasSubstr("Date: Tue, 24 Nov 2026 10:01:01 GMT\r\n"));
}

TEST(HttpMessage, NotModifiedRepeatsValidatorsWithoutBody) {
  HttpMessage full;
  HttpMessage message;
  HttpDate date;
  render_cacheable(full, as_bytes("body"), kWeek, kNow, date);
  render_not_modified(message, full);
  EXPECT_THAT(head(message), HasSubstr("HTTP/1.1 304 Not Modified\r\nDate: "));
  EXPECT_THAT(head(message), HasSubstr(std::string(full.etag())));
  EXPECT_THAT(head(message), HasSubstr("max-age=100000"));
  EXPECT_THAT(head(message), Not(HasSubstr("Content-")));
  EXPECT_TRUE(head(message).ends_with("\r\n\r\n"));
  EXPECT_EQ(message.head_bytes, message.octets.size());
}

}  // namespace
}  // namespace muster::responder
