#pragma once

#include <cstdint>
#include <string>

#include "muster/base/time.h"

// Answers signed before anybody asks (decision 040).
namespace muster::responder {

struct PresignOptions {
  unsigned threads = 1;                   ///< that sign ahead; zero: one a core
  std::size_t signatures_per_second = 0;  ///< all threads together; zero: no limit
  unsigned core_percent = 50;             ///< of a core, that each thread may use: 1..100
  std::size_t max_answers = 1'000'000;    ///< kept; more are signed when asked for
  std::string file{};                     ///< where they outlive a restart; empty: they do not
  Seconds save_interval{900};
};

/// What signing ahead did and holds.
struct PresignTotals {
  std::uint64_t answers = 0;  ///< held
  std::uint64_t waiting = 0;  ///< serials to be signed for
  std::uint64_t signatures = 0;
  std::uint64_t changed = 0;    ///< of these: the status had changed
  std::uint64_t failures = 0;   ///< the key did not sign
  std::uint64_t shed = 0;       ///< serials that found the queue full; looked at again later
  std::uint64_t looks = 0;      ///< at all serials
  std::uint64_t restored = 0;   ///< taken over from the file, or from the setup before
  std::uint64_t discarded = 0;  ///< not taken over: another status, signer or age
  std::uint64_t saves = 0, save_failures = 0;
};

}  // namespace muster::responder
