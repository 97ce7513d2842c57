#include "patient_mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace muster::node {
namespace {

TEST(PatientMutex, IsWaitedForNoLongerThanTold) {
  PatientMutex mutex;
  const std::lock_guard held(mutex);
  std::jthread([&] {
    EXPECT_FALSE(std::unique_lock(mutex, std::try_to_lock));
    EXPECT_FALSE(std::unique_lock(mutex, Milliseconds(5)));
  }).join();
}

TEST(PatientMutex, LetsInOneAtATime) {
  PatientMutex mutex;
  unsigned count = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (unsigned n = 0; n < 500; ++n) {
          if (t % 2 == 0) {
            const std::lock_guard lock(mutex);
            ++count;
          } else {
            const std::unique_lock lock(mutex, Milliseconds(60'000));
            ASSERT_TRUE(lock);
            ++count;
          }
        }
      });
    }
  }
  EXPECT_EQ(count, 2000u);
}

}  // namespace
}  // namespace muster::node
