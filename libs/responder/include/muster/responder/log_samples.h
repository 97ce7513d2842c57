#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "muster/base/mutex.h"
#include "muster/base/time.h"
#include "muster/responder/counters.h"

// Which refusals get a line in the log: of every issuer and kind one in an interval, whatever the
// number of loops.
namespace muster::responder {

/// When a kind was logged last for an issuer, and what was left out since.
struct LogSample {
  UnixSeconds next{};
  std::uint64_t left_out = 0;
};
/// Causes, and behind them questions about serials never issued.
using LogKind = std::size_t;
inline constexpr LogKind kUnissuedKind = kCauses;

class LogSampleTable {
 public:
  /// Issuers told apart; beyond them, which reloads that rename issuers may come to, all others
  /// share one entry.
  static constexpr std::size_t kMaxIssuers = 4096;
  LogSample& of(std::string_view issuer, LogKind kind);

 private:
  std::map<std::string, std::array<LogSample, kCauses + 1>, std::less<>> all_;
};

/// What the loops of one responder share. Threads: any.
struct SharedLogSamples {
  Mutex mutex;
  LogSampleTable table MUSTER_GUARDED_BY(mutex);
};

/// One loop's view: takes the lock once in an interval for each issuer and kind, not for each line
/// that is left out. Threads: one.
class LogSampler {
 public:
  LogSampler(Seconds interval, std::shared_ptr<SharedLogSamples> shared)
      : interval_(interval), shared_(std::move(shared)) {}
  /// How many lines were left out since the last one, when one may be written now. Those of other
  /// loops are added when they next look at what is shared.
  std::optional<std::uint64_t> take(std::string_view issuer, LogKind kind, UnixSeconds now);

 private:
  [[nodiscard]] bool is_early(const LogSample& sample, UnixSeconds now) const;

  const Seconds interval_;
  std::shared_ptr<SharedLogSamples> shared_;
  LogSampleTable own_;
};

}  // namespace muster::responder
