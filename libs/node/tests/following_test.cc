#include <atomic>
#include <thread>

#include "hanging_files.h"
#include "net_testing.h"
#include "node_fixture.h"

// Sources whose file system does not answer: what else is followed, and what still ends.
namespace muster::node {
namespace {

using ::testing::HasSubstr;

const pki::Certificate& leaf() { return standard_pki().leaf.certificate; }
std::string revoked_line() { return testing::index_line(leaf(), kTestNow - Seconds(60)); }

struct Following : ::testing::Test {
  Following() : options(site.options()) { options.watch.load.before_open_for_test = files.hook(); }
  ~Following() override { files.mend(); }
  [[nodiscard]] static bool becomes(const RunningNode& running, const std::string& status) {
    return net::eventually([&] { return running.status_of(leaf()) == status; });
  }
  Site site;
  HangingFiles files;  ///< before the nodes
  NodeOptions options;
};

TEST_F(Following, ASourceThatHangsHoldsUpNoOtherIssuer) {
  site.add_root(options);
  const RunningNode running(options);
  files.hang(site.dir.file("root.txt"));
  site.dir.write("root.txt", testing::index_line(standard_pki().intermediate.certificate) +
                                 testing::index_line(leaf()));
  ASSERT_TRUE(files.wait_for_hanging());
  site.write_index(revoked_line());
  EXPECT_TRUE(becomes(running, "revoked"));
}

// req: OCSP-RESP-004
TEST_F(Following, TheOldSourceIsFollowedWhileAReloadWaitsForOneThatHangs) {
  RunningNode running(options);
  running.options.issuers[0].index = site.dir.write("hangs.txt", testing::index_line(leaf()));
  files.hang(site.dir.file("hangs.txt"));
  std::atomic<bool> is_over{false};
  NodeResult<ReloadReport> outcome = Err{NodeError{NodeErrc::kInput, ""}};
  std::thread reload([&] {
    outcome = running.node->reload();
    is_over = true;
  });
  EXPECT_TRUE(files.wait_for_hanging());
  site.write_index(revoked_line());
  EXPECT_TRUE(becomes(running, "revoked"));
  EXPECT_FALSE(is_over);
  running.node->drain();
  running.node->stop();  // both return although the reload and its thread hang
  reload.join();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, NodeErrc::kStopped);
  EXPECT_THAT(running.logger.text(), HasSubstr("source.left_behind"));
}

TEST_F(Following, AReloadFailsInTimeAndAllStays) {
  options.reload_patience = Milliseconds(200);
  RunningNode running(options);
  running.options.issuers[0].index = site.dir.write("hangs.txt", revoked_line());
  files.hang(site.dir.file("hangs.txt"));
  const auto outcome = running.node->reload();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, NodeErrc::kSystem);
  EXPECT_THAT(outcome.error().detail, HasSubstr("hangs.txt: was not read within 1s"));
  ASSERT_EQ(running.node->sources().size(), 1U);
  EXPECT_THAT(running.node->sources()[0].path, HasSubstr("index.txt"));
  EXPECT_EQ(running.status_of(leaf()), "good");
  files.mend();
  running.options.reload_patience = Milliseconds(60'000);
  EXPECT_TRUE(running.node->reload());
  EXPECT_EQ(running.status_of(leaf()), "revoked");
}

/// So many dead mounts are somebody's to look after; threads do not pile up.
TEST_F(Following, ThreadsLeftBehindAreBounded) {
  options.reload_patience = Milliseconds(50);
  RunningNode running(options);
  for (int i = 0; files.hanging() < 16; ++i) {  // one thread a reload, unless it was too slow
    ASSERT_LT(i, 200);
    const std::string name = "hangs" + std::to_string(i);
    running.options.issuers[0].index = site.dir.write(name, testing::index_line(leaf()));
    files.hang(site.dir.file(name));
    ASSERT_FALSE(running.node->reload());
  }
  const auto outcome = running.node->reload();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail, HasSubstr("16 threads still wait"));
}

/// What hangs is what it follows: the old thread is left, the new source takes over.
TEST_F(Following, AReloadGetsAwayFromASourceThatHangs) {
  RunningNode running(options);
  files.hang(site.dir.file("index.txt"));
  site.write_index(testing::index_line(leaf()) + "\n");
  ASSERT_TRUE(files.wait_for_hanging());
  running.options.issuers[0].index = site.dir.write("other.txt", revoked_line());
  EXPECT_TRUE(running.node->reload());
  EXPECT_EQ(running.status_of(leaf()), "revoked");
  EXPECT_THAT(running.logger.text(), HasSubstr("source.left_behind"));
  files.mend();
  EXPECT_EQ(running.status_of(leaf()), "revoked");
}

TEST_F(Following, StopReturnsWhileASourceHangs) {
  const RunningNode running(options);
  files.hang(site.dir.file("index.txt"));
  site.write_index(revoked_line());
  ASSERT_TRUE(files.wait_for_hanging());
  running.node->stop();
  EXPECT_THAT(running.logger.text(), HasSubstr("responder.stopped"));
}

TEST_F(Following, AStartCanBeGivenUp) {
  files.hang(site.dir.file("index.txt"));
  testing::FakeClock clock;
  std::stop_source given_up;
  std::thread asker([&] {
    EXPECT_TRUE(files.wait_for_hanging());
    given_up.request_stop();
  });
  const auto started = Node::start(
      options, [] { return NodeOptions(); }, clock, null_logger(), given_up.get_token());
  asker.join();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, NodeErrc::kStopped);
  EXPECT_THAT(started.error().detail, HasSubstr("index.txt"));
}

}  // namespace
}  // namespace muster::node
