#include <cstdio>

#include "check_output.h"
#include "cli.h"
#include "muster/check/scan.h"
#include "options_check.h"

namespace muster::app {
namespace {

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
  const auto prepared = check::prepare(*plan);
  if (!prepared) {
    return print_refusal(options.output, kExitUsage, prepared.error());
  }
  for (const std::string& note : prepared->notes) {
    std::fprintf(stderr, "muster check: %s\n", note.c_str());
  }
  const SystemClock system;
  const FixedClock fixed(options.policy.at.value_or(system.now()));
  const Clock& clock = options.policy.at ? static_cast<const Clock&>(fixed) : system;
  const Round round = [&](const RoundHooks& hooks) {
    hooks.deliver(check::check_all(prepared->units, *plan, clock));
  };
  return print_checks(options.output, round, clock);
}

}  // namespace muster::app
