#include "muster/stapler/targets.h"

#include <algorithm>
#include <iterator>

#include "target_run.h"

namespace muster::stapler {
namespace {

constexpr std::string_view kDeliveries[] = {"nothing",   "waiting", "delivered",
                                            "withdrawn", "refused", "failed"};
constexpr std::string_view kSeverities[] = {"ok", "waiting", "warning", "critical"};

template <class T, std::size_t N>
T from_word(const std::string_view (&words)[N], std::string_view word) {
  const auto* const found = std::find(std::begin(words), std::end(words), word);
  return static_cast<T>(found == std::end(words) ? 0 : found - std::begin(words));
}

Severity judge_delivery(const TargetStatus& status, const TargetRow& row, UnixSeconds now) {
  switch (status.delivery) {
    case Delivery::kNothing:
    case Delivery::kDelivered:
    case Delivery::kWithdrawn:
      return Severity::kOk;
    case Delivery::kWaiting:
      return Severity::kWaiting;
    case Delivery::kRefused:
      return Severity::kWarning;
    case Delivery::kFailed:
      break;
  }
  // What it has may be past its end, and it would not notice.
  return !row.drops_expired && status.has_expired_staple(now) ? Severity::kCritical
                                                              : Severity::kWarning;
}

Severity judge_port_severity(const PortStatus& port, bool is_settling, bool may_keep,
                             bool must_staple) {
  switch (port.state) {
    case ReadBack::kServed:
    case ReadBack::kOther:
      return Severity::kOk;
    case ReadBack::kNotYet:
      return Severity::kWaiting;
    case ReadBack::kOlder:
      return is_settling || may_keep ? Severity::kWaiting : Severity::kWarning;
    case ReadBack::kNone:
      return is_settling   ? Severity::kWaiting
             : must_staple ? Severity::kCritical
                           : Severity::kWarning;
    case ReadBack::kExpired:
    case ReadBack::kUnusable:
      return Severity::kCritical;
    case ReadBack::kOtherCertificate:
    case ReadBack::kUnreachable:
      return Severity::kWarning;
  }
  return Severity::kCritical;
}

}  // namespace

std::string_view to_string(Delivery state) { return kDeliveries[static_cast<std::size_t>(state)]; }
Delivery delivery_of(std::string_view word) { return from_word<Delivery>(kDeliveries, word); }
std::string_view to_string(Severity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}
Severity severity_of(std::string_view word) { return from_word<Severity>(kSeverities, word); }

Severity judge_severity(const TargetStatus& status, const TargetRow& row, bool must_staple,
                        UnixSeconds now) {
  const bool is_settling = status.pushed_at && now < *status.pushed_at + row.settle;
  const bool may_keep = status.pushed_at && now < *status.pushed_at + row.keeps;
  Severity worst = judge_delivery(status, row, now);
  for (const PortStatus& port : status.ports) {
    worst = std::max(worst, judge_port_severity(port, is_settling, may_keep, must_staple));
  }
  return worst;
}

struct Targets::Impl {
  Impl(net::Loop& loop, const Clock& c, Logger& l, std::vector<TargetOptions> options,
       client::VerifyPolicy policy, TellUnchanged tell)
      : prober(loop) {
    for (TargetOptions& target : options) {
      runs.push_back(std::make_shared<TargetRun>(TargetWorld{loop, c, l, prober, policy, tell},
                                                 std::move(target)));
    }
  }
  Prober prober;
  std::vector<std::shared_ptr<TargetRun>> runs;
};

Targets::Targets(net::Loop& loop, const Clock& clock, Logger& logger,
                 std::vector<TargetOptions> options, client::VerifyPolicy policy,
                 TellUnchanged tell)
    : impl_(std::make_shared<Impl>(loop, clock, logger, std::move(options), std::move(policy),
                                   tell)) {}
Targets::~Targets() = default;

std::vector<std::string> Targets::set_certificates(const std::vector<TargetSubject>& subjects) {
  std::vector<std::string> problems;
  for (const auto& run : impl_->runs) {
    auto found = run->set_certificates(subjects);
    std::move(found.begin(), found.end(), std::back_inserter(problems));
  }
  return problems;
}

void Targets::apply(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple) {
  for (const auto& run : impl_->runs) {
    run->apply(certificate, staple);
  }
}

void Targets::tick() {
  for (const auto& run : impl_->runs) {
    run->tick();
  }
}

std::vector<TargetStatus> Targets::status() const {
  std::vector<TargetStatus> out;
  for (const auto& run : impl_->runs) {
    run->add_status(out);
  }
  return out;
}

bool Targets::settled() const {
  return std::all_of(impl_->runs.begin(), impl_->runs.end(),
                     [](const auto& run) { return run->settled(); });
}

bool Targets::empty() const { return impl_->runs.empty(); }

}  // namespace muster::stapler
