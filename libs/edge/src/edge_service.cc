#include "muster/edge/edge_service.h"

#include <algorithm>
#include <thread>

#include "muster/base/assert.h"
#include "muster/net/descriptors.h"
#include "muster/net/http_servers.h"

namespace muster::edge {
namespace {

/// One loop with everything it owns. Destroyed after its thread has ended.
struct Worker {
  Worker(const std::string& prefix, const Mirror& mirror, const Clock& clock)
      : handler(prefix, mirror, clock, counters) {}

  EdgeCounters counters;
  net::Loop loop;
  EdgeHandler handler;
  net::HttpServers servers{loop};
  std::thread thread;
};

}  // namespace

struct EdgeService::Loops {
  Milliseconds grace{0};
  std::size_t max_connections = 0;  ///< of each server
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::string> addresses;
  bool stopped = false;
};

EdgeService::EdgeService(std::unique_ptr<Loops> loops) : loops_(std::move(loops)) {}
EdgeService::~EdgeService() { stop(); }

Result<std::unique_ptr<EdgeService>, net::NetError> EdgeService::start(EdgeServiceOptions options,
                                                                       const Mirror& mirror,
                                                                       const Clock& clock,
                                                                       Logger& logger) {
  MUSTER_ASSERT(!options.listen.empty());
  auto loops = std::make_unique<Loops>();
  loops->grace = options.grace;
  const unsigned count =
      options.loops != 0 ? options.loops : std::max(1U, std::thread::hardware_concurrency());
  MUSTER_TRY(options.limits.max_connections,
             net::connections_of_each(options.limits.max_connections, options.listen, count,
                                      "edge.descriptors", logger));
  loops->max_connections = options.limits.max_connections;
  for (unsigned i = 0; i < count; ++i) {
    auto worker = std::make_unique<Worker>(options.prefix, mirror, clock);
    MUSTER_CHECK(
        worker->servers.listen(options.listen, loops->addresses, options.limits, worker->handler));
    loops->workers.push_back(std::move(worker));
  }
  for (auto& worker : loops->workers) {
    worker->thread = std::thread([w = worker.get()] { w->loop.run(); });
  }
  return std::unique_ptr<EdgeService>(new EdgeService(std::move(loops)));
}

const std::vector<std::string>& EdgeService::addresses() const { return loops_->addresses; }
std::size_t EdgeService::loops() const { return loops_->workers.size(); }

void EdgeService::stop() {
  if (std::exchange(loops_->stopped, true)) {
    return;
  }
  for (auto& worker : loops_->workers) {
    worker->loop.post([w = worker.get(), grace = loops_->grace] { w->servers.drain(grace); });
  }
  for (auto& worker : loops_->workers) {
    worker->thread.join();
  }
}

EdgeTotals EdgeService::totals() const {
  EdgeTotals sum;
  for (const auto& worker : loops_->workers) {
    const EdgeCounters& c = worker->counters;
    sum.get += c.get;
    sum.post += c.post;
    sum.answered += c.answered;
    sum.unknown += c.unknown;
    sum.over += c.over;
    sum.damaged += c.damaged;
    sum.malformed += c.malformed;
    sum.other += c.other;
  }
  return sum;
}

responder::HttpTotals EdgeService::http_totals() const {
  responder::HttpTotals sum;
  for (const auto& worker : loops_->workers) {
    for (const auto& server : worker->servers.all()) {
      sum.add(server->stats(), loops_->max_connections);
    }
  }
  return sum;
}

}  // namespace muster::edge
