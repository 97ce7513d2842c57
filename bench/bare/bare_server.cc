// The limit: an epoll loop that finds the end of each request and sends the same octets, and does
// nothing else that HTTP or OCSP ask for. usage: muster_bench_bare FILE, the file being a whole
// HTTP response.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Connection {
  int fd = -1;
  bool closing = false;
  std::string in, out;
};

/// Octets of the first request, its body included; 0 when it is not all there.
std::size_t request_octets(std::string_view in, bool& close) {
  const std::size_t end = in.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return 0;
  }
  const std::string_view head = in.substr(0, end + 2);
  std::size_t body = 0;
  if (head[0] == 'P') {
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    const std::size_t at = head.find(kLength);
    body = at == std::string_view::npos
               ? 0
               : std::strtoul(head.data() + at + kLength.size(), nullptr, 10);
  }
  close = head.find("\r\nConnection: close") != std::string_view::npos;
  const std::size_t all = end + 4 + body;
  return in.size() < all ? 0 : all;
}

/// The same octets with and without the word that the connection ends.
struct Responses {
  std::string keep, close;
};

/// Sends what it can. False when the connection is over.
bool flush(Connection& c) {
  while (!c.out.empty()) {
    const ssize_t sent = ::send(c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    c.out.erase(0, static_cast<std::size_t>(sent));
  }
  return !c.closing;
}

/// Reads what there is. False when the connection is over.
bool serve(Connection& c, const Responses& responses) {
  char buffer[65536];
  ssize_t n = 0;
  do {
    n = ::recv(c.fd, buffer, sizeof buffer, 0);
    if (n <= 0) {
      return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    std::string_view in(buffer, static_cast<std::size_t>(n));
    if (!c.in.empty()) {
      c.in.append(in);
      in = c.in;
    }
    std::size_t used = 0;
    while (const std::size_t one = request_octets(in.substr(used), c.closing)) {
      used += one;
      c.out += c.closing ? responses.close : responses.keep;
    }
    c.in = std::string(in.substr(used));
    if (!flush(c)) {
      return false;
    }
  } while (n == sizeof buffer);
  return true;
}

void accept_all(int listener, int poll, std::vector<Connection>& connections) {
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      return;
    }
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const auto place = static_cast<std::size_t>(fd);
    if (connections.size() <= place) {
      connections.resize(place + 1);
    }
    connections[place] = Connection{fd, false, {}, {}};
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLOUT | EPOLLET;
    wanted.data.fd = fd;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted);
  }
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(70);
}

}  // namespace

int main(int argc, char** argv) {
  std::ifstream file(argc > 1 ? argv[1] : "", std::ios::binary);
  Responses responses;
  responses.keep.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  const std::size_t line = responses.keep.find("\r\n");
  if (line == std::string::npos) {
    std::fputs("usage: muster_bench_bare FILE (a whole HTTP response)\n", stderr);
    return 64;
  }
  responses.close = responses.keep;
  responses.close.insert(line + 2, "Connection: close\r\n");
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 4096) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    fail("listening");
  }
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  ::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  std::printf("listening on 127.0.0.1:%u\n", unsigned{ntohs(address.sin_port)});
  std::fflush(stdout);
  std::vector<Connection> connections;
  epoll_event events[256];
  for (;;) {
    const int n = ::epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        accept_all(listener, poll, connections);
        continue;
      }
      Connection& c = connections[static_cast<std::size_t>(fd)];
      if (((events[i].events & EPOLLOUT) != 0 && !flush(c)) || !serve(c, responses)) {
        ::close(fd);
        c = Connection{};
      }
    }
  }
}
