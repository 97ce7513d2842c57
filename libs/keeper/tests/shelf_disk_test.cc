#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "muster/keeper/shelf_file.h"
#include "muster/testing/troubled_files.h"
#include "shelf_fixture.h"

namespace muster::keeper {
namespace {

using testing::read_octets;
using testing::TroubledFiles;

class ShelfDiskTest : public ShelfFixture {
 protected:
  void SetUp() override { open(); }
  /// As after kill -9 and start: what was in memory is gone.
  void restart() {
    shelf.reset();
    events.clear();
    open();
  }
};

// req: OCSP-STAP-010
TEST_F(ShelfDiskTest, AStapleSurvivesARestartOctetForOctet) {
  const Buffer response = make_response(leaf);
  offer(response);
  restart();
  ASSERT_NE(found(), nullptr);
  EXPECT_TRUE(equal(found()->der(), response));
  EXPECT_EQ(found()->source, "http://ocsp.example/");
  EXPECT_EQ(found()->obtained, kTestNow);
}

TEST_F(ShelfDiskTest, TheListenerHearsOfLoadedStaples) {
  offer(make_response(leaf));
  shelf.reset();
  auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kOwner, {}, logger);
  ASSERT_TRUE(opened);
  shelf = *std::move(opened);
  events.clear();
  listen();
  shelf->set_subjects({subject_of(leaf, "leaf")}, now);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].change, ShelfChange::kLoaded);
}

// req: OCSP-STAP-010 OCSP-STAP-003
TEST_F(ShelfDiskTest, WhatExpiredMeanwhileIsNotLoaded) {
  offer(make_response(leaf, {-3600, 100}));
  const std::string file = path();
  now += Seconds(99);
  restart();
  EXPECT_EQ(found(), nullptr);
  EXPECT_EQ(logger.warnings(), 0U) << "that is no damage";
}

// req: OCSP-STAP-010
TEST_F(ShelfDiskTest, EveryKindOfDamageIsPassedOverAndMended) {
  const Buffer response = make_response(leaf);
  offer(response);
  const Buffer whole = read_octets(path());
  const Buffer foreign =
      encode_shelf_file(other.certificate.fingerprint(), now, "x", make_response(other));
  const Buffer mislabelled =
      encode_shelf_file(leaf.certificate.fingerprint(), now, "x", make_response(other));
  testing::ResponseSpec bad;
  bad.entries.push_back(testing::entry_for(leaf.certificate, pki.intermediate.certificate));
  bad.break_signature = true;
  const Buffer forged = encode_shelf_file(leaf.certificate.fingerprint(), now, "x",
                                          build_response(pki.ocsp_signer, bad));
  const Buffer error =
      encode_shelf_file(leaf.certificate.fingerprint(), now, "x",
                        ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater));
  Buffer grown = whole;
  grown.push_back(0);
  Buffer flipped = whole;
  flipped[flipped.size() - 20] ^= 1;
  const std::pair<const char*, Buffer> cases[] = {
      {"empty", {}},
      {"half", Buffer(whole.begin(), whole.begin() + 300)},
      {"one octet short", Buffer(whole.begin(), whole.end() - 1)},
      {"grown", grown},
      {"flipped", flipped},
      {"random", Buffer(777, 0xa5)},
      {"another certificate's", foreign},
      {"another's under our name", mislabelled},
      {"bad signature", forged},
      {"error answer", error},
      {"bare DER", response},
      {"huge", Buffer(kMaxShelfFileBytes + 1, '\n')},
  };
  for (const auto& [name, content] : cases) {
    SCOPED_TRACE(name);
    dir.write("shelf/" + shelf_file_name(leaf.certificate.fingerprint()), Bytes(content));
    const std::size_t before = logger.count("shelf.passed_over");
    restart();
    EXPECT_EQ(found(), nullptr);
    EXPECT_EQ(logger.count("shelf.passed_over"), before + 1);
    EXPECT_EQ(offer(response), Choice::kTake);
    EXPECT_EQ(read_octets(path()), whole) << "mended by the next response";
  }
}

