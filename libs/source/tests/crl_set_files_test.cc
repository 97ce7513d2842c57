#include <sys/stat.h>

#include <filesystem>

#include "crl_set_fixture.h"
#include "room.h"

namespace muster::source {
namespace {

using testing::build_crl;
using testing::CrlSetTest;
using testing::CrlSpec;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::make_serial;
using testing::numbered;
using testing::revoked_entry;

class CrlSetFiles : public CrlSetTest {
 protected:
  void use_directory() {
    std::filesystem::create_directories(directory_.file("crls"));
    spec_.crls.directories = {directory_.file("crls")};
  }
  void remove(std::string_view name) const {
    ASSERT_EQ(std::remove(directory_.file(name).c_str()), 0);
  }
  /// How many files the shelf keeps.
  std::size_t kept() const {
    std::size_t count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.file("state"))) {
      count += entry.is_regular_file() ? 1u : 0u;
    }
    return count;
  }
};

TEST_F(CrlSetFiles, ADirectoryGivesTheNewestOfEveryScope) {
  use_directory();
  write("crls/a.crl", numbered(5, {1}));
  write("crls/b.crl", numbered(6, {1, 2}));
  directory_.write("crls/README", "not a CRL");
  directory_.write("crls/.hidden.crl", "nor this");
  ASSERT_TRUE(look().loaded);
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2));
  write("crls/c.crl", numbered(7, {1, 2, 3}));
  ASSERT_TRUE(look().loaded);
  EXPECT_TRUE(is_revoked(3));
  remove("crls/a.crl");
  EXPECT_FALSE(look().loaded);
  EXPECT_FALSE(error()) << error_text();
  EXPECT_EQ(status().parts.size(), 2u);
}

// Old CRLs that lie about are no part that is missing.
TEST_F(CrlSetFiles, AfterTheLossOfTheShelfADirectoryIsReadAndGoesOnAsUsual) {
  use_directory();
  write("crls/a.crl", numbered(5, {1}));
  write("crls/b.crl", numbered(6, {1, 2}));
  look();
  restart();
  std::filesystem::remove_all(directory_.file("state"));
  look();
  EXPECT_FALSE(error()) << error_text();
  write("crls/c.crl", numbered(7, {2}));
  look();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2) && !is_revoked(1)) << "let go as the CA says";
}

TEST_F(CrlSetFiles, AFileThatGoesIsKeptUntilItIsOverAndNotNeeded) {
  use_directory();
  CrlSpec named = numbered(5, {9});
  named.extensions.push_back(testing::scope_extension({.uri = "http://ca/old.crl"}));
  named.next_update = kTestNow + Seconds(100);
  write("crls/old.crl", named);
  write("crls/all.crl", numbered(5, {1}));
  look();
  ASSERT_TRUE(is_revoked(9) && is_revoked(1));
  remove("crls/old.crl");
  look();
  EXPECT_TRUE(is_revoked(9)) << "never replaced by nothing";
  clock_.advance(Seconds(100));
  look();
  look();
  EXPECT_FALSE(is_revoked(9));
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  EXPECT_FALSE(error()) << error_text();
  remove("crls/all.crl");
  clock_.advance(std::chrono::hours(24 * 30));
  look();
  EXPECT_TRUE(is_revoked(1)) << "needed, so it stays though it is over";
  EXPECT_FALSE(covers_everything());
}

TEST_F(CrlSetFiles, AHalfWrittenOneNeverCounts) {
  use_directory();
  write("crls/a.crl", numbered(5, {1}));
  look();
  const Buffer next = build_crl(issuer(), numbered(6, {1, 2}));
  for (const std::size_t part :
       {std::size_t{0}, std::size_t{1}, next.size() / 2, next.size() - 1}) {
    directory_.write("crls/b.crl", Bytes(next).first(part));
    look();
    EXPECT_EQ(error(), SourceErrc::kMalformed) << part;
    EXPECT_TRUE(is_revoked(1) && covers_everything()) << part;
    EXPECT_FALSE(is_revoked(2)) << part;
  }
  directory_.write("crls/b.crl", next);
  ASSERT_TRUE(look().loaded);
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2));
}

