#include "muster/store/update.h"

#include <thread>

#include "store_fixture.h"

namespace muster::store::testing {
namespace {

std::uint64_t sequence_of(const Store& store, IssuerId issuer) {
  const auto reader = store.reader();
  reader->renew();
  return reader->issuer_state(issuer)->sequence;
}

TEST(ApplyIfUnchanged, RefusesWhatWasDecidedOnAnOlderState) {
  const muster::testing::TempDir dir;
  const auto store = must_open(dir.file("store"));
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "one"));
  const std::uint64_t seen = sequence_of(*store, issuer);
  const Change revoke{serial_of(7), revoked(unix_seconds(1000))};
  must(store->apply(issuer, {&revoke, 1}));
  const Change issue{serial_of(7), good()};
  const auto refused = apply_if_unchanged(*store, issuer, seen, {&issue, 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StoreErrc::kBusy);
  EXPECT_EQ(contents(*store, issuer).at(serial_of(7)).state, State::kRevoked);
  EXPECT_TRUE(apply_if_unchanged(*store, issuer, sequence_of(*store, issuer), {&issue, 1}));
}

TEST(ApplyIfUnchanged, AnotherIssuersChangesDoNotMatter) {
  const muster::testing::TempDir dir;
  const auto store = must_open(dir.file("store"));
  const IssuerId one = must(store->ensure_issuer(key_of(1), "one"));
  const IssuerId two = must(store->ensure_issuer(key_of(2), "two"));
  const std::uint64_t seen = sequence_of(*store, one);
  const Change issue{serial_of(7), good()};
  must(store->apply(two, {&issue, 1}));
  EXPECT_TRUE(apply_if_unchanged(*store, one, seen, {&issue, 1}));
}

/// Writers that count up by reading and writing: none overwrites another.
TEST(ApplyIfUnchanged, LosesNoUpdate) {
  const muster::testing::TempDir dir;
  const auto store = must_open(dir.file("store"));
  const IssuerId issuer = must(store->ensure_issuer(key_of(1), "one"));
  constexpr int kEach = 25;
  const auto count_up = [&] {
    const auto reader = store->reader();
    for (int done = 0; done < kEach;) {
      reader->renew();
      const auto known = must(reader->find(issuer, serial_of(7).octets()));
      const UnixSeconds next = (known ? *known->expires : unix_seconds(0)) + Seconds(1);
      const Change change{serial_of(7), good(next)};
      done +=
          apply_if_unchanged(*store, issuer, reader->issuer_state(issuer)->sequence, {&change, 1})
              ? 1
              : 0;
    }
  };
  std::thread other(count_up);
  count_up();
  other.join();
  EXPECT_EQ(contents(*store, issuer).at(serial_of(7)).expires, unix_seconds(2 * kEach));
}

}  // namespace
}  // namespace muster::store::testing
