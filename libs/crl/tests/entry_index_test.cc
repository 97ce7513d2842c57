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
  const EntryIndex index(*crl);
  for (std::uint8_t i = 0; i < 110; ++i) {
    const Buffer wanted = {i};
    const auto listed = find_entry(*crl, wanted, crl->issuer);
    const auto indexed = index.find(wanted, crl->issuer);
    ASSERT_EQ(indexed.has_value(), listed.has_value()) << int{i};
    if (listed) {
      EXPECT_EQ(indexed->revocation_date, listed->revocation_date);
    }
  }
  EXPECT_FALSE(index.find(Buffer{1, 0}, crl->issuer));
  EXPECT_FALSE(index.find(Buffer{}, crl->issuer));
}

TEST(EntryIndex, TakesTheLastOfSeveralAndOnlyTheIssuersOwn) {
  const Buffer der = make_crl([](Crl& crl) {
    crl.entries.push_back({serial(1), crl.this_update, {}, {}, {}});
    crl.entries.push_back({serial(2), crl.this_update, {}, {}, {}});
    crl.entries.push_back({serial(1), crl.this_update + Seconds(9), {}, {}, {}});
  });
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  const EntryIndex index(*crl);
  const auto found = index.find(hex("01"), crl->issuer);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->revocation_date, crl->this_update + Seconds(9));
  EXPECT_FALSE(index.find(hex("01"), name("other")));
}

TEST(EntryIndex, OfAnEmptyListFindsNothing) {
  const Buffer der = make_crl([](Crl&) {});
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_FALSE(EntryIndex(*crl).find(hex("01"), crl->issuer));
}

}  // namespace
}  // namespace muster::crl
