#include "muster/front/front.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "certificates.h"
#include "muster/net/descriptors.h"
#include "staples.h"
#include "worker.h"

namespace muster::front {
namespace {

/// After a change of certificates, how long staples of old ones are still on offer beyond the
/// handshake limit.
constexpr Milliseconds kOldStaplesLeft{1000};

void report(Logger& logger, const LoadedCertificates& loaded, UnixSeconds now) {
  for (const tls::ServerCertificate& served : loaded.served) {
    const pki::Certificate& own = served.chain.front();
    if (own.not_after() < now) {
      logger.log(LogLevel::kWarning, "front.expired",
                 "the certificate of " + own.subject_text() + " has expired at " +
                     format_iso8601(own.not_after()) +
                     ": clients refuse it; put a renewed one in its file and reload (SIGHUP)");
    }
  }
  for (const std::string& problem : loaded.problems) {
    logger.log(LogLevel::kWarning, "front.no_staple", problem);
  }
}

/// Whether what is sent to `upstream` comes to who listens at `listen`, as far as the addresses
/// tell.
bool leads_back(const net::SocketAddress& listen, const net::SocketAddress& upstream) {
  const std::string from = listen.text();
  const std::string to = upstream.text();
  if (from == to) {
    return true;
  }
  if (listen.family() == AF_UNIX || upstream.family() == AF_UNIX) {
    return false;
  }
  const std::size_t colon = from.rfind(':');
  const std::size_t other_colon = to.rfind(':');
  if (from.substr(colon) != to.substr(other_colon)) {
    return false;
  }
  // Who connects to "every address" reaches loopback; who listens there is reached by it.
  const std::string host = from.substr(0, colon);
  std::string peer = to.substr(0, other_colon);
  peer = peer == "0.0.0.0" ? "127.0.0.1" : peer == "[::]" ? "[::1]" : peer;
  const bool is_v4_loopback = peer.starts_with("127.");
  return host == peer || (host == "[::]" && (is_v4_loopback || peer == "[::1]")) ||
         (host == "0.0.0.0" && is_v4_loopback);
}

unsigned count_loops(const FrontOptions& options) {
  return options.loops != 0 ? options.loops : std::max(1U, std::thread::hardware_concurrency());
}

/// What this TLS library makes of the staples of intermediates, once.
void report_chains(Logger& logger, tls::ChainStapling chain) {
  const std::string library(tls::library_name());
  switch (chain) {
    case tls::ChainStapling::kNone:
      logger.log(LogLevel::kInfo, "front.leaf_staples",
                 library +
                     " staples for the server's own certificate only; from OpenSSL 3.6.1 on "
                     "intermediates are stapled for too (docs/operating/chains.md)");
      break;
    case tls::ChainStapling::kMalformed:
      logger.log(LogLevel::kWarning, "front.malformed_staples",
                 library +
                     " spoils its handshakes in TLS 1.3 where it staples: beside each "
                     "certificate without a staple it sends an empty one, and Chrome and "
                     "GnuTLS refuse that; upgrade to 3.6.1 or newer");
      break;
    case tls::ChainStapling::kWhole:
      break;
  }
}

}  // namespace

std::optional<std::string> find_upstream_problem(const std::string& upstream,
                                                 const std::vector<std::string>& listen) {
  const std::string about = "upstream '" + upstream + "' ";
  const auto address = net::SocketAddress::parse(upstream);
  if (!address) {
    return about + "is not an address (write 127.0.0.1:8080, [::1]:8080 or unix:/path)";
  }
  if (address->family() != AF_UNIX && address->text().ends_with(":0")) {
    return about + "has port 0, at which nobody is reached (give the port of the server behind)";
  }
  for (const std::string& own : listen) {
    // What cannot be listened at is told when it is tried.
    const auto own_address = net::SocketAddress::parse(own);
    if (own_address && leads_back(*own_address, *address)) {
      return about + "is where this front listens ('" + own +
             "'): it would talk to itself (give the address of the server behind)";
    }
  }
  return std::nullopt;
}

struct Front::Impl {
  Impl(net::Loop& l, const Clock& c, Logger& g, FrontOptions o, net::SocketAddress u)
      : loop(l), clock(c), logger(g), options(std::move(o)), upstream(std::move(u)) {}
  ~Impl() {
    loop.cancel(drop_timer);
    workers.clear();  // before what they use
  }

