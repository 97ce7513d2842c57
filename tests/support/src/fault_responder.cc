#include "muster/testing/fault_responder.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <mutex>
#include <thread>

#include "fault_answers.h"
#include "muster/http/get_path.h"

namespace muster::testing {
namespace {

constexpr std::size_t kOversize = 10 << 20;
constexpr std::size_t kMaxRequestBytes = 64 * 1024;

constexpr std::pair<Fault, std::string_view> kNames[] = {
    {Fault::kNone, "none"},
    {Fault::kAbsent, "absent"},
    {Fault::kReset, "reset"},
    {Fault::kHangs, "hangs"},
    {Fault::kHangsInBody, "hangs-in-body"},
    {Fault::kDrips, "drips"},
    {Fault::kCutShort, "cut-short"},
    {Fault::kOversized, "oversized"},
    {Fault::kOversizedPrefix, "oversized-prefix"},
    {Fault::kHttp404, "http-404"},
    {Fault::kHttp500, "http-500"},
    {Fault::kHttp503, "http-503"},
    {Fault::kRedirectLoop, "redirect-loop"},
    {Fault::kHtml, "html"},
    {Fault::kEmpty, "empty"},
    {Fault::kNotHttp, "not-http"},
    {Fault::kChunked, "chunked"},
    {Fault::kNoLength, "no-length"},
    {Fault::kSmallWrites, "small-writes"},
    {Fault::kWrongContentType, "wrong-content-type"},
    {Fault::kKeepAlive, "keep-alive"},
    {Fault::kTryLater, "try-later"},
    {Fault::kUnauthorized, "unauthorized"},
    {Fault::kInternalError, "internal-error"},
    {Fault::kGarbage, "garbage"},
    {Fault::kCutDer, "cut-der"},
    {Fault::kForeign, "foreign"},
    {Fault::kBadSignature, "bad-signature"},
    {Fault::kStranger, "stranger"},
    {Fault::kExpired, "expired"},
    {Fault::kOlder, "older"},
    {Fault::kFuture, "future"},
    {Fault::kNoNextUpdate, "no-next-update"},
    {Fault::kUnknown, "unknown"},
    {Fault::kRevoked, "revoked"},
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::abort();
}

/// The OCSPRequest of an HTTP request that has arrived whole; nothing while octets are missing.
std::optional<Buffer> take_request(const std::string& received) {
  const std::size_t head = received.find("\r\n\r\n");
  if (head == std::string::npos) {
    return std::nullopt;
  }
  if (received.starts_with("GET ")) {
    const std::string target = received.substr(4, received.find(' ', 4) - 4);
    Buffer out;
    const auto tail = http::find_get_tail(target, "/");
    if (!tail || !http::decode_get_tail(*tail, kMaxRequestBytes, out)) {
      return Buffer{};
    }
    return out;
  }
  std::size_t length = 0;
  for (std::size_t at = received.find("\r\n"); at < head; at = received.find("\r\n", at + 2)) {
    constexpr std::string_view kName = "content-length:";
    std::string line = received.substr(at + 2, kName.size());
    for (char& c : line) {
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    if (line == kName) {
      length = std::strtoul(received.c_str() + at + 2 + kName.size(), nullptr, 10);
    }
  }
  if (received.size() - head - 4 < length) {
    return std::nullopt;
  }
  return to_buffer(as_bytes(std::string_view(received).substr(head + 4, length)));
}

std::string head(const char* status, std::size_t length,
                 const char* type = "application/ocsp-response",
                 const char* more = "Connection: close\r\n") {
  return std::string("HTTP/1.1 ") + status + "\r\nContent-Type: " + type + "\r\n" + more +
         "Content-Length: " + std::to_string(length) + "\r\n\r\n";
}

}  // namespace

std::string_view to_string(Fault fault) {
  for (const auto& [f, name] : kNames) {
    if (f == fault) {
      return name;
    }
  }
  return "";
}

bool is_harmless(Fault fault) {
  return fault == Fault::kNone || fault == Fault::kChunked || fault == Fault::kNoLength ||
         fault == Fault::kSmallWrites || fault == Fault::kWrongContentType ||
         fault == Fault::kKeepAlive || fault == Fault::kNoNextUpdate || fault == Fault::kOlder;
}

std::vector<Fault> all_faults() {
  std::vector<Fault> out;
  for (const auto& [f, name] : kNames) {
    out.push_back(f);
  }
  return out;
}

struct FaultResponder::Impl {
  explicit Impl(FaultAnswers a) : answers(std::move(a)) {}

