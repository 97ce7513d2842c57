#include "worker.h"

namespace muster::front {
namespace {

/// Takes one of the places that all loops share. Whether one was free. Clients are spread over
/// loops by chance, and a unix socket has all of its own on one: shares of loops would refuse some
/// while there is room.
bool take_place(std::atomic<std::uint64_t>& taken, std::size_t places) {
  std::uint64_t now = taken.load(std::memory_order_relaxed);
  while (now < places) {
    if (taken.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Worker::Worker(const FrontOptions& options, const net::SocketAddress& upstream, FrontStats& stats,
               Logger& logger, std::shared_ptr<const tls::ServerContext> context,
               std::size_t max_connections)
    : shared_{.loop = loop_,
              .options = options,
              .upstream = upstream,
              .stats = stats,
              .logger = logger,
              .context = std::move(context),
              .on_closed = [this](ProxyConnection& connection) { on_closed(connection); }},
      max_connections_(max_connections) {}

Worker::~Worker() {
  if (thread_.joinable()) {
    loop_.stop();
    thread_.join();
  }
}

void Worker::listen(net::Listener listener) {
  acceptors_.push_back(std::make_unique<net::Acceptor>(
      loop_, std::move(listener),
      net::Acceptor::Events{
          .accepted =
              [this, at = acceptors_.size()](UniqueFd fd) {
                if (!take(std::move(fd))) {
                  acceptors_[at]->refused();
                }
              },
          .paused =
              [this] { shared_.stats.accept_pauses.fetch_add(1, std::memory_order_relaxed); }}));
}

void Worker::run() {
  thread_ = std::thread([this] { loop_.run(); });
}

void Worker::set_context(std::shared_ptr<const tls::ServerContext> context) {
  loop_.post(
      [this, context = std::move(context)]() mutable { shared_.context = std::move(context); });
}

void Worker::drain(Milliseconds grace, std::function<void()> done) {
  loop_.post(
      [this, grace, done = std::move(done)]() mutable { begin_drain(grace, std::move(done)); });
}

bool Worker::take(UniqueFd fd) {
  if (!take_place(shared_.stats.open_connections, max_connections_)) {
    shared_.stats.refused_connections.fetch_add(1, std::memory_order_relaxed);
    return false;  // closes it
  }
  shared_.stats.connections.fetch_add(1, std::memory_order_relaxed);
  ++open_count_;
  if (free_.empty()) {
    connections_.push_back(std::make_unique<ProxyConnection>(shared_));
    free_.push_back(connections_.back().get());
  }
  ProxyConnection& connection = *free_.back();
  free_.pop_back();
  connection.open(std::move(fd));
  return true;
}

void Worker::on_closed(ProxyConnection& connection) {
  free_.push_back(&connection);
  --open_count_;
  shared_.stats.open_connections.fetch_sub(1, std::memory_order_relaxed);
  if (open_count_ == 0 && drained_) {
    finish_drain();
  }
}

void Worker::begin_drain(Milliseconds grace, std::function<void()> done) {
  for (const auto& acceptor : acceptors_) {
    acceptor->finish();
  }
  shared_.is_draining = true;
  drained_ = std::move(done);
  loop_.after(grace, [this] {
    for (const auto& connection : connections_) {
      connection->close();
    }
  });
  for (const auto& connection : connections_) {
    if (connection->is_open()) {
      connection->drain();
    }
  }
  if (open_count_ == 0 && drained_) {
    finish_drain();
  }
}

void Worker::finish_drain() { std::exchange(drained_, nullptr)(); }

}  // namespace muster::front
