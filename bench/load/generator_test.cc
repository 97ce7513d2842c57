#include "generator.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <functional>
#include <string>
#include <thread>

#include "kit/serials.h"

namespace muster::bench {
namespace {

const std::string kGood("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x30\x03\x0a\x01\x00", 43);
const std::string kTryLater("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x30\x03\x0a\x01\x03", 43);
const std::string kHttp500 = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";

/// Serves one connection after another on a thread; `answer` is asked for each request, by its
/// number. No octets: the connection is closed.
class Server {
 public:
  explicit Server(std::function<std::string(unsigned)> answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  sockaddr_in address{};

 private:
  void serve() {
    for (int fd = 0; (fd = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(fd)) {
      std::string in;
      char buffer[4096];
      bool open = true;
      while (open) {
        const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0) {
          break;
        }
        in.append(buffer, static_cast<std::size_t>(n));
        std::size_t end = 0;
        while (open && (end = in.find("\r\n\r\n")) != std::string::npos) {
          in.erase(0, end + 4);
          const std::string out = answer_(asked_++);
          open =
              !out.empty() && ::send(fd, out.data(), out.size(), MSG_NOSIGNAL) == std::ssize(out);
        }
      }
    }
  }
  std::function<std::string(unsigned)> answer_;
  int listener_ = -1;
  unsigned asked_ = 0;
  std::thread thread_;
};

LoadResult run(const sockaddr_in& address, LoadOptions options) {
  options.address = address;
  options.connections = 1;
  const auto serial = serial_of(0);
  RequestPlan plan;
  plan.pattern.assign(serial.begin(), serial.end());
  plan.close = options.close;
  auto requests = Requests::make(plan);
  const volatile std::sig_atomic_t stop = 0;
  return run_load(options, *requests, stop);
}
LoadOptions so_many(std::uint64_t requests) {
  LoadOptions options;
  options.requests = requests;
  options.seconds = 60;
  options.patience = 60;
  return options;
}

TEST(Load, CountsEveryAnswer) {
  Server server([](unsigned) { return kGood; });
  unsigned seen = 0;
  LoadOptions options = so_many(200);
  options.seen = [&](const Question&, std::string_view body) { seen += body.size() == 5; };
  const LoadResult result = run(server.address, options);
  EXPECT_EQ(result.asked, 200U);
  EXPECT_EQ(result.answered, 200U);
  EXPECT_EQ(result.latency.total(), 200U);
  EXPECT_EQ(result.errors(), 0U);
  EXPECT_EQ(result.connects, 1U);
  EXPECT_EQ(result.body_octets, 1000U);
  EXPECT_EQ(seen, 200U);
}

TEST(Load, PipelinesAndMakesNewConnections) {
  Server server([](unsigned) { return kGood; });
  LoadOptions options = so_many(160);
  options.pipeline = 16;
  EXPECT_EQ(run(server.address, options).answered, 160U);
  options = so_many(20);
  options.close = true;
  const LoadResult result = run(server.address, options);
  EXPECT_EQ(result.answered, 20U);
  EXPECT_EQ(result.connects, 20U);
}

TEST(Load, TellsErrorsApart) {
  Server server([](unsigned n) {
    return n % 4 == 0 ? kGood : n % 4 == 1 ? kHttp500 : n % 4 == 2 ? kTryLater : std::string();
  });
  const LoadResult result = run(server.address, so_many(40));
  EXPECT_EQ(result.answered, 10U);
  EXPECT_EQ(result.http_errors, 10U);
  EXPECT_EQ(result.shed, 10U);
  EXPECT_EQ(result.shed_latency.total(), 10U);
  EXPECT_EQ(result.ocsp_errors, 0U);
  EXPECT_EQ(result.broken, 10U);
  EXPECT_EQ(result.latency.total(), 10U);
}

TEST(Load, WhoIsToldToWaitCanDoSo) {
  Server server([](unsigned n) {
    return n == 0 ? "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" : kGood;
  });
  LoadOptions options = so_many(2);
  options.rest = 0.2;
  const LoadResult result = run(server.address, options);
  EXPECT_EQ(result.shed, 1U);
  EXPECT_EQ(result.answered, 1U);
  EXPECT_EQ(result.connects, 2U);
  EXPECT_GE(result.seconds, 0.2);
}

TEST(Load, AnswersNobodyAskedForAreErrors) {
  Server server([](unsigned) { return kGood + kGood; });
  EXPECT_GT(run(server.address, so_many(10)).broken, 0U);
}

TEST(Load, GivesUpWhereNobodyListens) {
  sockaddr_in address{};
  {
    const Server server([](unsigned) { return kGood; });
    address = server.address;
  }
  const LoadResult result = run(address, so_many(1'000'000));
  EXPECT_EQ(result.answered, 0U);
  EXPECT_GT(result.refused, 0U);
  EXPECT_LT(result.asked, 10'000U);
}

TEST(Load, AStallCountsForEveryRequestItHeldUp) {
  // 300 requests in 300 ms at a constant rate; the server stops for 150 ms at the 100th. Whoever
  // waits for answers before asking on would see one slow request: the rest must be seen too.
  Server server([](unsigned n) {
    if (n == 100) {
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
    }
    return kGood;
  });
  LoadOptions options;
  options.rate = 1000;
  options.seconds = 0.3;
  options.patience = 60;
  const LoadResult result = run(server.address, options);
  EXPECT_EQ(result.asked, 300U);
  EXPECT_EQ(result.answered, 300U);
  EXPECT_GE(result.latency.max(), 140'000'000U);
  // Those due in the stall waited for its rest: half of all, evenly from 150 ms down to nothing.
  EXPECT_GE(result.latency.quantile(0.8), 30'000'000U);
}

TEST(Load, TooHighARateIsSeenInLatencyAndInWhatWasLeftOut) {
  Server server([](unsigned) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return kGood;
  });
  LoadOptions options;
  options.rate = 1000;
  options.seconds = 0.3;
  options.patience = 0.2;  // some 100 answers in all, for 300 requests
  const LoadResult result = run(server.address, options);
  EXPECT_GT(result.left_out, 100U);
  EXPECT_EQ(result.asked, 300U);
  EXPECT_EQ(result.asked, result.answered + result.left_out + result.late);
  EXPECT_GE(result.latency.quantile(0.5), 50'000'000U);
}

TEST(Load, ACalmOneAsksAsOftenAndSleepsBetween) {
  const auto cpu_ns = [] {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * 1'000'000'000L + used.tv_nsec;
  };
  Server server([](unsigned) { return kGood; });
  LoadOptions options;
  options.rate = 200;
  options.seconds = 0.5;
  options.patience = 60;
  options.calm = true;
  const auto before = cpu_ns();
  const LoadResult result = run(server.address, options);
  EXPECT_EQ(result.asked, 100U);
  EXPECT_EQ(result.answered, 100U);
  EXPECT_LT(cpu_ns() - before, 250'000'000L);  // looking all the time takes all of it
}

}  // namespace
}  // namespace muster::bench
