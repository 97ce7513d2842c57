#pragma once

#include <array>
#include <atomic>

#include "muster/edge/mirror.h"
#include "muster/net/http_server.h"

// A responder without keys: answers what its mirror holds.
namespace muster::edge {

/// What one loop answered. Threads: written by the loop, read from any (relaxed).
struct EdgeCounters {
  std::atomic<std::uint64_t> get{0}, post{0};  ///< OCSP requests
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> unknown{0};    ///< no such answer: unauthorized
  std::atomic<std::uint64_t> over{0};       ///< it ended, or nothing was pulled yet: tryLater
  std::atomic<std::uint64_t> damaged{0};    ///< our own file: tryLater
  std::atomic<std::uint64_t> malformed{0};  ///< malformedRequest
  std::atomic<std::uint64_t> other{0};      ///< other methods and paths
};

/// GET, HEAD and POST of RFC 6960 appendix A. Nonces are ignored (RFC 9654 allows it); a request
/// about several certificates, signed, or with a critical extension is answered unauthorized.
/// Threads: one.
class EdgeHandler final : public net::HttpHandler {
 public:
  /// References outlive the handler. \param prefix  path below which GET requests are answered
  EdgeHandler(std::string prefix, const Mirror& mirror, const Clock& clock, EdgeCounters& counters)
      : prefix_(std::move(prefix)), mirror_(mirror), clock_(clock), counters_(counters) {}
  void handle(const http::RequestView& request, net::HttpReply& reply) override;

 private:
  void answer(Bytes octets, net::HttpReply& reply);

  const std::string prefix_;
  const Mirror& mirror_;
  const Clock& clock_;
  EdgeCounters& counters_;
  Buffer decoded_;
};

}  // namespace muster::edge
