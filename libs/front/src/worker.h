#pragma once

#include <thread>

#include "muster/net/acceptor.h"
#include "proxy_connection.h"

namespace muster::front {

/// One serving loop with its thread and connections.
class Worker {
 public:
  /// `max_connections` is of all workers that share `stats`. The other arguments but `upstream`
  /// must outlive the worker.
  Worker(const FrontOptions& options, const net::SocketAddress& upstream, FrontStats& stats,
         Logger& logger, std::shared_ptr<const tls::ServerContext> context,
         std::size_t max_connections);
  /// Stops the thread; connections still open are cut.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Before run().
  void listen(net::Listener listener);
  /// Starts the thread.
  void run();
  /// Any thread: new connections get these certificates.
  void set_context(std::shared_ptr<const tls::ServerContext> context);
  /// Any thread. `done` runs on the worker's thread when no connection is left, at the latest after
  /// `grace`.
  void drain(Milliseconds grace, std::function<void()> done);

 private:
  /// Whether there is a place for it; otherwise it is closed.
  bool take(UniqueFd fd);
  void on_closed(ProxyConnection& connection);
  void begin_drain(Milliseconds grace, std::function<void()> done);
  void finish_drain();

  net::Loop loop_;
  WorkerShared shared_;
  const std::size_t max_connections_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::vector<std::unique_ptr<ProxyConnection>> connections_;  // open and free ones
  std::vector<ProxyConnection*> free_;
  std::size_t open_count_ = 0;
  std::function<void()> drained_;
  std::thread thread_;
};

}  // namespace muster::front