TEST_F(ShelfDiskTest, AFileCutAtAnyLengthOrWithAnyOctetChangedIsNeverOffered) {
  const Buffer response = make_response(leaf);
  offer(response);
  const Buffer whole = read_octets(path());
  ASSERT_TRUE(parse_shelf_file(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(parse_shelf_file(Bytes(whole).first(n))) << n;
    Buffer changed = whole;
    changed[n] ^= 0x01;
    const auto parsed = parse_shelf_file(changed);
    if (parsed) {  // a changed header may still be one; the response itself is protected
      EXPECT_TRUE(equal(parsed->response, response)) << n;
    }
  }
}

// req: OCSP-STAP-010
TEST_F(ShelfDiskTest, WhenTheDiskIsFullStaplesInMemoryStayAndWritingIsRetried) {
  // A file size limit stands in for a full disk: writes fail with EFBIG, as they would with ENOSPC.
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 16;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  const Choice choice = offer(make_response(leaf));
  const StaplePointer offered = found();
  const std::string error = shelf->disk_error();
  const std::size_t unsaved = shelf->unsaved();
  pass(5);
  pass(10);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(choice, Choice::kTake);
  EXPECT_NE(offered, nullptr);
  EXPECT_NE(error, "");
  EXPECT_EQ(unsaved, 1U);
  EXPECT_EQ(logger.count("shelf.write_failed"), 1U) << "said once, not at each retry";
  EXPECT_NE(found(), nullptr);
  pass(300);
  EXPECT_EQ(shelf->disk_error(), "");
  EXPECT_EQ(shelf->unsaved(), 0U);
  EXPECT_EQ(logger.count("shelf.saved"), 1U);
  restart();
  EXPECT_NE(found(), nullptr);
}

TEST_F(ShelfDiskTest, ADirectoryHasOneOwner) {
  const auto second = Shelf::open(dir.file("shelf"), ShelfMode::kOwner, {}, logger);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ShelfErrc::kOwned);
  EXPECT_TRUE(Shelf::open(dir.file("shelf"), ShelfMode::kFollower, {}, logger));
}

TEST_F(ShelfDiskTest, LeftoversOfACrashDuringAWriteAreRemoved) {
  const std::string leftover =
      dir.write("shelf/" + shelf_file_name(leaf.certificate.fingerprint()) + ".tmp.AbCdEf", "half");
  const std::string kept = dir.write("shelf/notes.txt", "mine");
  restart();
  EXPECT_NE(::access(leftover.c_str(), F_OK), 0);
  EXPECT_EQ(::access(kept.c_str(), F_OK), 0);
}

TEST_F(ShelfDiskTest, AnUnusableDirectoryIsAClearError) {
  const std::string file = dir.write("file", "x");
  struct Row {
    std::string place;
    ShelfMode mode;
    int lock_error;
    const char* why;
  };
  const Row rows[] = {
      {file, ShelfMode::kOwner, 0, "it is not a directory"},
      {file, ShelfMode::kFollower, 0, "it is not a directory"},
      {dir.file("no/such/parent"), ShelfMode::kOwner, 0, "(create it, or give another directory)"},
      {dir.file("locks"), ShelfMode::kOwner, -ENOLCK, "No locks available"},
  };
  for (const auto& [place, mode, lock_error, why] : rows) {
    TroubledFiles files;
    files.lock_error = lock_error;
    const auto opened = Shelf::open(place, mode, {}, logger, ShelfSeams{files});
    ASSERT_FALSE(opened) << place;
    EXPECT_EQ(opened.error().code, ShelfErrc::kDirectory);
    EXPECT_THAT(opened.error().detail, ::testing::HasSubstr(place));
    EXPECT_THAT(opened.error().detail, ::testing::HasSubstr(why));
  }
}

