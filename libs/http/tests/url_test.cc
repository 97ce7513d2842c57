#include "muster/http/url.h"

#include <gtest/gtest.h>

namespace muster::http {
namespace {

TEST(ParseUrl, TakesAUrlApart) {
  const auto url = parse_url("HTTP://OCSP.Example:8080/a//b?c=d#e");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "http");
  EXPECT_EQ(url->host, "ocsp.example");
  EXPECT_EQ(url->port, 8080);
  EXPECT_EQ(url->path, "/a//b");
  EXPECT_TRUE(url->has_query);
  EXPECT_EQ(url->query, "c=d");
}

TEST(ParseUrl, KnowsDefaults) {
  EXPECT_EQ(parse_url("http://a")->port, 80);
  EXPECT_EQ(parse_url("https://a")->port, 443);
  EXPECT_EQ(parse_url("http://a:/")->port, 80);
  EXPECT_EQ(parse_url("http://a?q")->path, "");
  EXPECT_EQ(parse_url("http://[2001:DB8::1]:81/x")->host, "[2001:db8::1]");
  EXPECT_EQ(parse_url("http://[2001:DB8::1]:81/x")->port, 81);
  EXPECT_EQ(parse_url("http://[::1]")->port, 80);
}

TEST(ParseUrl, RefusesWhatCertificatesShouldNotCarry) {
  for (const std::string_view text : {"",
                                      "a",
                                      "//a",
                                      "ldap://a/",
                                      "file:///etc/passwd",
                                      "http:///x",
                                      "http://",
                                      "http://user@a/",
                                      "http://u:p@a/",
                                      "http://a b/",
                                      "http://a/\x01",
                                      "http://\xc3\xa9/",
                                      "http://a:0/",
                                      "http://a:65536/",
                                      "http://a:x/",
                                      "http://a:-1/",
                                      "http://[::1/",
                                      "http://[]/",
                                      "http://[::g]/",
                                      "javascript://a",
                                      "http:/a"}) {
    EXPECT_EQ(parse_url(text).has_value(), false) << text;
  }
}

}  // namespace
}  // namespace muster::http
