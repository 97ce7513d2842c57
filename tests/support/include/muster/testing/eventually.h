#pragma once

#include <chrono>
#include <thread>

namespace muster::testing {

/// How long is waited for what threads and programs bring about: machines may be very busy, and how
/// fast it comes is not the question.
inline constexpr std::chrono::milliseconds kEventually{120'000};

/// Looks until it holds; false: it never did.
/// \param pause  between two looks; zero leaves the processor to others. For other processes, which
///               are slow to ask, take some milliseconds.
template <class Condition>
bool eventually(Condition holds, std::chrono::milliseconds patience = kEventually,
                std::chrono::milliseconds pause = {}) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    if (pause.count() == 0) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(pause);
    }
  }
  return true;
}

}  // namespace muster::testing
