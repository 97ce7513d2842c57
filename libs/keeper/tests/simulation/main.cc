// Runs simulated worlds until they make up so many certificate-years, or one of them. See
// docs/decisions/049-simulation-and-seams.md.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "profile.h"

int main(int argc, char** argv) {
  using namespace muster::keeper::simulation;
  double years = 10'000;
  std::uint64_t seed = 1;
  bool one = false;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--years") == 0) {
      years = std::strtod(argv[i + 1], nullptr);
    } else if (std::strcmp(argv[i], "--from") == 0 || std::strcmp(argv[i], "--seed") == 0) {
      seed = std::strtoull(argv[i + 1], nullptr, 10);
      one = argv[i][2] == 's';
    } else {
      argc = 0;
    }
  }
  if (argc % 2 == 0) {
    std::fprintf(stderr, "usage: %s [--years N] [--from SEED] | --seed SEED\n", argv[0]);
    return 64;
  }
  const auto begin = std::chrono::steady_clock::now();
  Report all;
  std::uint64_t worlds = 0;
  do {
    const Report report = run_world(profile_for(seed));
    if (!report.failure.empty()) {
      std::printf("seed %llu: %s\nreplay with: %s --seed %llu\n",
                  static_cast<unsigned long long>(seed), report.failure.c_str(), argv[0],
                  static_cast<unsigned long long>(seed));
      return 1;
    }
    all.add(report);
    ++worlds;
    ++seed;
  } while (!one && all.certificate_years < years);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf(
      "%.0f certificate-years in %llu worlds, %.1f s: %llu requests, %llu refreshes (%llu of them "
      "judged by their time), %llu revocations, %llu gaps that nobody could have closed, %llu "
      "restarts, %llu crashes, %llu clock jumps, %llu rotations; trace %016llx\n",
      all.certificate_years, static_cast<unsigned long long>(worlds), took.count(),
      static_cast<unsigned long long>(all.requests), static_cast<unsigned long long>(all.taken),
      static_cast<unsigned long long>(all.windows),
      static_cast<unsigned long long>(all.revocations), static_cast<unsigned long long>(all.gaps),
      static_cast<unsigned long long>(all.restarts), static_cast<unsigned long long>(all.crashes),
      static_cast<unsigned long long>(all.jumps), static_cast<unsigned long long>(all.rotations),
      static_cast<unsigned long long>(all.trace));
  return 0;
}
