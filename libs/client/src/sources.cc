#include "muster/client/sources.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>

#include "disk_cache.h"
#include "muster/base/turns.h"
#include "muster/http/url.h"
#include "spool.h"

namespace muster::client {
namespace {

using internal::DiskCache;

MonotonicTime steady_now() { return std::chrono::steady_clock::now(); }

Err<net::FetchError> out_of_time() {
  return Err{net::FetchError{net::FetchErrc::kTimeout, "the time for this target is over", 0, {}}};
}

std::string origin_of(const std::string& url) {
  const auto parsed = http::parse_url(url);
  return parsed ? parsed->scheme + "://" + parsed->host + ":" + std::to_string(parsed->port) : url;
}

std::string key_of(const net::FetchRequest& request) {
  std::string key = request.url + "\n";
  for (const std::string& header : request.headers) {
    key += header + "\n";
  }
  if (request.post_body) {
    key += "\n" + std::string(as_text(*request.post_body));
  }
  return key;
}

/// Servers that do not answer. Not for those that answer badly: they may do better next time.
class Silent {
 public:
  /// Why `origin` is left alone now.
  [[nodiscard]] std::optional<net::FetchError> why(const std::string& origin) const {
    const std::lock_guard lock(mutex_);
    const auto found = servers_.find(origin);
    if (found == servers_.end() || found->second.failures < Sources::kPatience ||
        steady_now() - found->second.last > Sources::kLeftAlone) {
      return std::nullopt;
    }
    net::FetchError error = found->second.error;
    error.detail += " (so it was twice, and it is left alone for now)";
    return error;
  }
  void note(const std::string& origin, const net::FetchResult& result) {
    const std::lock_guard lock(mutex_);
    const bool silent = !result && (result.error().code == net::FetchErrc::kResolve ||
                                    result.error().code == net::FetchErrc::kConnect ||
                                    result.error().code == net::FetchErrc::kTimeout);
    if (!silent) {
      servers_.erase(origin);
      return;
    }
    if (servers_.size() >= kMaxServers && !servers_.contains(origin)) {
      servers_.clear();
    }
    Server& server = servers_[origin];
    ++server.failures;
    server.last = steady_now();
    server.error = result.error();
  }

 private:
  static constexpr std::size_t kMaxServers = 4096;
  struct Server {
    unsigned failures = 0;
    MonotonicTime last{};
    net::FetchError error{};
  };
  mutable std::mutex mutex_;
  std::map<std::string, Server> servers_;
};

/// The result of a fetch that several wait for.
class Flight {
 public:
  void land(net::FetchResult result) {
    {
      const std::lock_guard lock(mutex_);
      result_.emplace(std::move(result));
    }
    landed_.notify_all();
  }
  /// Null when the deadline passed first.
  [[nodiscard]] const net::FetchResult* wait(Sources::Deadline deadline) {
    if (has_landed()) {
      return &*result_;  // never changes any more
    }
    const WhileWaiting others(AfterWait::kMuch);
    std::unique_lock lock(mutex_);
    const auto there = [this] { return result_.has_value(); };
    if (!deadline) {
      landed_.wait(lock, there);
    } else if (!landed_.wait_until(lock, *deadline, there)) {
      return nullptr;
    }
    return &*result_;
  }
  [[nodiscard]] bool has_landed() const {
    const std::lock_guard lock(mutex_);
    return result_.has_value();
  }
  std::atomic<bool> counted{false};  ///< in Impl::answer_bytes

