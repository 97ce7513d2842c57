#include "follower.h"

#include <thread>

#include "hanging_files.h"
#include "loading.h"
#include "node_fixture.h"

namespace muster::node {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const pki::Certificate& leaf() { return standard_pki().leaf.certificate; }

struct FollowerTest : ::testing::Test {
  FollowerTest() {
    auto opened = store::Store::open(site.dir.file("store"));
    EXPECT_TRUE(opened);
    store = *std::move(opened);
    const auto& ca = standard_pki().intermediate.certificate;
    const auto made = store->ensure_issuer(source::make_issuer_key(ca), "test CA");
    EXPECT_TRUE(made);
    id = *made;
    options.load.before_open_for_test = files.hook();
  }
  [[nodiscard]] std::shared_ptr<Follower> follow() {
    return std::make_shared<Follower>(
        store,
        source::SourceSpec{source::SourceKind::kIndexTxt, site.dir.file("index.txt"),
                           standard_pki().intermediate.certificate, id, "test CA"},
        options, clock, logger, left_behind);
  }
  [[nodiscard]] std::uint64_t records() const {
    const auto reader = store->reader();
    reader->renew();
    return reader->issuer_state(id)->records;
  }

  Site site;
  HangingFiles files;
  testing::FakeClock clock;
  MemoryLogger logger;
  std::shared_ptr<store::Store> store;
  store::IssuerId id{};
  source::WatchOptions options;
  LeftBehind left_behind = std::make_shared<std::atomic<std::size_t>>(0);
};

TEST_F(FollowerTest, FollowsAndEnds) {
  const auto follower = follow();
  ASSERT_TRUE(follower->wait_until_checked(Milliseconds(30'000)));
  EXPECT_EQ(records(), 1U);
  EXPECT_EQ(follower->status().records, 1U);
  end_all({follower}, logger);
  EXPECT_EQ(*left_behind, 0U);
  EXPECT_THAT(logger.text(), Not(HasSubstr("source.left_behind")));
}

/// It comes back when its file system does, and writes, logs and asks nothing any more: not even
/// the clock and the logger need to be there.
TEST_F(FollowerTest, AThreadThatHangsIsLeftBehindAndWritesNothing) {
  files.hang(site.dir.file("index.txt"));
  auto follower = follow();
  ASSERT_TRUE(files.wait_for_hanging());
  EXPECT_EQ(follower->wait_until_checked(Milliseconds(0)), std::nullopt);
  end_all({follower}, logger, Milliseconds(0));
  EXPECT_EQ(*left_behind, 1U);
  EXPECT_THAT(logger.text(), HasSubstr("source.left_behind"));
  const std::string said = logger.text();
  follower.reset();
  files.mend();
  while (*left_behind != 0) {
    std::this_thread::yield();
  }
  EXPECT_EQ(records(), 0U);
  EXPECT_EQ(logger.text(), said);
}

TEST_F(FollowerTest, AnEndedLeaseWritesNothing) {
  Lease lease(store, clock, logger);
  ASSERT_TRUE(lease.touch(id, {}));
  const auto seen = [&] {
    const auto reader = lease.reader();
    reader->renew();
    return reader->issuer_state(id)->sequence;
  }();
  const store::Change change{leaf().serial(), store::Status{}};
  const auto written = store::apply_if_unchanged(lease, id, seen, {&change, 1});
  ASSERT_TRUE(written);
  EXPECT_TRUE(store::apply_if_unchanged(lease, id, *written, {&change, 1}, {}));
  const auto begun = lease.begin_replacement(id, {});
  ASSERT_TRUE(begun);
  const UnixSeconds then = lease.now();
  lease.end();
  lease.end();
  clock.advance(Milliseconds(5'000));
  EXPECT_EQ(lease.now(), then);
  const auto is_busy = [](const auto& result) {
    return !result && result.error().code == store::StoreErrc::kBusy;
  };
  EXPECT_TRUE(is_busy((*begun)->commit({})));
  EXPECT_TRUE(is_busy(lease.touch(id, {})));
  EXPECT_TRUE(is_busy(lease.apply(id, {})));
  EXPECT_TRUE(is_busy(lease.apply(id, {}, {})));
  EXPECT_TRUE(is_busy(store::apply_if_unchanged(lease, id, 0, {})));
  EXPECT_TRUE(is_busy(store::apply_if_unchanged(lease, id, 0, {}, {})));
  EXPECT_TRUE(is_busy(lease.ensure_issuer({}, "another")));
  lease.log(LogLevel::kError, "test", "not heard", {});
  EXPECT_EQ(logger.text(), "");
  const auto reader = lease.reader();
  EXPECT_NE(reader->renew(), 0U);
}

}  // namespace
}  // namespace muster::node
