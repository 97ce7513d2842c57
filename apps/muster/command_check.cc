#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "cli.h"
#include "muster/base/text.h"
#include "muster/client/gather.h"
#include "muster/client/report.h"
#include "muster/probe/probe.h"
#include "options_check.h"

namespace muster::app {
namespace {

constexpr std::size_t kMaxTargets = 10'000;
constexpr std::size_t kWorkers = 8;
constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;

/// Stands still at --at.
class FixedClock final : public Clock {
 public:
  explicit FixedClock(UnixSeconds now) : now_(now) {}
  [[nodiscard]] UnixSeconds now() const override { return now_; }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return std::chrono::steady_clock::now();
  }

 private:
  UnixSeconds now_;
};

client::TargetReport problem(const std::string& target, client::Outcome outcome, std::string text) {
  client::TargetReport report;
  report.target = target;
  report.outcome = outcome;
  report.problem = std::move(text);
  return report;
}

/// One target from its name to its reports (one a certificate).
class TargetCheck {
 public:
  TargetCheck(const CheckInput& input, const Clock& clock) : input_(input), clock_(clock) {}

  std::vector<client::TargetReport> run(const std::string& target) const {
    const auto host = parse_host_target(target, input_.options.sni, input_.options.resolve);
    return host ? check_host(target, *host) : check_file(target);
  }

 private:
  std::vector<client::TargetReport> check_file(const std::string& target) const {
    const auto octets = read_file(target, kMaxFileBytes);
    if (!octets) {
      return {
          problem(target, client::Outcome::kUnreadable,
                  to_string(octets.error()) + "; a target is a certificate file or host[:port]")};
    }
    const auto certificates = pki::parse_certificates(*octets);
    if (!certificates) {
      return {problem(
          target, client::Outcome::kUnreadable,
          certificates.error().detail +
              "; wanted: certificates in PEM, DER or PKCS#7 ('muster show' tells what a file is)")};
    }
    std::vector<client::TargetReport> reports;
    for (const pki::Certificate& leaf :
         input_.options.all ? below_roots(*certificates) : client::find_leaves(*certificates)) {
      reports.push_back(
          check_certificate(target, "", material_of(leaf, *certificates), input_.gather));
    }
    return reports;
  }

  std::vector<client::TargetReport> check_host(const std::string& target,
                                               const HostTarget& host) const {
    probe::ProbeRequest request;
    request.host = host.host;
    request.port = host.port;
    request.server_name = host.server_name;
    request.connect_to = host.connect_to;
    request.timeout = input_.gather.live.transport.total_timeout;
    const auto probed = probe::probe(request);
    if (!probed) {
      const bool ours = probed.error().code == probe::ProbeErrc::kBadRequest;
      return {problem(target, ours ? client::Outcome::kUnreadable : client::Outcome::kUndetermined,
                      probed.error().detail)};
    }
    std::vector<pki::Certificate> chain;
    for (const Buffer& der : probed->chain) {
      auto parsed = pki::Certificate::parse(der);
      if (!parsed) {
        return {
            problem(target, client::Outcome::kUnreadable,
                    "the server sent a certificate that does not parse: " + parsed.error().detail)};
      }
      chain.push_back(*std::move(parsed));
    }
    if (chain.empty()) {
      return {problem(target, client::Outcome::kUndetermined, "the server sent no certificate")};
    }
    client::GatherOptions options = input_.gather;
    if (client::is_local_host(probed->peer_address.substr(0, probed->peer_address.rfind(':')))) {
      options.reach = client::Reach::kAnywhere;  // a server of one's own: asking about it tells
                                                 // nobody anything new
    }
    const std::string peer =
        probed->peer_address + ", " + std::string(probe::to_string(probed->version));
    std::vector<client::TargetReport> reports;
    for (std::size_t i = 0; i < chain.size(); ++i) {
      if (i > 0 && (!input_.options.all || chain[i].is_self_issued())) {
        continue;
      }
      client::Material material = material_of(chain[i], chain);
      material.staple = i < probed->staples.size() ? probed->staples[i] : std::nullopt;
      material.handshake = i == 0 || material.staple.has_value();
      if (i == 0) {
        material.host = host.server_name.empty() ? host.host : host.server_name;
      }
      reports.push_back(check_certificate(target, peer, std::move(material), options));
    }
    return reports;
  }

  static std::vector<pki::Certificate> below_roots(
      const std::vector<pki::Certificate>& certificates) {
    std::vector<pki::Certificate> below;
    for (const pki::Certificate& certificate : certificates) {
      if (!certificate.is_self_issued()) {
        below.push_back(certificate);
      }
    }
    return below.empty() ? client::find_leaves(certificates) : below;
  }

  client::Material material_of(const pki::Certificate& leaf,
                               const std::vector<pki::Certificate>& with_it) const {
    client::Material material(leaf);
    material.others = with_it;
    material.others.insert(material.others.end(), input_.issuers.begin(), input_.issuers.end());
    material.roots = input_.anchors;
    return material;
  }

  client::TargetReport check_certificate(const std::string& target, std::string peer,
                                         client::Material material,
                                         const client::GatherOptions& options) const {
    client::TargetReport report;
    report.target = target;
    report.peer = std::move(peer);
    report.what = client::gather(material, options, clock_);
    report.verdict = client::judge(*report.what, clock_.now());
    report.outcome = report.verdict.outcome;
    return report;
  }

  const CheckInput& input_;
  const Clock& clock_;
};

/// All targets, a few at a time; reports come in the order of the targets.
std::vector<client::TargetReport> check_all(const CheckInput& input, const Clock& clock) {
  const std::vector<std::string>& targets = input.options.targets;
  std::vector<std::vector<client::TargetReport>> results(targets.size());
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min(kWorkers, targets.size()); ++i) {
      workers.emplace_back([&] {
        const TargetCheck check(input, clock);
        for (std::size_t mine = next++; mine < targets.size(); mine = next++) {
          results[mine] = check.run(targets[mine]);
        }
      });
    }
  }
  std::vector<client::TargetReport> reports;
  for (auto& of_target : results) {
    for (client::TargetReport& report : of_target) {
      reports.push_back(std::move(report));
    }
  }
  return reports;
}

}  // namespace

int run_check(int argc, char** argv) {
  CheckOptions options;
  if (const auto over = parse_check_options(argc, argv, options)) {
    return *over;
  }
  if (options.targets.size() > kMaxTargets) {
    std::fprintf(stderr, "muster check: more than %zu targets; split the list\n", kMaxTargets);
    return kExitUsage;
  }
  const auto input = load_check_input(options);
  if (!input) {
    std::fprintf(stderr, "muster check: %s\n", input.error().message.c_str());
    return input.error().exit_code;
  }
  const SystemClock system;
  const FixedClock fixed(options.at.value_or(system.now()));
  const Clock& clock = options.at ? static_cast<const Clock&>(fixed) : system;

  const std::vector<client::TargetReport> reports = check_all(*input, clock);
  if (options.json) {
    std::fputs(client::report_json(reports, clock.now()).c_str(), stdout);
  } else {
    const bool colour = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    std::fputs(client::report_text(reports, clock.now(),
                                   colour ? client::Colour::kAnsi : client::Colour::kPlain)
                   .c_str(),
               stdout);
  }
  if (std::fflush(stdout) != 0) {
    std::fputs("muster check: the report could not be written to standard output\n", stderr);
    return kExitInternal;
  }
  return client::exit_code(client::worst(reports));
}

}  // namespace muster::app
