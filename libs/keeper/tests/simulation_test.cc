// The keeper, the plan and the shelf in simulated worlds (decision 049). The same worlds without a
// test around them: muster_keeper_simulation.
#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>

#include "profile.h"

namespace muster::keeper::simulation {
namespace {

constexpr std::uint64_t kSlices = 10;

/// Of all slices together.
double years_wanted() {
  if (const char* years = std::getenv("MUSTER_SIMULATION_YEARS")) {
    return std::strtod(years, nullptr);
  }
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 800;  // instrumented code is many times slower
#else
  return 10'000;
#endif
}

/// A part of the worlds, so that CTest runs the parts side by side.
class Simulation : public ::testing::TestWithParam<std::uint64_t> {};

// req: OCSP-STAP-001 OCSP-STAP-002 OCSP-STAP-003 OCSP-STAP-004 OCSP-STAP-005 OCSP-STAP-006
// req: OCSP-STAP-010 OCSP-STAP-019
TEST_P(Simulation, EveryPromiseHoldsInEveryWorld) {
  const double wanted = years_wanted() / static_cast<double>(kSlices);
  const std::uint64_t first = GetParam() * 1'000'000 + 1;
  Report all;
  for (std::uint64_t seed = first; all.certificate_years < wanted; ++seed) {
    const Report report = run_world(profile_for(seed));
    ASSERT_EQ(report.failure, "") << "replay with: muster_keeper_simulation --seed " << seed;
    all.add(report);
  }
  const double years = all.certificate_years;
  if (years < 1000) {
    return;
  }
  // It was no walk in the park.
  EXPECT_GT(static_cast<double>(all.taken), 20 * years);
  EXPECT_GT(static_cast<double>(all.windows), 5 * years);
  EXPECT_GT(all.gaps, 0U);
  EXPECT_GT(all.revocations, 0U);
  EXPECT_GT(all.crashes, 0U);
  EXPECT_GT(all.restarts, all.crashes);
  EXPECT_GT(all.jumps, 0U);
  EXPECT_GT(all.rotations, 0U);
}
INSTANTIATE_TEST_SUITE_P(Slice, Simulation, ::testing::Range(std::uint64_t{0}, kSlices));

TEST(SimulatedWorld, TheSameSeedMakesTheSameWorld) {
  const auto trace = [](std::uint64_t seed) { return run_world(profile_for(seed)).trace; };
  EXPECT_EQ(trace(3), trace(3));
  EXPECT_NE(trace(3), trace(19));
}

// Worlds in which a promise was broken once, or seemed to be, each in another way.
TEST(SimulatedWorld, WhatWasFoundOnceHolds) {
  for (const std::uint64_t seed : {35U, 67U, 114U, 163U, 179U, 326U, 1313U, 1411U, 2611U, 3040U,
                                   3299U, 3601U, 5249U, 8102U, 9067U, 10193U}) {
    EXPECT_EQ(run_world(profile_for(seed)).failure, "")
        << "replay with: muster_keeper_simulation --seed " << seed;
  }
}

/// What the program of the same worlds prints about one.
std::string run_program(const std::string& words) {
  const std::string command = std::string(MUSTER_SIMULATION_PROGRAM) + ' ' + words;
  std::string out;
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    out += static_cast<char>(c);
  }
  EXPECT_EQ(::pclose(pipe), 0) << out;
  return out;
}

TEST(SimulatedWorld, ASeedIsReplayedInAnotherProcess) {
  char trace[32];
  std::snprintf(trace, sizeof trace, "trace %016llx\n",
                static_cast<unsigned long long>(run_world(profile_for(3)).trace));
  EXPECT_THAT(run_program("--seed 3"), ::testing::HasSubstr(trace));
}

// The worlds skip the turns in which nothing is due; a real keeper takes one each second.
TEST(SimulatedWorld, IdleTurnsChangeNothing) {
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
