#include "muster/check/scan.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace muster::check {
namespace {

constexpr std::size_t kWorkers = 8;

}  // namespace

std::vector<client::TargetReport> check_all(const std::vector<Unit>& units, const Plan& plan,
                                            const Clock& clock) {
  std::vector<std::vector<client::TargetReport>> results(units.size());
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min(kWorkers, units.size()); ++i) {
      workers.emplace_back([&] {
        const TargetCheck check(plan, clock);
        for (std::size_t mine = next++; mine < units.size(); mine = next++) {
          results[mine] = check.run(units[mine]);
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

}  // namespace muster::check
