// Serves one prepared answer of the size asked on one loop: what the engine costs without anything
// behind it. usage: muster_bench_http BODY_BYTES
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "muster/http/response.h"
#include "muster/net/http_server.h"

namespace {

using namespace muster;

class Prepared final : public net::HttpHandler {
 public:
  explicit Prepared(std::size_t body_bytes) {
    // The headers of a remembered OCSP answer (requirements README section 6): more than nginx
    // sends.
    http::append_head(
        octets_, 200, "application/ocsp-response",
        "Date: Sat, 21 Nov 2026 12:00:00 GMT\r\nExpires: Sat, 28 Nov 2026 12:00:00 GMT\r\n"
        "Last-Modified: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
        "ETag: \"23ccbfd4e5b2c44123ccbfd4e5b2c44123ccbfd4e5b2c44123ccbfd4e5b2c441\"\r\n"
        "Cache-Control: max-age=302399, public, no-transform, must-revalidate\r\n\r\n",
        body_bytes);
    head_bytes_ = octets_.size();
    octets_.insert(octets_.end(), body_bytes, 'x');
  }
  void handle(const http::RequestView&, net::HttpReply& reply) override {
    reply.send_ready(octets_, head_bytes_);
  }

 private:
  Buffer octets_;
  std::size_t head_bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Prepared handler(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 480);
  net::Loop loop;
  const net::SignalWatch watch(loop, {SIGTERM, SIGINT}, [&](int) { loop.stop(); });
  auto server = net::HttpServer::listen(loop, "127.0.0.1:0", {}, handler);
  if (!server) {
    std::fprintf(stderr, "%s\n", to_string(server.error()).c_str());
    return 1;
  }
  std::printf("listening on %s\n", (*server)->address().c_str());
  std::fflush(stdout);
  loop.run();
  return 0;
}
