#include "muster/stapler/targets.h"

#include <algorithm>
#include <iterator>
#include <set>

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
  // A server that would not notice is past the end of what it has; after a crash of the stapler
  // nobody withdraws it.
  if (!row.drops_expired && status.has_expired_staple(now) &&
      (status.delivery == Delivery::kFailed || status.has_expired_staple(now - row.settle))) {
    return Severity::kCritical;
  }
  switch (status.delivery) {
    case Delivery::kNothing:
    case Delivery::kDelivered:
    case Delivery::kWithdrawn:
      return Severity::kOk;
    case Delivery::kWaiting:
      return Severity::kWaiting;
    case Delivery::kRefused:
    case Delivery::kFailed:
      break;
  }
  return Severity::kWarning;
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

Severity judge_severity(const TargetStatus& status, const TargetRow& row, UnixSeconds now) {
  const bool is_settling = status.pushed_at && now < *status.pushed_at + row.settle;
  const bool may_keep = status.pushed_at && now < *status.pushed_at + row.keeps;
  Severity worst = judge_delivery(status, row, now);
  for (const PortStatus& port : status.ports) {
    worst = std::max(worst, judge_port_severity(port, is_settling, may_keep, status.must_staple));
  }
  return worst;
}

struct Targets::Impl {
  Impl(net::Loop& l, const Clock& c, Logger& g, client::VerifyPolicy p, TellUnchanged t)
      : loop(l), clock(c), logger(g), policy(std::move(p)), tell(t), prober(l) {}

  net::Loop& loop;
  const Clock& clock;
  Logger& logger;
  const client::VerifyPolicy policy;
  const TellUnchanged tell;
  Prober prober;
  std::uint64_t changes = 0;
  std::vector<std::shared_ptr<TargetRun>> runs;
  std::vector<std::shared_ptr<TargetRun>> retired;  ///< wait for the end of what they left

  void replace(std::vector<TargetOptions> options) {
    auto before = std::exchange(runs, {});
    for (TargetOptions& target : options) {
      const auto same = std::find_if(before.begin(), before.end(), [&target](const auto& run) {
        return run && run->options() == target;
      });
      runs.push_back(same != before.end()
                         ? std::exchange(*same, nullptr)
                         : std::make_shared<TargetRun>(
                               TargetWorld{loop, clock, logger, prober, policy, tell, changes},
                               std::move(target)));
    }
    std::copy_if(before.begin(), before.end(), std::back_inserter(retired),
                 [](const auto& run) { return run != nullptr; });
  }

  void retire() {
    std::set<std::string> taken;
    for (const auto& run : runs) {
      run->add_paths(taken);
    }
    for (const auto& run : retired) {
      const auto successor = std::find_if(runs.begin(), runs.end(), [&run](const auto& other) {
        return other->options().name == run->options().name;
      });
      run->retire(taken, successor == runs.end() ? nullptr : successor->get());
    }
    drop_over();
  }
  void drop_over() {
    std::erase_if(retired, [](const auto& run) { return run->is_over(); });
  }
};

Targets::Targets(net::Loop& loop, const Clock& clock, Logger& logger,
                 std::vector<TargetOptions> options, client::VerifyPolicy policy,
                 TellUnchanged tell)
    : impl_(std::make_shared<Impl>(loop, clock, logger, std::move(policy), tell)) {
  impl_->replace(std::move(options));
}
Targets::~Targets() = default;

void Targets::replace(std::vector<TargetOptions> options) { impl_->replace(std::move(options)); }

std::vector<std::string> Targets::set_certificates(const std::vector<TargetSubject>& subjects) {
  std::vector<std::string> problems;
  for (const auto& run : impl_->runs) {
    auto found = run->set_certificates(subjects);
    std::move(found.begin(), found.end(), std::back_inserter(problems));
  }
  impl_->retire();
  return problems;
}

void Targets::apply(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple) {
  for (const auto& run : impl_->runs) {
    run->apply(certificate, staple);
  }
}

void Targets::tell_former(const keeper::Fingerprint& certificate,
                          const keeper::StaplePointer& staple) {
  for (const auto& run : impl_->runs) {
    run->tell_former(certificate, staple);
  }
  for (const auto& run : impl_->retired) {
    run->tell_former(certificate, staple);
  }
}

void Targets::tick() {
  for (const auto& run : impl_->runs) {
    run->tick();
  }
  for (const auto& run : impl_->retired) {
    run->tick();
  }
  impl_->drop_over();
}

std::vector<TargetStatus> Targets::status() const {
  std::vector<TargetStatus> out;
  for (const auto& run : impl_->runs) {
    run->add_status(out);
  }
  return out;
}

std::vector<TargetStatus> Targets::status(const keeper::Fingerprint& certificate) const {
  std::vector<TargetStatus> out;
  for (const auto& run : impl_->runs) {
    run->add_status_of(certificate, out);
  }
  return out;
}

std::uint64_t Targets::changes() const { return impl_->changes; }

bool Targets::settled() const {
  const auto is_settled = [](const auto& run) { return run->settled(); };
  return std::all_of(impl_->runs.begin(), impl_->runs.end(), is_settled) &&
         std::all_of(impl_->retired.begin(), impl_->retired.end(), is_settled);
}

bool Targets::empty() const { return impl_->runs.empty(); }

}  // namespace muster::stapler
