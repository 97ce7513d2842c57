#include "muster/base/memory.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

namespace muster {
namespace {

constexpr std::size_t kBlock = 512, kBlocks = 128 * 1024;  // 64 MiB
using Block = std::unique_ptr<char[]>;

/// Octets in memory that are this process' own.
std::size_t resident() {
  std::size_t total = 0, pages = 0, shared = 0;
  FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file != nullptr) {
    const int read = std::fscanf(file, "%zu %zu %zu", &total, &pages, &shared);
    std::fclose(file);
    EXPECT_EQ(read, 3);
  }
  return (pages - shared) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// First: what others leave free in the middle of a pool would be used before anything is mapped.
TEST(MemoryReturn, LargeBlocksGoBackHoweverLargeTheOnesBefore) {
  constexpr std::size_t kTable = std::size_t{24} << 20;
  if (::mallinfo2().arena == 0) {
    GTEST_SKIP() << "another allocator than the C library's is in use";
  }
  const MemoryReturn returned;
  const auto use = [] {
    const Block table = std::make_unique<char[]>(kTable);  // zeros are written: all is resident
    const std::size_t with_it = resident();
    return with_it;
  };
  for (int i = 0; i < 3; ++i) {  // the C library takes a lesson of each
    std::size_t most = 0;
    std::thread([&] { most = use(); }).join();
    EXPECT_LT(resident(), most - kTable / 2);
  }
}

TEST(MemoryReturn, WhatAnotherThreadFreedGoesBack) {
  MemoryReturn returned;
  EXPECT_TRUE(returned.look()) << "the first time, whatever there is";
  Block last;  // at the end of the pool, so that nothing before it goes back by itself
  std::size_t most = 0;
  const auto use_elsewhere = [&] {
    std::thread([&] {
      std::vector<Block> blocks(kBlocks);
      for (Block& block : blocks) {
        block = std::make_unique<char[]>(kBlock);
      }
      last = std::make_unique<char[]>(kBlock);
      most = resident();
    }).join();
  };
  use_elsewhere();
  if (::mallinfo2().fordblks < kBlock * kBlocks) {
    GTEST_SKIP() << "another allocator than the C library's is in use";
  }
  EXPECT_TRUE(returned.look());
  EXPECT_LT(resident(), most - kBlock * kBlocks / 2);
  EXPECT_FALSE(returned.look()) << "nothing was freed since";

  // Taken from the same pools and freed again before anybody looked: as much is free as before.
  const std::size_t least = resident();
  most = least;
  use_elsewhere();
  ASSERT_GT(most, least + kBlock * kBlocks / 2);
  EXPECT_TRUE(returned.look());
  EXPECT_LT(resident(), most - kBlock * kBlocks / 2);
}

}  // namespace
}  // namespace muster
