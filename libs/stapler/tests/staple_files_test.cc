#include "muster/stapler/staple_files.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "full_disk.h"
#include "muster/testing/response_builder.h"
#include "staples.h"

namespace muster::stapler {
namespace {

using testing::kTestNow;
using testing::standard_pki;

class StapleFilesTest : public ::testing::Test {
 protected:
  StapleFilesTest() { files.set_paths({{id, dir.file("web.ocsp")}}); }
  static keeper::StaplePointer staple(std::int64_t this_update, std::int64_t expires) {
    const auto& pki = standard_pki();
    testing::ResponseSpec spec;
    spec.entries.push_back(testing::entry_for(pki.leaf.certificate, pki.intermediate.certificate));
    spec.entries[0].this_update = kTestNow + Seconds(this_update);
    spec.entries[0].next_update = kTestNow + Seconds(expires);
    const Buffer der = build_response(pki.ocsp_signer, spec);
    auto verified = client::verify(
        {der, pki.leaf.certificate, pki.intermediate.certificate, std::nullopt, {}}, {}, kTestNow);
    EXPECT_TRUE(verified);
    return std::make_shared<const keeper::Staple>(keeper::Staple{
        *verified,
        {keeper::StapleStatus::kGood, kTestNow + Seconds(this_update), kTestNow + Seconds(expires)},
        kTestNow,
        "x"});
  }
  [[nodiscard]] bool exists() const { return ::access(dir.file("web.ocsp").c_str(), F_OK) == 0; }

