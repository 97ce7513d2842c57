#include "muster/net/address.h"

#include <gtest/gtest.h>

namespace muster::net {
namespace {

TEST(SocketAddress, ReadsAndWritesTheSameText) {
  for (const char* text : {"127.0.0.1:80", "[::1]:8080", "unix:/run/x.sock", "0.0.0.0:0"}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
  }
  EXPECT_EQ(SocketAddress::parse("localhost:1")->text(), "127.0.0.1:1");
  EXPECT_EQ(SocketAddress::parse("*:1")->text(), "[::]:1");
}

TEST(SocketAddress, RefusesWhatIsNone) {
  for (const std::string& text :
       {std::string(""), std::string(":80"), std::string("1.2.3:80"), std::string("1.2.3.4"),
        std::string("1.2.3.4:"), std::string("1.2.3.4:65536"), std::string("1.2.3.4:-1"),
        std::string("1.2.3.4:80x"), std::string("[]:1"), std::string("[1.2.3.4]:1"),
        "unix:" + std::string(200, 'a')}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, NetErrc::kBadAddress) << text;
  }
}

TEST(Listener, SaysWhyAnAddressIsRefused) {
  const auto listener = Listener::open("unix:/nonexistent/x", 1);
  ASSERT_FALSE(listener);
  EXPECT_NE(to_string(listener.error()).find("/nonexistent/x: No such file"), std::string::npos);
}

}  // namespace
}  // namespace muster::net
