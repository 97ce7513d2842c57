#include <algorithm>
#include <cstdio>
#include <utility>

#include "check_output.h"
#include "cli.h"
#include "muster/check/scan.h"
#include "options_check.h"

namespace muster::app {
namespace {

using Reports = std::vector<client::TargetReport>;

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

/// Standard input can be read once only.
bool names_standard_input(const CheckInputs& inputs) {
  const auto has = [](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), "-") != names.end();
  };
  return has(inputs.targets) || has(inputs.lists);
}

}  // namespace

int run_check(int argc, char** argv) {
  CheckOptions options;
  if (const auto over = parse_check_options(argc, argv, options)) {
    return *over;
  }
  if (const std::string wrong = find_contradiction(options.output); !wrong.empty()) {
    return print_refusal(options.output, kExitUsage, wrong);
  }
  const auto plan = load_check_plan(options);
  if (!plan) {
    return print_refusal(options.output, plan.error().exit_code, plan.error().message);
  }
  auto prepared = check::prepare(*plan);
  if (!prepared) {
    return print_refusal(options.output, kExitUsage, prepared.error());
  }
  for (const std::string& note : prepared->notes) {
    std::fprintf(stderr, "muster check: %s\n", note.c_str());
  }
  check::allow_descriptors();
  const SystemClock system;
  const FixedClock fixed(options.policy.at.value_or(system.now()));
  const Clock& clock = options.policy.at ? static_cast<const Clock&>(fixed) : system;
  const bool can_reread = !names_standard_input(options.inputs);
  bool is_first = true;
  const Round round = [&](const RoundHooks& hooks) {
    if (!std::exchange(is_first, false) && can_reread) {
      // Files may be others by now. Where that fails as a whole, the old ones are judged on.
      if (auto anew = check::prepare(*plan)) {
        prepared = std::move(anew);
      }
    }
    const auto targets = prepared->units.size() == 1 ? check::Targets::kOne : check::Targets::kMany;
    const check::TargetCheck checker(*plan, clock, targets);  // what a round fetches is its own
    check::ScanOptions scan;
    scan.jobs = options.inputs.jobs;
    scan.patience = plan->gather.live.transport.total_timeout;
    scan.order =
        hooks.as_ready ? check::ScanOptions::Order::kAsReady : check::ScanOptions::Order::kAsNamed;
    if (hooks.progress) {
      scan.progress = [&hooks](const check::Progress& p) {
        hooks.progress(p.done, p.total, p.left);
      };
    }
    check::scan(
        prepared->units.size(),
        [&](std::size_t index) {
          return hooks.stopped() ? Reports() : checker.run(prepared->units[index]);
        },
        scan, [&](std::size_t, Reports reports) { hooks.deliver(std::move(reports)); });
  };
  return print_checks(options.output, round, clock);
}

}  // namespace muster::app