  const keeper::Fingerprint id = standard_pki().leaf.certificate.fingerprint();
  testing::TempDir dir;
  StapleFiles files{null_logger()};
};

// req: OCSP-STAP-015
TEST_F(StapleFilesTest, WritesOnceAndLeavesTheSameAlone) {
  const auto s = staple(-10, 100);
  EXPECT_EQ(files.apply(id, s, kTestNow), Applied::kWritten);
  EXPECT_TRUE(equal(testing::read_octets(dir.file("web.ocsp")), s->der()));
  struct stat before {
  }, after{};
  ::stat(dir.file("web.ocsp").c_str(), &before);
  EXPECT_EQ(files.apply(id, s, kTestNow), Applied::kUnchanged);
  ::stat(dir.file("web.ocsp").c_str(), &after);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(StapleFilesTest, RemovesWhatIsWithdrawnAndThatTwiceIsNoError) {
  files.apply(id, staple(-10, 100), kTestNow);
  EXPECT_EQ(files.apply(id, nullptr, kTestNow), Applied::kRemoved);
  EXPECT_FALSE(exists());
  EXPECT_EQ(files.apply(id, nullptr, kTestNow), Applied::kUnchanged);
}

TEST_F(StapleFilesTest, ACertificateWithoutPathIsNoMatter) {
  EXPECT_EQ(files.apply(keeper::Fingerprint{}, nullptr, kTestNow), Applied::kUnchanged);
  EXPECT_EQ(files.path_of(keeper::Fingerprint{}), nullptr);
}

// req: OCSP-STAP-003
TEST_F(StapleFilesTest, WhenANewOneCannotBeWrittenTheOldOneIsRemovedBeforeItExpires) {
  const auto first = staple(-10, 100);
  const auto second = staple(-5, 1000);
  files.apply(id, first, kTestNow);
  // A directory where the file should be renamed to makes every write fail, also for root.
  ::unlink(dir.file("web.ocsp").c_str());
  ASSERT_EQ(::mkdir(dir.file("web.ocsp").c_str(), 0755), 0);
  EXPECT_EQ(files.apply(id, second, kTestNow), Applied::kFailed);
  ::rmdir(dir.file("web.ocsp").c_str());
  dir.write("web.ocsp",
            first->der());  // the old content is still in place, as after a failed write
  const auto changes = files.tick(kTestNow + Seconds(9));
  EXPECT_TRUE(changes.empty()) << "not yet time to retry, and the old one is still good";
  EXPECT_TRUE(exists());
  const auto retried = files.tick(kTestNow + Seconds(10));
  ASSERT_EQ(retried.size(), 1U);
  EXPECT_EQ(retried[0].applied, Applied::kWritten);
  EXPECT_TRUE(equal(testing::read_octets(dir.file("web.ocsp")), second->der()));
}

// "Good" is true no more: rather none than that until its end.
TEST_F(StapleFilesTest, WhatARevokedOneCannotReplaceIsRemovedAtOnce) {
  files.apply(id, staple(-10, 100), kTestNow);
  const auto revoked = testing_staples::revoked_staple();
  {
    const testing_staples::FullDisk disk(32);
    EXPECT_EQ(files.apply(id, revoked, kTestNow), Applied::kRemoved);
    EXPECT_FALSE(exists());
    EXPECT_THAT(files.failure_of(id), ::testing::Not(::testing::IsEmpty()));
  }
  ASSERT_EQ(files.tick(kTestNow + Seconds(10)).size(), 1U);
  EXPECT_TRUE(equal(testing::read_octets(dir.file("web.ocsp")), revoked->der()));
}

TEST_F(StapleFilesTest, ContentThatExpiresIsRemovedEvenWhileWritingFails) {
  files.apply(id, staple(-10, 100), kTestNow);
  const auto changes = files.tick(kTestNow + Seconds(100));
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].applied, Applied::kRemoved);
  EXPECT_FALSE(exists());
}

TEST_F(StapleFilesTest, AFileThatSomebodyTookAwayIsWrittenAgain) {
  const auto s = staple(-10, 100);
  files.apply(id, s, kTestNow);
  ::unlink(dir.file("web.ocsp").c_str());
  const auto changes = files.tick(kTestNow + Seconds(10));
  ASSERT_EQ(changes.size(), 1U) << "the command after changes is told";
  EXPECT_EQ(changes[0].applied, Applied::kWritten);
  EXPECT_TRUE(equal(testing::read_octets(dir.file("web.ocsp")), s->der()));
  EXPECT_TRUE(files.tick(kTestNow + Seconds(20)).empty());
  files.apply(id, nullptr, kTestNow + Seconds(20));
  EXPECT_TRUE(files.tick(kTestNow + Seconds(40)).empty());
  EXPECT_FALSE(exists()) << "withdrawn is not taken away";
}

TEST_F(StapleFilesTest, ADirectoryThatIsGoneIsAFailureUntilItIsBack) {
  const std::string path = dir.file("staples/web.ocsp");
  ASSERT_EQ(::mkdir(dir.file("staples").c_str(), 0755), 0);
  files.set_paths({{id, path}});
  files.apply(id, staple(-10, 100), kTestNow);
  ::unlink(path.c_str());
  ASSERT_EQ(::rmdir(dir.file("staples").c_str()), 0);
  EXPECT_TRUE(files.tick(kTestNow + Seconds(10)).empty());
  EXPECT_THAT(files.failure_of(id), ::testing::Not(::testing::IsEmpty()));
  ASSERT_EQ(::mkdir(dir.file("staples").c_str(), 0755), 0);
  EXPECT_EQ(files.tick(kTestNow + Seconds(20)).size(), 1U);
  EXPECT_THAT(files.failures(), ::testing::IsEmpty());
  EXPECT_EQ(::access(path.c_str(), F_OK), 0);
}

TEST_F(StapleFilesTest, AFileThatWasLeftFollowsWhenItsCertificateIsRevoked) {
  files.apply(id, staple(-10, 100), kTestNow);
  files.set_paths({});
  EXPECT_TRUE(files.tick(kTestNow).empty());
  EXPECT_TRUE(exists()) << "a server may read it still";
  const auto news = staple(-5, 200);
  EXPECT_THAT(files.tell_former(keeper::Fingerprint{}, news, kTestNow), ::testing::IsEmpty());
  EXPECT_THAT(files.tell_former(id, news, kTestNow), ::testing::ElementsAre(dir.file("web.ocsp")));
  EXPECT_TRUE(equal(testing::read_octets(dir.file("web.ocsp")), news->der()));
  files.tell_former(id, nullptr, kTestNow);
  EXPECT_FALSE(exists());
}

TEST_F(StapleFilesTest, AFileThatWasLeftIsNotTouchedOnceItIsOthersOrNobodys) {
  const auto news = staple(-5, 200);
  files.apply(id, staple(-10, 100), kTestNow);
  files.set_paths({});
  files.set_paths({{keeper::Fingerprint{1}, dir.file("web.ocsp")}});
  EXPECT_THAT(files.tell_former(id, news, kTestNow), ::testing::IsEmpty()) << "another's";
  files.set_paths({{id, dir.file("web.ocsp")}});
  files.apply(id, staple(-10, 100), kTestNow);
  files.set_paths({});
  files.tick(kTestNow + Seconds(100));
  EXPECT_THAT(files.tell_former(id, news, kTestNow + Seconds(100)), ::testing::IsEmpty())
      << "what it holds has ended";
  files.set_paths({{id, dir.file("web.ocsp")}});
  files.apply(id, staple(-10, 150), kTestNow);
  files.set_paths({});
  ::unlink(dir.file("web.ocsp").c_str());
  EXPECT_THAT(files.tell_former(id, news, kTestNow), ::testing::IsEmpty()) << "taken away";
}

TEST_F(StapleFilesTest, AllFilesThatWereLeftOfACertificateFollowAndNoOthers) {
  const keeper::Fingerprint other{1};
  const auto good = staple(-10, 100);
  const auto put = [&](const keeper::Fingerprint& certificate, const std::string& name) {
    files.set_paths({{certificate, dir.file(name)}});
    EXPECT_EQ(files.apply(certificate, good, kTestNow), Applied::kWritten) << name;
  };
  put(id, "a.ocsp");
  put(other, "b.ocsp");
  put(id, "c.ocsp");
  put(id, "d.ocsp");
  files.set_paths({{other, dir.file("a.ocsp")}});  // now another's
  files.apply(other, good, kTestNow);
  files.set_paths({});
  EXPECT_THAT(files.tell_former(id, staple(-5, 200), kTestNow),
              ::testing::ElementsAre(dir.file("c.ocsp"), dir.file("d.ocsp")));
  EXPECT_THAT(files.tell_former(other, staple(-4, 200), kTestNow),
              ::testing::ElementsAre(dir.file("a.ocsp"), dir.file("b.ocsp")));
  files.tick(kTestNow + Seconds(200));  // what all hold has ended
  EXPECT_THAT(files.tell_former(id, staple(-3, 300), kTestNow), ::testing::IsEmpty());
}

TEST_F(StapleFilesTest, OfTooManyThatWereLeftThoseThatEndLastAreRemembered) {
  StapleFiles two(null_logger(), 2);
  const auto put = [&](const std::string& name, std::int64_t expires) {
    two.set_paths({{id, dir.file(name)}});
    EXPECT_EQ(two.apply(id, staple(-10, expires), kTestNow), Applied::kWritten) << name;
  };
  put("a.ocsp", 200);
  put("b.ocsp", 100);
  put("c.ocsp", 300);
  two.set_paths({});
  EXPECT_THAT(two.tell_former(id, staple(-5, 400), kTestNow),
              ::testing::ElementsAre(dir.file("a.ocsp"), dir.file("c.ocsp")));
}

TEST_F(StapleFilesTest, KeepsWhatItKnowsOfPathsThatStay) {
  files.apply(id, staple(-10, 100), kTestNow);
  files.set_paths({{id, dir.file("web.ocsp")}});
  EXPECT_EQ(files.tick(kTestNow + Seconds(100)).size(), 1U)
      << "it still knows when the content expires";
}

}  // namespace
}  // namespace muster::stapler
