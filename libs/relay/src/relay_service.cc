#include "muster/relay/relay_service.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "muster/base/assert.h"
#include "muster/net/descriptors.h"
#include "muster/net/http_servers.h"

namespace muster::relay {
namespace {

/// How often loops hand over what was asked for.
constexpr Milliseconds kFlushInterval{5'000};
/// How often the engine's picture is taken, and for how many entries a second more is taken.
constexpr Milliseconds kFiguresInterval{1'000};
constexpr std::size_t kEntriesASecond = 20'000;

/// Octets nobody can guess, so that two relays never have one name.
std::string make_id() { return "muster-relay-" + to_hex(client::make_nonce(6)); }

std::uint64_t make_seed() {
  std::uint64_t seed = 0;
  for (const std::uint8_t octet : client::make_nonce(sizeof seed)) {
    seed = (seed << 8U) | octet;
  }
  return seed;
}

/// Where fetches are made and files written: one loop, one thread.
struct Backroom {
  net::Loop loop;
  std::unique_ptr<keeper::Shelf> shelf;
  std::unique_ptr<net::FetchService> fetcher;
  EngineCounters counters;
  std::unique_ptr<Engine> engine;
  mutable Mutex mutex;
  EngineFigures figures MUSTER_GUARDED_BY(mutex);
  std::thread thread;

  /// On its thread: takes a picture, and another one later.
  void take_figures() {
    EngineFigures now = engine->figures();
    std::size_t entries = 0;
    for (const std::size_t of_state : now.states) {
      entries += of_state;
    }
    {
      const MutexLock lock(mutex);
      figures = std::move(now);
    }
    loop.after(kFiguresInterval * static_cast<int>(1 + entries / kEntriesASecond),
               [this] { take_figures(); });
  }
};

/// One serving loop with everything it owns. Destroyed after its thread has ended.
struct Worker {
  Worker(const HandlerOptions& options, const std::string& id, Backroom& back, const Clock& clock)
      : handler(
            options, id, *back.shelf, clock, counters,
            [this, &back](Wanted wanted, Tell tell) {
              // To the engine's thread, and back to this one.
              back.loop.post([this, &back, wanted = std::move(wanted), tell = std::move(tell)] {
                back.engine->want(wanted, [this, tell](const Told& told) {
                  loop.post([tell, told] { tell(told); });
                });
              });
            },
            [&back, is_behind = std::make_shared<std::atomic<bool>>(false)](
                std::vector<keeper::Fingerprint> keys) {
              if (is_behind->exchange(true)) {
                return;  // the last lot is not taken yet; who is asked for will be asked for again
              }
              back.loop.post([&back, is_behind, keys = std::move(keys)] {
                *is_behind = false;
                back.engine->note_asked(keys);
              });
            }) {}

  void flush() {
    handler.flush();
    loop.after(kFlushInterval, [this] { flush(); });
  }
  /// On the loop's thread.
  void drain(Milliseconds grace) {
    handler.flush();
    servers.drain(grace);
  }

  HandlerCounters counters;
  net::Loop loop;
  RelayHandler handler;
  net::HttpServers servers{loop};
  std::thread thread;
};

}  // namespace

struct RelayService::Impl {
  Milliseconds grace{0};
  std::size_t max_connections = 0;  ///< of each server
  Backroom back;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::string> addresses;
  bool stopped = false;
};

RelayService::RelayService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RelayService::~RelayService() { stop(); }

Result<std::unique_ptr<RelayService>, RelayError> RelayService::start(
    RelayOptions options, std::shared_ptr<const RelaySetup> setup, const Clock& clock,
    Logger& logger) {
  MUSTER_ASSERT(!options.listen.empty());
  auto impl = std::make_unique<Impl>();
  impl->grace = options.grace;
  Backroom& back = impl->back;
  auto shelf =
      keeper::Shelf::open(options.directory, keeper::ShelfMode::kOwner, options.shelf, logger);
  if (!shelf) {
    return Err{RelayError{RelayErrc::kDirectory, shelf.error().detail, {}}};
  }
  back.shelf = *std::move(shelf);
  back.fetcher = net::make_fetcher(back.loop);
  const std::string id = make_id();
  back.engine = std::make_unique<Engine>(back.loop, *back.fetcher, clock, logger, *back.shelf,
                                         options.engine, make_seed(), id, back.counters);
  options.handler.nonce = options.engine.nonce;
  const unsigned count =
      options.loops != 0 ? options.loops : std::max(1U, std::thread::hardware_concurrency());
  const auto most = net::connections_of_each(options.limits.max_connections, options.listen, count,
                                             "relay.descriptors", logger);
  if (!most) {
    return Err{RelayError{RelayErrc::kAddress, {}, most.error()}};
  }
  impl->max_connections = options.limits.max_connections = *most;
  for (unsigned i = 0; i < count; ++i) {
    auto worker = std::make_unique<Worker>(options.handler, id, back, clock);
    worker->handler.adopt(setup);
    const auto listening =
        worker->servers.listen(options.listen, impl->addresses, options.limits, worker->handler);
    if (!listening) {
      return Err{RelayError{RelayErrc::kAddress, {}, listening.error()}};
    }
    impl->workers.push_back(std::move(worker));
  }
  // What is on disk is there before the first question is read.
  back.engine->adopt(std::move(setup));
  if (!options.directory.empty()) {
    back.engine->restore(options.directory);
  }
  back.engine->start();
  back.take_figures();
  back.thread = std::thread([&back] { back.loop.run(); });
  for (auto& worker : impl->workers) {
    worker->flush();
    worker->thread = std::thread([w = worker.get()] { w->loop.run(); });
  }
  return std::unique_ptr<RelayService>(new RelayService(std::move(impl)));
}

const std::vector<std::string>& RelayService::addresses() const { return impl_->addresses; }

void RelayService::adopt(std::shared_ptr<const RelaySetup> setup) {
  impl_->back.loop.post([back = &impl_->back, setup] { back->engine->adopt(setup); });
  for (auto& worker : impl_->workers) {
    worker->loop.post([w = worker.get(), setup] { w->handler.adopt(setup); });
  }
}

void RelayService::stop() {
  if (std::exchange(impl_->stopped, true)) {
    return;
  }
  for (auto& worker : impl_->workers) {
    worker->loop.post([w = worker.get(), grace = impl_->grace] { w->drain(grace); });
  }
  for (auto& worker : impl_->workers) {
    worker->thread.join();
  }
  impl_->back.loop.post([back = &impl_->back] {
    back->engine->stop();
    back->loop.stop();
  });
  impl_->back.thread.join();
}

EngineFigures RelayService::figures() const {
  const MutexLock lock(impl_->back.mutex);
  return impl_->back.figures;
}
const EngineCounters& RelayService::engine_counters() const { return impl_->back.counters; }

HandlerTotals RelayService::totals() const {
  HandlerTotals sum;
  for (const auto& worker : impl_->workers) {
    const HandlerCounters& c = worker->counters;
    sum.get += c.get;
    sum.post += c.post;
    sum.not_modified += c.not_modified;
    sum.nonces_left_out += c.nonces_left_out;
    sum.other += c.other;
    for (std::size_t i = 0; i < kEndings; ++i) {
      sum.endings.at(i) += c.endings.at(i);
    }
  }
  return sum;
}

responder::HttpTotals RelayService::http_totals() const {
  responder::HttpTotals sum;
  for (const auto& worker : impl_->workers) {
    for (const auto& server : worker->servers.all()) {
      sum.add(server->stats(), impl_->max_connections);
    }
  }
  return sum;
}

}  // namespace muster::relay
