#include "muster/check/check.h"

namespace muster::check {
namespace {

client::TargetReport problem(const std::string& target, client::Outcome outcome, std::string text) {
  client::TargetReport report;
  report.target = target;
  report.outcome = outcome;
  report.problem = std::move(text);
  return report;
}

/// Whom we talked to and how: "192.0.2.1:25, SMTP, TLS 1.3", and what it held against us.
std::string peer_text(const probe::ProbeResult& probed) {
  std::string text = probed.peer_address;
  if (probe::has_starttls(probed.protocol)) {
    text += ", " + std::string(probe::display_name(probed.protocol));
  }
  text += ", " + std::string(probe::to_string(probed.version));
  for (const probe::AddressFailure& failure : probed.failed_addresses) {
    text += "; " + failure.address + ": " + failure.reason;
  }
  return probed.refusal ? text + "; then " + probed.refusal->detail : text;
}

}  // namespace

std::vector<client::TargetReport> TargetCheck::run(const Unit& unit) const {
  if (const auto* host = std::get_if<HostTarget>(&unit.what)) {
    return check_host(unit.target, *host);
  }
  if (const auto* question = std::get_if<Question>(&unit.what)) {
    return {check_question(unit.target, *question)};
  }
  const auto& [outcome, detail] = std::get<Problem>(unit.what);
  return {problem(unit.target, outcome, detail)};
}

client::TargetReport TargetCheck::check_question(const std::string& target,
                                                 const Question& question) const {
  client::Material material(question.subject);
  for (const auto& pool : {question.beside, question.around}) {
    if (pool != nullptr) {
      material.others.insert(material.others.end(), pool->begin(), pool->end());
    }
  }
  complete(material);
  if (question.responses.empty()) {
    return judge(target, "", material, plan_.gather);
  }
  client::GatherOptions options = plan_.gather;
  options.saved.insert(options.saved.end(), question.responses.begin(), question.responses.end());
  return judge(target, "", material, options);
}

std::vector<client::TargetReport> TargetCheck::check_host(const std::string& target,
                                                          const HostTarget& host) const {
  probe::ProbeRequest request;
  request.host = host.host;
  request.port = host.port;
  request.protocol = host.protocol;
  request.server_name = host.server_name;
  request.connect_to = host.connect_to;
  request.unix_path = host.unix_path;
  request.client_certificate = plan_.client_certificate;
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
  const bool is_local =
      !host.unix_path.empty() ||
      client::is_local_host(probed->peer_address.substr(0, probed->peer_address.rfind(':')));
  if (is_local) {
    options.reach = client::Reach::kAnywhere;  // a server of one's own: asking about it tells
                                               // nobody anything new
  }
  const std::string peer = peer_text(*probed);
  std::vector<client::TargetReport> reports;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    if (i > 0 && (!plan_.inputs.all || chain[i].is_self_issued())) {
      continue;
    }
    client::Material material(chain[i]);
    material.others = chain;
    complete(material);
    material.staple = i < probed->staples.size() ? probed->staples[i] : std::nullopt;
    material.handshake = i == 0 || material.staple.has_value();
    if (i == 0) {
      material.host =
          host.server_name.empty() ? host.host.substr(0, host.host.find('%')) : host.server_name;
    }
    reports.push_back(judge(target, peer, material, options));
  }
  return reports;
}

void TargetCheck::complete(client::Material& material) const {
  material.others.insert(material.others.end(), plan_.issuers.begin(), plan_.issuers.end());
  material.roots = plan_.anchors;
}

client::TargetReport TargetCheck::judge(const std::string& target, std::string peer,
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
