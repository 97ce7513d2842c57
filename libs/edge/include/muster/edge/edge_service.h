#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/edge/edge_handler.h"
#include "muster/responder/service.h"

// An edge with sockets and threads around it.
namespace muster::edge {

struct EdgeServiceOptions {
  std::vector<std::string> listen{"127.0.0.1:8888"};
  std::string prefix = "/";  ///< URL path below which GET requests are answered
  unsigned loops = 0;        ///< zero: one a core
  net::HttpLimits limits;
  Milliseconds grace{5'000};  ///< for requests in flight when stopping
};

/// What the loops counted, added up: EdgeCounters.
struct EdgeTotals {
  std::uint64_t get = 0, post = 0;
  std::uint64_t answered = 0, unknown = 0, over = 0, damaged = 0, malformed = 0, other = 0;
};

/// Loops that answer from one mirror, each with listeners of its own: several, since each answer
/// reads a file and digests it.
/// Threads: all methods from one thread at a time, which is none of the loops; the totals from any.
class EdgeService {
 public:
  /// Listens and serves. `mirror` and `clock` outlive the service. `logger` is told where
  /// descriptors are too few for max_connections.
  static Result<std::unique_ptr<EdgeService>, net::NetError> start(EdgeServiceOptions options,
                                                                   const Mirror& mirror,
                                                                   const Clock& clock,
                                                                   Logger& logger);
  ~EdgeService();
  EdgeService(const EdgeService&) = delete;
  EdgeService& operator=(const EdgeService&) = delete;

  /// Where it listens, with real ports, in the order of EdgeServiceOptions::listen.
  [[nodiscard]] const std::vector<std::string>& addresses() const;
  [[nodiscard]] std::size_t loops() const;
  /// Finishes what is in flight, at most `grace` long, and ends the loops. Idempotent.
  void stop();
  [[nodiscard]] EdgeTotals totals() const;
  [[nodiscard]] responder::HttpTotals http_totals() const;

 private:
  struct Loops;
  explicit EdgeService(std::unique_ptr<Loops> loops);
  std::unique_ptr<Loops> loops_;
};

}  // namespace muster::edge
