#include "servers.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <thread>

#include "muster/base/file.h"
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

void accept_for_ever(const net::Listener& listener,
                     const std::shared_ptr<const tls::ServerContext>& context) {
  for (;;) {
    pollfd entry{listener.fd(), POLLIN, 0};
    if (::poll(&entry, 1, -1) != 1) {
      continue;
    }
    const UniqueFd peer(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (peer) {
      net::set_no_delay(peer.get());
      attend(context, peer.get());
    }
  }
}

void write_text(const std::string& path, std::string_view text) {
  MUSTER_ASSERT(write_file_atomically(path, as_bytes(text)));
}

struct Ports {
  std::uint16_t healthy, hanging;
};

/// targets.txt and resolve.txt.
void write_targets(const std::string& directory, std::size_t healthy, std::size_t hanging,
                   const Ports& ports) {
  const std::size_t all = healthy + hanging;
  const std::size_t step = hanging == 0 ? all + 1 : all / hanging;
  std::string targets, resolve;
  for (std::size_t i = 0, hung = 0; i < all; ++i) {
    const bool hangs = hung < hanging && i % step == 0;
    const std::string name =
        hangs ? "hang" + std::to_string(hung) + ".test" : healthy_name(i - hung);
    const std::string place = name + ":" + std::to_string(hangs ? ports.hanging : ports.healthy);
    hung += hangs ? 1 : 0;
    targets += place + "\n";
    resolve += place + ":127.0.0.1\n";
  }
  write_text(directory + "/targets.txt", targets);
  write_text(directory + "/resolve.txt", resolve);
}

}  // namespace

std::string healthy_name(std::size_t index) { return "h" + std::to_string(index) + ".test"; }

void serve(const std::string& directory, std::size_t healthy, std::size_t hanging,
           std::size_t delegates) {
  ::signal(SIGPIPE, SIG_IGN);
  const UnixSeconds now = SystemClock().now();
  const testing::TestPki pki = testing::make_pki(now);
  std::vector<std::unique_ptr<testing::FaultResponder>> responders;
  for (std::size_t i = 0; i < delegates; ++i) {
    testing::CertificateSpec spec = testing::ocsp_signer_spec();
    spec.at = now;
    responders.push_back(std::make_unique<testing::FaultResponder>(
        testing::issue(pki.intermediate, spec), pki.intermediate.certificate));
  }
  std::vector<tls::ServerCertificate> certificates;
  for (std::size_t i = 0; i < healthy; ++i) {
    testing::CertificateSpec spec = testing::leaf_spec(healthy_name(i));
    spec.at = now;
    spec.ocsp_uris = {responders[i % delegates]->url()};
    testing::Identity leaf = testing::issue(pki.intermediate, spec);
    certificates.push_back({{leaf.certificate, pki.intermediate.certificate}, leaf.key});
  }
  const NoStaples none;
  const auto context = tls::ServerContext::make(certificates, none, {});
  const auto listener = net::Listener::open("127.0.0.1:0", kBacklog);
  const auto silent = net::Listener::open("127.0.0.1:0", kBacklog);  // the kernel takes connections
  MUSTER_ASSERT(context && listener && silent);
  const Ports ports{port_of(*listener), port_of(*silent)};
  write_text(directory + "/root.pem", pki.root.certificate_pem());
  write_text(directory + "/issuer.pem", pki.intermediate.certificate_pem());
  write_targets(directory, healthy, hanging, ports);
  write_text(directory + "/world.txt", responders.front()->url() + " " +
                                           std::to_string(ports.healthy) + " " +
                                           std::to_string(healthy) + "\n");
  std::vector<std::jthread> threads;
  for (int i = 0; i < kServerThreads; ++i) {
    threads.emplace_back([&] { accept_for_ever(*listener, *context); });
  }
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    ::pause();
  }
}

World load_world(const std::string& directory) {
  const auto load = [&](const char* name) {
    const auto loaded = pki::load_certificates(directory + "/" + name);
    MUSTER_ASSERT(loaded);
    return loaded->front();
  };
  World world{load("root.pem"), load("issuer.pem"), {}, 0, 0};
  std::ifstream in(directory + "/world.txt");
  in >> world.responder >> world.port >> world.healthy;
  MUSTER_ASSERT(in);
  return world;
}

}  // namespace muster::bench
