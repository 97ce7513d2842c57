#include "muster/check/check.h"

#include "muster/base/file.h"
#include "muster/probe/probe.h"

namespace muster::check {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;

client::TargetReport problem(const std::string& target, client::Outcome outcome, std::string text) {
  client::TargetReport report;
  report.target = target;
  report.outcome = outcome;
  report.problem = std::move(text);
  return report;
}

std::vector<pki::Certificate> below_roots(const std::vector<pki::Certificate>& certificates) {
  std::vector<pki::Certificate> below;
  for (const pki::Certificate& certificate : certificates) {
    if (!certificate.is_self_issued()) {
      below.push_back(certificate);
    }
  }
  return below.empty() ? client::find_leaves(certificates) : below;
}

}  // namespace

std::vector<client::TargetReport> TargetCheck::run(const std::string& target) const {
  const auto host = parse_host_target(target, plan_.sni, plan_.resolve);
  return host ? check_host(target, *host) : check_file(target);
}

std::vector<client::TargetReport> TargetCheck::check_file(const std::string& target) const {
  const auto octets = read_file(target, kMaxFileBytes);
  if (!octets) {
    return {problem(target, client::Outcome::kUnreadable,
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
       plan_.all ? below_roots(*certificates) : client::find_leaves(*certificates)) {
    reports.push_back(
        check_certificate(target, "", material_of(leaf, *certificates), plan_.gather));
  }
  return reports;
}

std::vector<client::TargetReport> TargetCheck::check_host(const std::string& target,
                                                          const HostTarget& host) const {
  probe::ProbeRequest request;
  request.host = host.host;
  request.port = host.port;
  request.server_name = host.server_name;
  request.connect_to = host.connect_to;
  request.timeout = plan_.gather.live.transport.total_timeout;
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
  client::GatherOptions options = plan_.gather;
  if (client::is_local_host(probed->peer_address.substr(0, probed->peer_address.rfind(':')))) {
    options.reach = client::Reach::kAnywhere;  // a server of one's own: asking about it tells
                                               // nobody anything new
  }
  const std::string peer =
      probed->peer_address + ", " + std::string(probe::to_string(probed->version));
  std::vector<client::TargetReport> reports;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    if (i > 0 && (!plan_.all || chain[i].is_self_issued())) {
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

client::Material TargetCheck::material_of(const pki::Certificate& leaf,
                                          const std::vector<pki::Certificate>& with_it) const {
  client::Material material(leaf);
  material.others = with_it;
  material.others.insert(material.others.end(), plan_.issuers.begin(), plan_.issuers.end());
  material.roots = plan_.anchors;
  return material;
}

client::TargetReport TargetCheck::check_certificate(const std::string& target, std::string peer,
                                                    const client::Material& material,
                                                    const client::GatherOptions& options) const {
  client::TargetReport report;
  report.target = target;
  report.peer = std::move(peer);
  report.what = client::gather(material, options, clock_);
  report.verdict = client::judge(*report.what, clock_.now());
  report.outcome = report.verdict.outcome;
  return report;
}

}  // namespace muster::check
