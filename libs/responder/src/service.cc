#include "muster/responder/service.h"

#include <sys/timex.h>

#include <algorithm>
#include <condition_variable>
#include <thread>

#include "batch_run.h"
#include "muster/net/descriptors.h"
#include "muster/net/http_servers.h"
#include "presigner.h"

namespace muster::responder {
namespace {

/// A snapshot is let go of this often (a loop without requests must not pin old pages of the
/// store), and the clock judged.
constexpr Milliseconds kUpkeepInterval{1000};

/// A new one for each setup: what was signed under another must not be handed out. None for a loop
/// that is alone, unless something is signed ahead.
std::shared_ptr<AnswerExchange> make_exchange(const Setup& setup, std::size_t loops,
                                              const PresignOptions& presign) {
  const std::size_t ahead = signs_ahead(setup) ? presign.max_answers + presign.max_answers / 2 : 0;
  const std::size_t shared = loops == 1 ? 0 : setup.policy().ready_answers;
  return shared == 0 && ahead == 0 ? nullptr : std::make_shared<AnswerExchange>(shared, ahead);
}

/// One loop with everything it owns. Destroyed after its thread has ended.
struct Worker {
  Worker(const ServiceOptions& options, std::shared_ptr<const Setup> setup,
         std::shared_ptr<AnswerExchange> exchange, const store::Store& store, const Clock& clock,
         Logger& logger, const std::shared_ptr<SigningDesk>& desk, ChangeNotice& changes)
      : answerer(std::move(setup), store.reader(), counters, std::move(exchange)),
        fetcher(net::make_fetcher(loop)),
        router({}, *fetcher, counters, logger),
        handler(options.handler, answerer, clock, logger, counters, &router, &changes),
        clock_error(options.clock_error ? options.clock_error : kernel_clock_error),
        batches(
            answerer, clock, [this](std::function<void()> action) { loop.post(std::move(action)); },
            [this](const Answer& answer, Bytes request, const Client& client, UnixSeconds now) {
              handler.note(answer, request, client, now);
            }) {
    const auto post = [this](std::function<void()> action) { loop.post(std::move(action)); };
    answerer.use_desk(desk, post, clock);
    answerer.use_line(
        options.line, post, [] { return std::chrono::steady_clock::now(); },
        [this] {
          return SocketsState{loop.is_behind(), loop.ready_since()};
        });
  }

  void keep_up() {
    answerer.release();
    answerer.set_clock_error(clock_error());
    loop.after(kUpkeepInterval, [this] { keep_up(); });
  }

  /// Has the loop explain; `take` is called on its thread.
  void explain(std::shared_ptr<const Buffer> request, UnixSeconds now, const Client& client,
               std::function<void(Explanation)> take) {
    loop.post([this, request = std::move(request), now, client, take = std::move(take)] {
      take(answerer.explain(*request, now, client));
    });
  }

  /// Has the loop answer a part of a batch; `take` is called on its thread.
  void answer_batch(BatchQueue::Questions questions, const Client& client, BatchQueue::Take take) {
    loop.post([this, questions = std::move(questions), client, take = std::move(take)]() mutable {
      batches.add(std::move(questions), client, std::move(take));
    });
  }