TEST_F(CrlSetFiles, ADirectoryThatCannotBeReadTakesNothingAway) {
  use_directory();
  write("crls/a.crl", numbered(5, {1}));
  look();
  std::filesystem::rename(directory_.file("crls"), directory_.file("away"));
  look();
  EXPECT_EQ(error(), SourceErrc::kUnreadable);
  EXPECT_THAT(error_text(), HasSubstr("what was loaded before stays in force"));
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  std::filesystem::rename(directory_.file("away"), directory_.file("crls"));
  look();
  EXPECT_FALSE(error()) << error_text();
}

TEST_F(CrlSetFiles, AMissingDirectoryPromisesNothingBeforeAnythingWasLoaded) {
  spec_.crls.directories = {directory_.file("crls")};
  look();
  EXPECT_EQ(error(), SourceErrc::kUnreadable);
  EXPECT_THAT(error_text(), HasSubstr("(check the path)"));
}

TEST_F(CrlSetFiles, ADirectoryHasALimit) {
  use_directory();
  for (std::size_t i = 0; i <= kMaxDirectoryFiles; ++i) {
    directory_.write("crls/z" + std::to_string(i) + ".crl", "x");
  }
  write("crls/a.crl", numbered(5, {1}));
  look();
  EXPECT_TRUE(is_revoked(1));
  EXPECT_EQ(status().parts.size(), kMaxDirectoryFiles);
  std::filesystem::remove_all(directory_.file("crls"));
  use_directory();
  write("crls/a.crl", numbered(5, {1}));
  look();
  EXPECT_FALSE(error()) << error_text();
}

// req: OCSP-CRL-012
TEST_F(CrlSetFiles, AnOlderOneIsRefusedAlsoAfterARestart) {
  add_files({"ca.crl"});
  write("ca.crl", numbered(7, {1}));
  look();
  for (const bool restarted : {false, true}) {
    write("ca.crl", numbered(6));
    restarted ? restart() : void();
    look();
    EXPECT_EQ(error(), SourceErrc::kRollback) << restarted;
    EXPECT_THAT(error_text(), HasSubstr("number 06 after 07"));
    EXPECT_THAT(error_text(), HasSubstr("ca.crl"));
    EXPECT_TRUE(is_revoked(1) && covers_everything()) << restarted;
    CrlSpec earlier = numbered(8);
    earlier.this_update = numbered(5).this_update;
    write("ca.crl", earlier);
    look();
    EXPECT_EQ(error(), SourceErrc::kRollback) << "a higher number, issued earlier";
    EXPECT_TRUE(is_revoked(1));
  }
  write("ca.crl", numbered(8, {2}));
  ASSERT_TRUE(look().loaded);
  EXPECT_FALSE(error()) << error_text();
  EXPECT_FALSE(is_revoked(1));
}

// req: OCSP-CRL-012
TEST_F(CrlSetFiles, TheStoreRemembersWhatTheLostShelfDoesNot) {
  add_files({"ca.crl"});
  write("ca.crl", numbered(7, {1}));
  look();
  restart();
  std::filesystem::remove_all(directory_.file("state"));
  write("ca.crl", numbered(6));
  look();
  EXPECT_EQ(error(), SourceErrc::kRollback);
  EXPECT_TRUE(is_revoked(1));
  look();
  EXPECT_EQ(error(), SourceErrc::kRollback) << "and goes on telling";
  write("ca.crl", numbered(8, {1, 2}));
  ASSERT_TRUE(look().loaded) << error_text();
  EXPECT_FALSE(error()) << error_text();
}

// req: OCSP-CRL-010
TEST_F(CrlSetFiles, NumbersOfTwentyOctetsSurviveARestart) {
  add_files({"ca.crl"});
  const auto with_number = [](std::uint8_t last) {
    CrlSpec crl = numbered(5, {last});
    crl.number.reset();
    Buffer number(20, 0xff);
    number[0] = 0x7f;
    number[19] = last;
    der::Writer out;
    out.integer_octets(number);
    crl.extensions.push_back({to_buffer(oid::kCeCrlNumber), false, out.take()});
    return crl;
  };
  write("ca.crl", with_number(0xfe));
  look();
  EXPECT_EQ(status().parts.at(0).number.size(), 40u);
  restart();
  write("ca.crl", with_number(0xfd));
  look();
  EXPECT_EQ(error(), SourceErrc::kRollback);
  write("ca.crl", with_number(0xff));
  ASSERT_TRUE(look().loaded);
  EXPECT_TRUE(is_revoked(0xff));
}

