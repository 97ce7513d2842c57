#include "muster/node/relay_node.h"

#include <algorithm>

#include "admin_desk.h"
#include "listeners.h"
#include "muster/base/mutex.h"
#include "relay_metrics.h"

namespace muster::node {
namespace {

constexpr std::string_view kTable = "relay.admin";

/// What comes from files, read before anything is switched.
struct RelayFiles {
  std::shared_ptr<const relay::RelaySetup> setup;
  ListenerFiles admin;
  std::vector<std::string> problems;
};

NodeResult<std::vector<relay::AllowedIssuer>> load_issuers(const RelayNodeOptions& options) {
  std::vector<relay::AllowedIssuer> out;
  for (const RelayIssuer& issuer : options.issuers) {
    auto loaded = pki::load_certificates(issuer.certificate);
    if (!loaded) {
      return Err{NodeError{NodeErrc::kInput, "[[relay.issuer]]: " + loaded.error().detail}};
    }
    for (const pki::Certificate& certificate : *loaded) {
      out.push_back({issuer.label.empty() ? certificate.subject_text() : issuer.label, certificate,
                     issuer.responders});
    }
  }
  return out;
}

NodeResult<RelayFiles> load(const RelayNodeOptions& options) {
  if (options.relay.listen.empty()) {
    return Err{NodeError{NodeErrc::kUsage, "give listen in [relay] (--listen)"}};
  }
  MUSTER_CHECK(check_written(options.relay.listen));
  if (!options.relay.handler.prefix.starts_with('/')) {
    return Err{NodeError{NodeErrc::kUsage, "[relay] prefix must begin with '/'"}};
  }
  MUSTER_TRY(ListenerFiles admin, load_admin(options.admin, kTable));
  MUSTER_TRY(auto issuers, load_issuers(options));
  stapler::InventoryOptions where;
  for (const RelayIssuer& issuer : options.issuers) {
    where.issuers.push_back(issuer.certificate);
  }
  stapler::Inventory inventory = stapler::load_inventory(options.certificates, where);
  std::vector<keeper::Watched> certificates;
  for (stapler::InventoryEntry& entry : inventory.entries) {
    certificates.push_back(std::move(entry.watched));
  }
  for (const relay::AllowedIssuer& issuer : issuers) {
    if (!issuer.certificate.facts().is_ca) {
      inventory.problems.push_back("issuer '" + issuer.label +
                                   "': " + issuer.certificate.subject_text() +
                                   " is not a CA certificate; is it the right file?");
    }
  }
  auto setup = relay::make_relay_setup(std::move(issuers), std::move(certificates), options.forms);
  if (!setup) {
    const std::string also = inventory.problems.empty() ? "" : "; " + inventory.problems.front();
    // Files were named, and nothing in them is of use: that is no matter of the options, unless
    // these say whom to ask.
    const bool is_input =
        options.issuers.empty() && !options.certificates.empty() &&
        (inventory.entries.empty() ||
         std::all_of(options.certificates.begin(), options.certificates.end(),
                     [](const stapler::CertificateSource& c) { return c.responders.empty(); }));
    return Err{NodeError{is_input ? NodeErrc::kInput : NodeErrc::kUsage,
                         "[relay] " + setup.error() + also}};
  }
  return RelayFiles{*std::move(setup), std::move(admin), std::move(inventory.problems)};
}

/// Keys that differ and wait for a restart.
std::vector<std::string> restart_needs(const RelayNodeOptions& was, const RelayNodeOptions& is) {
  std::vector<std::string> needs;
  const auto compare = [&needs](const char* name, const auto& a, const auto& b) {
    if (a != b) {
      needs.emplace_back(name);
    }
  };
  const relay::EngineOptions& a = was.relay.engine;
  const relay::EngineOptions& b = is.relay.engine;
  compare("listen", was.relay.listen, is.relay.listen);
  compare("loops", was.relay.loops, is.relay.loops);
  compare("directory", was.relay.directory, is.relay.directory);
  compare("prefix", was.relay.handler.prefix, is.relay.handler.prefix);
  compare("cache_for", was.relay.handler.cache_for, is.relay.handler.cache_for);
  compare("max_cert_ids", was.relay.handler.max_cert_ids, is.relay.handler.max_cert_ids);
  compare("max_connections", was.relay.limits.max_connections, is.relay.limits.max_connections);
  compare("nonce", a.nonce, b.nonce);
  compare("keep_asked", a.keep_asked, b.keep_asked);
  compare("max_answers", a.limits.max_answers, b.limits.max_answers);
  compare("max_held", a.limits.max_held_bytes, b.limits.max_held_bytes);
  compare("max_pending", a.limits.max_pending, b.limits.max_pending);
  compare("max_waiting", a.limits.max_waiting, b.limits.max_waiting);
  compare("max_passing", a.limits.max_passing, b.limits.max_passing);
  compare("max_wait", a.limits.max_wait, b.limits.max_wait);
  compare("refused_for", a.limits.refused_for, b.limits.refused_for);
  compare("failed_for", a.limits.failed_for, b.limits.failed_for);
  compare("timeout", a.transport.total_timeout, b.transport.total_timeout);
  compare("connect_timeout", a.transport.connect_timeout, b.transport.connect_timeout);
  compare("max_response", a.transport.max_body_bytes, b.transport.max_body_bytes);
  compare("proxy", a.transport.proxy, b.transport.proxy);
  compare("per_host", a.plan.per_host, b.plan.per_host);
  compare("refresh", a.plan.max_refresh, b.plan.max_refresh);
  compare("refresh_percent", a.plan.refresh_at, b.plan.refresh_at);
  compare("base64_limit", a.base64_limit, b.base64_limit);
  compare("max_age", was.relay.shelf.max_age, is.relay.shelf.max_age);
  compare("future_skew", was.relay.shelf.verify.future_skew, is.relay.shelf.verify.future_skew);
  compare("life_without_next_update", was.relay.shelf.life_without_next_update,
          is.relay.shelf.life_without_next_update);
  compare("admin.listen", was.admin.listen, is.admin.listen);
  compare("admin.hosts", was.admin.hosts, is.admin.hosts);
  compare("admin.drain_delay", was.admin.drain_delay, is.admin.drain_delay);
  return needs;
}

}  // namespace

struct RelayNode::Impl final : AdminActions {
  Impl(RelayNodeOptions options, RelayOptionsReader reader, const Clock& c, Logger& l)
      : served(std::move(options)),
        read_again(std::move(reader)),
        clock(c),
        logger(l),
        desk(*this, served.admin, c, l) {}

