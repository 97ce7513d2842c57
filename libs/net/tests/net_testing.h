#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <future>
#include <string>
#include <thread>

#include "muster/base/assert.h"
#include "muster/net/address.h"
#include "muster/net/loop.h"
#include "muster/testing/eventually.h"

namespace muster::net {

/// Nothing in these tests takes this long; a test that waits so long has failed.
inline constexpr Milliseconds kPatience{20000};

/// A loop with its thread.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop_.run(); }) {}
  ~LoopThread() {
    loop_.stop();
    thread_.join();
  }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  Loop& loop() { return loop_; }

  /// Runs `action` on the loop's thread and waits for it.
  template <class Action>
  auto call(Action action) {
    std::packaged_task<std::invoke_result_t<Action>()> task(std::move(action));
    auto result = task.get_future();
    loop_.post([&task] { task(); });
    return result.get();
  }

 private:
  Loop loop_;
  std::thread thread_;
};

/// A blocking client that speaks whatever octets it is told to.
class RawClient {
 public:
  explicit RawClient(const std::string& address) : RawClient(open_unconnected(address)) {
    connect(address);
  }
  static RawClient open_unconnected(const std::string& address) {
    const auto parsed = SocketAddress::parse(address);
    return RawClient(UniqueFd(::socket(parsed->family(), SOCK_STREAM | SOCK_CLOEXEC, 0)));
  }
  void connect(const std::string& address) {
    const auto parsed = SocketAddress::parse(address);
    MUSTER_ASSERT(::connect(fd_.get(), parsed->data(), parsed->size()) == 0);
  }
  explicit RawClient(UniqueFd fd) : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }
  /// Whether all of it went out (the peer may be gone).
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) {
        return false;
      }
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  bool is_readable_within(Milliseconds time) {
    pollfd entry{fd_.get(), POLLIN, 0};
    return ::poll(&entry, 1, static_cast<int>(time.count())) == 1;
  }
  /// Reads until `enough(text)`, the end of the stream or a reset.
  template <class Enough>
  std::string read_until(Enough enough) {
    std::string text = std::exchange(rest_, {});
    char buffer[65536];
    while (!enough(text) && is_readable_within(kPatience)) {
      const ssize_t count = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      if (count <= 0) {
        is_ended_ = true;
        break;
      }
      text.append(buffer, static_cast<std::size_t>(count));
    }
    return text;
  }
  std::string read_to_end() {
    return read_until([](const std::string&) { return false; });
  }
  /// One answer with the Content-Length it declares; what follows stays for the next call.
  std::string read_answer() {
    std::size_t size = std::string::npos;
    std::string text = read_until([&size](const std::string& so_far) {
      size = answer_size(so_far);
      return size <= so_far.size();
    });
    if (size < text.size()) {
      rest_ = text.substr(size);
      text.resize(size);
    }
    return text;
  }
  /// Whether the peer has ended the stream, with nothing left unread.
  bool is_at_end() { return read_to_end().empty() && is_ended_; }
  /// Ends with a reset instead of a goodbye.
  void abort() {
    const ::linger reset{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    fd_.reset();
  }

 private:
  static std::size_t answer_size(const std::string& text) {
    const std::size_t head = text.find("\r\n\r\n");
    if (head == std::string::npos) {
      return std::string::npos;
    }
    const std::size_t field = text.find("Content-Length: ");
    return head + 4 + (field < head ? std::stoul(text.substr(field + 16)) : 0);
  }
  UniqueFd fd_;
  std::string rest_;
  bool is_ended_ = false;
};

using muster::testing::eventually;

}  // namespace muster::net
