#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "muster/testing/troubled_files.h"
#include "shelf_fixture.h"

// A response that an operator put in the place of what would be on offer (decision 053).
namespace muster::keeper {
namespace {

using ::testing::HasSubstr;

class ShelfPinTest : public ShelfFixture {
 protected:
  void SetUp() override {
    open();
    offer(newer);
    events.clear();
  }
  Result<Unit, std::string> pin(const Buffer& response, std::int64_t until = 7200) {
    return shelf->pin(verified(response, leaf), "file:good.der", now + Seconds(until), now);
  }
  [[nodiscard]] bool offers(const Buffer& response) const {
    const StaplePointer staple = found();
    return staple && equal(staple->der(), response);
  }
  [[nodiscard]] std::string pin_path() const {
    return dir.file("shelf/" + to_hex(leaf.certificate.fingerprint()) + ".pin");
  }
  [[nodiscard]] bool has_pin_file() const { return ::access(pin_path().c_str(), F_OK) == 0; }

  const Buffer older = make_response(leaf, {-7200, 86400});
  const Buffer newer = make_response(leaf, {-3600, 90000});
  const Buffer newest = make_response(leaf, {-60, 95000});
};

TEST_F(ShelfPinTest, AnOlderResponseIsOfferedAndNewerOnesWaitBeneathIt) {
  ASSERT_TRUE(pin(older));
  EXPECT_TRUE(offers(older));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].change, ShelfChange::kReplaced);
  EXPECT_EQ(offer(newest), Choice::kTake) << "held, for the time after";
  EXPECT_TRUE(offers(older));
  EXPECT_TRUE(equal(shelf->held(leaf.certificate.fingerprint())->der(), newest));
  pass(7199);
  EXPECT_TRUE(offers(older));
  pass(1);
  EXPECT_TRUE(offers(newest));
  EXPECT_FALSE(has_pin_file());
  EXPECT_EQ(shelf->pin_of(leaf.certificate.fingerprint()), std::nullopt);
}

TEST_F(ShelfPinTest, AnotherMarginCountsForItToo) {
  const Buffer brief = make_response(leaf, {-7200, 100});
  ASSERT_TRUE(pin(brief));
  shelf->set_expiry_margin(Seconds(5));
  pass(94);
  EXPECT_TRUE(offers(brief));
  pass(1);
  EXPECT_TRUE(offers(newer));
}

TEST_F(ShelfPinTest, ItEndsWithTheResponseAtTheLatest) {
  const Buffer brief = make_response(leaf, {-7200, 100});
  ASSERT_TRUE(pin(brief));
  pass(98);
  EXPECT_TRUE(offers(brief));
  pass(2);
  EXPECT_TRUE(offers(newer));
}

TEST_F(ShelfPinTest, ItOutlivesWhatIsHeldBeneathIt) {
  shelf->remove(leaf.certificate.fingerprint());
  open();
  ASSERT_EQ(offer(make_response(leaf, {-30, 100})), Choice::kTake);
  ASSERT_TRUE(pin(older));
  events.clear();
  pass(200);
  EXPECT_TRUE(offers(older));
  EXPECT_TRUE(events.empty()) << "nothing was withdrawn";
  shelf->unpin(leaf.certificate.fingerprint());
}

TEST_F(ShelfPinTest, ARevocationIsNeverHidden) {
  ASSERT_TRUE(pin(older));
  const Buffer news = make_response(leaf, {-10, 86400}, revoked());
  EXPECT_EQ(offer(news), Choice::kTakeRevocation);
  EXPECT_TRUE(offers(news));
  EXPECT_FALSE(has_pin_file());
  const auto refused = pin(older);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("a pin would hide that"));
  // Not even when the revoked answer has expired.
  pass(90'000);
  EXPECT_FALSE(pin(make_response(leaf, {80'000, 200'000})));
}

TEST_F(ShelfPinTest, AFileThatSomebodyRemovesIsWrittenAgain) {
  ASSERT_TRUE(pin(older));
  pass(60);
  ASSERT_TRUE(std::filesystem::remove(pin_path()));
  pass(60);
  EXPECT_TRUE(has_pin_file());
  open();
  EXPECT_TRUE(offers(older));
}

TEST_F(ShelfPinTest, AFileThatCannotBeWrittenAgainIsTriedLater) {
  testing::TroubledFiles files;
  shelf.reset();
  auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kOwner, {}, logger, ShelfSeams{files});
  ASSERT_TRUE(opened);
  shelf = *std::move(opened);
  shelf->set_subjects({subject_of(leaf, "leaf")}, now);
  ASSERT_TRUE(pin(older));
  pass(60);
  ASSERT_TRUE(std::filesystem::remove(pin_path()));
  files.create_error = -EROFS;
  pass(60);
  pass(60);
  EXPECT_GE(logger.count("shelf.write_failed"), 1U);
  EXPECT_TRUE(offers(older));
  files.create_error = 0;
  pass(60);
  EXPECT_TRUE(has_pin_file());
  shelf.reset();  // before `files`
}

TEST_F(ShelfPinTest, ADirectoryThatIsMadeAnewHasItToo) {
  ASSERT_TRUE(pin(older));
  pass(60);
  std::filesystem::remove_all(dir.file("shelf"));
  pass(60);
  EXPECT_TRUE(has_pin_file());
  open();
  EXPECT_TRUE(offers(older));
}

