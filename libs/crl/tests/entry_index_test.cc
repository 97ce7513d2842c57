#include "muster/crl/entry_index.h"

#include <gtest/gtest.h>

#include "crl_samples.h"

namespace muster::crl {
namespace {

using namespace test;

// What the index says must be what the list says, for serials on it and beside it.
TEST(EntryIndex, FindsWhatTheListHas) {
  const Buffer der = make_crl([](Crl& crl) {
    for (std::uint8_t i = 1; i < 100; i = static_cast<std::uint8_t>(i + 2)) {
      crl.entries.push_back({serial(i), crl.this_update + Seconds(i), {}, {}, {}});
    }
  });
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  const SerialList list(*crl);
  const EntryIndex index(list);
  for (std::uint8_t i = 0; i < 110; ++i) {
    const Buffer wanted = {i};
    const auto listed = find_entry(*crl, wanted, crl->issuer);
    for (const auto& found : {list.find(wanted, crl->issuer), index.find(wanted, crl->issuer)}) {
      ASSERT_EQ(found.has_value(), listed.has_value()) << int{i};
      if (listed) {
        EXPECT_EQ(found->revocation_date, listed->revocation_date);
      }
    }
  }
  for (const Buffer& strange : {Buffer{1, 0}, Buffer{}, Buffer(100, 1)}) {
    EXPECT_FALSE(list.find(strange, crl->issuer));
    EXPECT_FALSE(index.find(strange, crl->issuer));
  }
}

// Lists of every length around that of a block, asked about each of their serials.
TEST(EntryIndex, FindsEachOfAsManyAsThereAre) {
  for (const std::size_t count : {1U, 2U, 255U, 256U, 257U, 511U, 512U, 513U, 1000U}) {
    const Buffer der = make_crl([&](Crl& crl) {
      for (std::size_t i = 0; i < count; ++i) {
        const Buffer octets = {0x7f, static_cast<std::uint8_t>(i >> 8),
                               static_cast<std::uint8_t>(i)};
        crl.entries.push_back(
            {*Serial::make(octets), crl.this_update + Seconds(static_cast<int>(i)), {}, {}, {}});
      }
    });
    const auto crl = parse_crl(der);
    ASSERT_TRUE(crl);
    const SerialList list(*crl);
    const EntryIndex index(list);
    for (std::size_t i = 0; i <= count; ++i) {
      const Buffer wanted = {0x7f, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
      for (const auto& found : {list.find(wanted, crl->issuer), index.find(wanted, crl->issuer)}) {
        ASSERT_EQ(found.has_value(), i < count) << i << " of " << count;
        if (found) {
          EXPECT_EQ(found->revocation_date, crl->this_update + Seconds(static_cast<int>(i)));
        }
      }
    }
  }
}

TEST(EntryIndex, TakesTheLastOfSeveralAndOnlyTheIssuersOwn) {
  const Buffer der = make_crl([](Crl& crl) {
    crl.entries.push_back({serial(1), crl.this_update, {}, {}, {}});
    crl.entries.push_back({serial(2), crl.this_update, {}, {}, {}});
    crl.entries.push_back({serial(1), crl.this_update + Seconds(9), {}, {}, {}});
  });
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  const SerialList list(*crl);
  const EntryIndex index(list);
  for (const auto& found :
       {list.find(hex("01"), crl->issuer), index.find(hex("01"), crl->issuer)}) {
    ASSERT_TRUE(found);
    EXPECT_EQ(found->revocation_date, crl->this_update + Seconds(9));
  }
  EXPECT_FALSE(list.find(hex("01"), name("other")));
  EXPECT_FALSE(index.find(hex("01"), name("other")));
}

TEST(EntryIndex, OfAnEmptyListFindsNothing) {
  const Buffer der = make_crl([](Crl&) {});
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  const SerialList list(*crl);
  EXPECT_FALSE(list.find(hex("01"), crl->issuer));
  EXPECT_FALSE(EntryIndex(list).find(hex("01"), crl->issuer));
}

}  // namespace
}  // namespace muster::crl