  void tell_problems(const RelayFiles& files) {
    for (const std::string& problem : files.problems) {
      logger.log(LogLevel::kWarning, "relay.problem", problem);
    }
  }

  NodeResult<Unit> begin() {
    MUSTER_TRY(RelayFiles files, load(served));
    tell_problems(files);
    auto started = relay::RelayService::start(served.relay, files.setup, clock, logger);
    if (!started) {
      const relay::RelayError& error = started.error();
      return Err{error.code == relay::RelayErrc::kDirectory
                     ? NodeError{NodeErrc::kInput, error.detail}
                     : cannot_listen(error.address)};
    }
    service = *std::move(started);
    return desk.listen(std::move(files.admin));
  }

  NodeResult<ReloadReport> try_reload() {
    const MutexLock lock(changing);
    if (desk.is_draining()) {
      return Err{NodeError{NodeErrc::kStopped, "the relay is stopping"}};
    }
    MUSTER_TRY(const RelayNodeOptions next, read_again());
    MUSTER_TRY(RelayFiles files, load(next));
    tell_problems(files);
    service->adopt(files.setup);
    desk.set_tls(std::move(files.admin.certificates));
    ReloadReport report{std::move(files.problems), restart_needs(served, next)};
    for (const std::string& key : report.restart_needed) {
      logger.log(LogLevel::kWarning, "relay.restart_needed", "this stays as it is until a restart",
                 {{"key", key}});
    }
    logger.log(LogLevel::kInfo, "relay.reloaded", "configuration and certificates were read again");
    return report;
  }