  const FaultAnswers answers;
  std::uint16_t port = 0;
  int reserved = -1;  ///< bound to the port and never listening: nobody else gets it in an absence
  int wake[2] = {-1, -1};
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  Fault fault = Fault::kNone;
  bool stopping = false, listener_settled = false;
  std::size_t requests = 0, connections = 0;
  Buffer last_request;
  struct Connection {
    int fd;
    bool ended = false;
    std::thread thread;
  };
  std::list<Connection> open;
  std::thread acceptor;

  int bind_to(std::uint16_t wanted) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(wanted);
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      die("fault responder: bind");
    }
    socklen_t size = sizeof address;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    return fd;
  }
  int listen_on(std::uint16_t wanted) {
    const int fd = bind_to(wanted);
    if (::listen(fd, 128) != 0) {
      die("fault responder: listen");
    }
    return fd;
  }

  void accept_loop(int listener) {
    for (;;) {
      {
        const std::lock_guard lock(mutex);
        if (stopping) {
          break;
        }
        if (fault == Fault::kAbsent && listener >= 0) {
          ::close(listener);
          listener = -1;
        } else if (fault != Fault::kAbsent && listener < 0) {
          listener = listen_on(port);
        }
        listener_settled = true;
        changed.notify_all();
        open.remove_if([](Connection& c) {
          if (c.ended) {
            c.thread.join();
          }
          return c.ended;
        });
      }
      pollfd fds[] = {{wake[0], POLLIN, 0}, {listener, POLLIN, 0}};
      ::poll(fds, listener >= 0 ? 2 : 1, -1);
      if ((fds[0].revents & POLLIN) != 0) {
        char octet;
        (void)!::read(wake[0], &octet, 1);
        continue;
      }
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) {
        const std::lock_guard lock(mutex);
        ++connections;
        open.push_back({fd, false, {}});
        Connection& c = open.back();
        c.thread = std::thread([this, &c] {
          serve(c.fd);
          const std::lock_guard done(mutex);
          ::close(c.fd);
          c.ended = true;
          changed.notify_all();
        });
      }
    }
    if (listener >= 0) {
      ::close(listener);
    }
  }

  /// Waits so long for the end of everything; true when it came.
  bool stopped_within(Milliseconds time) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, time, [this] { return stopping; });
  }

  static bool send(int fd, std::string_view octets) {
    while (!octets.empty()) {
      const ssize_t n = ::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL);
      if (n <= 0) {
        return false;
      }
      octets.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  /// Waits for the peer to close, or for the end.
  void linger(int fd) {
    char octets[4096];
    while (::recv(fd, octets, sizeof octets, 0) > 0) {
    }
  }

  void serve(int fd) {
    Fault now = Fault::kNone;
    do {
      std::string received;
      std::optional<Buffer> request;
      while (!(request = take_request(received))) {
        char octets[4096];
        const ssize_t n = ::recv(fd, octets, sizeof octets, 0);
        if (n <= 0 || received.size() > kMaxRequestBytes) {
          return;
        }
        received.append(octets, static_cast<std::size_t>(n));
      }
      {
        const std::lock_guard lock(mutex);
        ++requests;
        last_request = *request;
        now = fault;
        changed.notify_all();
      }
      if (now == Fault::kReset) {
        const ::linger reset{1, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        return;
      }
      answer(fd, now, *request);
    } while (now == Fault::kKeepAlive);
  }

  void answer(int fd, Fault f, Bytes request) {
    const Buffer der = answers.respond(f, request);
    const std::string body(as_text(der));
    const std::string whole = head("200 OK", body.size()) + body;
    switch (f) {
      case Fault::kHangs:
        linger(fd);
        return;
      case Fault::kHangsInBody:
        send(fd, whole.substr(0, whole.size() - body.size() / 2));
        linger(fd);
        return;
      case Fault::kDrips:
        for (const char octet : whole) {
          if (!send(fd, {&octet, 1}) || stopped_within(Milliseconds(200))) {
            return;
          }
        }
        return;
      case Fault::kCutShort:
        send(fd, whole.substr(0, whole.size() - 20));
        return;
      case Fault::kOversized:
        if (send(fd, head("200 OK", kOversize))) {
          send(fd, std::string(kOversize, 'x'));
        }
        return;
      case Fault::kOversizedPrefix:
        if (send(fd, head("200 OK", body.size() + kOversize) + body)) {
          send(fd, std::string(kOversize, '\0'));
        }
        return;
      case Fault::kHttp404:
        send(fd, head("404 Not Found", 9, "text/plain") + "not found");
        return;
      case Fault::kHttp500:
        send(fd, head("500 Internal Server Error", 4, "text/plain") + "oops");
        return;
      case Fault::kHttp503:
        send(fd, head("503 Service Unavailable", 0, "text/plain",
                      "Connection: close\r\nRetry-After: 7\r\n"));
        return;
      case Fault::kRedirectLoop:
        send(fd, head("302 Found", 0, "text/plain",
                      ("Connection: close\r\nLocation: http://127.0.0.1:" + std::to_string(port) +
                       "/\r\n")
                          .c_str()));
        return;
      case Fault::kHtml:
        send(fd, head("200 OK", 20, "text/html") + "<html>hello</html>\r\n");
        return;
      case Fault::kEmpty:
        send(fd, head("200 OK", 0));
        return;
      case Fault::kNotHttp:
        send(fd, "SSH-2.0-OpenSSH_9.2\r\n");
        return;
      case Fault::kChunked: {
        std::string out =
            "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nConnection: "
            "close\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (std::size_t at = 0; at < body.size(); at += 100) {
          const std::string piece = body.substr(at, 100);
          char size[16];
          std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
          out += size + piece + "\r\n";
        }
        send(fd, out + "0\r\n\r\n");
        return;
      }
      case Fault::kNoLength:
        send(fd, "HTTP/1.0 200 OK\r\nContent-Type: application/ocsp-response\r\n\r\n" + body);
        return;
      case Fault::kSmallWrites:
        for (std::size_t at = 0; at < whole.size(); at += 7) {
          if (!send(fd, std::string_view(whole).substr(at, 7))) {
            return;
          }
        }
        return;
      case Fault::kWrongContentType:
        send(fd, head("200 OK", body.size(), "text/plain") + body);
        return;
      case Fault::kKeepAlive:
        send(fd, head("200 OK", body.size(), "application/ocsp-response",
                      "Connection: keep-alive\r\n") +
                     body);
        return;
      case Fault::kAbsent:
      case Fault::kReset:
        return;
      case Fault::kNone:
      case Fault::kTryLater:
      case Fault::kUnauthorized:
      case Fault::kInternalError:
      case Fault::kGarbage:
      case Fault::kCutDer:
      case Fault::kForeign:
      case Fault::kBadSignature:
      case Fault::kStranger:
      case Fault::kExpired:
      case Fault::kOlder:
      case Fault::kFuture:
      case Fault::kNoNextUpdate:
      case Fault::kUnknown:
      case Fault::kRevoked:
        send(fd, whole);
        return;
    }
  }

  void wake_up() const { (void)!::write(wake[1], "x", 1); }
};

