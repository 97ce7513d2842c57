#include "one_check.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>

#include "muster/check/check.h"
#include "muster/http/url.h"
#include "muster/net/fetcher.h"
#include "servers.h"

namespace muster::bench {
namespace {

using Steady = std::chrono::steady_clock;

double cpu_microseconds() {
  timespec t{};
  MUSTER_ASSERT(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

// ---- by hand

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MUSTER_ASSERT(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
  return fd;
}

/// The peer's certificate, from a handshake that asks for a staple. A context each time: a program
/// that checks one server makes one.
Buffer shake_hands(std::uint16_t port, std::string name) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                             SSL_CTX_free);
  const UniqueFd fd = connect_to(port);
  const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()), SSL_free);
  SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  SSL_set_tlsext_status_type(ssl.get(), TLSEXT_STATUSTYPE_ocsp);
  SSL_set_fd(ssl.get(), fd.get());
  MUSTER_ASSERT(SSL_connect(ssl.get()) == 1);
  std::uint8_t* encoded = nullptr;
  const int size = i2d_X509(SSL_get0_peer_certificate(ssl.get()), &encoded);
  Buffer der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return der;
}

/// One GET on a connection of its own; the body.
Buffer ask(std::uint16_t port, const std::string& path) {
  const UniqueFd fd = connect_to(port);
  const std::string get = "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  MUSTER_ASSERT(::send(fd.get(), get.data(), get.size(), 0) == static_cast<ssize_t>(get.size()));
  std::string answer;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
    MUSTER_ASSERT(got >= 0);
    answer.append(buffer, static_cast<std::size_t>(got));
    const std::size_t head = answer.find("\r\n\r\n");
    const std::size_t length = answer.find("Content-Length: ");
    const bool whole = head != std::string::npos && length != std::string::npos &&
                       answer.size() >= head + 4 + std::stoul(answer.substr(length + 16));
    if (whole || got == 0) {
      return to_buffer(as_bytes(answer).subspan(head + 4));
    }
  }
}

/// What a person would write who knows everything beforehand and doubts nothing else: connect, one
/// OCSP round trip, two signatures.
void by_hand(const World& world, const std::string& name) {
  const auto leaf = pki::Certificate::parse(shake_hands(world.port, name));
  MUSTER_ASSERT(leaf);
  const Buffer question = client::build_request(*leaf, world.issuer, {});
  const net::FetchRequest request =
      client::make_fetch_request(leaf->facts().access.ocsp.front(), question, client::Transport{});
  const auto url = http::parse_url(request.url);
  MUSTER_ASSERT(url);
  const Buffer body = ask(url->port, request.url.substr(request.url.find('/', 7)));
  // The delegate's on the answer, its issuer's on the delegate.
  const auto response = ocsp::parse_response(body);
  MUSTER_ASSERT(response && response->basic);
  const auto& basic = *response->basic;
  const auto signer = pki::Certificate::parse(*basic.certificates.begin());
  MUSTER_ASSERT(signer);
  MUSTER_ASSERT(
      pki::verify_signature(basic.signature_algorithm, basic.tbs_raw, basic.signature, *signer));
  MUSTER_ASSERT(pki::verify_issued_by(*signer, world.issuer));
}

// ---- ours

check::Plan plan_for(const World& world) {
  check::Plan plan;
  plan.anchors = {world.root};
  plan.gather.live.rounds = 2;  // as the command has it
  plan.gather.live.memory = std::make_shared<client::ResponderMemory>();
  return plan;
}

check::Unit unit_for(const World& world, const std::string& name) {
  check::HostTarget host;
  host.host = name;
  host.port = world.port;
  host.connect_to = "127.0.0.1";
  return {name, host};
}

void must_be_good(const std::vector<client::TargetReport>& reports) {
  MUSTER_ASSERT(!reports.empty() && reports.front().outcome == client::Outcome::kGood);
}

struct Contender {
  const char* name;
  std::function<void(const std::string& name)> run;
  std::vector<double> microseconds{}, cpu{};
};

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

void measure_one_check(const std::string& directory, std::size_t count) {
  const World world = load_world(directory);
  constexpr std::size_t kWarm = 20;
  MUSTER_ASSERT(count > 0 && world.healthy >= kWarm + count);
  const check::Plan plan = plan_for(world);
  const SystemClock clock;
  Contender contenders[] = {
      // As a program that checks this one: nothing is known from another. First, since the next one
      // finds the delegate's certificate read.
      {"alone",
       [&](const std::string& name) {
         const check::Plan own = plan_for(world);
         must_be_good(
             check::TargetCheck(own, clock, check::Targets::kOne).run(unit_for(world, name)));
       }},
      // As one of a run that is under way: its issuer was judged before.
      {"in a run",
       [&, shared = std::make_shared<check::TargetCheck>(plan, clock)](const std::string& name) {
         must_be_good(shared->run(unit_for(world, name)));
       }},
      {"by hand", [&](const std::string& name) { by_hand(world, name); }},
  };
  for (std::size_t i = 0; i < kWarm + count; ++i) {  // in turns: a disturbance hits all
    for (Contender& contender : contenders) {
      const std::string name = healthy_name(i);  // each once: a run remembers what it asked
      const double cpu = cpu_microseconds();
      const Steady::time_point begin = Steady::now();
      contender.run(name);
      const std::chrono::duration<double, std::micro> took = Steady::now() - begin;
      if (i >= kWarm) {
        contender.microseconds.push_back(took.count());
        contender.cpu.push_back(cpu_microseconds() - cpu);
      }
    }
  }
  const char* separator = "{";
  for (Contender& contender : contenders) {
    std::printf("%s\"%s\": {\"us\": %.1f, \"CPU us\": %.1f}", separator, contender.name,
                median(contender.microseconds), median(contender.cpu));
    separator = ", ";
  }
  std::puts("}");
}

}  // namespace muster::bench
