#include "generator.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "reply.h"

namespace muster::bench {
namespace {

using Steady = std::chrono::steady_clock;

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now().time_since_epoch())
          .count());
}
std::uint64_t to_ns(double seconds) {
  return static_cast<std::uint64_t>(std::llround(seconds * 1e9));
}

struct Pending {
  Question question;
  std::uint64_t since = 0;
};

struct Connection {
  int fd = -1;
  unsigned number = 0;
  std::deque<Pending> pending;
  std::string out, in;
  std::size_t written = 0;
};

/// The loop of one run.
class Run {
 public:
  Run(const LoadOptions& options, Requests& requests, const volatile std::sig_atomic_t& stop)
      : options_(options), requests_(requests), stop_(stop), scratch_(256 * 1024) {
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < options.connections; ++i) {
      connections_.push_back(std::make_unique<Connection>());
      connections_.back()->number = i;
      idle_.push_back(connections_.back().get());
    }
  }
  ~Run() {
    for (const auto& c : connections_) {
      hang_up(*c);
    }
    ::close(poll_);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  LoadResult go() {
    start_ = now_ns();
    last_answer_ = start_;
    end_ = start_ + to_ns(options_.seconds);
    interval_ns_ = options_.rate > 0 ? 1e9 / options_.rate : 0;
    while (asking(now_ns())) {
      ask();
      poll(interval_ns_ > 0 ? until_due() : 50);
    }
    asking_ = false;
    // What was due by now is still asked, and counts from when it was due.
    const std::uint64_t stopped = std::min(now_ns(), end_);
    due_in_all_ = interval_ns_ > 0 && !enough_asked() ? due_by(stopped) : result_.asked;
    const std::uint64_t patience = now_ns() + to_ns(options_.patience);
    while ((under_way_ != 0 || result_.asked < due_in_all_) && now_ns() < patience &&
           refused_in_a_row_ < kHopeless) {
      ask();
      poll(interval_ns_ > 0 && result_.asked < due_in_all_ ? until_due() : 10);
    }
    if (result_.asked < due_in_all_) {
      result_.left_out = due_in_all_ - result_.asked;
      result_.asked = due_in_all_;
    }
    result_.late += under_way_;
    result_.seconds = static_cast<double>(last_answer_ - start_) / 1e9;
    return result_;
  }

 private:
  bool asking(std::uint64_t now) const {
    return stop_ == 0 && now < end_ && !enough_asked() && refused_in_a_row_ < kHopeless;
  }
  bool enough_asked() const { return options_.requests != 0 && result_.asked >= options_.requests; }
  /// When request number `n` is due at a constant rate.
  std::uint64_t due(std::uint64_t n) const {
    return start_ + static_cast<std::uint64_t>(static_cast<double>(n) * interval_ns_);
  }

  /// Milliseconds to wait at a constant rate. A waiting thread wakes late: who wants exact times
  /// does not wait.
  int until_due() const {
    constexpr std::uint64_t kMillisecond = 1'000'000, kMost = 50;
    if (!options_.calm) {
      return 0;
    }
    const std::uint64_t now = now_ns(), next = due(result_.asked);
    // One that is due and finds nothing free waits for an answer.
    const std::uint64_t left = next > now ? next - now : idle_.empty() ? kMost * kMillisecond : 0;
    return static_cast<int>(std::min((left + kMillisecond - 1) / kMillisecond, kMost));
  }

  /// How many requests are due by then.
  std::uint64_t due_by(std::uint64_t then) const {
    return static_cast<std::uint64_t>(static_cast<double>(then - start_) / interval_ns_);
  }

  void ask() {
    while (!resting_.empty() && resting_.begin()->first <= now_ns()) {
      release(*resting_.begin()->second);
      resting_.erase(resting_.begin());
    }
    while (!idle_.empty() && !enough_asked() && result_.asked < due_in_all_ &&
           refused_in_a_row_ < kHopeless) {
      const std::uint64_t now = now_ns();
      if (interval_ns_ > 0 && (due(result_.asked) > now || due(result_.asked) >= end_)) {
        return;  // not yet, or not of this run
      }
      Connection& c = *idle_.front();
      idle_.pop_front();
      if (interval_ns_ > 0) {
        const std::uint64_t was_due = due(result_.asked);
        result_.own_delay.add(now - std::min(now, std::max(was_due, free_since_)));
        queue(c, was_due);
      } else {
        for (unsigned i = 0; i < options_.pipeline && !enough_asked(); ++i) {
          queue(c, now);
        }
      }
      if (c.fd < 0 && !dial(c)) {
        give_up(c, result_.refused);
        ++refused_in_a_row_;
        continue;
      }
      flush(c);
    }
  }

  void queue(Connection& c, std::uint64_t since) {
    const Question question = requests_.next();
    requests_.append_http(question, c.out);
    c.pending.push_back({question, since});
    ++result_.asked;
    ++under_way_;
  }

  bool dial(Connection& c) {
    c.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c.fd < 0) {
      return false;
    }
    const int yes = 1;
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if ((ntohl(options_.address.sin_addr.s_addr) >> 24U) == 127) {
      // Many addresses of our own: one has too few ports for thousands of connections a second.
      sockaddr_in own{};
      own.sin_family = AF_INET;
      own.sin_addr.s_addr = htonl(0x7f000101U + c.number % 200);
      ::setsockopt(c.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
      if (::bind(c.fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
        hang_up(c);
        return false;
      }
    }
    if (::connect(c.fd, reinterpret_cast<const sockaddr*>(&options_.address),
                  sizeof options_.address) != 0 &&
        errno != EINPROGRESS) {
      hang_up(c);
      return false;
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &c;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, c.fd, &event);
    ++result_.connects;
    return true;
  }
  static void hang_up(Connection& c) {
    if (c.fd >= 0) {
      ::close(c.fd);
      c.fd = -1;
    }
    c.in.clear();
    c.out.clear();
    c.written = 0;
  }
  /// What is under way on `c` counts there; the connection is free for others, made anew.
  void give_up(Connection& c, std::uint64_t& count) {
    count += c.pending.size();
    under_way_ -= c.pending.size();
    c.pending.clear();
    hang_up(c);
    release(c);
  }
  void release(Connection& c) {
    if (idle_.empty()) {
      free_since_ = now_ns();
    }
    idle_.push_back(&c);
  }

  /// Sends what it can; an error other than "later" ends the connection. Whether it still stands.
  bool flush(Connection& c) {
    while (c.written < c.out.size()) {
      const ssize_t n =
          ::send(c.fd, c.out.data() + c.written, c.out.size() - c.written, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n < 0 && errno == EAGAIN) {
        return true;  // an event will tell
      }
      if (n < 0) {
        ended(c, errno);
        return false;
      }
      c.written += static_cast<std::size_t>(n);
    }
    c.out.clear();
    c.written = 0;
    return true;
  }

  void poll(int milliseconds) {
    epoll_event events[128];
    const int n = ::epoll_wait(poll_, events, 128, milliseconds);
    for (int i = 0; i < n; ++i) {
      Connection& c = *static_cast<Connection*>(events[i].data.ptr);
      if (c.fd < 0) {
        continue;
      }
      if ((events[i].events & EPOLLOUT) != 0 && !c.out.empty() && !flush(c)) {
        continue;
      }
      if ((events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        receive(c);
      }
    }
  }

  void receive(Connection& c) {
    while (c.fd >= 0) {
      const ssize_t n = ::recv(c.fd, scratch_.data(), scratch_.size(), 0);
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n < 0 && errno == EAGAIN) {
        return;
      }
      if (n <= 0) {
        ended(c, n < 0 ? errno : 0);
        return;
      }
      const auto size = static_cast<std::size_t>(n);
      if (c.in.empty()) {
        const std::size_t used = take({scratch_.data(), size}, c);
        if (c.fd >= 0 && used < size) {
          c.in.assign(scratch_.data() + used, size - used);
        }
      } else {
        c.in.append(scratch_.data(), size);
        const std::size_t used = take(c.in, c);
        if (c.fd >= 0) {
          c.in.erase(0, used);
        }
      }
      if (size < scratch_.size()) {
        return;
      }
    }
  }

  /// The peer closed, or the connection never stood.
  void ended(Connection& c, int error) {
    if (c.pending.empty()) {
      hang_up(c);  // between requests it may; it is in idle_ already
      return;
    }
    const bool never_stood = error == ECONNREFUSED || error == ETIMEDOUT;
    refused_in_a_row_ = never_stood ? refused_in_a_row_ + 1 : 0;
    give_up(c, never_stood ? result_.refused : result_.broken);
  }

  /// Takes whole answers off the front; how many octets that were.
  std::size_t take(std::string_view octets, Connection& c) {
    std::size_t used = 0;
    while (used < octets.size()) {
      const ReplyResult got = parse_reply(octets.substr(used));
      if (got.state == ReplyState::kMore) {
        return used;
      }
      if (got.state == ReplyState::kBroken || c.pending.empty()) {
        if (c.pending.empty()) {
          ++result_.broken;  // an answer nobody asked for
          hang_up(c);
        } else {
          give_up(c, result_.broken);
        }
        return used;
      }
      used += got.reply.octets;
      answered(c, got.reply);
      if (c.pending.empty()) {
        if (used < octets.size()) {
          ++result_.broken;  // more than was asked for
          hang_up(c);
        } else if (options_.close || got.reply.closes) {
          hang_up(c);
        }
        if (options_.rest > 0 && got.reply.code == 503) {
          const double spread = 1.0 + static_cast<double>(c.number % kSpread) / kSpread;
          resting_.emplace(last_answer_ + to_ns(options_.rest * spread), &c);
        } else {
          release(c);
        }
        if (asking_ && interval_ns_ <= 0 && asking(last_answer_)) {
          ask();  // at once: a closed loop waits for nothing
        }
        return octets.size();
      }
      if (got.reply.closes) {
        give_up(c, result_.broken);
        return used;
      }
    }
    return used;
  }

  void answered(Connection& c, const Reply& reply) {
    const Pending done = c.pending.front();
    c.pending.pop_front();
    --under_way_;
    refused_in_a_row_ = 0;
    last_answer_ = now_ns();
    constexpr unsigned kTryLater = 3;
    const auto status = options_.expect_ocsp ? ocsp_status(reply.body) : 0U;
    const std::uint64_t latency = last_answer_ - std::min(last_answer_, done.since);
    if (reply.code == 503 || (reply.code == 200 && status == kTryLater)) {
      ++result_.shed;
      result_.shed_latency.add(latency);
    } else if (reply.code != 200) {
      ++result_.http_errors;
    } else if (status != 0U) {
      ++result_.ocsp_errors;
    } else if (done.question.beside) {
      ++result_.beside;
      result_.beside_latency.add(latency);
    } else {
      ++result_.answered;
      result_.body_octets += reply.body.size();
      result_.latency.add(latency);
    }
    if (options_.seen) {
      options_.seen(done.question, reply.body);
    }
  }

  static constexpr unsigned kSpread = 1000;    // parts of a rest
  static constexpr unsigned kHopeless = 1000;  // connections refused in a row: nobody is there

  const LoadOptions& options_;
  Requests& requests_;
  const volatile std::sig_atomic_t& stop_;
  int poll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> idle_;  // the one free for longest is next: all take part
  std::multimap<std::uint64_t, Connection*> resting_;  // until then
  std::vector<char> scratch_;
  LoadResult result_;
  std::uint64_t start_ = 0, end_ = 0, last_answer_ = 0, under_way_ = 0;
  std::uint64_t free_since_ = 0;                  // there has been a free connection
  std::uint64_t due_in_all_ = ~std::uint64_t{0};  // known at the end
  double interval_ns_ = 0;                        // 0: closed loop
  unsigned refused_in_a_row_ = 0;
  bool asking_ = true;
};

}  // namespace

LoadResult run_load(const LoadOptions& options, Requests& requests,
                    const volatile std::sig_atomic_t& stop) {
  return Run(options, requests, stop).go();
}

}  // namespace muster::bench
