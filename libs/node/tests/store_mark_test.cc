#include "store_mark.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "node_fixture.h"

namespace muster::node {
namespace {

using ::testing::HasSubstr;

class StoreMarkTest : public ::testing::Test {
 protected:
  StoreMarkTest() {
    options.store = dir.file("store/");
    auto opened = store::Store::open(options.store);
    EXPECT_TRUE(opened);
    store = *std::move(opened);
  }
  testing::TempDir dir;
  NodeOptions options;
  std::unique_ptr<store::Store> store;
  MemoryLogger logger;
};

TEST_F(StoreMarkTest, StandsBesideTheStoreUnlessToldWhere) {
  (*StoreMark::open(options, *store, logger))->settle(*store);
  EXPECT_TRUE(std::filesystem::is_regular_file(dir.file("store.mark")));
  options.push.mark = dir.file("elsewhere");
  (*StoreMark::open(options, *store, logger))->settle(*store);
  EXPECT_TRUE(std::filesystem::is_regular_file(dir.file("elsewhere")));
}

TEST_F(StoreMarkTest, OneThatCannotBeMadeIsAWarningAndADamagedOneAnError) {
  options.push.mark = dir.file("absent/mark");
  const auto none = StoreMark::open(options, *store, logger);
  ASSERT_TRUE(none);
  (*none)->settle(*store);
  (*none)->note(*store, 7);
  EXPECT_FALSE((*none)->is_behind());
  EXPECT_THAT(logger.text(), HasSubstr("responder.no_mark"));
  options.push.mark = dir.write("mark", "rubbish");
  const auto damaged = StoreMark::open(options, *store, logger);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, NodeErrc::kInput);
}

/// The change itself is durable by then: it is acknowledged all the same.
TEST_F(StoreMarkTest, AFullDiskIsToldOnceUntilThereIsRoomAgain) {
  const auto mark = *StoreMark::open(options, *store, logger);
  mark->settle(*store);
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit none{0, before.rlim_max};
  const auto told = [&] {
    const std::string text = logger.text();
    return text.find("push.mark_failed") != text.rfind("push.mark_failed") ? 2
           : text.find("push.mark_failed") != std::string::npos            ? 1
                                                                           : 0;
  };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  mark->note(*store, 5);
  mark->note(*store, 6);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(told(), 1);
  mark->note(*store, 7);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  mark->note(*store, 8);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(told(), 2);
}

}  // namespace
}  // namespace muster::node
