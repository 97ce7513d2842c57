#include "muster/base/ip_reach.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

IpReach reach(const char* text) { return reach_of(IpAddress::parse(text).value()); }

TEST(IpReach, OfThisMachineIsLoopback) {
  for (const char* text :
       {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"}) {
    EXPECT_EQ(reach(text), IpReach::kMachine) << text;
  }
}

TEST(IpReach, OfASiteIsPrivateLinkLocalAndUniqueLocal) {
  for (const char* text : {"10.0.0.1", "10.255.255.255", "169.254.169.254", "172.16.0.1",
                           "172.31.255.255", "192.168.0.1", "192.168.255.255", "fe80::1", "febf::1",
                           "fc00::1", "fdff::1", "::ffff:10.0.0.1"}) {
    EXPECT_EQ(reach(text), IpReach::kSite) << text;
  }
}

TEST(IpReach, IsSpecialOutsideThePublicInternet) {
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "100.64.0.1",
                           "100.127.255.255",
                           "192.0.0.1",
                           "192.0.2.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "fec0::1",
                           "ff02::1",
                           "2001:db8::1",
                           "64:ff9b::10.0.0.1",
                           "64:ff9b::127.0.0.1",
                           "2002:7f00:1::",
                           "2002:c0a8:101::1"}) {
    EXPECT_EQ(reach(text), IpReach::kSpecial) << text;
  }
  EXPECT_EQ(reach_of(IpAddress()), IpReach::kSpecial) << "a unix socket";
}

TEST(IpReach, IsPublicElsewhere) {
  for (const char* text :
       {"1.1.1.1",        "9.255.255.255",    "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",    "126.255.255.255",  "128.0.0.1",       "169.253.255.255",
        "172.15.255.255", "172.32.0.0",       "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0",       "223.255.255.255", "2606:4700::1111",
        "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::",  "2001:db9::1"}) {
    EXPECT_EQ(reach(text), IpReach::kPublic) << text;
  }
}

}  // namespace
}  // namespace muster