FaultResponder::FaultResponder(Identity signer, pki::Certificate issuer, Seconds validity)
    : impl_(std::make_unique<Impl>(FaultAnswers(std::move(signer), std::move(issuer), validity))) {
  if (::pipe2(impl_->wake, O_CLOEXEC) != 0) {
    die("fault responder: pipe");
  }
  impl_->reserved = impl_->bind_to(0);
  const int listener = impl_->listen_on(impl_->port);
  impl_->acceptor = std::thread([impl = impl_.get(), listener] { impl->accept_loop(listener); });
}

FaultResponder::~FaultResponder() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  impl_->wake_up();
  impl_->acceptor.join();
  {
    const std::lock_guard lock(impl_->mutex);
    for (Impl::Connection& c : impl_->open) {
      if (!c.ended) {
        ::shutdown(c.fd, SHUT_RDWR);
      }
    }
  }
  for (Impl::Connection& c : impl_->open) {
    c.thread.join();
  }
  ::close(impl_->wake[0]);
  ::close(impl_->wake[1]);
  ::close(impl_->reserved);
}

std::string FaultResponder::url() const {
  return "http://127.0.0.1:" + std::to_string(impl_->port) + "/";
}

void FaultResponder::set(Fault fault) {
  std::unique_lock lock(impl_->mutex);
  impl_->fault = fault;
  impl_->listener_settled = false;
  impl_->wake_up();
  impl_->changed.wait(lock, [this] { return impl_->listener_settled; });
}

std::size_t FaultResponder::requests() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->requests;
}
std::size_t FaultResponder::connections() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->connections;
}
bool FaultResponder::wait_for_requests(std::size_t count, Milliseconds timeout) const {
  std::unique_lock lock(impl_->mutex);
  return impl_->changed.wait_for(lock, timeout, [&] { return impl_->requests >= count; });
}
Buffer FaultResponder::last_request() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->last_request;
}

}  // namespace muster::testing