  net::Loop& loop;
  const Clock& clock;
  Logger& logger;
  FrontOptions options;
  const net::SocketAddress upstream;
  FrontStats stats;
  std::unique_ptr<Staples> staples;
  std::shared_ptr<const tls::ServerContext> context;
  WatchedCertificates watched;
  std::vector<std::unique_ptr<Worker>> workers;
  std::function<void(Result<std::vector<std::string>, FrontError>)> listening;
  net::TimerId drop_timer = 0;
  std::size_t draining_workers = 0;
  bool is_stopping = false;

  tls::ServerOptions tls_options(const FrontOptions& from) {
    tls::ServerOptions tls = from.tls;
    tls.staple.logger = &logger;
    tls.staple.stats = &stats.staples;
    return tls;
  }

  Result<std::shared_ptr<const tls::ServerContext>, FrontError> make_context(
      const LoadedCertificates& loaded, const FrontOptions& from) {
    auto made = tls::ServerContext::make(loaded.served, staples->source(), tls_options(from));
    if (!made) {
      return Err{FrontError{
          made.error().code == tls::TlsErrc::kBadOption ? FrontErrc::kUsage : FrontErrc::kInput,
          made.error().detail}};
    }
    return *std::move(made);
  }

  void make_workers() {
    const unsigned count = count_loops(options);
    // One to the client, one to the upstream.
    const std::size_t most = net::connections_that_fit(
        {.wanted = options.limits.max_connections, .descriptors_each = 2, .loops = count},
        "front.descriptors", logger);
    for (unsigned i = 0; i < count; ++i) {
      workers.push_back(std::make_unique<Worker>(options, upstream, stats, logger, context, most));
    }
  }

  Result<std::vector<std::string>, FrontError> listen() {
    const auto open = [this](const std::string& address,
                             net::AddressSharing sharing) -> Result<net::Listener, FrontError> {
      auto listener = net::Listener::open(address, options.limits.backlog, sharing);
      if (!listener) {
        return Err{FrontError{FrontErrc::kAddress, to_string(listener.error())}};
      }
      return *std::move(listener);
    };
    std::vector<std::string> addresses;
    for (const std::string& wanted : options.listen) {
      MUSTER_TRY(net::Listener first, open(wanted, net::AddressSharing::kExclusive));
      const std::string address = first.address();
      addresses.push_back(address);
      workers.front()->listen(std::move(first));
      const bool is_shareable = !address.starts_with("unix:");
      for (std::size_t i = 1; is_shareable && i < workers.size(); ++i) {
        MUSTER_TRY(net::Listener next, open(address, net::AddressSharing::kJoin));
        workers[i]->listen(std::move(next));
      }
    }
    for (const auto& worker : workers) {
      worker->run();
    }
    return addresses;
  }

  void begin_serving() {
    make_workers();
    auto addresses = listen();
    if (!addresses) {
      workers.clear();
    }
    std::exchange(listening, nullptr)(std::move(addresses));
  }

