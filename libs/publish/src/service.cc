#include "muster/publish/service.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "muster/base/thread.h"
#include "muster/net/loop.h"
#include "muster/publish/crl_handler.h"

namespace muster::publish {
namespace {

constexpr Seconds kLongestMaxAge{3600};
/// Between two looks that wake() asked for: changes that come in a row go onto one CRL.
constexpr Milliseconds kWokenSpacing{1'000};

/// One series with what the thread remembers about it.
struct Series {
  explicit Series(std::unique_ptr<Publisher> p) : publisher(std::move(p)) {}
  std::unique_ptr<Publisher> publisher;
  Milliseconds retry_delay{0};
  MonotonicTime retry_at{};
  bool is_woken = false;    ///< to look for changes at once
  bool is_looking = false;  ///< the next step does
  std::optional<MonotonicTime> woken_at;
  std::optional<MonotonicTime> told_at;  ///< of a change that no CRL says yet
};

/// Caches must not hide a CRL for longer than a change may take.
Seconds max_age_of(const Terms& terms) {
  const Seconds shortest =
      std::min(interval_of(terms), terms.delta_interval.value_or(interval_of(terms)));
  return std::clamp(std::min(shortest / 4, terms.reaction.value_or(shortest) / 2), Seconds(1),
                    kLongestMaxAge);
}

}  // namespace

struct Service::Impl {
  Impl(const store::Store& st, const ServiceOptions& o, const Clock& c, Logger& l)
      : store(st), options(o), clock(c), logger(l) {}
  ~Impl() { stop(); }

  PublishResult<Unit> listen();
  PublishResult<std::vector<Series>> open(const std::vector<Spec>& specs) const;
  PublishResult<Unit> replace(std::vector<Spec> specs);
  void take_over(std::vector<Series> opened);
  void run();
  /// Lets a series do what is due. Returns when it wants to be asked again.
  MonotonicTime attend(std::size_t index);
  /// \param looked  because it was woken
  void note_success(std::size_t index, const std::optional<Published>& done, bool looked);
  void note_failure(std::size_t index, const PublishError& error);
  void serve();
  void stop();
  template <class F>
  void change(std::size_t index, F&& by) {
    const std::lock_guard lock(mutex);
    by(statuses[index]);
  }

  const store::Store& store;
  const ServiceOptions options;
  const Clock& clock;
  Logger& logger;
  std::mutex publishing_mutex;  // held during publications; taken before `mutex`
  std::vector<Series> series;   // under publishing_mutex

