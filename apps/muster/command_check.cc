#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cli.h"
#include "muster/check/scan.h"
#include "muster/report/json.h"
#include "muster/report/text.h"
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
  const auto plan = load_check_plan(options);
  if (!plan) {
    std::fprintf(stderr, "muster check: %s\n", plan.error().message.c_str());
    return plan.error().exit_code;
  }
  const auto prepared = check::prepare(*plan);
  if (!prepared) {
    std::fprintf(stderr, "muster check: %s\n", prepared.error().c_str());
    return kExitUsage;
  }
  for (const std::string& note : prepared->notes) {
    std::fprintf(stderr, "muster check: %s\n", note.c_str());
  }
  const SystemClock system;
  const FixedClock fixed(options.policy.at.value_or(system.now()));
  const Clock& clock = options.policy.at ? static_cast<const Clock&>(fixed) : system;

  const std::vector<client::TargetReport> reports = check::check_all(prepared->units, *plan, clock);
  if (options.output.json) {
    std::fputs(report::format_json(reports, clock.now()).c_str(), stdout);
  } else {
    const bool colour = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    std::fputs(report::format_text(reports, clock.now(),
                                   colour ? report::Colour::kAnsi : report::Colour::kPlain)
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
