#include "connect.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/un.h>

#include <atomic>
#include <deque>
#include <latch>

#include "muster/base/turns.h"
#include "peers.h"

namespace muster::probe {
namespace {

using ::testing::HasSubstr;

/// A list as name services give it.
class Addresses {
 public:
  Addresses& v4(std::uint16_t port) {
    auto& address = storage_.emplace_back();
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4.sin_port = htons(port);
    return add(AF_INET, sizeof v4);
  }
  Addresses& v6(std::uint16_t port) {
    auto& address = storage_.emplace_back();
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = IN6ADDR_LOOPBACK_INIT;
    v6.sin6_port = htons(port);
    return add(AF_INET6, sizeof v6);
  }
  [[nodiscard]] const addrinfo* get() const { return &list_.front(); }

 private:
  Addresses& add(int family, socklen_t size) {
    auto& entry = list_.emplace_back();
    entry.ai_family = family;
    entry.ai_addr = reinterpret_cast<sockaddr*>(&storage_.back());
    entry.ai_addrlen = size;
    if (list_.size() > 1) {
      list_[list_.size() - 2].ai_next = &entry;
    }
    return *this;
  }
  std::deque<sockaddr_storage> storage_;
  std::deque<addrinfo> list_;
};

UniqueFd listen_on_loopback(int backlog, std::uint16_t& port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  MUSTER_ASSERT(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  MUSTER_ASSERT(::listen(fd.get(), backlog) == 0);
  MUSTER_ASSERT(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

/// An address that is silent: its queue is full and nobody takes from it.
class SilentPeer {
 public:
  SilentPeer() : listener_(listen_on_loopback(0, port)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    for (int i = 0; i < 8; ++i) {
      UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
      const auto soon = std::chrono::steady_clock::now() + Milliseconds(100);
      full = !wait_until_ready(fd.get(), Readiness::kWrite, soon);
      waiting_.push_back(std::move(fd));
      if (full) {
        return;
      }
    }
  }
  std::uint16_t port = 0;
  bool full = false;

 private:
  UniqueFd listener_;
  std::vector<UniqueFd> waiting_;
};

UniqueFd listen_on_path(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  MUSTER_ASSERT(path.size() < sizeof address.sun_path);
  std::copy(path.begin(), path.end(), address.sun_path);
  MUSTER_ASSERT(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  MUSTER_ASSERT(::listen(fd.get(), 0) == 0);
  return fd;
}

MonotonicTime in(Milliseconds time) { return std::chrono::steady_clock::now() + time; }
std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

TEST(Connect, ASilentAddressDoesNotHoldTheOthersUp) {
  const SilentPeer silent;
  if (!silent.full) {
    GTEST_SKIP() << "the queue of a listener cannot be filled on this kernel";
  }
  std::uint16_t live = 0;
  const UniqueFd listener = listen_on_loopback(8, live);
  const auto connection =
      connect_to_any(Addresses().v4(silent.port).v4(live).get(), in(Milliseconds(60'000)));
  ASSERT_TRUE(connection) << connection.error().detail;
  EXPECT_EQ(connection->peer_address, at(live));
  ASSERT_EQ(connection->failures.size(), 1u);
  EXPECT_EQ(connection->failures[0].address, at(silent.port));
  EXPECT_EQ(connection->failures[0].reason, "no answer so far");
}

TEST(Connect, EveryAddressIsTriedAndNamed) {
  std::uint16_t live = 0;
  const UniqueFd listener = listen_on_loopback(8, live);
  const std::uint16_t dead = testing::unused_port(), dead_too = testing::unused_port();
  const auto last =
      connect_to_any(Addresses().v4(dead).v4(dead_too).v4(live).get(), in(Milliseconds(30'000)));
  ASSERT_TRUE(last) << last.error().detail;
  EXPECT_EQ(last->peer_address, at(live));
  ASSERT_EQ(last->failures.size(), 2u);
  EXPECT_EQ(last->failures[1].address, at(dead_too));
  EXPECT_EQ(last->failures[1].reason, "Connection refused");

  const auto none =
      connect_to_any(Addresses().v4(dead).v4(dead_too).get(), in(Milliseconds(30'000)));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ProbeErrc::kConnect);
  EXPECT_THAT(none.error().detail, HasSubstr(at(dead) + ": Connection refused; " + at(dead_too) +
                                             ": Connection refused"));
}

TEST(Connect, TheDeadlineEndsAllAndNamesThem) {
  const SilentPeer silent;
  if (!silent.full) {
    GTEST_SKIP() << "the queue of a listener cannot be filled on this kernel";
  }
  const std::uint16_t dead = testing::unused_port();
  const auto none =
      connect_to_any(Addresses().v4(dead).v4(silent.port).get(), in(Milliseconds(300)));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ProbeErrc::kTimeout);
  EXPECT_THAT(none.error().detail, HasSubstr(at(dead) + ": Connection refused"));
  EXPECT_THAT(none.error().detail, HasSubstr(at(silent.port) + ": timed out"));
}

TEST(Connect, WhoWaitsForAConnectionGivesItsTurnUp) {
  std::optional<SilentPeer> silent(std::in_place);
  if (!silent->full) {
    GTEST_SKIP() << "the queue of a listener cannot be filled on this kernel";
  }
  Turns turns(1);
  std::latch begun(1);
  std::atomic<bool> ended{false};
  Addresses address;
  address.v4(silent->port);
  std::jthread connecting([&] {
    Turn turn(turns);
    begun.count_down();
    static_cast<void>(connect_to_any(address.get(), in(Milliseconds(30'000))));
    ended = true;
  });
  begun.wait();
  {
    Turn mine(turns);
    EXPECT_FALSE(ended) << "the turn was kept until the deadline";
  }
  silent.reset();  // the next try is refused
}

TEST(Connect, FamiliesTakeTurnsAndAddressesAreBounded) {
  Addresses many;
  for (std::size_t i = 0; i < kMaxAddresses + 4; ++i) {
    many.v6(1);
  }
  many.v4(1);
  const auto none = connect_to_any(many.get(), in(Milliseconds(30'000)));
  ASSERT_FALSE(none);
  const std::string& told = none.error().detail;
  const std::size_t v4_at = told.find("127.0.0.1:1: ");
  ASSERT_NE(v4_at, std::string::npos) << "the other family's turn is the second: " << told;
  std::size_t count = 0;
  for (std::size_t from = 0; (from = told.find(":1: ", from)) != std::string::npos; ++from) {
    ++count;
  }
  EXPECT_EQ(count, kMaxAddresses) << told;
  EXPECT_LT(v4_at, told.find("[::1]:1: ", told.find("[::1]:1: ") + 1)) << told;
}

TEST(Connect, ALinkLocalAddressNeedsItsZone) {
  ifaddrs* all = nullptr;
  ASSERT_EQ(::getifaddrs(&all), 0);
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, ::freeifaddrs);
  std::string address;
  for (const ifaddrs* i = all; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr != nullptr && i->ifa_addr->sa_family == AF_INET6) {
      const auto& v6 = reinterpret_cast<const sockaddr_in6&>(*i->ifa_addr);
      char text[INET6_ADDRSTRLEN];
      if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) &&
          ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text) != nullptr) {
        address = std::string(text) + "%" + i->ifa_name;
      }
    }
  }
  if (address.empty()) {
    GTEST_SKIP() << "no interface of this machine has a link-local address";
  }
  OpensslServer server({"-accept", "[::]:0"});
  ProbeRequest request;
  request.host = "[" + address + "]";
  request.port = server.port;
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->peer_address, "[" + address + "]:" + std::to_string(server.port));
}

TEST(Connect, AZoneThatIsNoneIsTold) {
  ProbeRequest request;
  request.host = "fe80::1%nosuch0";
  const auto result = probe(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kResolve);
  EXPECT_THAT(result.error().detail, HasSubstr("no interface nosuch0"));
}

TEST(ConnectToUnix, ShakesHandsOverASocketOfThisMachine) {
  const testing::TempDir dir;
  const std::string path = dir.file("tls.sock");
  const UniqueFd listener = listen_on_path(path);
  const OpensslServer server;
  std::jthread relays([&] {
    const UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    relay(fd.get(), server.port);
  });
  ProbeRequest request;
  request.unix_path = path;
  request.port = 0;
  const auto result = probe(request);
  ::shutdown(listener.get(), SHUT_RDWR);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->peer_address, "unix:" + path);
  EXPECT_EQ(result->chain.size(), 2u);
  EXPECT_EQ(result->staple, server.staple);
}

TEST(ConnectToUnix, WhatIsNoSocketIsTold) {
  const testing::TempDir dir;
  struct Row {
    std::string path;
    ProbeErrc code;
    std::string says;
  };
  for (const Row& row : {Row{dir.file("absent"), ProbeErrc::kConnect, "No such file"},
                         {dir.write("file", "x"), ProbeErrc::kConnect, "Connection refused"},
                         {std::string(108, 'x'), ProbeErrc::kBadRequest, "107 octets"},
                         {std::string("a\0b", 3), ProbeErrc::kBadRequest, "a\\x00b"}}) {
    ProbeRequest request;
    request.unix_path = row.path;
    const auto result = probe(request);
    ASSERT_FALSE(result) << row.says;
    EXPECT_EQ(result.error().code, row.code) << result.error().detail;
    EXPECT_THAT(result.error().detail, HasSubstr(row.says));
    EXPECT_THAT(result.error().detail, HasSubstr("unix:"));
  }
}

TEST(ConnectToUnix, AFullQueueIsWaitedForUntilTheDeadline) {
  const testing::TempDir dir;
  const std::string path = dir.file("full.sock");
  const UniqueFd listener = listen_on_path(path);
  std::vector<Connection> waiting;
  std::optional<ProbeError> end;
  while (!end && waiting.size() < 8) {
    auto connection = connect_to_unix(path, in(Milliseconds(100)));
    if (connection) {
      waiting.push_back(*std::move(connection));
    } else {
      end = connection.error();
    }
  }
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code, ProbeErrc::kTimeout) << end->detail;
}

}  // namespace
}  // namespace muster::probe
