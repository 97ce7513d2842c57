// Runs simulated worlds until they make up so many certificate-years, or one of them. See
// docs/decisions/049-simulation-and-seams.md.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "profile.h"

namespace {

using namespace muster::keeper::simulation;
using Number = unsigned long long;

/// A word about how far it is after so many worlds: some 50,000 certificate-years.
constexpr std::size_t kWorldsBetweenWords = 512;

struct Options {
  double years = 10'000;
  std::uint64_t seed = 1;
  bool one = false;
  std::size_t follow = kPool;
  std::size_t failures = 1;  ///< worlds that break a promise before it stops
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
};

/// Worlds in turn, on several threads. What they are, and the sum, do not depend on how many.
class Runner {
 public:
  explicit Runner(const Options& options) : options_(options) {
    double years = 0;
    do {
      years += years_of(profile_for(options.seed + worlds_.size()));
      worlds_.emplace_back();
    } while (!options.one && years < options.years);
  }

  /// 0, or 1 when a promise was broken.
  int run(const char* program) {
    {
      std::vector<std::jthread> threads;
      for (unsigned i = 0; i < std::min<std::size_t>(options_.jobs, worlds_.size()); ++i) {
        threads.emplace_back([this, program] { work(program); });
      }
    }
    if (failed_ != 0) {
      return 1;
    }
    Report all;
    for (const Report& world : worlds_) {
      all.add(world);
    }
    std::printf(
        "%.0f certificate-years in %zu worlds, %.1f s: %llu requests, %llu refreshes (%llu of them "
        "judged by their time), %llu revocations, %llu gaps that nobody could have closed, %llu "
        "restarts, %llu crashes, %llu clock jumps, %llu rotations; trace %016llx\n",
        all.certificate_years, worlds_.size(), seconds(), Number{all.requests}, Number{all.taken},
        Number{all.windows}, Number{all.revocations}, Number{all.gaps}, Number{all.restarts},
        Number{all.crashes}, Number{all.jumps}, Number{all.rotations}, Number{all.trace});
    return 0;
  }

 private:
  /// Since the beginning.
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

  void tell_progress() {
    const std::size_t done = ++done_;
    if (done % kWorldsBetweenWords == 0) {
      std::fprintf(stderr, "%zu of %zu worlds, %.0f s\n", done, worlds_.size(), seconds());
    }
  }

  void work(const char* program) {
    for (std::size_t i = next_++; i < worlds_.size() && failed_ < options_.failures; i = next_++) {
      const auto seed = Number{options_.seed + i};
      Profile profile = profile_for(seed);
      profile.follow = options_.follow;
      worlds_[i] = run_world(profile);
      if (!worlds_[i].failure.empty()) {
        const std::lock_guard lock(mutex_);
        ++failed_;
        std::printf("seed %llu: %s\nreplay with: %s --seed %llu\n", seed,
                    worlds_[i].failure.c_str(), program, seed);
      }
      tell_progress();
    }
  }

  const Options options_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::vector<Report> worlds_;
  std::atomic<std::size_t> next_{0}, done_{0}, failed_{0};
  std::mutex mutex_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const char* const value = argv[i + 1];
    if (std::strcmp(argv[i], "--years") == 0) {
      options.years = std::strtod(value, nullptr);
    } else if (std::strcmp(argv[i], "--from") == 0 || std::strcmp(argv[i], "--seed") == 0) {
      options.seed = std::strtoull(value, nullptr, 10);
      options.one = argv[i][2] == 's';
    } else if (std::strcmp(argv[i], "--follow") == 0) {
      options.follow = std::strtoull(value, nullptr, 10);
    } else if (std::strcmp(argv[i], "--failures") == 0) {
      options.failures = std::strtoull(value, nullptr, 10);
    } else if (std::strcmp(argv[i], "--jobs") == 0) {
      options.jobs = static_cast<unsigned>(std::strtoul(value, nullptr, 10));
    } else {
      argc = 0;
    }
  }
  if (argc % 2 == 0 || options.jobs == 0 || options.failures == 0) {
    std::fprintf(stderr,
                 "usage: %s [--years N] [--from SEED] [--jobs N] [--failures N] | --seed SEED "
                 "[--follow CERTIFICATE]\n",
                 argv[0]);
    return 64;
  }
  return Runner(options).run(argv[0]);
}
