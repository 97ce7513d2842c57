#include "muster/node/edge_node.h"

#include "admin_desk.h"
#include "edge_metrics.h"
#include "listeners.h"
#include "muster/base/mutex.h"

namespace muster::node {
namespace {

constexpr std::string_view kTable = "edge.admin";

NodeError error_of(const edge::MirrorError& error) { return {NodeErrc::kInput, error.detail}; }

/// What comes from files, read before anything is switched.
struct EdgeFiles {
  edge::MirrorOrigin origin;
  ListenerFiles admin;
};

NodeResult<EdgeFiles> load(const EdgeOptions& options) {
  if (options.url.empty() || options.manifest_signer.empty() || options.mirror.directory.empty() ||
      options.service.listen.empty()) {
    return Err{NodeError{NodeErrc::kUsage,
                         "give url, manifest_signer, directory and listen in [edge] (--url, "
                         "--manifest-signer, --directory, --listen)"}};
  }
  if (!options.service.prefix.starts_with('/')) {
    return Err{NodeError{NodeErrc::kUsage, "[edge] prefix must begin with '/'"}};
  }
  MUSTER_CHECK(check_written(options.service.listen));
  MUSTER_TRY(ListenerFiles admin, load_admin(options.admin, kTable));
  auto signers = pki::load_certificates(options.manifest_signer);
  if (!signers) {
    return Err{NodeError{NodeErrc::kInput, "[edge] manifest_signer: " + signers.error().detail}};
  }
  return EdgeFiles{{options.url, *std::move(signers), options.fetch_timeout}, std::move(admin)};
}

/// Keys that differ and wait for a restart.
std::vector<std::string> restart_needs(const EdgeOptions& was, const EdgeOptions& is) {
  std::vector<std::string> needs;
  const auto compare = [&needs](const char* name, const auto& a, const auto& b) {
    if (a != b) {
      needs.emplace_back(name);
    }
  };
  compare("listen", was.service.listen, is.service.listen);
  compare("loops", was.service.loops, is.service.loops);
  compare("prefix", was.service.prefix, is.service.prefix);
  compare("max_connections", was.service.limits.max_connections, is.service.limits.max_connections);
  compare("directory", was.mirror.directory, is.mirror.directory);
  compare("admin.listen", was.admin.listen, is.admin.listen);
  compare("admin.hosts", was.admin.hosts, is.admin.hosts);
  compare("admin.drain_delay", was.admin.drain_delay, is.admin.drain_delay);
  const ControlLimits& a = was.admin.limits;
  const ControlLimits& b = is.admin.limits;
  compare("admin.max_connections", a.max_connections, b.max_connections);
  compare("admin.max_peer_connections", a.max_peer_connections, b.max_peer_connections);
  compare("admin.header_timeout", a.header_timeout, b.header_timeout);
  compare("admin.body_timeout", a.body_timeout, b.body_timeout);
  compare("admin.idle_timeout", a.idle_timeout, b.idle_timeout);
  compare("admin.write_timeout", a.write_timeout, b.write_timeout);
  return needs;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    out += (out.empty() ? "" : ", ") + name;
  }
  return out;
}

}  // namespace

struct EdgeNode::Impl final : AdminActions {
  Impl(EdgeOptions options, EdgeOptionsReader reader, const Clock& c, Logger& l)
      : served(std::move(options)),
        read_again(std::move(reader)),
        clock(c),
        logger(l),
        desk(*this, served.admin, c, l) {}

  NodeResult<Unit> begin() {
    MUSTER_TRY(EdgeFiles files, load(served));
    auto opened = edge::Mirror::open(served.mirror, std::move(files.origin), logger);
    if (!opened) {
      return Err{error_of(opened.error())};
    }
    mirror = *std::move(opened);
    auto started = edge::EdgeService::start(served.service, *mirror, clock, logger);
    if (!started) {
      return Err{cannot_listen(started.error())};
    }
    service = *std::move(started);
    puller = std::make_unique<edge::Puller>(*mirror, served.interval, clock, logger);
    return desk.listen(std::move(files.admin));
  }