TEST_F(ShelfDiskTest, WithoutADirectoryNoFileIsTouched) {
  TroubledFiles files;
  files.create_error = -EROFS;
  auto opened = Shelf::open("", ShelfMode::kOwner, {}, logger, ShelfSeams{files});
  ASSERT_TRUE(opened);
  shelf = *std::move(opened);
  shelf->set_subjects({subject_of(leaf, "leaf")}, now);
  EXPECT_EQ(offer(make_response(leaf, {-3600, 100})), Choice::kTake);
  EXPECT_NE(found(), nullptr);
  pass(100);
  EXPECT_EQ(found(), nullptr);
  shelf->remove(leaf.certificate.fingerprint());
  EXPECT_EQ(files.calls, 0U);
  EXPECT_EQ(shelf->disk_error(), "");
  shelf.reset();  // before `files`
}

TEST_F(ShelfDiskTest, PinsOfManyAreFoundByOneListAndOtherwiseOneByOne) {
  offer(make_response(leaf));
  ASSERT_TRUE(shelf->pin(verified(make_response(leaf, {-7200, 80'000}), leaf), "by hand",
                         now + Seconds(3600), now));
  for (const bool lists : {true, false}) {
    shelf.reset();
    TroubledFiles files;
    files.lists = lists;
    auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kOwner, {}, logger, ShelfSeams{files});
    ASSERT_TRUE(opened);
    shelf = *std::move(opened);
    const std::uint64_t before = files.calls;
    shelf->set_subjects({subject_of(leaf, "leaf"), subject_of(other, "other")}, now);
    EXPECT_TRUE(shelf->pin_of(leaf.certificate.fingerprint()));
    // The list; a staple that is there and one that is not, the pin; another that is not.
    EXPECT_EQ(files.calls - before, lists ? 4U : 5U);
    shelf.reset();  // before `files`
  }
}

TEST_F(ShelfDiskTest, ACertificateListedTwiceIsLoadedOnce) {
  offer(make_response(leaf));
  shelf->set_subjects({subject_of(other, "other")}, now);
  dir.write("shelf/" + shelf_file_name(leaf.certificate.fingerprint()), "rubbish");
  const std::size_t before = logger.count("shelf.passed_over");
  shelf->set_subjects({subject_of(leaf, "leaf"), subject_of(leaf, "twice")}, now);
  EXPECT_EQ(logger.count("shelf.passed_over"), before + 1) << "once, under one name";
  EXPECT_EQ(offer(make_response(leaf)), Choice::kTake);
  EXPECT_EQ(events.back().name, "leaf");
}

TEST_F(ShelfDiskTest, AFileThatSomebodyRemovesIsWrittenAgain) {
  offer(make_response(leaf));
  pass(60);
  ASSERT_TRUE(std::filesystem::remove(path()));
  pass(60);
  EXPECT_TRUE(std::filesystem::exists(path()));
  EXPECT_EQ(logger.count("shelf.files_gone"), 1U);
  EXPECT_EQ(shelf->disk_error(), "");
  pass(60);
  pass(60);
  EXPECT_EQ(logger.count("shelf.files_gone"), 1U);
  restart();
  EXPECT_NE(found(), nullptr);
}

TEST_F(ShelfDiskTest, AFileThatCannotBeWrittenAgainIsToldOf) {
  TroubledFiles files;
  shelf.reset();
  auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kOwner, {}, logger, ShelfSeams{files});
  ASSERT_TRUE(opened);
  shelf = *std::move(opened);
  shelf->set_subjects({subject_of(leaf, "leaf")}, now);
  offer(make_response(leaf));
  pass(60);
  ASSERT_TRUE(std::filesystem::remove(path()));
  files.create_error = -EROFS;
  pass(60);
  EXPECT_EQ(shelf->unsaved(), 1U);
  EXPECT_NE(shelf->disk_error(), "");
  files.create_error = 0;
  pass(300);
  EXPECT_TRUE(std::filesystem::exists(path()));
  EXPECT_EQ(shelf->disk_error(), "");
  shelf.reset();  // before `files`
}

TEST_F(ShelfDiskTest, WhatIsWithdrawnIsNotMissed) {
  offer(make_response(leaf, {-3600, 100}));
  pass(60);
  pass(60);
  EXPECT_EQ(found(), nullptr);
  pass(60);
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_EQ(logger.count("shelf.files_gone"), 0U);
}

TEST_F(ShelfDiskTest, ADirectoryThatSomebodyRemovesIsMadeAndLockedAnew) {
  offer(make_response(leaf));
  pass(60);
  std::filesystem::remove_all(dir.file("shelf"));
  pass(60);
  EXPECT_TRUE(std::filesystem::exists(path()));
  EXPECT_EQ(logger.count("shelf.directory_taken_again"), 1U);
  EXPECT_EQ(shelf->disk_error(), "");
  const auto second = Shelf::open(dir.file("shelf"), ShelfMode::kOwner, {}, logger);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ShelfErrc::kOwned);
  pass(60);
  EXPECT_EQ(logger.count("shelf.directory_taken_again"), 1U);
  restart();
  EXPECT_NE(found(), nullptr);
}