// req: OCSP-CRL-053
TEST_F(CrlSetFiles, TheCrlInUseSurvivesARestartWithoutItsFile) {
  add_files({"ca.crl"});
  write("ca.crl", numbered(7, {1}));
  look();
  restart();
  remove("ca.crl");
  store_.reset();
  std::filesystem::remove_all(directory_.file("store"));
  store_ = *store::Store::open(directory_.file("store"));
  spec_.id = id_ = *store_->ensure_issuer(make_issuer_key(issuer().certificate), "CA");
  ASSERT_TRUE(look().loaded) << "from what was kept";
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  EXPECT_EQ(error(), SourceErrc::kUnreadable) << "and the file is missed";
}

TEST_F(CrlSetFiles, AMissingFileIsNotSaidToBeInForceBeforeItEverWas) {
  add_files({"ca.crl"});
  look();
  EXPECT_THAT(error_text(), HasSubstr("No such file or directory (check the path)"));
  write("ca.crl", numbered(7, {1}));
  look();
  remove("ca.crl");
  look();
  EXPECT_THAT(error_text(), HasSubstr("what was loaded before stays in force"));
}

TEST_F(CrlSetFiles, KeptFilesThatWereAlteredAreNotUsed) {
  add_files({"ca.crl"});
  write("ca.crl", numbered(7, {1}));
  look();
  restart();
  remove("ca.crl");
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory_.file("state"))) {
    if (entry.is_regular_file()) {
      Buffer octets = muster::testing::read_octets(entry.path().string());
      octets[octets.size() / 2] ^= 1;
      std::filesystem::remove(entry.path());
      std::filesystem::path path = entry.path();
      muster::write_file_atomically(path.string(), octets).operator bool();
    }
  }
  EXPECT_FALSE(look().loaded);
  EXPECT_TRUE(error());
}

TEST_F(CrlSetFiles, LeavesNoTemporaryFilesBehind) {
  add_files({"ca.crl"});
  spec_.crls.issued_files = {directory_.file("issued.txt")};
  directory_.write("issued.txt", "01\n");
  for (std::uint64_t number = 1; number <= 4; ++number) {
    write("ca.crl", numbered(number, {1}));
    look();
    directory_.write("ca.crl", "broken");
    look();
  }
  EXPECT_EQ(kept(), 2u) << "the CRL and the list";
  struct stat info {};
  for (const auto& entry : std::filesystem::directory_iterator(directory_.file("state"))) {
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u) << "nobody else writes there";
    directory_.write(
        std::filesystem::relative(entry.path() / "incoming-crashed", directory_.path()).string(),
        "x");
  }
  restart();
  look();
  EXPECT_EQ(kept(), 2u) << "those of a crash go";
}

TEST_F(CrlSetFiles, AFullDiskForTheShelfKeepsTheLastGoodState) {
  add_files({"ca.crl"});
  write("ca.crl", numbered(5, {1}));
  look();
  // A directory in the place of the kept file: nothing can be renamed there.
  const auto issuer_directory =
      std::filesystem::directory_iterator(directory_.file("state"))->path();
  const auto kept_file = std::filesystem::directory_iterator(issuer_directory)->path();
  std::filesystem::remove(kept_file);
  std::filesystem::create_directories(kept_file / "x");
  write("ca.crl", numbered(6, {1, 2}));
  look();
  EXPECT_EQ(error(), SourceErrc::kStore);
  EXPECT_TRUE(is_revoked(1) && covers_everything());
  std::filesystem::remove_all(kept_file);
  clock_.advance(Seconds(120));
  ASSERT_TRUE(look().loaded) << "tried again: " << error_text();
  EXPECT_TRUE(is_revoked(2));
}