 private:
  mutable std::mutex mutex_;
  std::condition_variable landed_;
  std::optional<net::FetchResult> result_;
};

StartFetch start_at_once(const FetchFunction& fetch) {
  return [fetch](const net::FetchRequest& request,
                 const std::function<void(net::FetchResult)>& done) { done(fetch(request)); };
}

std::string spool_directory(const SourcesOptions& options, const std::string& cache) {
  if (!options.spool_directory.empty()) {
    return options.spool_directory;
  }
  std::error_code failure;
  const auto temporary = std::filesystem::temp_directory_path(failure);
  return !cache.empty() ? cache : failure ? "/tmp" : temporary.string();
}

/// A copy of a CRL, and what its place said of it.
struct KeptCrl {
  std::shared_ptr<const CrlDocument> document;
  internal::KeptFacts facts;
  UnixSeconds confirmed_at;
  bool is_fresh;
};
std::optional<KeptCrl> load_crl_copy(const DiskCache& cache, const std::string& url,
                                     UnixSeconds now) {
  auto entry = cache.load(DiskCache::Kind::kCrl, url);
  if (!entry) {
    return std::nullopt;
  }
  const bool fresh = is_fresh(*entry, now);
  return KeptCrl{std::make_shared<const CrlDocument>(std::move(entry->file), DiskCache::kHeadBytes),
                 std::move(entry->facts), entry->confirmed_at, fresh};
}

/// Under which an answer is kept: the same question to another place is another one.
std::string name_of(const std::string& url, const std::string& question) {
  return url + " " + question;
}

bool is_current(const CrlDocument& document, UnixSeconds now) {
  const auto& view = document.view();
  return view && view->next_update && now < *view->next_update;
}

}  // namespace

/// One download, shared by all who want it.
class Sources::CrlFetch {
 public:
  CrlFetch(net::FetchRequest wanted, const std::string& spool_directory)
      : request(std::move(wanted)), spool(std::make_shared<internal::Spool>(spool_directory)) {}

  net::FetchRequest request;  // before the validators
  const std::shared_ptr<internal::Spool> spool;
  Flight flight;
  std::optional<KeptCrl> cached;  // before the flight begins

  std::mutex settling;
  std::optional<CrlFetched> settled;         // by `settling`
  std::optional<internal::KeptFacts> fresh;  // by `settling`: worth keeping
};

struct Sources::Impl {
  Impl(StartFetch how, FetchFunction on_this_thread, const SourcesOptions& options)
      : clock(options.clock != nullptr ? *options.clock : system_clock),
        cache(options.cache_directory, options.cache_bytes),
        spools(spool_directory(options, cache.directory())),
        start(std::move(how)),
        here(std::move(on_this_thread)) {}

  std::shared_ptr<Flight> fly(const net::FetchRequest& request, const std::string& key,
                              Deadline deadline);
  [[nodiscard]] net::FetchResult fetch_here(net::FetchRequest request, const std::string& origin,
                                            Deadline deadline) const;
  CrlTicket begin_crl(const net::FetchRequest& request, bool anew);
  void launch(const CrlTicket& ticket, bool anew);
  [[nodiscard]] CrlFetched settle(CrlFetch& fetch, const net::FetchResult& result) const;
  void forget_landed();