  // AdminActions: called by threads of the admin listener.
  [[nodiscard]] std::string_view program() const override { return "relay"; }

  NodeResult<ReloadReport> reload() override { return desk.tell(try_reload()); }

  Readiness readiness() override {
    const relay::EngineFigures engine = service->figures();
    Readiness out;
    const Seconds still = std::chrono::duration_cast<Seconds>(clock.monotonic() - engine.turned);
    Check turns{"engine", "", still <= served.engine_patience, ""};
    if (!turns.is_ok) {
      turns.why = "nothing was fetched or refreshed for " + format_duration(still) +
                  " (a disk that does not answer?)";
    }
    out.checks.push_back(std::move(turns));
    std::size_t uncovered = 0;
    std::string first;
    for (const relay::CertificateFigures& c : engine.certificates) {
      if (c.held && c.held->usable_at(clock.now())) {
        continue;
      }
      ++uncovered;
      if (first.empty()) {
        first = c.name + (c.last_error.empty() ? "" : ": " + c.last_error);
      }
    }
    // One certificate that its CA forgot keeps nobody from asking about the others.
    Check answers{
        "answers", "",
        engine.first_round_over && (uncovered == 0 || uncovered != engine.certificates.size()), ""};
    if (!engine.first_round_over) {
      answers.why = "the first round of questions is under way";
    } else if (uncovered != 0) {
      answers.why = "no answer about " + std::to_string(uncovered) + " of " +
                    std::to_string(engine.certificates.size()) +
                    " configured certificates, the first of them " + first;
    }
    out.checks.push_back(std::move(answers));
    if (!engine.disk_error.empty()) {
      out.checks.push_back({"directory", "", true, engine.disk_error});
    }
    desk.add_draining(out);
    return out;
  }

  std::string metrics() override {
    RelayMetricsInput in;
    in.process = desk.figures();
    in.process.listeners.insert(in.process.listeners.begin(),
                                figures_of("ocsp", service->http_totals()));
    in.engine = service->figures();
    in.now = clock.monotonic();
    in.counters = &service->engine_counters();
    in.totals = service->totals();
    return render_relay_metrics(in);
  }

  void drain() override {
    desk.drain_slowly();
    const MutexLock lock(changing);
    service->stop();
  }

  void stop() {
    desk.hurry();
    if (service != nullptr) {
      drain();
    }
    desk.stop();
  }

  // Constant after begin(), but for what their own threads do.
  const RelayNodeOptions served;  ///< as at the start: for what a reload cannot change
  const RelayOptionsReader read_again;
  const Clock& clock;
  Logger& logger;
  std::unique_ptr<relay::RelayService> service;
  Mutex changing;  ///< one reload or drain at a time
  AdminDesk desk;
};

RelayNode::RelayNode(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RelayNode::~RelayNode() { stop(); }

NodeResult<std::unique_ptr<RelayNode>> RelayNode::start(const RelayNodeOptions& options,
                                                        RelayOptionsReader read_again,
                                                        const Clock& clock, Logger& logger) {
  auto impl = std::make_unique<Impl>(options, std::move(read_again), clock, logger);
  if (const auto begun = impl->begin(); !begun) {
    impl->stop();
    return Err{begun.error()};
  }
  return std::unique_ptr<RelayNode>(new RelayNode(std::move(impl)));
}

const std::vector<std::string>& RelayNode::addresses() const { return impl_->service->addresses(); }
std::vector<std::string> RelayNode::admin_addresses() const { return impl_->desk.addresses(); }
NodeResult<ReloadReport> RelayNode::reload() { return impl_->reload(); }
void RelayNode::drain() { impl_->drain(); }
void RelayNode::stop() { impl_->stop(); }

}  // namespace muster::node
