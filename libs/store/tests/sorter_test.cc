#include "sorter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "muster/testing/temp_dir.h"

namespace muster::store {
namespace {

using Pair = std::pair<Buffer, Buffer>;

std::vector<Pair> drain(RecordStream& stream) {
  std::vector<Pair> all;
  RecordView record;
  while (stream.next(record)) {
    all.emplace_back(to_buffer(record.serial), to_buffer(record.value));
  }
  EXPECT_FALSE(stream.failure());
  return all;
}

/// Random records with many equal serials and common prefixes.
std::vector<Pair> random_records(unsigned seed, std::size_t count) {
  std::mt19937 random(seed);
  std::vector<Pair> all;
  for (std::size_t i = 0; i < count; ++i) {
    Buffer serial(1 + random() % 12, 0x01);
    for (std::uint8_t& octet : serial) {
      octet = static_cast<std::uint8_t>(random() % 3);
    }
    all.emplace_back(std::move(serial), Buffer(1 + random() % 16, static_cast<std::uint8_t>(i)));
  }
  return all;
}

std::vector<Pair> sorted(std::vector<Pair> records) {
  std::stable_sort(records.begin(), records.end(),
                   [](const Pair& a, const Pair& b) { return less(a.first, b.first); });
  return records;
}

TEST(Sorter, GivesBackEverythingInOrderHoweverMuchMemoryItHas) {
  const muster::testing::TempDir directory;
  for (const std::size_t memory :
       {std::size_t{1}, std::size_t{300}, std::size_t{10'000}, std::size_t{1} << 30}) {
    const std::vector<Pair> records = random_records(static_cast<unsigned>(memory), 3000);
    Sorter sorter(directory.path(), memory);
    for (const Pair& record : records) {
      ASSERT_TRUE(sorter.add({record.first, record.second}));
    }
    EXPECT_EQ(sorter.finish(), memory > 100'000 ? Sorter::Where::kMemory : Sorter::Where::kSpilled);
    EXPECT_EQ(drain(*sorter.stream()), sorted(records));
    EXPECT_EQ(drain(*sorter.stream()), sorted(records)) << "a second time";
  }
}

TEST(Sorter, SpillsLargerThanOneReadBufferComeBackWhole) {
  const muster::testing::TempDir directory;
  const std::vector<Pair> records = random_records(7, 120'000);
  Sorter sorter(directory.path(), std::size_t{1} << 20);
  for (const Pair& record : records) {
    ASSERT_TRUE(sorter.add({record.first, record.second}));
  }
  ASSERT_EQ(sorter.finish(), Sorter::Where::kSpilled);
  EXPECT_EQ(drain(*sorter.stream()), sorted(records));
}

TEST(Sorter, SaysWhenItCannotSpill) {
  Sorter sorter("/nonexistent/directory", 1);
  const Buffer serial{1};
  const auto added = sorter.add({serial, serial});
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().detail.find("/nonexistent/directory"), std::string::npos);
}

TEST(RecordBatch, KeepsTheLastOfEqualSerialsAndNamesAConflict) {
  RecordBatch batch;
  const Buffer a{1};
  const Buffer b{2};
  const Buffer x{10};
  const Buffer y{11};
  batch.add({b, x});
  batch.add({a, x});
  batch.add({b, x});
  batch.sort();
  EXPECT_FALSE(batch.remove_duplicates()) << "equal values are no conflict";
  EXPECT_EQ(batch.size(), 2u);
  batch.add({b, y});
  batch.add({a, x});
  batch.sort();
  const auto conflict = batch.remove_duplicates();
  ASSERT_TRUE(conflict);
  EXPECT_TRUE(equal(conflict->octets(), b));
  ASSERT_EQ(batch.size(), 2u);
  EXPECT_TRUE(equal(batch.at(1).value, y));
}

}  // namespace
}  // namespace muster::store
