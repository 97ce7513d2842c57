#include "muster/check/check.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "chain.h"
#include "muster/net/fetch_session.h"
#include "muster/net/fetch_thread.h"

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

Milliseconds left_until(const client::Sources::Deadline& deadline) {
  const auto left = *deadline - std::chrono::steady_clock::now();
  return std::max(Milliseconds(1), std::chrono::round<Milliseconds>(left));
}

/// Issuers that servers sent along: those of equal octets become one object, which remembers whose
/// key verified it. Of a thousand servers most have the same few. Threads: any.
class SharedIssuers {
 public:
  pki::Certificate one_of(const pki::Certificate& certificate) {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kMostIssuers) {
      known_.clear();
    }
    return known_.emplace(certificate.fingerprint(), certificate).first->second;
  }

 private:
  static constexpr std::size_t kMostIssuers = 256;
  std::mutex mutex_;
  std::map<std::array<std::uint8_t, 32>, pki::Certificate> known_;  // by mutex_
};

}  // namespace

/// What the targets of one round share.
struct TargetCheck::Shared {
  Shared(const Plan& plan, const Clock& clock, Targets targets)
      : beside(targets == Targets::kMany ? std::make_unique<net::FetchThread>() : nullptr),
        here(targets == Targets::kOne ? std::make_unique<net::FetchSession>() : nullptr),
        sources(
            [this](net::FetchRequest request, std::function<void(net::FetchResult)> done) {
              begin(std::move(request), std::move(done));
            },
            fetch_here(), plan.sources),
        chains(plan, clock, sources) {}

  void begin(net::FetchRequest request, std::function<void(net::FetchResult)> done) {
    if (beside == nullptr) {  // for one target, so no other thread is here
      beside = std::make_unique<net::FetchThread>();
    }
    beside->start(std::move(request), std::move(done));
  }
  [[nodiscard]] client::FetchFunction fetch_here() const {
    if (here == nullptr) {
      return nullptr;
    }
    return [session = here.get()](const net::FetchRequest& request) {
      return session->fetch(request);
    };
  }

  std::unique_ptr<net::FetchThread> beside;       // for one target only once a CRL is begun
  const std::unique_ptr<net::FetchSession> here;  // for one target
  SharedIssuers issuers;
  client::Sources sources;
  ChainCheck chains;
};

TargetCheck::TargetCheck(const Plan& plan, const Clock& clock, Targets targets)
    : plan_(plan), shared_(std::make_unique<Shared>(plan, clock, targets)) {}
TargetCheck::~TargetCheck() = default;

std::vector<client::TargetReport> TargetCheck::run(const Unit& unit) const {
  const Deadline deadline = std::chrono::steady_clock::now() + plan_.deadline;
  if (const auto* host = std::get_if<HostTarget>(&unit.what)) {
    return check_host(unit.target, *host, deadline);
  }
  if (const auto* question = std::get_if<Question>(&unit.what)) {
    return check_question(unit.target, *question, deadline);
  }
  const auto& [outcome, detail] = std::get<Problem>(unit.what);
  return {problem(unit.target, outcome, detail)};
}

std::vector<client::TargetReport> TargetCheck::check_question(const std::string& target,
                                                              const Question& question,
                                                              Deadline deadline) const {
  InQuestion asked{target, "", client::Material(question.subject)};
  client::Material& material = asked.material;
  for (const auto& pool : {question.beside, question.around}) {
    if (pool != nullptr) {
      material.others.insert(material.others.end(), pool->begin(), pool->end());
    }
  }
  complete(material);
  if (question.responses.empty()) {
    return shared_->chains.run(asked, plan_.gather, deadline);
  }
  client::GatherOptions options = plan_.gather;
  options.saved.insert(options.saved.end(), question.responses.begin(), question.responses.end());
  return shared_->chains.run(asked, options, deadline);
}

std::vector<client::TargetReport> TargetCheck::check_host(const std::string& target,
                                                          const HostTarget& host,
                                                          Deadline deadline) const {
  probe::ProbeRequest request;
  request.host = host.host;
  request.port = host.port;
  request.protocol = host.protocol;
  request.server_name = host.server_name;
  request.connect_to = host.connect_to;
  request.unix_path = host.unix_path;
  request.client_certificate = plan_.client_certificate;
  request.timeout = std::min(plan_.gather.live.transport.total_timeout, left_until(deadline));
  const auto probed = probe::probe(request);
  if (!probed) {
    const bool ours = probed.error().code == probe::ProbeErrc::kBadRequest;
    return {problem(target, ours ? client::Outcome::kUnreadable : client::Outcome::kUndetermined,
                    probed.error().detail)};
  }
  std::vector<pki::Certificate> chain;
  for (const auto& parsed : probed->certificates) {
    if (!parsed) {
      return {
          problem(target, client::Outcome::kUnreadable,
                  "the server sent a certificate that does not parse: " + parsed.error().detail)};
    }
    chain.push_back(chain.empty() ? *parsed : shared_->issuers.one_of(*parsed));
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
  InQuestion asked{target, peer_text(*probed), client::Material(chain.front())};
  client::Material& material = asked.material;
  material.others = chain;
  complete(material);
  material.handshake = true;
  material.staple = probed->staples.empty() ? std::nullopt : probed->staples.front();
  material.host =
      host.server_name.empty() ? host.host.substr(0, host.host.find('%')) : host.server_name;
  for (std::size_t i = 1; i < std::min(chain.size(), probed->staples.size()); ++i) {
    if (probed->staples[i]) {
      asked.issuer_staples.emplace_back(chain[i], *probed->staples[i]);
    }
  }
  return shared_->chains.run(asked, options, deadline);
}

void TargetCheck::complete(client::Material& material) const {
  material.others.insert(material.others.end(), plan_.issuers.begin(), plan_.issuers.end());
  material.roots = plan_.anchors;
}

}  // namespace muster::check