  NodeResult<ReloadReport> try_reload() {
    const MutexLock lock(changing);
    if (desk.is_draining()) {
      return Err{NodeError{NodeErrc::kStopped, "the edge is stopping"}};
    }
    MUSTER_TRY(const EdgeOptions next, read_again());
    MUSTER_TRY(EdgeFiles files, load(next));
    if (const auto adopted = mirror->adopt(std::move(files.origin)); !adopted) {
      return Err{error_of(adopted.error())};
    }
    desk.set_tls(std::move(files.admin.certificates));
    puller->set_interval(next.interval);
    puller->wake();
    ReloadReport report{{}, restart_needs(served, next)};
    if (!report.restart_needed.empty()) {
      logger.log(LogLevel::kWarning, "edge.restart_needed",
                 "these stay as they are until a restart",
                 {{"keys", joined(report.restart_needed)}});
    }
    logger.log(LogLevel::kInfo, "edge.reloaded", "configuration and certificates were read again");
    return report;
  }

  // AdminActions: called by threads of the admin listener.
  [[nodiscard]] std::string_view program() const override { return "edge"; }

  NodeResult<ReloadReport> reload() override { return desk.tell(try_reload()); }

  Readiness readiness() override {
    const edge::MirrorStatus mirrored = mirror->status();
    const edge::PullFigures pulls = puller->figures();
    const UnixSeconds now = clock.now();
    Readiness out;
    Check held{"answers", "", mirrored.number != 0, ""};
    if (!held.is_ok) {
      held.why = "nothing was pulled yet" + (pulls.why.empty() ? "" : ": " + pulls.why);
    } else if (mirrored.answers != 0 && now >= mirrored.first_end) {
      held.is_ok = now < mirrored.last_end;
      held.why = std::string(held.is_ok ? "the first" : "the last") + " of the answers ended at " +
                 format_iso8601(held.is_ok ? mirrored.first_end : mirrored.last_end) +
                 " (does the core export, and is it reached?)";
    }
    out.checks.push_back(std::move(held));
    Check pull{"pull", "", true, ""};
    if (pulls.failing_since && mirrored.number != 0) {
      pull.why = "failing since " + format_iso8601(*pulls.failing_since) + ": " + pulls.why;
    }
    out.checks.push_back(std::move(pull));
    desk.add_draining(out);
    return out;
  }

  std::string metrics() override {
    EdgeMetricsInput in;
    in.process = desk.figures();
    in.process.listeners.insert(in.process.listeners.begin(),
                                figures_of("ocsp", service->http_totals()));
    in.mirror = mirror->status();
    in.pulls = puller->figures();
    in.totals = service->totals();
    return render_edge_metrics(in);
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
    puller.reset();
  }

  // Constant after begin(), but for what their own threads do.
  const EdgeOptions served;  ///< as at the start: for what a reload cannot change
  const EdgeOptionsReader read_again;
  const Clock& clock;
  Logger& logger;
  std::unique_ptr<edge::Mirror> mirror;
  std::unique_ptr<edge::EdgeService> service;
  std::unique_ptr<edge::Puller> puller;
  Mutex changing;  ///< one reload or drain at a time
  AdminDesk desk;
};

EdgeNode::EdgeNode(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EdgeNode::~EdgeNode() { stop(); }

NodeResult<std::unique_ptr<EdgeNode>> EdgeNode::start(const EdgeOptions& options,
                                                      EdgeOptionsReader read_again,
                                                      const Clock& clock, Logger& logger) {
  auto impl = std::make_unique<Impl>(options, std::move(read_again), clock, logger);
  if (const auto begun = impl->begin(); !begun) {
    impl->stop();
    return Err{begun.error()};
  }
  return std::unique_ptr<EdgeNode>(new EdgeNode(std::move(impl)));
}

const std::vector<std::string>& EdgeNode::addresses() const { return impl_->service->addresses(); }
std::vector<std::string> EdgeNode::admin_addresses() const { return impl_->desk.addresses(); }
NodeResult<ReloadReport> EdgeNode::reload() { return impl_->reload(); }
void EdgeNode::drain() { impl_->drain(); }
void EdgeNode::stop() { impl_->stop(); }

}  // namespace muster::node
