#include "muster/net/control_fetch.h"

#include <gtest/gtest.h>

namespace muster::net {
namespace {

TEST(ControlFetch, APortAloneIsLoopback) {
  EXPECT_EQ(with_loopback("8889"), "127.0.0.1:8889");
  EXPECT_EQ(with_loopback(":8889"), "127.0.0.1:8889");
  for (const char* whole :
       {"127.0.0.1:8889", "[::1]:8889", "unix:/run/muster", "http://x/", ":", ""}) {
    EXPECT_EQ(with_loopback(whole), whole);
  }
}

TEST(ControlFetch, SaysWhyNobodyIsThere) {
  const auto absent = fetch_from({.address = "unix:/absent/socket"}, "/explain", {});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, FetchErrc::kConnect) << absent.error().detail;
  const auto wrong = fetch_from({.address = "ftp://x/"}, "/explain", {});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, FetchErrc::kBadUrl);
}

}  // namespace
}  // namespace muster::net
