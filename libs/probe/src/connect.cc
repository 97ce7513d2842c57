#include "connect.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <memory>

#include "muster/base/mutex.h"
#include "muster/base/text.h"

namespace muster::probe {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

constexpr std::size_t kMaxAbandonedLookups = 64;

/// One asynchronous lookup of glibc. It cannot be stopped once begun, so its memory must wait for
/// its end.
struct Lookup {
  std::string host;
  std::string service;
  addrinfo hints{};
  gaicb request{};

  Lookup(const std::string& h, std::uint16_t port) : host(h), service(std::to_string(port)) {
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
    request.ar_name = host.c_str();
    request.ar_service = service.c_str();
    request.ar_request = &hints;
  }
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;
  ~Lookup() {
    if (request.ar_result != nullptr) {
      ::freeaddrinfo(request.ar_result);
    }
  }
  [[nodiscard]] bool is_running() { return ::gai_error(&request) == EAI_INPROGRESS; }
};

/// Lookups whose deadline passed while the name service was still silent. Freed when they end at
/// last.
class AbandonedLookups {
 public:
  void take(std::unique_ptr<Lookup> lookup) {
    const MutexLock lock(mutex_);
    lookups_.push_back(std::move(lookup));
  }
  bool is_full() {
    const MutexLock lock(mutex_);
    lookups_.remove_if([](const std::unique_ptr<Lookup>& lookup) { return !lookup->is_running(); });
    return lookups_.size() >= kMaxAbandonedLookups;
  }

 private:
  Mutex mutex_;
  std::list<std::unique_ptr<Lookup>> lookups_ MUSTER_GUARDED_BY(mutex_);
};
AbandonedLookups& abandoned() {
  static auto* const all = new AbandonedLookups;  // never freed: a lookup may still write at exit
  return *all;
}

ProbeError timed_out(std::string doing) {
  return {ProbeErrc::kTimeout, "timed out " + std::move(doing)};
}

Result<AddressList, ProbeError> look_up(const std::string& host, std::uint16_t port,
                                        MonotonicTime deadline) {
  if (is_address(host)) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error == 0) {
      return AddressList(found, ::freeaddrinfo);
    }
    return Err{ProbeError{ProbeErrc::kResolve, "address " + host + ": " + ::gai_strerror(error)}};
  }
  if (abandoned().is_full()) {
    return Err{ProbeError{ProbeErrc::kResolve,
                          "too many name lookups hang; is the name service reachable?"}};
  }
  auto lookup = std::make_unique<Lookup>(host, port);
  gaicb* requests[] = {&lookup->request};
  int error = ::getaddrinfo_a(GAI_NOWAIT, requests, 1, nullptr);
  while (error == 0 && lookup->is_running()) {
    const Milliseconds left = left_until(deadline);
    if (left.count() == 0) {
      if (::gai_cancel(&lookup->request) == EAI_NOTCANCELED) {
        abandoned().take(std::move(lookup));
      }
      return Err{timed_out("looking up " + printable(host))};
    }
    const timespec wait{static_cast<std::time_t>(left.count() / 1000),
                        static_cast<long>(left.count() % 1000 * 1'000'000)};
    ::gai_suspend(const_cast<const gaicb* const*>(requests), 1, &wait);
  }
  if (error == 0) {
    error = ::gai_error(&lookup->request);
  }
  if (error != 0) {
    return Err{ProbeError{ProbeErrc::kResolve,
                          "cannot look up " + printable(host) + ": " + ::gai_strerror(error)}};
  }
  return AddressList(std::exchange(lookup->request.ar_result, nullptr), ::freeaddrinfo);
}

std::string address_text(const addrinfo& address) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (::getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  return address.ai_family == AF_INET6 ? "[" + std::string(host) + "]:" + port
                                       : std::string(host) + ":" + port;
}

/// One attempt. Errors: errno; ETIMEDOUT also when `deadline` passed.
Result<UniqueFd, int> try_address(const addrinfo& address, MonotonicTime deadline) {
  UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return Err{int{errno}};
  }
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) {
    return fd;
  }
  if (errno != EINPROGRESS) {
    return Err{int{errno}};
  }
  if (!wait_until_ready(fd.get(), Readiness::kWrite, deadline)) {
    return Err{ETIMEDOUT};
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    return Err{int{error}};
  }
  return fd;
}

}  // namespace

Milliseconds left_until(MonotonicTime deadline) {
  const auto left = std::chrono::ceil<Milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(left, Milliseconds(0));
}

bool wait_until_ready(int fd, Readiness what, MonotonicTime deadline) {
  pollfd p{fd, static_cast<short>(what == Readiness::kRead ? POLLIN : POLLOUT), 0};
  for (;;) {
    const Milliseconds left = std::min(left_until(deadline), Milliseconds(3'600'000));
    const int ready = ::poll(&p, 1, static_cast<int>(left.count()));
    if (ready > 0) {
      return true;
    }
    if (ready == 0 || errno != EINTR) {
      return false;
    }
  }
}

bool is_address(const std::string& host) {
  in6_addr buffer{};
  const std::string without_zone = host.substr(0, host.find('%'));
  return ::inet_pton(AF_INET, host.c_str(), &buffer) == 1 ||
         ::inet_pton(AF_INET6, without_zone.c_str(), &buffer) == 1;
}

Result<Connection, ProbeError> connect_to(const std::string& host, std::uint16_t port,
                                          MonotonicTime deadline) {
  MUSTER_TRY(const AddressList addresses, look_up(host, port, deadline));
  long left = 0;
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    ++left;
  }
  std::string failures;
  int last_error = 0;
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next, --left) {
    // A silent address gets its share of the time, so that the next one still has a chance.
    const MonotonicTime share = std::chrono::steady_clock::now() + left_until(deadline) / left;
    auto fd = try_address(*a, share);
    if (fd) {
      return Connection{*std::move(fd), address_text(*a)};
    }
    last_error = fd.error();
    failures +=
        (failures.empty() ? "" : "; ") + address_text(*a) + ": " + std::strerror(last_error);
  }
  if (last_error == ETIMEDOUT && left_until(deadline).count() == 0) {
    return Err{timed_out("connecting to " + failures)};
  }
  return Err{ProbeError{ProbeErrc::kConnect, "cannot connect to " + failures}};
}

}  // namespace muster::probe