TEST_F(ShelfDiskTest, NothingIsWrittenIntoTheDirectoryOfAnotherOwner) {
  offer(make_response(leaf, {-200, 5000}));
  std::filesystem::rename(dir.file("shelf"), dir.file("away"));
  auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kOwner, {}, logger);
  ASSERT_TRUE(opened);
  std::unique_ptr<Shelf> another = *std::move(opened);
  pass(60);
  EXPECT_EQ(offer(make_response(leaf, {-100, 5000})), Choice::kTake);
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_EQ(shelf->unsaved(), 1U);
  EXPECT_THAT(shelf->disk_error(), ::testing::HasSubstr("another running process"));
  const auto pinned =
      shelf->pin(verified(make_response(leaf), leaf), "a file", now + Seconds(500), now);
  EXPECT_FALSE(pinned);
  pass(60);
  EXPECT_EQ(logger.count("shelf.directory_lost"), 1U) << "said once";
  EXPECT_NE(found(), nullptr);
  another.reset();
  pass(60);
  EXPECT_TRUE(std::filesystem::exists(path()));
  EXPECT_EQ(shelf->disk_error(), "");
  EXPECT_EQ(shelf->unsaved(), 0U);
}

TEST_F(ShelfDiskTest, ADirectoryThatIsMovedBackIsOursStill) {
  offer(make_response(leaf));
  std::filesystem::rename(dir.file("shelf"), dir.file("away"));
  dir.write("shelf", "in the way");
  pass(60);
  EXPECT_EQ(logger.count("shelf.directory_lost"), 1U);
  EXPECT_NE(shelf->disk_error(), "");
  std::filesystem::remove(dir.file("shelf"));
  std::filesystem::rename(dir.file("away"), dir.file("shelf"));
  pass(60);
  EXPECT_EQ(shelf->disk_error(), "");
  EXPECT_EQ(shelf->unsaved(), 0U);
}

class FollowerTest : public ShelfFixture {
 protected:
  void SetUp() override {
    open();
    auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kFollower, {}, logger);
    ASSERT_TRUE(opened);
    follower = *std::move(opened);
    follower->set_subjects({subject_of(leaf, "leaf")}, now);
  }
  StaplePointer followed() {
    follower->refresh(now);
    return follower->find(leaf.certificate.fingerprint(), now);
  }
  std::unique_ptr<Shelf> follower;
};

TEST_F(FollowerTest, SeesWhatTheOwnerWrites) {
  EXPECT_EQ(followed(), nullptr);
  const Buffer first = make_response(leaf, {-200, 5000});
  offer(first);
  ASSERT_NE(followed(), nullptr);
  EXPECT_TRUE(equal(followed()->der(), first));
  const Buffer second = make_response(leaf, {-100, 5000});
  offer(second);
  EXPECT_TRUE(equal(followed()->der(), second));
  offer(make_response(leaf, {-90, 5000}, revoked()));
  EXPECT_EQ(followed()->facts.status, StapleStatus::kRevoked);
}

TEST_F(FollowerTest, KeepsALiveStapleWhenItsFileIsDamagedOrGone) {
  const Buffer response = make_response(leaf);
  offer(response);
  ASSERT_NE(followed(), nullptr);
  dir.write("shelf/" + shelf_file_name(leaf.certificate.fingerprint()), "rubbish");
  EXPECT_TRUE(equal(followed()->der(), response));
  ::unlink(path().c_str());
  EXPECT_TRUE(equal(followed()->der(), response));
  now += Seconds(86400);
  EXPECT_EQ(followed(), nullptr) << "until it expires";
}

