#include "world.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "muster/net/address.h"
#include "muster/testing/fault_responder.h"
#include "muster/tls/server.h"

namespace muster::bench {
namespace {

constexpr int kBacklog = 4096;
constexpr int kServerThreads = 4;
constexpr int kPatienceMs = 10'000;

class NoStaples final : public tls::StapleSource {
 public:
  [[nodiscard]] tls::OfferedStaple find(const tls::Fingerprint&) const noexcept override {
    return {};
  }
};

std::string name_of(std::size_t index) { return "h" + std::to_string(index) + ".test"; }

std::uint16_t port_of(const net::Listener& listener) {
  const std::string& address = listener.address();
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

/// Shakes hands, waits for the client to leave.
void attend(const std::shared_ptr<const tls::ServerContext>& context, int fd) {
  tls::Session session(context, fd);
  for (;;) {
    const tls::Io state = session.handshake();
    if (state != tls::Io::kWantRead && state != tls::Io::kWantWrite) {
      return;
    }
    pollfd entry{fd, static_cast<short>(state == tls::Io::kWantRead ? POLLIN : POLLOUT), 0};
    if (::poll(&entry, 1, kPatienceMs) != 1) {
      return;
    }
  }
}

struct Told {
  char responder[64];
  std::uint16_t port, hanging_port;
};

}  // namespace

World::World(std::size_t healthy)
    : pki_(testing::make_pki(SystemClock().now())), healthy_(healthy) {
  int fds[2];
  MUSTER_ASSERT(::pipe(fds) == 0);
  child_ = ::fork();
  MUSTER_ASSERT(child_ >= 0);
  if (child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(fds[0]);
    serve(fds[1]);
  }
  ::close(fds[1]);
  Told told{};
  MUSTER_ASSERT(::read(fds[0], &told, sizeof told) == static_cast<ssize_t>(sizeof told));
  ::close(fds[0]);
  responder_ = told.responder;
  port_ = told.port;
  hanging_port_ = told.hanging_port;
}

World::~World() {
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

void World::serve(int tell) const {
  ::signal(SIGPIPE, SIG_IGN);
  const testing::FaultResponder responder(pki_.ocsp_signer, pki_.intermediate.certificate);
  std::vector<tls::ServerCertificate> certificates;
  for (std::size_t i = 0; i < healthy_; ++i) {
    testing::CertificateSpec spec = testing::leaf_spec(name_of(i));
    spec.at = SystemClock().now();
    spec.ocsp_uris = {responder.url()};
    testing::Identity leaf = testing::issue(pki_.intermediate, spec);
    certificates.push_back({{leaf.certificate, pki_.intermediate.certificate}, leaf.key});
  }
  const NoStaples none;
  const auto context = tls::ServerContext::make(certificates, none, {});
  const auto listener = net::Listener::open("127.0.0.1:0", kBacklog);
  const auto hanging = net::Listener::open("127.0.0.1:0", kBacklog);
  MUSTER_ASSERT(context && listener && hanging);
  Told told{};
  std::snprintf(told.responder, sizeof told.responder, "%s", responder.url().c_str());
  told.port = port_of(*listener);
  told.hanging_port = port_of(*hanging);
  MUSTER_ASSERT(::write(tell, &told, sizeof told) == static_cast<ssize_t>(sizeof told));
  std::vector<std::jthread> threads;
  for (int i = 0; i < kServerThreads; ++i) {
    threads.emplace_back([&] {
      for (;;) {
        pollfd entry{listener->fd(), POLLIN, 0};
        if (::poll(&entry, 1, -1) != 1) {
          continue;
        }
        const UniqueFd peer(
            ::accept4(listener->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (peer) {
          net::set_no_delay(peer.get());
          attend(*context, peer.get());
        }
      }
    });
  }
  for (;;) {
    ::pause();
  }
}

std::string World::healthy(std::size_t index) const {
  return name_of(index) + ":" + std::to_string(port_);
}
std::string World::hanging(std::size_t index) const {
  return "hang" + std::to_string(index) + ".test:" + std::to_string(hanging_port_);
}
std::vector<std::string> World::resolve(std::size_t hanging) const {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < healthy_; ++i) {
    all.push_back(healthy(i) + ":127.0.0.1");
  }
  for (std::size_t i = 0; i < hanging; ++i) {
    all.push_back(World::hanging(i) + ":127.0.0.1");
  }
  return all;
}

}  // namespace muster::bench
