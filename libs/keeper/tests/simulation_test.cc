// The keeper, the plan and the shelf in simulated worlds (decision 049). The same worlds without a
// test around them: muster_keeper_simulation.
#include <gmock/gmock.h>

#include <cstdlib>

#include "profile.h"

namespace muster::keeper::simulation {
namespace {

double years_wanted() {
  if (const char* years = std::getenv("MUSTER_SIMULATION_YEARS")) {
    return std::strtod(years, nullptr);
  }
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 500;  // instrumented code is many times slower
#else
  return 10'000;
#endif
}

// req: OCSP-STAP-001 OCSP-STAP-002 OCSP-STAP-003 OCSP-STAP-004 OCSP-STAP-005 OCSP-STAP-006
// req: OCSP-STAP-010 OCSP-STAP-019
TEST(Simulation, EveryPromiseHoldsInEveryWorld) {
  Report all;
  for (std::uint64_t seed = 1; all.certificate_years < years_wanted(); ++seed) {
    const Report report = run_world(profile_for(seed));
    ASSERT_EQ(report.failure, "") << "replay with: muster_keeper_simulation --seed " << seed;
    all.add(report);
  }
  // It was no walk in the park.
  const double years = all.certificate_years;
  EXPECT_GT(static_cast<double>(all.taken), 20 * years);
  EXPECT_GT(static_cast<double>(all.windows), 5 * years);
  EXPECT_GT(all.gaps, 0U);
  EXPECT_GT(all.revocations, 0U);
  EXPECT_GT(all.crashes, 0U);
  EXPECT_GT(all.restarts, all.crashes);
  EXPECT_GT(all.jumps, 0U);
  EXPECT_GT(all.rotations, 0U);
}

TEST(Simulation, TheSameSeedMakesTheSameWorld) {
  const auto trace = [](std::uint64_t seed) { return run_world(profile_for(seed)).trace; };
  EXPECT_EQ(trace(8), trace(8));
  EXPECT_NE(trace(8), trace(16));
}

// The worlds skip the turns in which nothing is due; a real keeper takes one each second.
TEST(Simulation, IdleTurnsChangeNothing) {
  Profile profile = profile_for(2);
  profile.clock_jumps = false;
  profile.heartbeat = true;
  const Report each_second = run_world(profile);
  profile.heartbeat = false;
  const Report when_due = run_world(profile);
  EXPECT_EQ(each_second.failure, "");
  EXPECT_EQ(each_second.trace, when_due.trace);
  EXPECT_GT(when_due.requests, 100U);
}

}  // namespace
}  // namespace muster::keeper::simulation