  net::Loop loop;
  CrlHandler handler;  // the loop's
  std::vector<std::unique_ptr<net::HttpServer>> servers;
  std::vector<std::string> addresses;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<SeriesStatus> statuses;    // under the mutex
  bool awake = false;                    // under the mutex
  std::optional<MonotonicTime> told_at;  // under the mutex: of the first wake() not seen yet
  bool stopping = false;                 // under the mutex
  std::thread publishing, serving;
};

PublishResult<std::vector<Series>> Service::Impl::open(const std::vector<Spec>& specs) const {
  std::vector<Series> opened;
  for (const Spec& spec : specs) {
    MUSTER_TRY(auto publisher, Publisher::open(spec, store, clock.now()));
    opened.emplace_back(std::move(publisher));
  }
  return opened;
}

/// Under publishing_mutex, or before the threads run.
void Service::Impl::take_over(std::vector<Series> opened) {
  series = std::move(opened);
  const std::lock_guard lock(mutex);
  statuses.clear();
  for (const Series& one : series) {
    for (const std::string& warning : one.publisher->warnings()) {
      logger.log(LogLevel::kWarning, "crl.check", warning);
    }
    SeriesStatus status;
    status.label = one.publisher->spec().label;
    status.number = one.publisher->number().to_hex();
    status.complete_at = one.publisher->history().complete_at;
    status.delta_at = one.publisher->history().delta_at;
    status.next_update = one.publisher->next_update();
    statuses.push_back(std::move(status));
  }
}

PublishResult<Unit> Service::Impl::replace(std::vector<Spec> specs) {
  const std::lock_guard lock(publishing_mutex);
  std::vector<Spec> before;
  for (const Series& one : series) {
    before.push_back(one.publisher->spec());
  }
  series.clear();  // lets go of the state directories
  auto opened = open(specs);
  std::optional<PublishError> failure;
  if (!opened) {
    failure = opened.error();
    opened = open(before);
  }
  if (opened) {
    take_over(*std::move(opened));
    serve();
  } else {  // neither the new nor the old: what is served stays, and somebody must look
    take_over({});
    logger.log(LogLevel::kError, "crl.publish_failed",
               "no CRL is published any more: " + opened.error().detail);
  }
  {
    const std::lock_guard wake(mutex);
    awake = true;
    changed.notify_all();
  }
  if (failure) {
    return Err{*std::move(failure)};
  }
  return Unit{};
}

PublishResult<Unit> Service::Impl::listen() {
  for (const std::string& address : options.listen) {
    auto server = net::HttpServer::listen(loop, address, options.limits, handler);
    if (!server) {
      return Err{PublishError{PublishErrc::kIo, "serving CRLs: " + net::to_string(server.error())}};
    }
    addresses.push_back((*server)->address());
    servers.push_back(*std::move(server));
  }
  return Unit{};
}

void Service::Impl::note_success(std::size_t index, const std::optional<Published>& done,
                                 bool looked) {
  const MonotonicTime published_at = clock.monotonic();  // before anybody hears of it
  Series& one = series[index];
  one.retry_delay = Milliseconds(0);
  const Publisher& publisher = *one.publisher;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  bool complete = false;
  if (done) {
    for (const PublishedFile& file : done->files) {
      complete = complete || !file.delta;
      entries += file.delta ? 0 : file.entries;
      bytes += file.delta ? 0 : file.bytes;
    }
    logger.log(LogLevel::kInfo, "crl.published",
               complete ? "complete CRLs were published" : "delta CRLs were published",
               {{"series", publisher.spec().label},
                {"number", done->number.to_hex()},
                {"files", static_cast<unsigned long long>(done->files.size())},
                {"entries", static_cast<unsigned long long>(entries)},
                {"next_update", format_iso8601(done->next_update.value_or(
                                    done->delta_next_update.value_or(UnixSeconds{})))}});
    for (const std::string& warning : done->warnings) {
      logger.log(LogLevel::kWarning, "crl.check", warning);
    }
  }
  const auto told = done || looked ? std::exchange(one.told_at, std::nullopt) : std::nullopt;
  change(index, [&](SeriesStatus& status) {
    if (told && done) {  // else it was about certificates that this series does not list
      status.propagation.add(kPropagationBounds, published_at - *told);
    }
    status.last_success = clock.now();
    status.error.reset();
    status.failing_since.reset();
    status.number = publisher.number().to_hex();
    status.complete_at = publisher.history().complete_at;
    status.delta_at = publisher.history().delta_at;
    status.next_step = publisher.next_step();
    if (done) {
      ++status.publications;
      status.next_update = publisher.next_update();
    }
    if (complete) {
      status.entries = entries;
      status.bytes = bytes;
    }
  });
  if (done) {
    serve();
  }
}

void Service::Impl::note_failure(std::size_t index, const PublishError& error) {
  Series& one = series[index];
  one.retry_delay = std::clamp(one.retry_delay * 2, options.retry_first, options.retry_most);
  one.retry_at = clock.monotonic() + one.retry_delay;
  std::optional<UnixSeconds> next_update;
  bool news = false;
  change(index, [&](SeriesStatus& status) {
    news = !status.error || status.error->detail != error.detail;
    status.error = error;
    status.failing_since = status.failing_since.value_or(clock.now());
    ++status.failures;
    next_update = status.next_update;
  });
  if (news) {
    logger.log(LogLevel::kError, "crl.publish_failed", error.detail,
               {{"series", one.publisher->spec().label},
                {"code", to_string(error.code)},
                {"published_holds_until", next_update ? format_iso8601(*next_update) : "unknown"}});
  }
}

MonotonicTime Service::Impl::attend(std::size_t index) {
  Series& one = series[index];
  const UnixSeconds now = clock.now();
  const MonotonicTime then = clock.monotonic() + options.longest_wait;
  if (one.retry_delay != Milliseconds(0) && clock.monotonic() < one.retry_at) {
    return std::min(then, one.retry_at);
  }
  const auto may_wake_at = one.woken_at.value_or(clock.monotonic() - kWokenSpacing) + kWokenSpacing;
  if (one.is_woken && clock.monotonic() >= may_wake_at) {
    one.is_woken = false;
    one.woken_at = clock.monotonic();
    one.is_looking = true;
    one.publisher->look_again();
  }
  const auto due = one.publisher->next_step();
  if (due && now >= *due) {
    const bool looks = std::exchange(one.is_looking, false);
    if (const auto done = one.publisher->step(now)) {
      note_success(index, *done, looks);
    } else {
      note_failure(index, done.error());
      return std::min(then, one.retry_at);
    }
  }
  const auto next = one.publisher->next_step();
  const MonotonicTime woken = one.is_woken ? std::min(then, may_wake_at) : then;
  return next ? std::min(woken, clock.monotonic() + std::max(*next - clock.now(), Seconds(0)))
              : woken;
}

/// Hands the published octets to the loop.
void Service::Impl::serve() {
  if (servers.empty()) {
    return;
  }
  std::vector<Served> all;
  Seconds max_age = kLongestMaxAge;
  for (const Series& one : series) {
    auto served = one.publisher->served();
    if (!served) {
      logger.log(LogLevel::kError, "crl.check", "not served: " + served.error().detail);
      continue;
    }
    max_age = std::min(max_age, max_age_of(one.publisher->spec().terms));
    std::move(served->begin(), served->end(), std::back_inserter(all));
  }
  loop.post([this, crls = ServedCrls::make(std::move(all), max_age)] { handler.adopt(crls); });
}

void Service::Impl::run() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    const bool was_woken = std::exchange(awake, false);
    const auto told = std::exchange(told_at, std::nullopt);
    lock.unlock();
    MonotonicTime next = clock.monotonic() + options.longest_wait;
    {
      const std::lock_guard publishing_lock(publishing_mutex);
      for (std::size_t i = 0; i < series.size(); ++i) {
        series[i].is_woken = series[i].is_woken || was_woken;
        series[i].told_at = series[i].told_at ? series[i].told_at : told;
        next = std::min(next, attend(i));
      }
    }
    const auto wait = std::max(next - clock.monotonic(), MonotonicTime::duration::zero());
    lock.lock();
    changed.wait_for(lock, wait, [this] { return awake || stopping; });
  }
}

