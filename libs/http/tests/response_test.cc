#include "muster/http/response.h"

#include <gtest/gtest.h>

namespace muster::http {
namespace {

std::string head(unsigned status, std::string_view type, std::string_view extra, std::size_t body) {
  Buffer out;
  append_head(out, status, type, extra, body);
  return std::string(as_text(out));
}

TEST(AppendHead, WritesStatusTypeAndLength) {
  EXPECT_EQ(head(200, "application/ocsp-response", "ETag: \"x\"\r\n", 1234),
            "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Length: "
            "1234\r\nETag: \"x\"\r\n");
}

TEST(AppendHead, GivesNoLengthWhereNoBodyMayBe) {
  EXPECT_EQ(head(304, "", "", 0), "HTTP/1.1 304 Not Modified\r\n");
  EXPECT_EQ(head(204, "", "", 0), "HTTP/1.1 204 No Content\r\n");
  EXPECT_EQ(head(404, "", "", 0), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n");
}

TEST(ReasonPhrase, IsEmptyForTheUnknown) {
  EXPECT_EQ(reason_phrase(599), "");
  EXPECT_EQ(reason_phrase(413), "Content Too Large");
}

}  // namespace
}  // namespace muster::http
