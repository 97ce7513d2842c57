#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "muster/check/check.h"

// Many targets side by side, where a slow one delays no other.
namespace muster::check {

/// Targets under way at once that a user may ask for, and until it is known what a target costs.
inline constexpr unsigned kMaxJobs = 256;
inline constexpr unsigned kFirstJobs = 32;
/// Targets under way at once, those that only wait for a slow peer included. Each is a thread, of
/// which 0.1 MiB is touched, and has up to two descriptors.
inline constexpr unsigned kMaxUnderWay = 1'024;

/// How far a scan is.
struct Progress {
  std::size_t done = 0, total = 0;
  Milliseconds elapsed{0};
  /// At the pace so far; nothing before the first target is done.
  std::optional<Milliseconds> left;
};

struct ScanOptions {
  /// Targets under way at once, 1 to kMaxJobs. Without it as many as can be worked off within half
  /// of `patience`: all are asked as early as that allows.
  std::optional<unsigned> jobs{};
  /// A target that has waited for its peer for longer counts no more.
  Milliseconds slow_after{1'000};
  /// How long a target's peer may take to answer.
  Milliseconds patience{10'000};
  /// Targets that are computed for at a time, others wait for their turn; 0: two a core.
  unsigned turns = 0;
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

/// Checks `count` targets on threads of its own. `check_one` has a turn while it computes, and
/// gives it up where it waits for the network (base/turns.h), so a target is begun when it is
/// asked, not when its first turn is over. Those that have waited for longer than `slow_after`,
/// whether they said so or not, stand aside: ten hanging hosts, or three hundred, hold up nobody.
/// No more are begun than there are descriptors for (RLIMIT_NOFILE). Blocking. `deliver` and
/// `options.progress` run on the calling thread, `deliver` once for each target.
void scan(std::size_t count, const CheckOne& check_one, const ScanOptions& options,
          const Deliver& deliver);

/// All units; reports come in their order.
std::vector<client::TargetReport> check_all(const std::vector<Unit>& units, const Plan& plan,
                                            const Clock& clock, const ScanOptions& options = {});

/// Raises the limit of descriptors of this process to what kMaxUnderWay targets need, or as far as
/// it may. For main(), before a scan.
void allow_descriptors();

}  // namespace muster::check