void Service::Impl::stop() {
  {
    const std::lock_guard lock(mutex);
    stopping = true;
    changed.notify_all();
  }
  if (publishing.joinable()) {
    publishing.join();
  }
  loop.stop();
  if (serving.joinable()) {
    serving.join();
  }
  servers.clear();
  const std::lock_guard lock(publishing_mutex);
  series.clear();
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Service::~Service() = default;

PublishResult<std::unique_ptr<Service>> Service::start(std::vector<Spec> series,
                                                       const store::Store& store,
                                                       const ServiceOptions& options,
                                                       const Clock& clock, Logger& logger) {
  auto impl = std::make_unique<Impl>(store, options, clock, logger);
  MUSTER_TRY(auto opened, impl->open(series));
  MUSTER_CHECK(impl->listen());
  impl->take_over(std::move(opened));
  impl->serve();  // what an earlier run published, before anything new
  Impl* const self = impl.get();
  impl->serving = std::thread([self] { self->loop.run(); });
  impl->publishing = std::thread([self] {
    give_way();
    self->run();
  });
  return std::unique_ptr<Service>(new Service(std::move(impl)));
}

PublishResult<Unit> Service::replace(std::vector<Spec> series) {
  return impl_->replace(std::move(series));
}

const std::vector<std::string>& Service::addresses() const { return impl_->addresses; }

std::vector<SeriesStatus> Service::status() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->statuses;
}

void Service::wake() {
  const std::lock_guard lock(impl_->mutex);
  impl_->awake = true;
  impl_->told_at = impl_->told_at.value_or(impl_->clock.monotonic());
  impl_->changed.notify_all();
}

void Service::stop() { impl_->stop(); }

}  // namespace muster::publish
