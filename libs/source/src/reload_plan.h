#pragma once

#include <optional>

#include "muster/base/time.h"
#include "muster/source/watcher.h"

namespace muster::source {

/// Decides when a watched file is read again. Pure: what was seen and the time go in, what to do
/// comes out.
class ReloadPlan {
 public:
  /// Whether a file seen for the first time may still be being written: one that was there before
  /// we looked is read at once.
  enum class First : std::uint8_t { kAtOnce, kRested };
  explicit ReloadPlan(const WatchOptions& options, First first = First::kAtOnce)
      : options_(options), first_(first) {}

  enum class Action : std::uint8_t {
    kNothing,
    kLoad,
    kConfirm,  ///< still what was loaded, and it is time to say so
    kMissing,  ///< no such file, and not only for a moment
  };
  /// Whether the kernel said that somebody closed or renamed the file: then it is whole and need
  /// not settle.
  enum class Hint : std::uint8_t { kNone, kComplete };
  Action look(const std::optional<FileStamp>& seen, Hint hint, MonotonicTime now);

  enum class Outcome : std::uint8_t {
    kLoaded,
    kRefused,   ///< these contents never become acceptable
    kTryAgain,  ///< another time they may
  };
  void loaded(const FileStamp& stamp, Outcome outcome, MonotonicTime now);
  void confirmed(MonotonicTime now) { confirmed_at_ = now; }

  /// When to look next at the latest.
  [[nodiscard]] MonotonicTime next_look(MonotonicTime now) const;

 private:
  /// The very first time nobody is known to be writing; later a change was just seen, so somebody
  /// may still be at it.
  [[nodiscard]] bool must_rest() const { return judged_ || first_ == First::kRested; }

  WatchOptions options_;
  First first_;
  std::optional<FileStamp> judged_;     // contents that were loaded or refused
  bool accepted_ = false;               // judged_ was loaded
  std::optional<FileStamp> candidate_;  // contents seen that are not judged yet
  MonotonicTime candidate_since_{};
  MonotonicTime retry_at_{};
  Milliseconds retry_delay_{0};
  MonotonicTime confirmed_at_{};
  std::optional<MonotonicTime> gone_since_;
};

/// Whether another attempt on the same contents may go better.
ReloadPlan::Outcome outcome_of(const SourceError& error);

}  // namespace muster::source
