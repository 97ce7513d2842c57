#include "muster/node/node.h"

#include <numeric>

#include "listeners.h"
#include "muster/base/thread.h"
#include "node_impl.h"

namespace muster::node {
namespace {

constexpr Milliseconds kExpiryCheckInterval = std::chrono::hours(1);
/// How soon the log tells that a key in a token stopped or began to sign.
constexpr Milliseconds kKeyLookInterval = std::chrono::seconds(1);
/// How soon a store that was replaced is not answered from any more.
constexpr Milliseconds kStoreLookInterval = std::chrono::seconds(1);
constexpr Milliseconds kMemoryLookInterval = std::chrono::seconds(10);
/// How soon a configuration is read again whose signer was left out because its token did not
/// answer.
constexpr Milliseconds kMissingSignerRetry = std::chrono::seconds(30);

}  // namespace

NodeResult<Unit> Node::Impl::begin(const NodeOptions& options) {
  const std::lock_guard lock(changing);  // the admin listener is there before all is
  for (const responder::IssuerFiles& files : options.issuers) {  // before anything is made on disk
    if (const auto checked = responder::check_options(files); !checked) {
      return Err{NodeError{NodeErrc::kUsage, checked.error().detail}};
    }
  }
  MUSTER_CHECK(check_written(options.service.listen));
  MUSTER_CHECK(check_written(options.publication.service.listen));
  MUSTER_TRY(const ControlFiles files, load_control_files(options));
  store::StoreOptions how;
  how.life = options.store_life;
  auto opened = store::Store::open(options.store, how);
  if (!opened) {
    return Err{error_of(opened.error())};
  }
  store = *std::move(opened);
  MUSTER_CHECK(open_mark(options));
  const auto is_unwanted = [this] { return draining || given_up.stop_requested(); };
  MUSTER_TRY(Loaded loaded, load(options, *store, clock.now(), {}, logger, is_unwanted));
  MUSTER_CHECK(take_over(loaded));
  MUSTER_CHECK(begin_following(loaded, options));
  loaded.setup = without_revoked(loaded);
  served = options;
  auto started = responder::Service::start(options.service, loaded.setup, *store, clock, logger);
  if (!started) {
    return Err{cannot_listen(started.error())};
  }
  service = *std::move(started);
  publish(loaded.setup);
  adopt(loaded);
  {
    const MutexLock held(published);
    reloads.last_success = clock.now();
  }
  probe = std::make_unique<Probe>(*store, clock, options.service.clock_error);
  MUSTER_CHECK(begin_publication(options, loaded));
  MUSTER_CHECK(listen_for_control(options, loaded, files));
  announce(loaded);
  upkeep.post([this] { warn_of_expiry(); });
  upkeep.post([this] { look_at_keys(); });
  upkeep.post([this] { look_at_store(); });
  upkeep.post([this] { return_memory(); });
  upkeep.after(poll.load(), [this] { look_at_delegates(); });
  upkeep_thread = std::thread([this] {
    give_way();
    upkeep.run();
  });
  return Unit{};
}

NodeResult<Unit> Node::Impl::open_mark(const NodeOptions& options) {
  if (options.push.clients.empty() || store_mark() != nullptr) {
    return Unit{};
  }
  MUSTER_TRY(auto opened, StoreMark::open(options, *store, logger));
  const MutexLock lock(published);
  mark = std::move(opened);
  return Unit{};
}

NodeResult<Unit> Node::Impl::take_over(const Loaded& loaded) {
  const auto known = store_mark();
  const bool is_behind = known != nullptr && known->is_behind();
  MUSTER_CHECK(
      take_over_pushed(loaded, *store, clock.now(), is_behind ? Behind::kYes : Behind::kNo));
  if (known != nullptr) {
    known->settle(*store);
  }
  return Unit{};
}

void Node::Impl::announce(const Loaded& loaded) {
  const auto reader = store->reader();
  reader->renew();
  for (const responder::Issuer& issuer : loaded.setup->issuers()) {
    if (waits_for_first_push(reader->issuer_state(issuer.store_id))) {
      logger.log(LogLevel::kWarning, "responder.told_nothing", kWaitsForFirstPush,
                 {{"issuer", issuer.label}});
    }
    const store::IssuerState* const state = reader->issuer_state(issuer.store_id);
    if (state != nullptr && store::is_behind(*state)) {
      logger.log(LogLevel::kError, "responder.held_back", kStoreIsBehind,
                 {{"issuer", issuer.label}});
    }
  }
  for (std::size_t i = 0; i < loaded.files.size(); ++i) {
    logger.log(LogLevel::kInfo, "responder.issuer",
               responder::describe(loaded.setup->issuers()[i], loaded.files[i]));
  }
  for (const std::string& warning : loaded.warnings) {
    logger.log(LogLevel::kWarning, "responder.check", warning);
  }
}

std::vector<std::string> Node::Impl::restart_needs(const NodeOptions& next) const {
  std::vector<std::string> needs;
  const auto compare = [&needs](const char* name, const auto& a, const auto& b) {
    if (a != b) {
      needs.emplace_back(name);
    }
  };
  const responder::ServiceOptions& was = served.service;
  const responder::ServiceOptions& is = next.service;
  compare("listen", was.listen, is.listen);
  compare("loops", was.loops, is.loops);
  compare("prefix", was.handler.prefix, is.handler.prefix);
  compare("trusted_proxies", was.handler.trusted_proxies, is.handler.trusted_proxies);
  compare("refusal_log_interval", was.handler.refusal_log_interval,
          is.handler.refusal_log_interval);
  compare("signing_jobs", was.signing_jobs, is.signing_jobs);
  compare("signing_waiting", was.signing_waiting, is.signing_waiting);
  compare("signing_wait", was.line.wait, is.line.wait);
  compare("signing_wait_busy", was.line.wait_busy, is.line.wait_busy);
  compare("grace", was.grace, is.grace);
  compare("max_connections", was.limits.max_connections, is.limits.max_connections);
  compare("max_buffered", was.limits.max_buffered_bytes, is.limits.max_buffered_bytes);
  compare("max_request", std::pair(was.limits.max_body_bytes, was.handler.max_request_bytes),
          std::pair(is.limits.max_body_bytes, is.handler.max_request_bytes));
  compare("max_header", std::pair(was.limits.max_header_bytes, was.limits.max_target_bytes),
          std::pair(is.limits.max_header_bytes, is.limits.max_target_bytes));
  compare("max_pipeline", was.limits.max_pipeline_bytes, is.limits.max_pipeline_bytes);
  compare("header_timeout", was.limits.header_timeout, is.limits.header_timeout);
  compare("body_timeout", was.limits.body_timeout, is.limits.body_timeout);
  compare("idle_timeout", was.limits.idle_timeout, is.limits.idle_timeout);
  compare("write_timeout", was.limits.write_timeout, is.limits.write_timeout);
  compare("reply_timeout", was.limits.reply_timeout, is.limits.reply_timeout);
  compare("backlog", was.limits.backlog, is.limits.backlog);
  compare("store", served.store, next.store);
  const auto compare_control = [&compare](const std::string& section, const ControlLimits& a,
                                          const ControlLimits& b) {
    compare((section + ".max_connections").c_str(), a.max_connections, b.max_connections);
    compare((section + ".max_peer_connections").c_str(), a.max_peer_connections,
            b.max_peer_connections);
    compare((section + ".max_header").c_str(), a.max_header_bytes, b.max_header_bytes);
    compare((section + ".header_timeout").c_str(), a.header_timeout, b.header_timeout);
    compare((section + ".body_timeout").c_str(), a.body_timeout, b.body_timeout);
    compare((section + ".idle_timeout").c_str(), a.idle_timeout, b.idle_timeout);
    compare((section + ".write_timeout").c_str(), a.write_timeout, b.write_timeout);
    compare((section + ".grace").c_str(), a.grace, b.grace);
  };
  compare("admin.listen", served.admin.listen, next.admin.listen);
  compare("admin.hosts", served.admin.hosts, next.admin.hosts);
  compare("admin.drain_delay", served.admin.drain_delay, next.admin.drain_delay);
  compare("admin.max_request", served.admin.max_body_bytes, next.admin.max_body_bytes);
  compare_control("admin", served.admin.limits, next.admin.limits);
  compare("publish.listen", served.publication.service.listen, next.publication.service.listen);
  compare("batch.listen", served.batch.listen, next.batch.listen);
  compare("batch.max_certificates", served.batch.max_certificates, next.batch.max_certificates);
  compare("batch.max_request", served.batch.max_body_bytes, next.batch.max_body_bytes);
  compare("batch.deadline", served.batch.deadline, next.batch.deadline);
  compare_control("batch", served.batch.limits, next.batch.limits);
  compare("push.listen", served.push.listen, next.push.listen);
  compare("push.mark", served.push.mark, next.push.mark);
  compare_control("push", served.push.limits, next.push.limits);
  return needs;
}

NodeResult<ReloadReport> Node::Impl::try_reload() {
  const std::lock_guard lock(changing);
  if (draining || is_stopped) {
    return Err{NodeError{NodeErrc::kStopped, "the responder is stopping"}};
  }
  MUSTER_TRY(NodeOptions options, read_again());
  std::vector<std::string> needs = restart_needs(options);
  options.store = served.store;  // what is open stays open
  MUSTER_TRY(const ControlFiles files, load_control_files(options));
  options.push.mark = served.push.mark;
  MUSTER_CHECK(open_mark(options));
  const auto in_force = current_setup();
  MUSTER_TRY(Loaded loaded, load(options, *store, clock.now(), {delegates.get(), in_force.get()},
                                 logger, [this] { return draining || is_stopped; }));
  MUSTER_TRY(auto series,
             load_series(options.publication, served.store, *store, *loaded.setup, clock.now()));
  forbid_holds(loaded.pushed, series);
  ReloadReport report{loaded.warnings, std::move(needs)};
  MUSTER_CHECK(switch_sources(loaded, options, report.warnings));
  loaded.setup = without_revoked(loaded);
  publish(loaded.setup);
  adopt(loaded);
  {
    const std::lock_guard call(serving);
    service->adopt(loaded.setup);
  }
  switch_control(options, loaded, files);
  announce(loaded);
  switch_publication(std::move(series), report.warnings);
  if (!report.restart_needed.empty()) {
    const std::string names =
        std::accumulate(std::next(report.restart_needed.begin()), report.restart_needed.end(),
                        report.restart_needed.front(),
                        [](const std::string& a, const std::string& b) { return a + ", " + b; });
    logger.log(LogLevel::kWarning, "responder.restart_needed",
               "these stay as they are until a restart", {{"keys", names}});
  }
  logger.log(LogLevel::kInfo, "responder.reloaded",
             "configuration, certificates and keys were read again");
  return report;
}

NodeResult<ReloadReport> Node::Impl::reload() {
  auto report = try_reload();
  {
    const MutexLock lock(published);
    reloads.note(report, clock.now());
  }
  if (!report) {
    logger.log(LogLevel::kError, "responder.reload_failed",
               "going on with the configuration in use", {{"why", report.error().detail}});
  }
  return report;
}

void Node::Impl::adopt(const Loaded& loaded) {
  delegates = loaded.delegates;
  publish(delegates->states(clock.now()));
  if (loaded.is_incomplete && !std::exchange(is_retrying, true)) {
    upkeep.post([this] {  // timers belong to the node's own thread
      upkeep.after(kMissingSignerRetry, [this] {
        {
          const std::lock_guard lock(changing);
          is_retrying = false;
        }
        static_cast<void>(reload());  // the outcome is logged
      });
    });
  }
}

void Node::Impl::look_at_delegates() {
  upkeep.after(poll.load(), [this] { look_at_delegates(); });
  const std::unique_lock lock(changing, std::try_to_lock);
  if (!lock || draining || is_stopped) {
    return;
  }
  const UnixSeconds now = clock.now();
  const auto is_unwanted = [this] { return draining || is_stopped; };
  const bool has_changed = delegates->look(now, logger, is_unwanted) == Delegates::Changed::kYes;
  if (is_unwanted()) {
    return;
  }
  publish(delegates->states(now));
  const bool has_moved = store->reader()->renew() != signers_judged_at;
  if (!has_changed && !has_moved) {
    return;
  }
  std::vector<std::string> warnings;
  auto specs = delegates->specs(now);
  const bool is_news = specs && take_out_revoked(*specs, now);
  if (!has_changed && !is_news) {
    return;
  }
  const auto in_force = current_setup();
  auto next =
      specs
          ? responder::Setup::make(*std::move(specs), delegates->policy(), now, warnings,
                                   in_force->routes(), in_force.get())
          : Err{responder::SetupError{responder::SetupErrc::kSignerRefused, specs.error().detail}};
  if (!next) {
    logger.log(LogLevel::kError, "signer.not_switched", "going on with the signers in use",
               {{"why", next.error().detail}});
    return;
  }
  for (const std::string& warning : warnings) {
    logger.log(LogLevel::kWarning, "responder.check", warning);
  }
  publish(*next);
  const std::lock_guard call(serving);
  service->adopt(*std::move(next));
}

void Node::Impl::warn_of_expiry() {
  const UnixSeconds now = clock.now();
  for (const responder::Issuer& issuer : current_setup()->issuers()) {
    const UnixSeconds end = issuer.signs_until();
    const auto level = expiry.look(issuer.label, end, now);
    if (!level || *level == signers::ExpiryLevel::kFar) {
      continue;
    }
    const bool has_ended = *level == signers::ExpiryLevel::kEnded;
    logger.log(*level == signers::ExpiryLevel::kSoon ? LogLevel::kWarning : LogLevel::kError,
               "responder.signer_expiry",
               has_ended ? "signer or CA certificate has ended; every request is answered tryLater"
                         : "the last signer, or the CA certificate, ends soon; renew it (and send "
                           "SIGHUP unless it comes by signer_directory)",
               {{"issuer", issuer.label},
                {"ends", format_iso8601(end)},
                {"days_left", signers::days_left(end, now)},
                {"level", signers::to_string(*level)}});
  }
  upkeep.after(kExpiryCheckInterval, [this] { warn_of_expiry(); });
}

void Node::Impl::look_at_keys() {
  keys.look(*current_setup(), clock.now(), logger);
  lists.look(source_states(), clock.now(), logger);
  upkeep.after(kKeyLookInterval, [this] { look_at_keys(); });
}

void Node::Impl::look_at_store() {
  const auto looked = store->check_in_place();
  if (std::exchange(is_store_away, !looked) != !looked) {
    if (!looked) {
      logger.log(LogLevel::kError, "store.replaced", looked.error().detail);
    } else {
      logger.log(LogLevel::kInfo, "store.back",
                 "the store in use is in its place again, and answered from",
                 {{"store", served.store}});
    }
  }
  upkeep.after(kStoreLookInterval, [this] { look_at_store(); });
}

void Node::Impl::return_memory() {
  memory.look();
  upkeep.after(kMemoryLookInterval, [this] { return_memory(); });
}

void Node::Impl::drain() {
  if (!draining.exchange(true)) {  // not ready from here on; load balancers get time to notice
    std::unique_lock lock(stopping_mutex);
    stopping_moved.wait_for(lock, served.admin.drain_delay, [this] { return stopping; });
  }
  const std::lock_guard call(serving);
  if (batch_handler != nullptr) {
    batch_handler->stop();
  }
  if (service != nullptr) {
    service->stop();
  }
}

void Node::Impl::stop() {
  {
    const std::lock_guard lock(stopping_mutex);
    stopping = true;
  }
  stopping_moved.notify_all();
  drain();
  stop_control();
  if (publication != nullptr) {
    publication->stop();
  }
  upkeep.stop();
  if (upkeep_thread.joinable()) {
    upkeep_thread.join();
  }
  // A reload notices and ends, unless it hangs in a file system.
  const std::unique_lock reload(changing, kLettingGo);
  Followers last;
  {
    const MutexLock lock(published);
    follows_no_more = true;
    last.swap(followers);
  }
  end_all(last, logger);
  if (!is_stopped.exchange(true) && service != nullptr) {
    const responder::Totals totals = service->totals();
    logger.log(LogLevel::kInfo, "responder.stopped", "stopped",
               {{"good", totals.good},
                {"revoked", totals.revoked},
                {"unknown", totals.unknown},
                {"signatures", totals.signatures},
                {"remembered", totals.ready_hits},
                {"refused",
                 std::accumulate(totals.refused.begin(), totals.refused.end(), std::uint64_t{0})}});
  }
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() { stop(); }

NodeResult<std::unique_ptr<Node>> Node::start(const NodeOptions& options, OptionsReader read_again,
                                              const Clock& clock, Logger& logger,
                                              std::stop_token given_up) {
  auto node =
      std::unique_ptr<Node>(new Node(std::make_unique<Impl>(std::move(read_again), clock, logger)));
  node->impl_->given_up = std::move(given_up);
  MUSTER_CHECK(node->impl_->begin(options));
  return node;
}

std::vector<std::string> Node::batch_addresses() const {
  return impl_->batch_server == nullptr ? std::vector<std::string>()
                                        : impl_->batch_server->addresses();
}
const std::vector<std::string>& Node::addresses() const { return impl_->service->addresses(); }

std::vector<std::string> Node::admin_addresses() const {
  return impl_->admin_server == nullptr ? std::vector<std::string>()
                                        : impl_->admin_server->addresses();
}
std::vector<std::string> Node::push_addresses() const {
  return impl_->push_server == nullptr ? std::vector<std::string>()
                                       : impl_->push_server->addresses();
}

std::vector<std::string> Node::crl_addresses() const { return impl_->publication->addresses(); }
std::vector<publish::SeriesStatus> Node::publications() const {
  return impl_->publication->status();
}

NodeResult<ReloadReport> Node::reload() { return impl_->reload(); }

void Node::request_reload() {
  impl_->upkeep.post(
      [impl = impl_.get()] { static_cast<void>(impl->reload()); });  // the outcome is logged
}

void Node::drain() { impl_->drain(); }
bool Node::is_draining() const { return impl_->draining; }
void Node::stop() { impl_->stop(); }

responder::Totals Node::totals() const { return impl_->service->totals(); }
std::shared_ptr<const responder::Setup> Node::setup() const { return impl_->current_setup(); }
std::vector<source::SourceStatus> Node::sources() const { return impl_->source_states(); }
std::vector<IssuerDelegate> Node::delegates() const { return impl_->delegate_view(); }
store::Store& Node::store() const { return *impl_->store; }

}  // namespace muster::node
