#include "starttls_talk.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace muster::probe {
namespace {

/// Our end as RFC 5321 section 4.1.3 writes it: no name of this machine leaves it.
std::string address_literal(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  char text[INET6_ADDRSTRLEN] = "";
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0) {
    if (storage.ss_family == AF_INET) {
      const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
      ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
      return "[" + std::string(text) + "]";
    }
    if (storage.ss_family == AF_INET6) {
      const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
      return "[IPv6:" + std::string(text) + "]";
    }
  }
  return "localhost";  // a unix socket
}

/// Octets that came although the server is not to speak before our ClientHello.
bool has_more(int fd) {
  char octet = 0;
  return ::recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

class Talk {
 public:
  Talk(StartTls& machine, const Connection& connection, MonotonicTime deadline)
      : machine_(machine), connection_(connection), deadline_(deadline) {}

  Result<Unit, ProbeError> run() {
    MUSTER_CHECK(say(machine_.begin()));
    for (;;) {
      std::uint8_t chunk[4096];
      const auto size = receive_some(connection_.fd.get(), chunk, deadline_, AfterWait::kLittle);
      if (!size) {
        return Err{failure(size.error())};
      }
      heard_ = true;
      const auto step = machine_.take(Bytes(chunk).first(*size));
      if (!step) {
        return Err{
            ProbeError{step.error().code, connection_.peer_address + ": " + step.error().detail}};
      }
      if (step->ready && has_more(connection_.fd.get())) {
        return Err{error(ProbeErrc::kInjected,
                         "plaintext behind the word that TLS may begin; somebody in between may be "
                         "putting words into the server's mouth")};
      }
      MUSTER_CHECK(say(step->send));
      if (step->ready) {
        return Unit{};
      }
    }
  }

 private:
  Result<Unit, ProbeError> say(const std::string& text) {
    if (const auto sent = send_all(connection_.fd.get(), text, deadline_, AfterWait::kLittle);
        !sent) {
      return Err{failure(sent.error())};
    }
    return Unit{};
  }

  [[nodiscard]] ProbeError failure(const IoError& io) const {
    const std::string due = std::string(machine_.awaited()) + " was due";
    if (io.kind == IoError::Kind::kTimeout) {
      return error(ProbeErrc::kTimeout,
                   "timed out where " + due +
                       (heard_ ? ""
                               : "; the server said nothing at all: one that wants TLS from the "
                                 "first octet would"));
    }
    return error(ProbeErrc::kClosed,
                 "the server closed the connection where " + due + reason_text(io));
  }

  [[nodiscard]] ProbeError error(ProbeErrc code, const std::string& what) const {
    return {code, connection_.peer_address + ": " + std::string(display_name(machine_.protocol())) +
                      ": " + what};
  }

  StartTls& machine_;
  const Connection& connection_;
  const MonotonicTime deadline_;
  bool heard_ = false;
};

}  // namespace

Result<Unit, ProbeError> ask_for_tls(Protocol protocol, const std::string& domain,
                                     const Connection& connection, MonotonicTime deadline) {
  const auto machine = make_starttls(protocol, {domain, address_literal(connection.fd.get())});
  return Talk(*machine, connection, deadline).run();
}

}  // namespace muster::probe
