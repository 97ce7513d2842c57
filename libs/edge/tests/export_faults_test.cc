#include <fstream>

#include "export_world.h"
#include "muster/http/base64.h"

// Runs that could not do all they should, and what the next makes of it.
namespace muster::edge {
namespace {

using ::testing::HasSubstr;

store::Status on_hold() {
  store::Status out = responder::revoked_at(kTestNow - Seconds(9));
  out.state = store::State::kHold;
  return out;
}

TEST(Export, ARevocationThatNobodyCanSignIsNotServedAsGood) {
  World world;
  static_cast<void>(world.run());
  world.revoke(serial_of(1));
  Told nothing(Given{Given::Kind::kNone, {}, {}, "signer_unavailable"});
  const ExportReport report = world.run(&nothing);
  EXPECT_EQ(report.left_out, 6U);
  EXPECT_EQ(report.left_out_why, "signer_unavailable");
  EXPECT_EQ(report.removed, 2U);
  EXPECT_EQ(world.says(serial_of(1)), "none");
  EXPECT_EQ(world.says(serial_of(0)), "good");  // holds until it ends
  world.clock.jump_to(world.manifest().until);
  EXPECT_EQ(world.run(&nothing).removed, 4U);
  EXPECT_EQ(world.files_there(), 0U);
}

TEST(Export, AStoreThatKnowsNothingChangesNothing) {
  World world;
  static_cast<void>(world.run());
  World other;
  other.options.directory = world.options.directory;
  other.spec.store_id = store::IssuerId{77};
  other.load();
  const auto refused = run_export(other.options, *other.setup, *other.store, *other.answers,
                                  other.clock, null_logger());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ExportErrc::kInput);
  EXPECT_THAT(refused.error().detail, HasSubstr("never told anything"));
  EXPECT_EQ(world.files_there(), 6U);
}

TEST(Export, ARunThatFailedIsMadeUpFor) {
  World world;
  static_cast<void>(world.run());
  const std::uint64_t number = world.manifest().number;
  Told nobody(std::nullopt);
  const auto failed =
      run_export(world.options, *world.setup, *world.store, nobody, world.clock, null_logger());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ExportErrc::kAnswers);
  EXPECT_EQ(world.manifest().number, number);
  EXPECT_EQ(world.files_there(), 6U);
  // As a death in the middle leaves it: a file that the manifest does not know.
  std::ofstream(world.options.directory + "/tree/stray") << "x";
  EXPECT_EQ(world.run().removed, 1U);
  EXPECT_EQ(world.files_there(), 6U);
  std::ofstream(world.options.directory + "/tree/robots.txt") << "x";  // the operator's own
  EXPECT_EQ(world.run().removed, 0U);
}

// A run that died had written files that its manifest does not tell of.
TEST(Export, WhatIsKeptIsWhatLiesThere) {
  World world;
  world.set(serial_of(1), on_hold());
  static_cast<void>(world.run());
  const std::string manifest = testing::read_text(world.options.directory + "/manifest");
  world.set(serial_of(1), store::Status{});
  static_cast<void>(world.run());
  EXPECT_EQ(world.says(serial_of(1)), "good");
  std::ofstream(world.options.directory + "/manifest") << manifest;
  world.set(serial_of(1), on_hold());
  const ExportReport report = world.run();
  EXPECT_EQ(report.written, 2U);
  EXPECT_EQ(report.changed, 2U);  // caches may hold the good one
  EXPECT_EQ(world.says(serial_of(1)), "revoked");
  EXPECT_EQ(world.says(serial_of(1), HashAlgorithm::kSha1), "revoked");
}

TEST(Export, FilesThatAreLostOrEmptyAreMadeAnew) {
  World world;
  static_cast<void>(world.run());
  std::filesystem::remove(world.path(serial_of(0)));
  std::ofstream(world.path(serial_of(2)), std::ios::trunc).flush();
  const ExportReport report = world.run();
  EXPECT_EQ(report.written, 2U);
  EXPECT_EQ(report.kept, 4U);
  EXPECT_EQ(world.says(serial_of(0)), "good");
  EXPECT_EQ(world.says(serial_of(2)), "good");
}

