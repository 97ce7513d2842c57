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

/// Serials of the length CAs use, random from the first octet on.
std::vector<Pair> long_records(unsigned seed, std::size_t count) {
  std::mt19937 random(seed);
  std::vector<Pair> all;
  for (std::size_t i = 0; i < count; ++i) {
    Buffer serial(7 + random() % 14);
    for (std::uint8_t& octet : serial) {
      octet = static_cast<std::uint8_t>(random());
    }
    all.emplace_back(std::move(serial), Buffer(6, static_cast<std::uint8_t>(i)));
  }
  return all;
}

TEST(Sorter, SortsLongSerialsAsWell) {
  const muster::testing::TempDir directory;
  for (const std::size_t memory : {std::size_t{100'000}, std::size_t{1} << 30}) {
    const std::vector<Pair> records = long_records(3, 10'000);
    Sorter sorter(directory.path(), memory);
    for (const Pair& record : records) {
      ASSERT_TRUE(sorter.add({record.first, record.second}));
    }
    EXPECT_EQ(sorter.finish(),
              memory > 1'000'000 ? Sorter::Where::kMemory : Sorter::Where::kSpilled);
    EXPECT_EQ(drain(*sorter.stream()), sorted(records));
  }
}

// Runs that need no sorting are written as they lie; those between them are not.
TEST(Sorter, SortedAndUnsortedRunsMayFollowEachOther) {
  const muster::testing::TempDir directory;
  std::vector<Pair> records = sorted(long_records(5, 3000));
  std::shuffle(records.begin() + 1000, records.begin() + 2000, std::mt19937(6));
  const std::vector<Pair> again(records.begin(), records.begin() + 500);
  records.insert(records.end(), again.begin(), again.end());
  Sorter sorter(directory.path(), 10'000);
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

// The first octets of a serial decide, and zeros stand for those it lacks.
TEST(RecordBatch, ShortSerialsComeBeforeThoseTheyBegin) {
  const std::vector<Buffer> in_order = {{0},
                                        {0, 0x80},
                                        {0, 0x80, 0},
                                        {1},
                                        {1, 0},
                                        {1, 0, 0, 0, 0, 0, 0},
                                        {1, 0, 0, 0, 0, 0, 0, 0},
                                        {1, 0, 0, 0, 0, 0, 0, 0, 0},
                                        {1, 0, 0, 0, 0, 0, 0, 0, 1},
                                        {1, 0, 0, 0, 0, 0, 0, 1},
                                        {1, 1},
                                        {0x7f, 0xff},
                                        {0xff}};
  std::vector<Buffer> shuffled = in_order;
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(seed));
    RecordBatch batch;
    for (const Buffer& serial : shuffled) {
      batch.add({serial, serial});
    }
    batch.sort();
    ASSERT_EQ(batch.size(), in_order.size());
    for (std::size_t i = 0; i < in_order.size(); ++i) {
      EXPECT_EQ(to_hex(batch.at(i).serial), to_hex(in_order[i])) << seed;
      EXPECT_TRUE(equal(batch.at(i).value, in_order[i])) << seed;
    }
  }
}

TEST(RecordBatch, SortingLeavesOneSerialsRecordsInTheOrderTheyCame) {
  RecordBatch batch;
  std::mt19937 random(8);
  for (std::uint8_t i = 0; i < 200; ++i) {
    const Buffer serial{static_cast<std::uint8_t>(random() % 3)};
    batch.add({serial, Buffer{i}});
  }
  batch.sort();
  for (std::size_t i = 1; i < batch.size(); ++i) {
    const RecordView before = batch.at(i - 1);
    const RecordView record = batch.at(i);
    EXPECT_TRUE(less(before.serial, record.serial) ||
                (equal(before.serial, record.serial) && less(before.value, record.value)))
        << i;
  }
}

TEST(RecordBatch, KnowsWhatCameLastAndReplacesItsValue) {
  RecordBatch batch;
  const Buffer a(20, 1);
  const Buffer longer(21, 1);
  const Buffer b(20, 2);
  EXPECT_FALSE(batch.ends_with(a));
  batch.add({a, Buffer{10}});
  EXPECT_TRUE(batch.ends_with(a));
  EXPECT_FALSE(batch.ends_with(longer));
  EXPECT_FALSE(batch.ends_with(b));
  batch.replace_last(Buffer(16, 11));
  batch.add({b, Buffer{12}});
  batch.replace_last(Buffer{13, 14});
  batch.add({b, Buffer{0}});
  ASSERT_EQ(batch.size(), 3u);
  EXPECT_TRUE(equal(batch.at(0).serial, a));
  EXPECT_TRUE(equal(batch.at(0).value, Buffer(16, 11)));
  EXPECT_TRUE(equal(batch.at(1).serial, b));
  EXPECT_TRUE(equal(batch.at(1).value, Buffer{13, 14}));
  EXPECT_TRUE(equal(batch.at(2).value, Buffer{0}));
  const auto packed = batch.packed();
  ASSERT_TRUE(packed) << "all in order";
  EXPECT_EQ(packed->size(), 3 * (RecordBatch::kHead + 20) + 16 + 2 + 1);
  batch.add({a, Buffer{15}});
  EXPECT_FALSE(batch.packed()) << "not sorted";
  batch.sort();
  EXPECT_FALSE(batch.packed()) << "sorted by its index only";
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_FALSE(batch.ends_with(a));
}

}  // namespace
}  // namespace muster::store
