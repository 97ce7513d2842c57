#pragma once

#include <gmock/gmock.h>

#include <memory>

#include "muster/keeper/plan.h"

namespace muster::keeper {

inline constexpr std::int64_t kDay = 86400;
inline constexpr UnixSeconds kStart = unix_seconds(1'800'000'000);

inline Fingerprint id_of(unsigned n) {
  Fingerprint f{};
  f[0] = static_cast<std::uint8_t>(n);
  f[1] = static_cast<std::uint8_t>(n >> 8);
  return f;
}

class PlanTest : public ::testing::Test {
 protected:
  void make(const PlanPolicy& policy = {}) { plan = std::make_unique<Plan>(policy, 1); }
  void add(unsigned n, std::vector<std::string> urls, std::optional<StapleFacts> held = {}) {
    plan->add(
        id_of(n),
        PlanSubject{std::move(urls), kStart - Seconds(40 * kDay), kStart + Seconds(400 * kDay)},
        held, now);
  }
  void pass(Milliseconds d) {
    const Milliseconds before =
        std::chrono::duration_cast<Milliseconds>(now.steady.time_since_epoch());
    now.steady += d;
    now.wall += std::chrono::floor<Seconds>(before + d) - std::chrono::floor<Seconds>(before);
    plan->observe_clock(now);
  }
  /// Lets time pass until the plan wants something; the orders it then gives.
  std::vector<Order> next_orders() {
    for (int i = 0; i < 1000; ++i) {
      auto orders = plan->start_due(now);
      if (!orders.empty()) {
        return orders;
      }
      const auto next = plan->next_event();
      if (!next) {
        return {};
      }
      pass(std::max(Milliseconds(1), std::chrono::ceil<Milliseconds>(*next - now.steady)));
      for (const std::uint64_t ticket : plan->given_up(now)) {
        given_up.push_back(ticket);
      }
    }
    ADD_FAILURE() << "the plan spins";
    return {};
  }
  Verdict finish(const Order& o, OutcomeKind kind, std::optional<StapleFacts> staple = {},
                 std::optional<Seconds> retry_after = {}) {
    return plan->finish(o.ticket, Outcome{kind, staple, {}, retry_after}, now);
  }
  [[nodiscard]] StapleFacts fresh(std::int64_t window = kDay) const {
    return {StapleStatus::kGood, now.wall, now.wall + Seconds(window)};
  }

  Instant now{kStart, MonotonicTime(std::chrono::hours(5))};
  std::unique_ptr<Plan> plan;
  std::vector<std::uint64_t> given_up;
};

}  // namespace muster::keeper
