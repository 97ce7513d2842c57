#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "muster/check/check.h"

// Many targets side by side, where a slow one delays no other.
namespace muster::check {

/// Targets under way at once unless told otherwise, and at most.
inline constexpr unsigned kDefaultJobs = 32;
inline constexpr unsigned kMaxJobs = 256;
/// Targets under way at once, those that only wait for a slow peer included.
inline constexpr unsigned kMaxUnderWay = 512;

/// How far a scan is.
struct Progress {
  std::size_t done = 0, total = 0;
  Milliseconds elapsed{0};
  /// At the pace so far; nothing before the first target is done.
  std::optional<Milliseconds> left;
};

struct ScanOptions {
  unsigned jobs = kDefaultJobs;  ///< 1 to kMaxJobs
  /// A target that takes longer no longer counts against `jobs`: most likely it waits for its peer.
  Milliseconds slow_after{1'000};
  /// Whether reports are handed over in the order of the targets, or as they become ready.
  enum class Order : std::uint8_t { kAsNamed, kAsReady } order = Order::kAsNamed;
  /// Called at the beginning, at the end, and at most once an interval in between.
  std::function<void(const Progress&)> progress{};
  Milliseconds progress_interval{200};
};

/// What becomes of the target at `index`. Called on any thread, several at once.
using CheckOne = std::function<std::vector<client::TargetReport>(std::size_t index)>;
/// Takes the reports of a target as soon as they can be handed over.
using Deliver = std::function<void(std::size_t index, std::vector<client::TargetReport> reports)>;

/// Checks `count` targets on threads of its own. At most `options.jobs` targets that still move are
/// under way; those that have been for longer than `slow_after` stand aside, so that ten hanging
/// hosts, or three hundred, hold up nobody. Blocking. `deliver` and `options.progress` run on the
/// calling thread, `deliver` once for each target.
void scan(std::size_t count, const CheckOne& check_one, const ScanOptions& options,
          const Deliver& deliver);

/// All units; reports come in their order.
std::vector<client::TargetReport> check_all(const std::vector<Unit>& units, const Plan& plan,
                                            const Clock& clock, const ScanOptions& options = {});

}  // namespace muster::check
