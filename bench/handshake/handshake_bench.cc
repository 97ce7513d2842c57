// Full handshakes a second of our TLS server with a staple and without, P-256, the client asking
// for status in both. Client and server take turns in one thread over a socket pair; only the
// server's time counts. usage: muster_bench_handshake [ROUNDS [HANDSHAKES]]
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "muster/base/file.h"
#include "muster/testing/response_builder.h"
#include "muster/tls/server.h"

namespace {

using namespace muster;

class OneStaple final : public tls::StapleSource {
 public:
  explicit OneStaple(Buffer der) : der_(std::make_shared<const Buffer>(std::move(der))) {}
  [[nodiscard]] tls::OfferedStaple find(const tls::Fingerprint&) const noexcept override {
    return {*der_, der_};
  }

 private:
  std::shared_ptr<const Buffer> der_;
};

using Steady = std::chrono::steady_clock;

/// Time the server spent on one full handshake. `want` is the staple the client must see.
Steady::duration shake_hands(const std::shared_ptr<const tls::ServerContext>& server,
                             SSL_CTX* client, int version, std::size_t want) {
  int fds[2];
  MUSTER_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
  const UniqueFd client_fd(fds[0]), server_fd(fds[1]);
  const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(client), SSL_free);
  SSL_set_max_proto_version(ssl.get(), version);
  SSL_set_tlsext_status_type(ssl.get(), TLSEXT_STATUSTYPE_ocsp);
  SSL_set_fd(ssl.get(), client_fd.get());
  Steady::duration spent{};
  const Steady::time_point begin = Steady::now();
  tls::Session session(server, server_fd.get());
  spent += Steady::now() - begin;
  tls::Io state = tls::Io::kWantRead;
  for (int connected = 0; connected != 1 || state != tls::Io::kDone;) {
    connected = SSL_connect(ssl.get());
    const Steady::time_point before = Steady::now();
    state = session.handshake();
    spent += Steady::now() - before;
    MUSTER_ASSERT(state != tls::Io::kFailed);
  }
  const unsigned char* staple = nullptr;
  const long size = SSL_get_tlsext_status_ocsp_resp(ssl.get(), &staple);
  MUSTER_ASSERT(want == (size > 0 ? static_cast<std::size_t>(size) : 0));
  return spent;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 7;
  const int handshakes = argc > 2 ? std::atoi(argv[2]) : 1000;
  const testing::TestPki& pki = testing::standard_pki();
  const Buffer staple = testing::build_good_response(pki.ocsp_signer, pki.leaf.certificate,
                                                     pki.intermediate.certificate);
  const OneStaple with(staple), without(Buffer{});
  const std::vector<tls::ServerCertificate> served = {
      {{pki.leaf.certificate, pki.intermediate.certificate}, pki.leaf.key}};
  const auto with_context = *tls::ServerContext::make(served, with, {});
  const auto without_context = *tls::ServerContext::make(served, without, {});
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> client(SSL_CTX_new(TLS_client_method()),
                                                            SSL_CTX_free);

  std::printf(
      "# full handshakes a second of the server, P-256, staple of %zu octets; %d rounds of %d, "
      "medians (least-most)\n",
      staple.size(), rounds, handshakes);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    std::vector<double> rates[2];
    for (int round = 0; round < rounds; ++round) {
      Steady::duration spent[2]{};
      for (int i = 0; i < handshakes;
           ++i) {  // interleaved: what else the machine does hits both alike
        spent[0] += shake_hands(with_context, client.get(), version, staple.size());
        spent[1] += shake_hands(without_context, client.get(), version, 0);
      }
      for (int k = 0; k < 2; ++k) {
        rates[k].push_back(handshakes / std::chrono::duration<double>(spent[k]).count());
      }
    }
    const auto median = [](std::vector<double>& values) {
      std::sort(values.begin(), values.end());
      return values[values.size() / 2];
    };
    const double stapled = median(rates[0]), bare = median(rates[1]);
    std::printf("%s with staple %8.0f (%.0f-%.0f)   without %8.0f (%.0f-%.0f)   ratio %.3f\n",
                version == TLS1_2_VERSION ? "TLS 1.2" : "TLS 1.3", stapled, rates[0].front(),
                rates[0].back(), bare, rates[1].front(), rates[1].back(), stapled / bare);
  }
  return 0;
}