TEST(Export, ARevocationIsNotServedAsGoodWhenNobodyAnswers) {
  World world;
  world.options.purge.command = {world.script("cat >> $1"), world.dir.file("told")};
  static_cast<void>(world.run());
  const std::uint64_t number = world.manifest().number;
  world.revoke(serial_of(1));
  Told nobody(std::nullopt);
  const auto failed =
      run_export(world.options, *world.setup, *world.store, nobody, world.clock, null_logger());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ExportErrc::kAnswers);
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256}) {
    EXPECT_EQ(world.says(serial_of(1), hash), "none");
    EXPECT_EQ(world.says(serial_of(0), hash), "good");
    EXPECT_THAT(testing::read_text(world.dir.file("told")),
                HasSubstr(get_spellings(world.request(serial_of(1), hash)).front()));
  }
  EXPECT_GT(world.manifest().number, number);  // for those who follow it
  EXPECT_EQ(world.manifest().files.size(), 4U);
  EXPECT_EQ(world.run().written, 2U);
  EXPECT_EQ(world.says(serial_of(1)), "revoked");
}

TEST(Export, APartThatFailsStopsNoOther) {
  World world;
  std::vector<store::Change> changes;
  for (unsigned i = 0; i < 300; ++i) {
    const Buffer content{0x33, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)};
    changes.push_back({*Serial::make(content), store::Status{}});
  }
  ASSERT_TRUE(world.store->apply(world.issuer, changes));
  static_cast<void>(world.run());
  for (store::Change& change : changes) {
    change.status = responder::revoked_at(kTestNow - Seconds(9));
  }
  ASSERT_TRUE(world.store->apply(world.issuer, changes));
  Before first_fails(*world.answers, [](std::size_t call) {
    return call == 0 ? std::optional<std::string>("too much") : std::nullopt;
  });
  const auto failed = run_export(world.options, *world.setup, *world.store, first_fails,
                                 world.clock, null_logger());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().detail, "too much");
  std::size_t good = 0;
  std::size_t revoked = 0;
  for (const auto& [name, entry] : world.manifest().files) {
    (entry.status == "good" ? good : revoked) += 1;
  }
  EXPECT_EQ(good, 6U);
  EXPECT_EQ(revoked, 600U - 256U);
  EXPECT_EQ(world.files_there(), good + revoked);
  // Who answers never is not asked for each part: that could take hours.
  Before all_fail(*world.answers, [](std::size_t) { return std::optional<std::string>("down"); });
  world.options.renew_all = true;
  EXPECT_FALSE(
      run_export(world.options, *world.setup, *world.store, all_fail, world.clock, null_logger()));
  EXPECT_EQ(all_fail.calls(), 2U);
}

TEST(Export, WhatCannotBeWrittenIsNotServedAsGood) {
  World world;
  static_cast<void>(world.run());
  world.revoke(serial_of(1));
  const std::string blocked = world.options.directory + "/fresh";
  std::filesystem::create_directory(blocked);  // as a full disk: nothing can be written
  const auto failed = run_export(world.options, *world.setup, *world.store, *world.answers,
                                 world.clock, null_logger());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ExportErrc::kIo);
  EXPECT_EQ(world.says(serial_of(1)), "none");
  EXPECT_EQ(world.says(serial_of(1), HashAlgorithm::kSha1), "none");
  EXPECT_EQ(world.files_there(), 4U);
  std::filesystem::remove(blocked);
  EXPECT_EQ(world.run().written, 2U);
}

TEST(Export, APurgeListThatCannotBeWrittenKeepsNoGoodFile) {
  World world;
  world.options.purge.command = {world.script("cat >> $1"), world.dir.file("told")};
  static_cast<void>(world.run());
  world.revoke(serial_of(1));
  const std::string list = world.options.directory + "/purge";
  std::filesystem::create_symlink("/nonexistent/folder/list", list);
  EXPECT_FALSE(run_export(world.options, *world.setup, *world.store, *world.answers, world.clock,
                          null_logger()));
  EXPECT_EQ(world.says(serial_of(1)), "revoked");
  EXPECT_THAT(testing::read_text(world.dir.file("told")),
              HasSubstr(get_spellings(world.request(serial_of(1), HashAlgorithm::kSha1)).front()));
}

// All records are good then, but what is said of them is not.
TEST(Export, AKeyThatIsLostLeavesNoGoodFileThatNobodyCanSignAnew) {
  World world;
  static_cast<void>(world.run());
  world.spec.policy.compromised_at = kTestNow - Seconds(60);
  world.load();
  Told nothing(Given{Given::Kind::kNone, {}, {}, "signer_unavailable"});
  EXPECT_EQ(world.run(&nothing).removed, 6U);
  EXPECT_EQ(world.files_there(), 0U);
}

}  // namespace
}  // namespace muster::edge