TEST_F(ShelfPinTest, WhatWasUnpinnedWhileTheDirectoryWasAwayDoesNotComeBack) {
  ASSERT_TRUE(pin(older));
  std::filesystem::rename(dir.file("shelf"), dir.file("away"));
  dir.write("shelf", "in the way");
  pass(60);
  ASSERT_NE(shelf->disk_error(), "");
  shelf->unpin(leaf.certificate.fingerprint());
  EXPECT_TRUE(offers(newer));
  std::filesystem::remove(dir.file("shelf"));
  std::filesystem::rename(dir.file("away"), dir.file("shelf"));
  pass(60);
  EXPECT_FALSE(has_pin_file());
  open();
  EXPECT_TRUE(offers(newer));
}

TEST_F(ShelfPinTest, WhatIsNotGoodAndValidIsRefused) {
  struct Row {
    Buffer response;
    std::int64_t until;
    const char* why;
  };
  const Row rows[] = {
      {make_response(leaf, {-10, 86400}, revoked()), 100, "only 'good' is pinned"},
      {make_response(leaf, {600, 86400}), 100, "not valid now"},
      {older, 0, "'until' has passed"},
  };
  for (const auto& [response, until, why] : rows) {
    const auto refused = pin(response, until);
    ASSERT_FALSE(refused) << why;
    EXPECT_THAT(refused.error(), HasSubstr(why));
    EXPECT_TRUE(offers(newer));
    EXPECT_FALSE(has_pin_file());
  }
}

TEST_F(ShelfPinTest, ACertificateThatTheShelfDoesNotKeepIsRefused) {
  shelf->set_subjects({subject_of(leaf, "leaf")}, now);
  const auto refused =
      shelf->pin(verified(make_response(other), other), "file:good.der", now + Seconds(100), now);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("no staple is kept for this certificate"));
  EXPECT_EQ(shelf->find(other.certificate.fingerprint(), now), nullptr);
  EXPECT_TRUE(offers(newer));
}

TEST_F(ShelfPinTest, ARestartGoesByIt) {
  ASSERT_TRUE(pin(older));
  ASSERT_EQ(offer(newest), Choice::kTake);
  open();
  EXPECT_TRUE(offers(older));
  shelf->unpin(leaf.certificate.fingerprint());
  EXPECT_TRUE(offers(newest));
  open();
  EXPECT_TRUE(offers(newest));
  EXPECT_FALSE(has_pin_file());
}

TEST_F(ShelfPinTest, AfterARestartInWhichItEndedOrWasDamagedItIsNotUsed) {
  ASSERT_TRUE(pin(older));
  const std::string content = testing::read_text(pin_path());
  now += Seconds(7200);
  open();
  EXPECT_TRUE(offers(newer));
  EXPECT_FALSE(has_pin_file()) << "it is over";
  dir.write("shelf/" + to_hex(leaf.certificate.fingerprint()) + ".pin",
            std::string_view(content).substr(0, content.size() - 1));
  now -= Seconds(7200);
  open();
  EXPECT_TRUE(offers(newer));
  EXPECT_GE(logger.count("shelf.passed_over"), 1U);
}

TEST_F(ShelfPinTest, ARestartWithAClockThatIsBehindDoesNotEndIt) {
  ASSERT_TRUE(pin(newest));
  now -= Seconds(100);
  open();
  EXPECT_TRUE(offers(newer)) << "the pinned one has not begun by that clock";
  EXPECT_EQ(shelf->pin_of(leaf.certificate.fingerprint()), std::nullopt);
  EXPECT_TRUE(has_pin_file());
  now += Seconds(100);
  open();
  EXPECT_TRUE(offers(newest));
}

TEST_F(ShelfPinTest, FollowersGoByIt) {
  auto follower = Shelf::open(dir.file("shelf"), ShelfMode::kFollower, {}, logger);
  ASSERT_TRUE(follower);
  (*follower)->set_subjects({subject_of(leaf, "leaf")}, now);
  const auto seen = [&] {
    (*follower)->refresh(now);
    (*follower)->refresh(now);  // the directory's time is coarse
    return (*follower)->find(leaf.certificate.fingerprint(), now);
  };
  EXPECT_TRUE(equal(seen()->der(), newer));
  ASSERT_TRUE(pin(older));
  EXPECT_TRUE(equal(seen()->der(), older));
  shelf->unpin(leaf.certificate.fingerprint());
  EXPECT_TRUE(equal(seen()->der(), newer));
}

TEST_F(ShelfPinTest, WhatCannotBeSavedIsNotPinned) {
  ::mkdir(pin_path().c_str(), 0755);  // in the way
  const auto refused = pin(older);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("a restart would forget it"));
  EXPECT_TRUE(offers(newer));
}

TEST(PinFile, IsReadAsItIsWrittenAndNothingElse) {
  const Fingerprint id = testing::standard_pki().leaf.certificate.fingerprint();
  const Buffer inner = encode_shelf_file(id, kTestNow, "file:x", Buffer(3, 7));
  const Buffer whole = encode_pin_file(kTestNow + Seconds(5), inner);
  const auto read = parse_pin_file(whole);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->until, kTestNow + Seconds(5));
  EXPECT_EQ(read->file.certificate, id);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(parse_pin_file(Bytes(whole).first(n))) << n;
  }
  EXPECT_FALSE(parse_pin_file(inner));
}

}  // namespace
}  // namespace muster::keeper
