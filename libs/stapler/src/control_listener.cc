#include "control_listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "muster/base/text.h"
#include "muster/stapler/control.h"

namespace muster::stapler {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kBacklog = 16;

/// Only the user whose stapler it is, and root.
bool is_allowed(int fd, std::string& who) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return false;
  }
  who = "uid " + std::to_string(peer.uid) + ", pid " + std::to_string(peer.pid);
  return peer.uid == ::geteuid() || peer.uid == 0;
}

}  // namespace

struct ControlListener::Impl : std::enable_shared_from_this<ControlListener::Impl> {
  Impl(net::Loop& l, Logger& g, Handler h) : loop(l), logger(g), handler(std::move(h)) {}

  net::Loop& loop;
  Logger& logger;
  const Handler handler;
  ControlPath path;
  std::unique_ptr<net::Acceptor> acceptor;
  std::map<int, std::shared_ptr<Talk>> talks;

  void accept(UniqueFd fd);
};

/// A connection.
class ControlListener::Talk final : public net::FdHandler,
                                    public Conversation,
                                    public std::enable_shared_from_this<Talk> {
 public:
  Talk(const std::shared_ptr<Impl>& owner, UniqueFd fd)
      : owner_(owner), loop_(owner->loop), fd_(std::move(fd)) {}

  void begin() {
    if (loop_.add(fd_.get(), EPOLLIN | EPOLLRDHUP, *this) != net::WatchResult::kWatched) {
      close();
      return;
    }
    arm(kRequestTimeout);
  }

  void on_ready(std::uint32_t events) noexcept override {
    const auto self = shared_from_this();
    if (!is_asked_) {
      receive();
    } else if ((events & (EPOLLHUP | EPOLLERR)) != 0 || (!is_half_closed_ && !drain())) {
      close();
      return;
    }
    if (fd_ && (events & EPOLLOUT) != 0) {
      send();
    }
  }

  void say(const Json& line) override {
    if (!fd_ || is_over_) {
      return;
    }
    std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
    if (out_.size() + text.size() > kMaxAnswerBytes) {
      return;
    }
    out_ += text;
    send();
  }

  void end(int exit_code, const std::string& text) override {
    if (!fd_ || is_over_) {
      return;
    }
    is_over_ = true;
    out_ += Json{{"exit", exit_code}, {"text", printable(text)}}.dump() + '\n';
    send();
  }

  [[nodiscard]] bool is_open() const override { return fd_ && !is_over_; }

  void close() {
    disarm();
    if (fd_) {
      const int number = fd_.get();
      loop_.remove(number);
      fd_.reset();
      if (const auto owner = owner_.lock()) {
        owner->talks.erase(number);
      }
    }
  }

 private:
  void receive() {
    std::array<char, 16 * 1024> piece;
    for (;;) {
      const ::ssize_t n = ::recv(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n < 0 && errno == EAGAIN) {
        return;
      }
      if (n <= 0) {
        close();
        return;
      }
      in_.append(piece.data(), static_cast<std::size_t>(n));
      const std::size_t line = in_.find('\n');
      if (line == std::string::npos && in_.size() <= kMaxRequestBytes) {
        continue;
      }
      is_asked_ = true;
      disarm();
      if (line == std::string::npos || line > kMaxRequestBytes) {
        end(kControlUsage, "a request has at most " + std::to_string(kMaxRequestBytes) + " octets");
        return;
      }
      const Json request = Json::parse(std::string_view(in_).substr(0, line), nullptr, false);
      in_.clear();
      if (request.is_discarded() || !request.is_object()) {
        end(kControlUsage, "a request is one line with a JSON object");
        return;
      }
      if (const auto owner = owner_.lock()) {
        owner->handler(shared_from_this(), request);
      }
      return;
    }
  }

  /// Whether the peer is still there; whatever else it says is not listened to.
  bool drain() {
    std::array<char, 1024> piece;
    for (;;) {
      const ::ssize_t n = ::recv(fd_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
      }
      if (n == 0) {
        is_half_closed_ = true;  // it may still read; EPOLLHUP tells when it does not
        loop_.modify(fd_.get(), interest(), *this);
        return true;
      }
    }
  }

  [[nodiscard]] std::uint32_t interest() const {
    return (is_half_closed_ ? 0U : EPOLLIN | EPOLLRDHUP) | (out_.empty() ? 0U : EPOLLOUT);
  }

  void send() {
    while (sent_ < out_.size()) {
      const ::ssize_t n =
          ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0) {
        if (errno == EINTR) {
          continue;
        }
        if (errno == EAGAIN) {
          loop_.modify(fd_.get(), interest(), *this);
          arm(kSendTimeout);
          return;
        }
        close();
        return;
      }
      sent_ += static_cast<std::size_t>(n);
    }
    out_.clear();
    sent_ = 0;
    disarm();
    if (is_over_) {
      close();
    } else {
      loop_.modify(fd_.get(), interest(), *this);
    }
  }

  void arm(Milliseconds delay) {
    disarm();
    timer_ = loop_.after(delay, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->timer_.reset();
        self->close();
      }
    });
  }
  void disarm() {
    if (timer_) {
      loop_.cancel(*timer_);
      timer_.reset();
    }
  }

  const std::weak_ptr<Impl> owner_;
  net::Loop& loop_;
  UniqueFd fd_;
  std::string in_, out_;
  std::size_t sent_ = 0;
  bool is_asked_ = false, is_over_ = false, is_half_closed_ = false;
  std::optional<net::TimerId> timer_;
};

void ControlListener::Impl::accept(UniqueFd fd) {
  std::string who = "nobody knows who";
  if (!is_allowed(fd.get(), who)) {
    logger.log(LogLevel::kWarning, "control.denied",
               "somebody else than the owner of the shelf wanted to control the stapler",
               {{"peer", who}});
    return;
  }
  const int number = fd.get();
  auto talk = std::make_shared<Talk>(shared_from_this(), std::move(fd));
  const bool is_full = talks.size() >= kMaxConversations;
  talks.emplace(number, talk);
  talk->begin();
  if (is_full) {
    talk->end(kControlBusy, "the stapler talks to " + std::to_string(kMaxConversations) +
                                " others already; try again");
  }
}

Result<std::unique_ptr<ControlListener>, std::string> ControlListener::open(
    net::Loop& loop, Logger& logger, const std::string& directory, Handler handler) {
  auto impl = std::make_shared<Impl>(loop, logger, std::move(handler));
  MUSTER_TRY(impl->path, ControlPath::of(directory));
  // Whoever connects before the mode is set is looked at, too.
  auto listener = net::Listener::open("unix:" + impl->path.text(), kBacklog);
  if (!listener) {
    return Err{net::to_string(listener.error())};
  }
  if (::chmod(impl->path.text().c_str(), 0600) != 0) {
    return Err{"cannot protect '" + impl->path.text() + "': " + std::strerror(errno)};
  }
  impl->acceptor = std::make_unique<net::Acceptor>(
      loop, *std::move(listener),
      net::Acceptor::Events{[weak = std::weak_ptr(impl)](UniqueFd fd) {
                              if (const auto self = weak.lock()) {
                                self->accept(std::move(fd));
                              }
                            },
                            [] {}});
  return std::unique_ptr<ControlListener>(new ControlListener(std::move(impl)));
}

ControlListener::ControlListener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlListener::~ControlListener() {
  impl_->acceptor.reset();
  const auto talks = std::exchange(impl_->talks, {});
  for (const auto& [fd, talk] : talks) {
    talk->close();
  }
}

}  // namespace muster::stapler
