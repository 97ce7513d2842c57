#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/net/http_server.h"
#include "muster/relay/relay_handler.h"
#include "muster/responder/service.h"

// A relay with sockets and threads around it.
namespace muster::relay {

struct RelayOptions {
  std::vector<std::string> listen{"127.0.0.1:8888"};
  unsigned loops = 0;     ///< zero: one a core
  std::string directory;  ///< where answers are kept over restarts; empty: in memory alone
  keeper::ShelfPolicy shelf;
  EngineOptions engine;
  HandlerOptions handler;
  net::HttpLimits limits;
  Milliseconds grace{10'000};  ///< for requests in flight when stopping
};

/// What the loops counted, added up: HandlerCounters.
struct HandlerTotals {
  std::uint64_t get = 0, post = 0, not_modified = 0, nonces_left_out = 0, other = 0;
  std::array<std::uint64_t, kEndings> endings{};
};

enum class RelayErrc : std::uint8_t { kDirectory, kAddress };
struct RelayError {
  RelayErrc code;
  std::string detail;     ///< of kDirectory
  net::NetError address;  ///< of kAddress; too few descriptors too
};

/// Loops that answer from one shelf, and a thread that fetches and writes.
/// Threads: all methods from one thread at a time, which is none of its own; figures from any.
class RelayService {
 public:
  /// Takes up what is on disk, verifies it, listens, serves and fetches. `clock` and `logger`
  /// outlive the service.
  static Result<std::unique_ptr<RelayService>, RelayError> start(
      RelayOptions options, std::shared_ptr<const RelaySetup> setup, const Clock& clock,
      Logger& logger);
  ~RelayService();
  RelayService(const RelayService&) = delete;
  RelayService& operator=(const RelayService&) = delete;

  /// Where it listens, with real ports, in the order of RelayOptions::listen.
  [[nodiscard]] const std::vector<std::string>& addresses() const;
  /// Goes by this from now on.
  void adopt(std::shared_ptr<const RelaySetup> setup);
  /// Finishes what is in flight, at most `grace` long, and ends all threads. Idempotent.
  void stop();

  /// As of a few seconds ago at most; where EngineFigures::turned is long ago the engine stands
  /// still.
  [[nodiscard]] EngineFigures figures() const;
  [[nodiscard]] const EngineCounters& engine_counters() const;
  [[nodiscard]] HandlerTotals totals() const;
  [[nodiscard]] responder::HttpTotals http_totals() const;

 private:
  struct Impl;
  explicit RelayService(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::relay