  void serve_new(std::shared_ptr<const tls::ServerContext> fresh, WatchedCertificates wanted) {
    context = std::move(fresh);
    for (const auto& worker : workers) {
      worker->set_context(context);
    }
    // Handshakes that began with the old certificates may still ask for their staples.
    loop.cancel(drop_timer);
    drop_timer = loop.after(options.limits.handshake_timeout + kOldStaplesLeft,
                            [this, wanted = std::move(wanted)]() mutable {
                              watched = std::move(wanted);
                              staples->watch(watched, Milliseconds(0), [] {});
                            });
    logger.log(LogLevel::kInfo, "front.reloaded", "new connections get the new certificates");
  }
};

Front::Front(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Front::~Front() = default;

Result<std::unique_ptr<Front>, FrontError> Front::make(net::Loop& loop, net::FetchService& fetcher,
                                                       const Clock& clock, Logger& logger,
                                                       FrontOptions options, std::uint64_t seed) {
  if (options.listen.empty()) {
    return Err{FrontError{FrontErrc::kUsage,
                          "no address to listen on (give --listen, or listen in [front])"}};
  }
  if (options.upstream.empty()) {
    return Err{FrontError{FrontErrc::kUsage,
                          "no upstream to forward to (give --upstream, or upstream in [front])"}};
  }
  for (const std::string& address : options.listen) {  // before files are read
    if (const auto written = net::SocketAddress::parse(address); !written) {
      return Err{FrontError{FrontErrc::kUsage, net::to_string(written.error())}};
    }
  }
  if (auto problem = find_upstream_problem(options.upstream, options.listen)) {
    return Err{FrontError{FrontErrc::kUsage, *std::move(problem)}};
  }
  const auto upstream = net::SocketAddress::parse(options.upstream);
  if (options.staples_from == StaplesFrom::kFollow && options.shelf.empty()) {
    return Err{FrontError{
        FrontErrc::kUsage,
        "no shelf to follow (give --shelf DIR of a running 'muster stapler', or --keep)"}};
  }
  if (const auto enough = net::check_descriptors(count_loops(options)); !enough) {
    return Err{FrontError{FrontErrc::kSystem, to_string(enough.error())}};
  }
  MUSTER_TRY(LoadedCertificates loaded, load_certificates(options));
  report(logger, loaded, clock.now());
  report_chains(logger, options.tls.staple.chain);
  auto impl = std::make_unique<Impl>(loop, clock, logger, std::move(options), *upstream);
  MUSTER_TRY(impl->staples, Staples::open(loop, fetcher, clock, logger, impl->options, seed));
  MUSTER_TRY(impl->context, impl->make_context(loaded, impl->options));
  impl->watched = std::move(loaded.watched);
  return std::unique_ptr<Front>(new Front(std::move(impl)));
}

void Front::start(std::function<void(Result<std::vector<std::string>, FrontError>)> listening) {
  impl_->listening = std::move(listening);
  impl_->staples->watch(impl_->watched, impl_->options.start_wait,
                        [this] { impl_->begin_serving(); });
}

Result<Unit, FrontError> Front::reload(const FrontOptions& options) {
  Impl& impl = *impl_;
  MUSTER_TRY(LoadedCertificates loaded, load_certificates(options));
  MUSTER_TRY(auto fresh, impl.make_context(loaded, options));
  report(impl.logger, loaded, impl.clock.now());
  if (impl.is_stopping) {
    return Unit{};
  }
  if (impl.listening) {  // not serving yet: the start goes on with the new ones
    impl.context = std::move(fresh);
    impl.watched = std::move(loaded.watched);
    impl.staples->watch(impl.watched, impl.options.start_wait, [&impl] { impl.begin_serving(); });
    return Unit{};
  }
  // Old and new together until the new ones serve, so that nobody loses a staple meanwhile.
  WatchedCertificates both = loaded.watched;
  both.add(impl.watched);
  impl.watched = both;
  impl.staples->watch(
      both, impl.options.start_wait,
      [&impl, fresh = std::move(fresh), wanted = std::move(loaded.watched)]() mutable {
        impl.serve_new(std::move(fresh), std::move(wanted));
      });
  return Unit{};
}

void Front::stop(std::function<void()> done) {
  Impl& impl = *impl_;
  if (std::exchange(impl.is_stopping, true)) {
    return;
  }
  impl.staples->stop();
  impl.loop.cancel(impl.drop_timer);
  impl.draining_workers = impl.workers.size();
  if (impl.workers.empty()) {
    impl.loop.post(std::move(done));
    return;
  }
  const auto shared_done = std::make_shared<std::function<void()>>(std::move(done));
  for (const auto& worker : impl.workers) {
    worker->drain(impl.options.grace, [&impl, shared_done] {
      impl.loop.post([&impl, shared_done] {
        if (--impl.draining_workers == 0) {
          (*shared_done)();
        }
      });
    });
  }
}

const FrontStats& Front::stats() const { return impl_->stats; }

}  // namespace muster::front
