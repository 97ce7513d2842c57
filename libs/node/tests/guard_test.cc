#include "guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster::node {
namespace {

using ::testing::HasSubstr;

std::string judge(const std::string& host, const std::string& headers = "", bool is_unix = false,
                  const std::vector<std::string>& hosts = {}) {
  http::RequestView request;
  request.host = host;
  request.header_block = headers;
  return refuse_origin(request, is_unix, hosts);
}

TEST(Guard, LetsOperatorsIn) {
  for (const char* host : {"", "localhost", "LocalHost:8889", "127.0.0.1", "127.0.0.1:8889",
                           "[::1]:8889", "[fe80::1]", "192.0.2.1:8889"}) {
    EXPECT_EQ(judge(host), "") << host;
  }
  EXPECT_EQ(judge("ocsp1.example:8889", "", false, {"OCSP1.example"}), "");
  EXPECT_EQ(judge("anything", "", true), "") << "a unix socket has no name";
  EXPECT_EQ(judge("localhost", "Sec-Fetch-Site: none\r\n"), "") << "typed into the address bar";
}

/// DNS rebinding: the page's own name points at us.
TEST(Guard, RefusesForeignNames) {
  for (const char* host : {"evil.example", "evil.example:8889", "localhost.evil.example",
                           "127.0.0.1.evil.example", "[evil]", "1"}) {
    EXPECT_THAT(judge(host), HasSubstr("not ours")) << host;
  }
}

/// CSRF: a page sends our own name.
TEST(Guard, RefusesWebPages) {
  EXPECT_THAT(judge("localhost", "Origin: https://evil.example\r\n"), HasSubstr("web pages"));
  EXPECT_THAT(judge("localhost", "Origin: null\r\n"), HasSubstr("web pages"));
  EXPECT_THAT(judge("localhost", "Sec-Fetch-Site: cross-site\r\n"), HasSubstr("web pages"));
  EXPECT_THAT(judge("localhost", "Origin: http://localhost\r\n", true), HasSubstr("web pages"));
}

}  // namespace
}  // namespace muster::node