TEST_F(CrlSetFiles, ADiskThatIsNearlyFullKeepsTheLastGoodState) {
  add_files({"ca.crl"});
  spec_.crls.issued_files = {directory_.file("issued.txt")};
  directory_.write("issued.txt", "01\n02\n");
  write("ca.crl", numbered(5, {1}));
  look();
  ASSERT_FALSE(error()) << error_text();
  set_free_space_for_test([](const std::string&) { return std::optional(kDiskReserveBytes); });
  write("ca.crl", numbered(6, {1, 2}));
  directory_.write("issued.txt", "01\n02\n03\n");
  look();
  for (const PartStatus& part : status().parts) {
    ASSERT_TRUE(part.error) << part.origin;
    EXPECT_EQ(part.error->code, SourceErrc::kStore);
    EXPECT_THAT(part.error->detail, HasSubstr("make room"));
    EXPECT_EQ(part.failures, 1u);
  }
  EXPECT_TRUE(is_revoked(1) && !is_revoked(2) && !find("03") && covers_everything());
  set_free_space_for_test(nullptr);
  clock_.advance(Seconds(60));
  ASSERT_TRUE(look().loaded) << error_text();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2) && find("03"));
  EXPECT_EQ(kept(), 2u) << "nothing half-written stays";
}

// req: OCSP-CRL-005 OCSP-CRL-054
TEST_F(CrlSetFiles, EndsWithItsNextUpdateItsAgeOrTheGrace) {
  add_files({"ca.crl"});
  CrlSpec crl = numbered(5);
  crl.next_update = kTestNow + Seconds(100);
  write("ca.crl", crl);
  look();
  EXPECT_EQ(state().next_update, kTestNow + Seconds(100));
  restart();
  spec_.crls.grace = Seconds(50);
  look();
  EXPECT_EQ(state().next_update, kTestNow + Seconds(100))
      << "answers end with the CRL while it is current";
  clock_.advance(Seconds(100));
  look();
  EXPECT_EQ(state().next_update, kTestNow + Seconds(150)) << "and only then with the grace";
  EXPECT_TRUE(covers_everything());
  clock_.jump_to(kTestNow);
  look();
  EXPECT_EQ(state().next_update, kTestNow + Seconds(100)) << "a clock put back gives no grace";
  clock_.advance(Seconds(100));
  look();
  EXPECT_EQ(state().next_update, kTestNow + Seconds(150));
  clock_.advance(Seconds(50));
  look();
  EXPECT_FALSE(covers_everything());
  EXPECT_EQ(error(), SourceErrc::kIncomplete);
  EXPECT_THAT(error_text(), HasSubstr("is over since"));
  restart();
  clock_.jump_to(kTestNow);
  spec_.crls.grace = Seconds(0);
  spec_.crls.max_age = kTestNow + Seconds(10) - crl.this_update;
  look();
  EXPECT_EQ(state().next_update, kTestNow + Seconds(10))
      << "older than permitted, whatever nextUpdate says";
  restart();
  spec_.crls.max_age.reset();
  crl = numbered(6);
  crl.next_update.reset();
  watch_.load.max_age_without_next_update = Seconds(7200);
  write("ca.crl", crl);
  look();
  EXPECT_EQ(state().next_update, crl.this_update + Seconds(7200));
}

TEST_F(CrlSetFiles, OneFromTheFutureIsTakenWhenItsTimeComes) {
  add_files({"ca.crl"});
  write("ca.crl", numbered(5, {1}));
  look();
  CrlSpec future = numbered(6, {1, 2});
  future.this_update = kTestNow + Seconds(301);
  write("ca.crl", future);
  look();
  EXPECT_EQ(error(), SourceErrc::kNotYetValid);
  EXPECT_FALSE(is_revoked(2));
  clock_.advance(Seconds(60));
  ASSERT_TRUE(look().loaded) << error_text();
  EXPECT_TRUE(is_revoked(2));
}

TEST_F(CrlSetFiles, OneThatEndsBeforeItBeginsIsRefused) {
  add_files({"ca.crl"});
  CrlSpec crl = numbered(5);
  crl.next_update = crl.this_update - Seconds(1);
  write("ca.crl", crl);
  look();
  EXPECT_EQ(error(), SourceErrc::kMalformed);
}

}  // namespace
}  // namespace muster::source