  Counters counters;
  net::Loop loop;
  Answerer answerer;
  std::unique_ptr<net::FetchService> fetcher;
  Router router;
  OcspHandler handler;
  std::function<std::optional<Milliseconds>()> clock_error;
  BatchQueue batches;
  net::HttpServers servers{loop};
  std::thread thread;
};

/// What loops were asked to explain. Kept alive by those that have not got round to it.
struct Explaining {
  std::mutex mutex;
  std::condition_variable came;
  std::vector<Explanation> all;  ///< under `mutex`
};

}  // namespace

std::optional<Milliseconds> kernel_clock_error() {
  timex state{};
  if (::adjtimex(&state) == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
    return std::nullopt;
  }
  return Milliseconds(state.maxerror / 1000);  // microseconds
}

struct Service::Loops {
  ServiceOptions options;
  ChangeNotice changes;  ///< outlives the workers
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::string> addresses;
  std::shared_ptr<SigningDesk> desk;
  /// In use, and before: who lets go of the last of a setup closes sessions of its tokens, which
  /// takes time. Never a loop.
  std::vector<std::shared_ptr<const Setup>> setups;
  std::unique_ptr<Presigner> presigner;
  bool stopped = false;
  mutable std::atomic<std::size_t> batch_parts{0};  ///< handed to loops in turn
};

Service::Service(std::unique_ptr<Loops> loops) : loops_(std::move(loops)) {}
Service::~Service() { stop(); }

Result<std::unique_ptr<Service>, net::NetError> Service::start(ServiceOptions options,
                                                               std::shared_ptr<const Setup> setup,
                                                               const store::Store& store,
                                                               const Clock& clock, Logger& logger) {
  MUSTER_ASSERT(!options.listen.empty());
  auto loops = std::make_unique<Loops>();
  const unsigned count =
      options.loops != 0 ? options.loops : std::max(1U, std::thread::hardware_concurrency());
  MUSTER_TRY(options.limits.max_connections,
             net::connections_of_each(options.limits.max_connections, options.listen, count,
                                      "responder.descriptors", logger));
  const auto exchange = make_exchange(*setup, count, options.presign);
  options.handler.log_samples = std::make_shared<SharedLogSamples>();
  loops->setups.push_back(setup);
  loops->desk = std::make_shared<SigningDesk>(options.signing_jobs, options.signing_waiting);
  for (unsigned i = 0; i < count; ++i) {
    auto worker = std::make_unique<Worker>(options, setup, exchange, store, clock, logger,
                                           loops->desk, loops->changes);
    MUSTER_CHECK(
        worker->servers.listen(options.listen, loops->addresses, options.limits, worker->handler));
    loops->workers.push_back(std::move(worker));
  }
  loops->options = std::move(options);
  loops->presigner = std::make_unique<Presigner>(
      loops->options.presign, store, clock, logger,
      loops->options.clock_error ? loops->options.clock_error : kernel_clock_error);
  loops->presigner->adopt(setup, exchange);
  for (auto& worker : loops->workers) {
    worker->keep_up();
    worker->thread = std::thread([w = worker.get()] { w->loop.run(); });
  }
  return std::unique_ptr<Service>(new Service(std::move(loops)));
}

const std::vector<std::string>& Service::addresses() const { return loops_->addresses; }
std::size_t Service::loops() const { return loops_->workers.size(); }
const DeskCounters& Service::desk() const { return loops_->desk->counters(); }

void Service::adopt(std::shared_ptr<const Setup> setup) {
  const auto exchange = make_exchange(*setup, loops_->workers.size(), loops_->options.presign);
  std::erase_if(loops_->setups, [](const auto& old) { return old.use_count() == 1; });
  loops_->setups.push_back(setup);
  loops_->presigner->adopt(setup, exchange);
  for (auto& worker : loops_->workers) {
    worker->loop.post([w = worker.get(), setup, exchange] { w->answerer.adopt(setup, exchange); });
  }
}

void Service::note_change() {
  loops_->changes.acknowledge(std::chrono::steady_clock::now());
  loops_->presigner->wake();
}

PresignTotals Service::presigned() const { return loops_->presigner->totals(); }

std::optional<Explanation> Service::explain(Bytes request, UnixSeconds now, const Client& client,
                                            Milliseconds patience) const {
  const auto explaining = std::make_shared<Explaining>();
  const auto octets = std::make_shared<const Buffer>(to_buffer(request));
  for (const auto& worker : loops_->workers) {
    worker->explain(octets, now, client, [explaining](Explanation one) {
      const std::lock_guard lock(explaining->mutex);
      explaining->all.push_back(std::move(one));
      explaining->came.notify_one();
    });
  }
  std::unique_lock lock(explaining->mutex);
  explaining->came.wait_for(lock, patience,
                            [&] { return explaining->all.size() == loops_->workers.size(); });
  std::vector<Explanation>& all = explaining->all;
  if (all.empty()) {
    return std::nullopt;
  }
  const auto refusal = std::find_if(
      all.begin(), all.end(), [](const Explanation& one) { return one.cause != Cause::kNone; });
  Explanation& chosen = refusal == all.end() ? all.front() : *refusal;
  const auto alike = std::count_if(all.begin(), all.end(), [&chosen](const Explanation& one) {
    return one.cause == chosen.cause;
  });
  if (static_cast<std::size_t>(alike) != all.size()) {
    chosen.notes.push_back("so on " + std::to_string(alike) + " of " + std::to_string(all.size()) +
                           " loops; which of them a client meets is chance");
  }
  return std::move(chosen);
}

void Service::answer_batch(std::shared_ptr<const std::vector<BatchQuestion>> questions,
                           const Client& client,
                           std::function<void(std::vector<BatchReply>)> take) const {
  const std::size_t which = loops_->batch_parts.fetch_add(1, std::memory_order_relaxed);
  loops_->workers[which % loops_->workers.size()]->answer_batch(std::move(questions), client,
                                                                std::move(take));
}

void Service::stop() {
  if (loops_->stopped) {
    return;
  }
  loops_->stopped = true;
  for (auto& worker : loops_->workers) {
    worker->loop.post(
        [w = worker.get(), grace = loops_->options.grace] { w->servers.drain(grace); });
  }
  for (auto& worker : loops_->workers) {
    worker->thread.join();
  }
  loops_->presigner->stop();
}

Totals Service::totals() const {
  Totals sum;
  for (const auto& worker : loops_->workers) {
    const Counters& c = worker->counters;
    sum.get += c.get.value();
    sum.get_queries += c.get_queries.value();
    sum.post += c.post.value();
    sum.not_modified += c.not_modified.value();
    sum.good += c.good.value();
    sum.revoked += c.revoked.value();
    sum.unknown += c.unknown.value();
    sum.ready_hits += c.ready_hits.value();
    sum.ready_rechecked += c.ready_rechecked.value();
    sum.ready_replaced += c.ready_replaced.value();
    sum.ready_shared += c.ready_shared.value();
    sum.ready_taken_over += c.ready_taken_over.value();
    sum.ready_late += c.ready_late.value();
    sum.signatures += c.signatures.value();
    sum.waited += c.waited.value();
    sum.waiting += c.waiting.load(std::memory_order_relaxed);
    sum.nonces_echoed += c.nonces_echoed.value();
    sum.nonces_left_out += c.nonces_left_out.value();
    sum.durations.add(c.durations.read());
    sum.propagation.add(c.propagation.read());
    sum.routed += c.routed.value();
    sum.route_failures += c.route_failures.value();
    for (std::size_t i = 0; i < kCauses; ++i) {
      sum.refused[i] += c.refused[i].value();
    }
    for (std::size_t i = 0; i < sum.cert_id_hashes.size(); ++i) {
      sum.cert_id_hashes.at(i) += c.cert_id_hashes.at(i).value();
    }
  }
  return sum;
}

std::map<std::pair<store::IssuerId, std::string>, SignerTotals> Service::signer_totals() const {
  std::map<std::pair<store::IssuerId, std::string>, SignerTotals> out;
  for (const auto& worker : loops_->workers) {
    worker->counters.signers.visit(
        [&out](store::IssuerId issuer, const std::string& signer, const SignerCounters& c) {
          SignerTotals& sum = out[{issuer, signer}];
          sum.made += c.made.value();
          sum.failed += c.failed.value();
        });
  }
  return out;
}

std::map<store::IssuerId, IssuerTotals> Service::issuer_totals() const {
  std::map<store::IssuerId, IssuerTotals> out;
  for (const auto& worker : loops_->workers) {
    worker->counters.issuers.visit([&out](store::IssuerId issuer, const IssuerCounters& c) {
      IssuerTotals& sum = out[issuer];
      sum.good += c.good.value();
      sum.revoked += c.revoked.value();
      sum.unknown += c.unknown.value();
      sum.refused += c.refused.value();
      sum.unissued += c.unissued.value();
      sum.unissued_monitors += c.unissued_monitors.value();
      sum.unlisted += c.unlisted.value();
    });
  }
  return out;
}

void HttpTotals::add(const net::HttpStats& one, std::size_t may_have) {
  max_connections += may_have;
  connections += one.connections;
  requests += one.requests;
  refused_connections += one.refused_connections;
  bad_requests += one.bad_requests;
  too_large += one.too_large;
  header_timeouts += one.header_timeouts;
  body_timeouts += one.body_timeouts;
  idle_closes += one.idle_closes;
  write_timeouts += one.write_timeouts;
  tls_on_plain_port += one.tls_on_plain_port;
  open_connections += one.open_connections;
  pipeline_pauses += one.pipeline_pauses;
  accept_pauses += one.accept_pauses;
  deferred += one.deferred;
  reply_timeouts += one.reply_timeouts;
  gone_waiting += one.gone_waiting;
  made_room += one.made_room;
  freed_memory += one.freed_memory;
  buffered_bytes += one.buffered_bytes;
}

HttpTotals Service::http_totals() const {
  HttpTotals sum;
  for (const auto& worker : loops_->workers) {
    for (const auto& server : worker->servers.all()) {
      sum.add(server->stats(), loops_->options.limits.max_connections);
    }
  }
  return sum;
}

}  // namespace muster::responder
