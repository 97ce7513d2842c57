#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <thread>

#include "crl_set_fixture.h"
#include "muster/net/address.h"

namespace muster::source::testing {

inline constexpr Milliseconds kPatience{20'000};

/// An HTTP server that says what it is told to, however wrong; one answer a connection.
class LyingHost {
 public:
  struct Answer {
    std::string octets;  ///< the whole of it
    bool hang = false;   ///< then keeps the connection
    bool drip = false;   ///< sends octet by octet, slower than anybody waits
  };
  using Script = std::function<Answer(const std::string& request)>;
  explicit LyingHost(Script script)
      : listener_(*net::Listener::open("127.0.0.1:0", 16)),
        script_(std::move(script)),
        thread_([this](const std::stop_token& stop) { serve(stop); }) {}
  [[nodiscard]] std::string url(std::string_view path = "/ca.crl") const {
    return "http://" + listener_.address() + std::string(path);
  }
  void set(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve(const std::stop_token& stop) {
    std::vector<UniqueFd> hanging;
    while (!stop.stop_requested()) {
      pollfd entry{listener_.fd(), POLLIN, 0};
      if (::poll(&entry, 1, 10) != 1) {
        continue;
      }
      UniqueFd peer(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        pollfd readable{peer.get(), POLLIN, 0};
        const ssize_t got = ::poll(&readable, 1, static_cast<int>(kPatience.count())) == 1
                                ? ::recv(peer.get(), buffer, sizeof buffer, 0)
                                : 0;
        if (got <= 0) {
          break;
        }
        request.append(buffer, static_cast<std::size_t>(got));
      }
      Answer answer;
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        answer = script_(request);
      }
      for (std::string_view rest = answer.octets; !rest.empty();) {
        const std::size_t piece = answer.drip ? 1 : rest.size();
        const ssize_t put = ::send(peer.get(), rest.data(), piece, MSG_NOSIGNAL);
        pollfd gone{peer.get(), POLLRDHUP, 0};
        if (put <= 0 || (answer.drip && ::poll(&gone, 1, 50) != 0)) {
          break;
        }
        rest.remove_prefix(static_cast<std::size_t>(put));
      }
      if (answer.hang) {
        hanging.push_back(std::move(peer));
      }
    }
  }
  net::Listener listener_;
  mutable std::mutex mutex_;
  Script script_;
  std::vector<std::string> requests_;
  std::jthread thread_;
};

inline std::string ok(Bytes body, std::string_view headers = "") {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/pkix-crl\r\nConnection: "
         "close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + std::string(headers) + "\r\n" +
         std::string(as_text(body));
}
inline LyingHost::Script says(std::string answer) {
  return [answer = std::move(answer)](const std::string&) { return LyingHost::Answer{answer}; };
}

class CrlFetch : public CrlSetTest {
 protected:
  CrlFetch() {
    spec_.crls.time_limit = Milliseconds(20'000);
    downloads_ = std::make_unique<Downloads>([this] {
      const std::lock_guard lock(mutex_);
      ++ended_;
      changed_.notify_all();
    });
  }
  ~CrlFetch() override {
    keeper_.reset();
    downloads_.reset();
  }
  Buffer crl(const CrlSpec& spec) const { return build_crl(issuer(), spec); }
  /// Waits for the next download to end and deals with it.
  void await_download() {
    {
      std::unique_lock lock(mutex_);
      ASSERT_TRUE(changed_.wait_for(lock, kPatience, [this] { return ended_ > seen_; }));
      ++seen_;
    }
    auto ended = downloads_->take_ended();
    keeper().receive(ended, {});
    look();
  }
  bool has_download() {
    const std::lock_guard lock(mutex_);
    return ended_ > seen_;
  }
  /// Everything that is due now, alternatives included.
  void fetch(std::size_t downloads = 1) {
    look();
    for (std::size_t i = 0; i < downloads; ++i) {
      await_download();
    }
  }
  void fetch_again(std::size_t downloads = 1) {
    clock_.advance(std::chrono::hours(2));
    fetch(downloads);
  }
  const PartStatus part() { return status().parts.at(0); }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t ended_ = 0, seen_ = 0;
};

}  // namespace muster::source::testing
