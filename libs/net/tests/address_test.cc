#include "muster/net/address.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <utility>

#include "muster/net/ip_of.h"

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
  EXPECT_EQ(SocketAddress::parse("8888")->text(), "127.0.0.1:8888") << "as with_loopback() says";
  EXPECT_EQ(SocketAddress::parse(":8888")->text(), "127.0.0.1:8888");
}

TEST(SocketAddress, RefusesWhatIsNone) {
  for (const std::string& text :
       {std::string(""), std::string(":"), std::string("65536"), std::string("1.2.3:80"),
        std::string("1.2.3.4"), std::string("1.2.3.4:"), std::string("1.2.3.4:65536"),
        std::string("1.2.3.4:-1"), std::string("1.2.3.4:80x"), std::string("[]:1"),
        std::string("[1.2.3.4]:1"), "unix:" + std::string(200, 'a')}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, NetErrc::kBadAddress) << text;
  }
}

TEST(SocketAddress, ALongTextIsNotRepeatedWhole) {
  const auto refused = SocketAddress::parse(std::string(100'000, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_LT(to_string(refused.error()).size(), 400U);
}

TEST(Listener, SaysWhyAnAddressIsRefused) {
  const auto listener = Listener::open("unix:/nonexistent/x", 1);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, NetErrc::kNotHere) << "well written, so not kBadAddress";
  EXPECT_NE(to_string(listener.error()).find("/nonexistent/x: No such file"), std::string::npos);
  EXPECT_NE(to_string(listener.error()).find("the directory of the socket"), std::string::npos);
}

TEST(Listener, AnAddressOfAnotherMachineIsWellWrittenButNotHere) {
  const auto listener = Listener::open("192.0.2.1:0", 1);  // RFC 5737: nobody's
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, NetErrc::kNotHere);
  EXPECT_NE(to_string(listener.error()).find("that this machine has"), std::string::npos);
}

TEST(NetError, ForAUnixSocketSpeaksOfPathsAndNotOfPorts) {
  const auto text = [](NetErrc code, int error, const std::string& where) {
    return to_string(NetError{code, error, where});
  };
  for (const auto& [code, error] :
       {std::pair(NetErrc::kPermission, EACCES), std::pair(NetErrc::kInUse, EADDRINUSE)}) {
    EXPECT_EQ(text(code, error, "unix:/tmp").find("port"), std::string::npos);
    EXPECT_NE(text(code, error, "127.0.0.1:80").find("port"), std::string::npos);
  }
}

TEST(StartConnect, GivesNoAdviceForListening) {
  const auto fd = start_connect(*SocketAddress::parse("unix:/nonexistent/x"));
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().code, NetErrc::kSystem);
  EXPECT_EQ(to_string(fd.error()), "cannot use unix:/nonexistent/x: No such file or directory");
}

TEST(IpOf, IsTheAddressWithoutItsPort) {
  const auto ip = [](const std::string& text) {
    return ip_of(SocketAddress::parse(text)->data()).text();
  };
  EXPECT_EQ(ip("192.0.2.7:80"), "192.0.2.7");
  EXPECT_EQ(ip("[2001:db8::7]:80"), "2001:db8::7");
  EXPECT_EQ(ip("[::ffff:192.0.2.7]:80"), "192.0.2.7");
  EXPECT_EQ(ip("unix:/run/docker.sock"), "unix");
}

}  // namespace
}  // namespace muster::net
