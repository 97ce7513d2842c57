#include "muster/base/thread.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

namespace muster {
namespace {

TEST(Thread, GivingWayConcernsTheThreadAloneAndThoseItStarts) {
  const int before = ::getpriority(PRIO_PROCESS, 0);
  int given = -100;
  int inherited = -100;
  int twice = -100;
  std::thread([&] {
    give_way();
    given = ::getpriority(PRIO_PROCESS, 0);
    std::thread([&] { inherited = ::getpriority(PRIO_PROCESS, 0); }).join();
    give_way();
    twice = ::getpriority(PRIO_PROCESS, 0);
  }).join();
  EXPECT_GE(given, 10);
  EXPECT_EQ(inherited, given);
  EXPECT_EQ(twice, given);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), before);
}

}  // namespace
}  // namespace muster
