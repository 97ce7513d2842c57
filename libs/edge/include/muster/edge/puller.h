#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "muster/edge/mirror.h"

// Keeps a mirror following its export.
namespace muster::edge {

inline constexpr std::array kMirrorErrors = {MirrorErrc::kUnreachable, MirrorErrc::kTampered,
                                             MirrorErrc::kRolledBack, MirrorErrc::kIo};
/// "unreachable", "tampered", "rolled_back", "io".
std::string_view to_string(MirrorErrc code);

struct PullFigures {
  std::uint64_t succeeded = 0;
  std::array<std::uint64_t, kMirrorErrors.size()> failed{};  ///< by MirrorErrc
  std::uint64_t fetched = 0, removed = 0;                    ///< files
  std::optional<UnixSeconds> last_success;                   ///< a pull that brought news or none
  std::optional<UnixSeconds> failing_since;                  ///< while the last one failed
  std::string why;                                           ///< of that
};

/// Pulls at once, then every `interval`; after a failure sooner, first after a second and then ever
/// longer up to the interval, since an export under way looks like a failure. A thread of its own.
/// Logged events: edge.pulled, edge.not_pulled. Threads: any.
class Puller {
 public:
  /// All references outlive it.
  Puller(Mirror& mirror, Seconds interval, const Clock& clock, Logger& logger);
  /// Ends a pull that is under way within about a second.
  ~Puller();
  Puller(const Puller&) = delete;
  Puller& operator=(const Puller&) = delete;

  void set_interval(Seconds interval);
  /// The next pull comes now.
  void wake();
  [[nodiscard]] PullFigures figures() const;

 private:
  void follow(const std::stop_token& stop);
  /// Whether it succeeded.
  bool pull(const std::stop_token& stop);

  Mirror& mirror_;
  const Clock& clock_;
  Logger& logger_;
  mutable std::mutex mutex_;
  std::condition_variable_any moved_;
  Seconds interval_;        ///< under mutex_
  bool is_wanted_ = false;  ///< under mutex_
  PullFigures figures_;     ///< under mutex_
  std::uint64_t last_ = 0;  ///< of its thread: number of the manifest told of last
  std::jthread thread_;     ///< last: uses the rest
};

}  // namespace muster::edge
