// muster_bench_check [TARGETS [HANGING [TIMEOUT_SECONDS [SINGLE]]]]: a scan of servers on loopback
// of which some hang, and the cost of one check beside the same work done by hand. Everything is
// made by the program itself.
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "muster/check/scan.h"
#include "muster/http/url.h"
#include "muster/net/fetcher.h"
#include "world.h"

namespace {

using namespace muster;
using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}
double most_memory_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}
double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

check::Plan plan_for(const bench::World& world, std::size_t hanging, Milliseconds timeout) {
  check::Plan plan;
  plan.anchors = {world.pki().root.certificate};
  plan.resolve = world.resolve(hanging);
  plan.gather.live.transport.total_timeout = timeout;
  plan.gather.live.transport.connect_timeout = timeout;
  plan.gather.live.rounds = 2;
  plan.gather.live.memory = std::make_shared<client::ResponderMemory>();
  return plan;
}

void scan(std::size_t all, std::size_t hanging, Milliseconds timeout) {
  const bench::World world(all - hanging);
  const check::Plan plan = plan_for(world, hanging, timeout);
  std::vector<std::string> targets;
  for (std::size_t i = 0; i < all; ++i) {  // those that hang are spread, the first is one
    const std::size_t step = hanging == 0 ? all + 1 : all / hanging;
    const std::size_t hung = i / step;
    targets.push_back(i % step == 0 && hung < hanging
                          ? world.hanging(hung)
                          : world.healthy((i - std::min(hanging, hung + 1)) % (all - hanging)));
  }
  const SystemClock clock;
  const auto begin = Steady::now();
  const auto reports = check::check_all(targets, plan, clock);
  const double took = seconds_since(begin);
  std::size_t good = 0, silent = 0;
  for (const client::TargetReport& report : reports) {
    good += report.outcome == client::Outcome::kGood ? 1 : 0;
    silent += report.outcome == client::Outcome::kUndetermined ? 1 : 0;
  }
  const double most = std::chrono::duration<double>(timeout).count();
  std::printf(
      "scan: %zu targets, %zu of them hanging, timeout %.0f s: %.2f s, %.2f of the timeout "
      "(at most 1.20); %zu good reports, %zu silent; most memory %.0f MiB (at most 200)\n",
      all, hanging, most, took, took / most, good, silent, most_memory_mib());
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

/// What a person would write who knows everything beforehand.
class ByHand {
 public:
  ByHand(const bench::World& world, std::string name) : world_(world), name_(std::move(name)) {
    const auto url = http::parse_url(world.responder());
    responder_port_ = url->port;
  }

  void run() {
    // Connect. A context each time: a program that checks one server makes one.
    const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                               SSL_CTX_free);
    Buffer der;
    {
      const UniqueFd fd = connect_to(world_.port());
      const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()), SSL_free);
      SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name_.data());
      SSL_set_tlsext_status_type(ssl.get(), TLSEXT_STATUSTYPE_ocsp);
      SSL_set_fd(ssl.get(), fd.get());
      MUSTER_ASSERT(SSL_connect(ssl.get()) == 1);
      X509* peer = SSL_get0_peer_certificate(ssl.get());
      std::uint8_t* encoded = nullptr;
      const int size = i2d_X509(peer, &encoded);
      der.assign(encoded, encoded + size);
      OPENSSL_free(encoded);
    }
    const auto leaf = pki::Certificate::parse(der);
    MUSTER_ASSERT(leaf);
    // One round trip.
    const Buffer question = client::build_request(*leaf, world_.pki().intermediate.certificate, {});
    const net::FetchRequest request =
        client::make_fetch_request(world_.responder(), question, client::Transport{});
    const std::string path = request.url.substr(request.url.find('/', 7));
    const UniqueFd fd = connect_to(responder_port_);
    const std::string get = "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    MUSTER_ASSERT(::send(fd.get(), get.data(), get.size(), 0) == static_cast<ssize_t>(get.size()));
    std::string answer;
    char buffer[4096];
    for (ssize_t got = 1; got > 0;) {
      got = ::recv(fd.get(), buffer, sizeof buffer, 0);
      answer.append(buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      const std::size_t head = answer.find("\r\n\r\n");
      const std::size_t length = answer.find("Content-Length: ");
      if (head != std::string::npos && length != std::string::npos &&
          answer.size() >= head + 4 + std::stoul(answer.substr(length + 16))) {
        break;
      }
    }
    const Bytes body = as_bytes(answer).subspan(answer.find("\r\n\r\n") + 4);
    // Two signatures: the delegate's on the answer, its issuer's on the delegate.
    const auto response = ocsp::parse_response(body);
    MUSTER_ASSERT(response && response->basic);
    const auto& basic = *response->basic;
    const auto signer = pki::Certificate::parse(*basic.certificates.begin());
    MUSTER_ASSERT(signer);
    MUSTER_ASSERT(
        pki::verify_signature(basic.signature_algorithm, basic.tbs_raw, basic.signature, *signer));
    MUSTER_ASSERT(pki::verify_issued_by(*signer, world_.pki().intermediate.certificate));
  }

 private:
  const bench::World& world_;
  std::string name_;
  std::uint16_t responder_port_ = 0;
};

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void single(int rounds) {
  const std::size_t names = static_cast<std::size_t>(rounds);
  const bench::World world(names);
  check::Plan plan = plan_for(world, 0, Milliseconds(10'000));
  const SystemClock clock;
  const check::TargetCheck check(plan, clock);
  for (int i = 0; i < 20; ++i) {  // warm
    MUSTER_ASSERT(check.run(world.healthy(0)).front().outcome == client::Outcome::kGood);
    ByHand(world, "h0.test").run();
  }
  std::vector<double> ours, hand;
  double ours_cpu = 0, hand_cpu = 0;
  for (std::size_t i = 1; i < names; ++i) {  // interleaved: what else the machine does hits both
    double cpu = cpu_seconds();
    auto begin = Steady::now();
    const auto reports = check.run(world.healthy(i));
    ours.push_back(seconds_since(begin));
    ours_cpu += cpu_seconds() - cpu;
    MUSTER_ASSERT(reports.front().outcome == client::Outcome::kGood);
    cpu = cpu_seconds();
    begin = Steady::now();
    ByHand(world, "h" + std::to_string(i) + ".test").run();
    hand.push_back(seconds_since(begin));
    hand_cpu += cpu_seconds() - cpu;
  }
  const double a = median(ours), b = median(hand);
  const double n = static_cast<double>(names - 1);
  std::printf(
      "one check: %.0f us, by hand %.0f us: %.2f times (at most 1.10); our CPU %.0f us, by hand "
      "%.0f us: %.2f times\n",
      a * 1e6, b * 1e6, a / b, ours_cpu / n * 1e6, hand_cpu / n * 1e6, ours_cpu / hand_cpu);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t all = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000;
  const std::size_t hanging = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 10;
  const int timeout = argc > 3 ? std::atoi(argv[3]) : 5;
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 500;
  scan(all, hanging, Milliseconds(1000) * timeout);
  single(rounds);
  return 0;
}