TEST_F(FollowerTest, AClockThatIsSetTakesNothingAwayForLongerThanItIsWrong) {
  const Buffer response = make_response(leaf, {-200, 5000});
  offer(response);
  ASSERT_NE(followed(), nullptr);
  now -= Seconds(86'400);
  EXPECT_NE(followed(), nullptr) << "set back";
  now += Seconds(10 * 86'400);
  EXPECT_EQ(followed(), nullptr) << "set forward: it has ended by that clock";
  now -= Seconds(9 * 86'400);
  ASSERT_NE(followed(), nullptr) << "set right, though no file changed";
  EXPECT_TRUE(equal(followed()->der(), response));
}

TEST_F(FollowerTest, AFileThatAWrongClockMadeUselessIsReadAgain) {
  const Buffer response = make_response(leaf, {-200, 5000});
  offer(response);
  const UnixSeconds right = now;
  auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kFollower, {}, logger);
  ASSERT_TRUE(opened);
  follower = *std::move(opened);
  now -= Seconds(86'400);
  follower->set_subjects({subject_of(leaf, "leaf")}, now);
  EXPECT_EQ(followed(), nullptr) << "begins tomorrow by that clock";
  now = right;
  EXPECT_NE(followed(), nullptr);
}

TEST_F(FollowerTest, NeverWrites) {
  offer(make_response(leaf, {-3600, 100}));
  ASSERT_NE(followed(), nullptr);
  now += Seconds(200);
  EXPECT_EQ(followed(), nullptr);
  EXPECT_EQ(::access(path().c_str(), F_OK), 0) << "removing it is the owner's business";
}

TEST_F(FollowerTest, WritesNothingEitherWhenWhatItHeldBackBegins) {
  offer(make_response(leaf, {-200, 5000}));
  const FileStamp written = system_files().stamp(path());
  auto opened = Shelf::open(dir.file("shelf"), ShelfMode::kFollower, {}, logger);
  ASSERT_TRUE(opened);
  follower = *std::move(opened);
  follower->set_subjects({subject_of(leaf, "leaf")}, now - Seconds(500));
  EXPECT_NE(follower->held_back(leaf.certificate.fingerprint()), nullptr) << "its clock was behind";
  EXPECT_NE(followed(), nullptr);
  EXPECT_TRUE(system_files().stamp(path()) == written) << "it is the owner's file";
}

TEST_F(FollowerTest, MayStartBeforeTheDirectoryExists) {
  auto opened = Shelf::open(dir.file("later"), ShelfMode::kFollower, {}, logger);
  ASSERT_TRUE(opened);
  follower = *std::move(opened);
  follower->set_subjects({subject_of(leaf, "leaf")}, now);
  EXPECT_EQ(followed(), nullptr);
  auto owner = Shelf::open(dir.file("later"), ShelfMode::kOwner, {}, logger);
  ASSERT_TRUE(owner);
  (*owner)->set_subjects({subject_of(leaf, "leaf")}, now);
  (*owner)->offer(verified(make_response(leaf), leaf), "x", now);
  EXPECT_NE(followed(), nullptr);
}

TEST(ShelfFile, HeaderIsReadExactly) {
  const Fingerprint id{1, 2, 3};
  const Buffer der = {0x30, 0x03, 0x0a, 0x01, 0x03};
  const Buffer encoded = encode_shelf_file(id, kTestNow, "http://a/\nobtained 1", der);
  const auto parsed = parse_shelf_file(encoded);
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->certificate, id);
  EXPECT_EQ(parsed->obtained, kTestNow);
  EXPECT_EQ(parsed->source, "http://a/\\x0aobtained 1") << "a source cannot forge a header line";
  EXPECT_EQ(parsed->response, der);
  std::string other(as_text(encoded));
  other.replace(0, 14, "muster-shelf 2");
  EXPECT_FALSE(parse_shelf_file(as_bytes(other)));
}

}  // namespace
}  // namespace muster::keeper
