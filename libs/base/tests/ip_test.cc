#include "muster/base/ip.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(IpAddress, ReadsAndWritesBothFamilies) {
  for (const char* text : {"192.0.2.7", "0.0.0.0", "2001:db8::7", "::1"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
    EXPECT_TRUE(address->is_known());
  }
  for (const char* text :
       {"", "192.0.2", "192.0.2.256", "localhost", "2001:db8::g", "192.0.2.7 "}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpAddress, MappedAddressesAreIpv4) {
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.7"), IpAddress::parse("192.0.2.7"));
}

TEST(IpAddress, NoneIsAPeerWithoutAddress) {
  EXPECT_FALSE(IpAddress().is_known());
  EXPECT_EQ(IpAddress().text(), "unix");
  EXPECT_EQ(IpAddress::from_octets(Bytes()), IpAddress());
}

TEST(IpNetwork, ContainsByPrefix) {
  const auto net = *IpNetwork::parse("192.0.2.128/25");
  EXPECT_TRUE(net.contains(*IpAddress::parse("192.0.2.128")));
  EXPECT_TRUE(net.contains(*IpAddress::parse("192.0.2.255")));
  EXPECT_FALSE(net.contains(*IpAddress::parse("192.0.2.127")));
  EXPECT_FALSE(net.contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_TRUE(IpNetwork::parse("2001:db8::/32")->contains(*IpAddress::parse("2001:db8:1::9")));
  EXPECT_FALSE(IpNetwork::parse("2001:db8::/32")->contains(*IpAddress::parse("2001:db9::")));
  EXPECT_TRUE(IpNetwork::parse("0.0.0.0/0")->contains(*IpAddress::parse("203.0.113.9")));
  EXPECT_TRUE(IpNetwork::parse("192.0.2.7")->contains(*IpAddress::parse("192.0.2.7")));
  EXPECT_FALSE(IpNetwork::parse("192.0.2.7")->contains(*IpAddress::parse("192.0.2.6")));
}

TEST(IpNetwork, UnixMeansPeersWithoutAddress) {
  const auto net = *IpNetwork::parse("unix");
  EXPECT_TRUE(net.contains(IpAddress()));
  EXPECT_FALSE(net.contains(*IpAddress::parse("127.0.0.1")));
  EXPECT_FALSE(IpNetwork::parse("0.0.0.0/0")->contains(IpAddress()));
  EXPECT_EQ(net.text(), "unix");
}

TEST(IpNetwork, RefusesWhatIsNoNetwork) {
  for (const char* text :
       {"", "/8", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/2x", "192.0.2.1/24", "2001:db8::/129"}) {
    EXPECT_FALSE(IpNetwork::parse(text)) << text;
  }
  EXPECT_EQ(IpNetwork::parse("10.0.0.0/8")->text(), "10.0.0.0/8");
}

}  // namespace
}  // namespace muster