  const SystemClock system_clock{};
  const Clock& clock;
  const DiskCache cache;
  const std::string spools;
  const StartFetch start;
  const FetchFunction here;  // null: start fetches all
  // Outlives this: a fetch may land when we are gone.
  const std::shared_ptr<Silent> silent = std::make_shared<Silent>();
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Flight>> flights;  // by mutex
  std::size_t answer_bytes = 0;                            // by mutex, of those in flights
  std::map<std::string, CrlTicket> crls;                   // by mutex
  std::uint64_t crl_bytes = 0;                             // by mutex, of those in crls
};

Sources::Sources(StartFetch start, FetchFunction here, const SourcesOptions& options)
    : impl_(std::make_unique<Impl>(std::move(start), std::move(here), options)) {}
Sources::Sources(StartFetch start, const SourcesOptions& options)
    : Sources(std::move(start), nullptr, options) {}
Sources::Sources(const FetchFunction& fetch, const SourcesOptions& options)
    : Sources(start_at_once(fetch), options) {}
Sources::~Sources() = default;

// ---- small things

std::shared_ptr<Flight> Sources::Impl::fly(const net::FetchRequest& request, const std::string& key,
                                           Deadline deadline) {
  std::shared_ptr<Flight> flight;
  {
    const std::lock_guard lock(mutex);
    if (const auto known = flights.find(key); known != flights.end()) {
      return known->second;
    }
    if (flights.size() >= kMaxAnswers || answer_bytes > kMaxAnswerBytes) {
      forget_landed();
    }
    flight = std::make_shared<Flight>();
    flights.emplace(key, flight);
  }
  const std::string origin = origin_of(request.url);
  if (auto why = silent->why(origin)) {
    flight->land(Err{*std::move(why)});
  } else if (here) {
    flight->land(fetch_here(request, origin, deadline));
  } else {
    start(request, [flight, origin, servers = silent](net::FetchResult result) {
      servers->note(origin, result);
      flight->land(std::move(result));
    });
  }
  return flight;
}

net::FetchResult Sources::Impl::fetch_here(net::FetchRequest request, const std::string& origin,
                                           Deadline deadline) const {
  if (deadline) {
    const auto left = std::chrono::ceil<Milliseconds>(*deadline - steady_now());
    request.total_timeout = std::min(request.total_timeout, std::max(Milliseconds(1), left));
  }
  net::FetchResult result = [&] {
    const WhileWaiting others(AfterWait::kMuch);
    return here(request);
  }();
  if (!result && result.error().code == net::FetchErrc::kTimeout && deadline &&
      steady_now() >= *deadline) {
    return out_of_time();  // it was we who had no more time: not held against the server
  }
  silent->note(origin, result);
  return result;
}

void Sources::Impl::forget_landed() {
  std::erase_if(flights, [](const auto& flight) { return flight.second->has_landed(); });
  answer_bytes = 0;
}

net::FetchResult Sources::fetch(const net::FetchRequest& request, Deadline deadline,
                                Lasting lasting) {
  if (deadline && steady_now() >= *deadline) {
    return out_of_time();
  }
  const std::string key = key_of(request);
  const std::shared_ptr<Flight> flight = impl_->fly(request, key, deadline);
  const net::FetchResult* const result = flight->wait(deadline);
  if (result == nullptr) {
    return out_of_time();
  }
  {
    const std::lock_guard lock(impl_->mutex);
    const auto known = impl_->flights.find(key);
    if (known != impl_->flights.end() && known->second == flight) {
      if (!*result || !lasting(**result)) {
        impl_->flights.erase(known);  // whoever asks next asks anew
      } else if (!flight->counted.exchange(true)) {
        impl_->answer_bytes += (*result)->body.size();
      }
    }
  }
  return *result;
}

// ---- CRLs

Sources::CrlTicket Sources::Impl::begin_crl(const net::FetchRequest& request, bool anew) {
  CrlTicket ticket;
  {
    const std::lock_guard lock(mutex);
    const auto known = crls.find(request.url);
    if (known != crls.end() && !anew) {
      return known->second;
    }
    if (crls.size() >= kMaxCrls || crl_bytes > kMaxCrlBytes) {
      std::erase_if(crls, [](const auto& crl) { return crl.second->flight.has_landed(); });
      crl_bytes = 0;
    }
    ticket = std::make_shared<CrlFetch>(request, spools);
    crls[request.url] = ticket;
  }
  launch(ticket, anew);
  return ticket;
}

void Sources::Impl::launch(const CrlTicket& ticket, bool anew) {
  CrlFetch& fetch = *ticket;
  const std::string& url = fetch.request.url;
  if (!anew) {
    fetch.cached = load_crl_copy(cache, url, clock.now());
  }
  net::FetchRequest request = fetch.request;
  if (fetch.cached) {
    const internal::KeptFacts& facts = fetch.cached->facts;
    if (fetch.cached->is_fresh && is_current(*fetch.cached->document, clock.now())) {
      net::FetchResponse unchanged;
      unchanged.http_status = 304;
      fetch.flight.land(std::move(unchanged));
      return;
    }
    if (!facts.etag.empty()) {
      request.headers.push_back("If-None-Match: " + facts.etag);
    }
    if (facts.last_modified) {
      request.headers.push_back("If-Modified-Since: " + format_http_date(*facts.last_modified));
    }
  }
  if (anew) {
    request.headers.emplace_back("Cache-Control: no-cache");
  }
  const std::string origin = origin_of(url);
  if (auto why = silent->why(origin)) {
    fetch.flight.land(Err{*std::move(why)});
    return;
  }
  request.sink = [spool = fetch.spool](Bytes piece) { return spool->write(piece); };
  start(std::move(request), [ticket, origin, servers = silent](net::FetchResult result) {
    servers->note(origin, result);
    ticket->flight.land(std::move(result));
  });
}

Sources::CrlTicket Sources::begin_crl(const net::FetchRequest& request) {
  return impl_->begin_crl(request, false);
}
Sources::CrlTicket Sources::begin_crl_anew(const net::FetchRequest& request) {
  return impl_->begin_crl(request, true);
}

CrlFetched Sources::Impl::settle(CrlFetch& fetch, const net::FetchResult& result) const {
  const auto instead = [&](CrlFailure failure) {
    CrlFetched fetched{nullptr, std::move(failure), std::nullopt, false};
    if (fetch.cached) {
      fetched.document = fetch.cached->document;
      fetched.kept_since = fetch.cached->confirmed_at;
      fetched.from_cache = true;
    }
    return fetched;
  };
  if (!result) {
    return instead({LiveErrc::kTransport, "transport-error", result.error().detail});
  }
  const UnixSeconds now = clock.now();
  if (result->http_status == 304 && fetch.cached) {
    if (!result->final_url.empty()) {  // it was asked
      cache.confirm(DiskCache::Kind::kCrl, fetch.request.url, now);
    }
    return {fetch.cached->document, std::nullopt, std::nullopt, true};
  }
  if (result->http_status != 200) {
    return instead({LiveErrc::kTransport, "transport-error",
                    "HTTP status " + std::to_string(result->http_status)});
  }
  if (!result->body.empty()) {  // from who does not know of sinks
    fetch.spool->clear();
    (void)fetch.spool->write(result->body);
  }
  auto document = fetch.spool->finish();
  if (!document) {
    return instead({LiveErrc::kUnacceptable, "crl-malformed", document.error().detail});
  }
  if (!(*document)->view()) {
    if (fetch.cached) {
      return instead(
          {LiveErrc::kUnacceptable, "crl-malformed", der::to_string((*document)->view().error())});
    }
    return {*document, std::nullopt, std::nullopt, false};  // judging tells what is wrong with it
  }
  fetch.fresh = internal::facts_of(*result, now);
  return {*document, std::nullopt, std::nullopt, false};
}

CrlFetched Sources::finish_crl(const CrlTicket& ticket, Deadline deadline) {
  const net::FetchResult* const result = ticket->flight.wait(deadline);
  if (result == nullptr) {
    return {nullptr,
            CrlFailure{LiveErrc::kTransport, "transport-error", out_of_time().value.detail},
            std::nullopt, false};
  }
  const std::lock_guard lock(ticket->settling);
  if (!ticket->settled) {
    ticket->settled = impl_->settle(*ticket, *result);
    const std::lock_guard all(impl_->mutex);
    if (ticket->settled->document != nullptr) {
      impl_->crl_bytes += ticket->settled->document->der().size();
    }
    const auto known = impl_->crls.find(ticket->request.url);
    if (ticket->settled->failure && known != impl_->crls.end() && known->second == ticket) {
      impl_->crls.erase(known);  // whoever asks next asks anew, unless the server is left alone
    }
  }
  return *ticket->settled;
}

void Sources::keep(const CrlTicket& ticket) {
  const std::lock_guard lock(ticket->settling);
  if (ticket->fresh && ticket->settled && ticket->settled->document != nullptr) {
    impl_->cache.store(DiskCache::Kind::kCrl, ticket->request.url, *ticket->fresh,
                       ticket->settled->document->der(), impl_->clock.now());
    ticket->fresh.reset();
  }
}

// ---- OCSP answers

std::optional<KeptAnswer> Sources::find_answer(const std::string& url,
                                               const std::string& question) const {
  const auto entry = impl_->cache.load(DiskCache::Kind::kAnswer, name_of(url, question));
  if (!entry) {
    return std::nullopt;
  }
  return KeptAnswer{to_buffer(entry->der()), entry->confirmed_at,
                    is_fresh(*entry, impl_->clock.now())};
}

void Sources::keep_answer(const std::string& url, const std::string& question,
                          const net::FetchResponse& heard) {
  if (heard.max_age == Seconds(0)) {
    return;  // its responder does not want it kept
  }
  const UnixSeconds now = impl_->clock.now();
  impl_->cache.store(DiskCache::Kind::kAnswer, name_of(url, question),
                     internal::facts_of(heard, now), heard.body, now);
}

}  // namespace muster::client
