#include "certificate_watch.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "muster/testing/temp_dir.h"

namespace muster::stapler {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;
using Entry = std::pair<std::string, std::string>;

TEST(EntriesOf, FollowsLinksOnTheWayAndAtTheEnd) {
  const testing::TempDir dir;
  const std::string root = fs::canonical(dir.path()).string();
  dir.write("archive/x/fullchain1.pem", "1");
  fs::create_directories(dir.file("live/x"));
  fs::create_symlink("../../archive/x/fullchain1.pem", dir.file("live/x/fullchain.pem"));
  EXPECT_THAT(entries_of(root + "/live/x/fullchain.pem"),
              IsSupersetOf({Entry(root + "/live/x", "fullchain.pem"),
                            Entry(root + "/live/x/../../archive/x", "fullchain1.pem")}));
  // As Kubernetes mounts secrets.
  dir.write("secret/..2026/tls.crt", "1");
  fs::create_symlink("..2026", dir.file("secret/..data"));
  fs::create_symlink("..data/tls.crt", dir.file("secret/tls.crt"));
  EXPECT_THAT(entries_of(root + "/secret/tls.crt"),
              IsSupersetOf({Entry(root + "/secret", "tls.crt"), Entry(root + "/secret", "..data"),
                            Entry(root + "/secret/..2026", "tls.crt")}));
  // A directory that is a link itself, absolute.
  fs::create_symlink(root + "/secret", dir.file("current"));
  EXPECT_THAT(entries_of(root + "/current/tls.crt"), Contains(Entry(root, "current")));
}

TEST(EntriesOf, EndsWhereLinksDoNot) {
  const testing::TempDir dir;
  fs::create_symlink("b", dir.file("a"));
  fs::create_symlink("a", dir.file("b"));
  EXPECT_FALSE(entries_of(dir.file("a")).empty());
  EXPECT_FALSE(entries_of(dir.file("not/there.pem")).empty());
  EXPECT_THAT(entries_of("there.pem"), ElementsAre(Entry(".", "there.pem")));
}

class CertificateWatchTest : public ::testing::Test {
 protected:
  CertificateWatchTest() { watch_with(Milliseconds(1)); }
  void watch_with(Milliseconds quiet) {
    watch = std::make_unique<CertificateWatch>(loop, quiet, [this](const WatchNews& n) {
      told = n;
      ++changes;
      loop.stop();
    });
  }
  void SetUp() override {
    watch->set_paths({});
    if (!watch->is_prompt()) {
      GTEST_SKIP() << "this user has as many inotify instances as the kernel allows";
    }
  }
  /// Waits for the change that is to come.
  void expect_change() {
    const int before = changes;
    const auto timer = loop.after(Milliseconds(60'000), [this] { loop.stop(); });
    loop.run();
    loop.cancel(timer);
    EXPECT_EQ(changes, before + 1);
  }
  /// Whatever the kernel has to tell now waits.
  void expect_none_yet() {
    const int before = changes;
    loop.after(Milliseconds(5), [this] { loop.stop(); });
    loop.run();
    EXPECT_EQ(changes, before);
  }
  /// Whatever the kernel had to tell was told; nothing of it counted.
  void expect_none_before(const std::function<void()>& news) {
    const int before = changes;
    news();
    expect_change();
    EXPECT_EQ(changes, before + 1);
  }

  testing::TempDir dir;
  net::Loop loop;
  std::unique_ptr<CertificateWatch> watch;
  int changes = 0;
  WatchNews told;  ///< at the last
};

// What leads to a directory is followed once for all files in it, and counts for each.
TEST_F(CertificateWatchTest, NoticesThatTheDirectoryOfManyFilesIsAnotherOne) {
  for (const char* name : {"one/a.pem", "one/b.pem", "two/a.pem", "two/b.pem"}) {
    dir.write(name, "1");
  }
  fs::create_symlink("one", dir.file("current"));
  watch->set_paths({dir.file("current/a.pem"), dir.file("current/b.pem")});
  fs::create_symlink("two", dir.file("next"));
  fs::rename(dir.file("next"), dir.file("current"));
  expect_change();
  watch->set_paths({dir.file("current/a.pem"), dir.file("current/b.pem")});
  dir.write("two/b.pem", "22");
  expect_change();
}

TEST_F(CertificateWatchTest, AFileWrittenInPlaceRenamedOverOrTakenAway) {
  const std::string path = dir.write("web.pem", "1");
  watch->set_paths({path});
  ASSERT_TRUE(watch->is_prompt());
  dir.write("web.pem", "2");
  expect_change();
  dir.write("new.tmp", "3");
  fs::rename(dir.file("new.tmp"), path);
  expect_change();
  ::unlink(path.c_str());
  expect_change();
  dir.write("web.pem", "4");
  expect_change();
}

TEST_F(CertificateWatchTest, WhatChangedIsNamed) {
  const std::string a = dir.write("one/a.pem", "1");
  const std::string b = dir.write("one/b.pem", "1");
  dir.write("archive/c1.pem", "1");
  fs::create_directories(dir.file("live"));
  fs::create_symlink("../archive/c1.pem", dir.file("live/c.pem"));
  dir.write("d/x.pem", "1");
  watch->set_paths({a, b, dir.file("live/c.pem"), dir.file("d"), dir.file("d/x.pem")});
  dir.write("one/b.pem", "2");
  expect_change();
  EXPECT_THAT(told.paths, ElementsAre(b));
  EXPECT_FALSE(told.everything);
  dir.write("archive/c1.pem", "2");
  expect_change();
  EXPECT_THAT(told.paths, ElementsAre(dir.file("live/c.pem")));
  dir.write("d/y.pem", "1");
  expect_change();
  EXPECT_THAT(told.paths, ElementsAre(dir.file("d")));
  dir.write("d/x.pem", "2");
  expect_change();
  EXPECT_THAT(told.paths, ElementsAre(dir.file("d"), dir.file("d/x.pem")));
  fs::rename(dir.file("one"), dir.file("aside"));
  expect_change();
  EXPECT_TRUE(told.everything);
}

TEST_F(CertificateWatchTest, WhatIsNotNewAndNotNamedIsWatchedOn) {
  const std::string a = dir.write("one/a.pem", "1");
  const std::string b = dir.write("two/b.pem", "1");
  const WatchNews none{};
  watch->set_paths({a}, none);
  watch->set_paths({a, b}, none);
  dir.write("two/b.pem", "2");
  expect_change();
  EXPECT_THAT(told.paths, ElementsAre(b));
  watch->set_paths({a, b}, told);
  dir.write("one/a.pem", "2");
  expect_change();
  EXPECT_THAT(told.paths, ElementsAre(a));
  watch->set_paths({b}, told);
  expect_none_before([&] {
    dir.write("one/a.pem", "3");
    dir.write("two/b.pem", "3");
  });
  EXPECT_THAT(told.paths, ElementsAre(b)) << "nobody asks about the other any more";
}

/// Directories that this process watches, by what the kernel says; 0 where it does not say.
std::size_t watches() {
  std::size_t n = 0;
  for (const auto& fd : fs::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream in(fd.path());
    for (std::string line; std::getline(in, line);) {
      n += line.starts_with("inotify ") ? 1U : 0U;
    }
  }
  return n;
}

// Of the files that no link leads to, each is known by its path, however that is spelled.
TEST_F(CertificateWatchTest, AFileCountsForEachSpellingOfItsPath) {
  const std::string a = dir.write("one/a.pem", "1");
  const std::string again = dir.file("one") + "/./a.pem";
  const WatchNews none{};
  watch->set_paths({a, again}, none);
  dir.write("one/a.pem", "2");
  expect_change();
  EXPECT_THAT(told.paths, UnorderedElementsAre(a, again));
  watch->set_paths({again}, none);
  dir.write("one/a.pem", "3");
  expect_change();
  EXPECT_THAT(told.paths, ElementsAre(again));
}

TEST_F(CertificateWatchTest, ADirectoryIsWatchedAsLongAsOneOfItsFilesCounts) {
  const std::string a = dir.write("one/a.pem", "1");
  const std::string b = dir.write("one/b.pem", "1");
  const WatchNews none{};
  const std::size_t before = watches();
  watch->set_paths({a, b}, none);
  const std::size_t with = watches();
  watch->set_paths({b}, none);
  EXPECT_EQ(watches(), with);
  dir.write("one/b.pem", "2");
  expect_change();
  EXPECT_THAT(told.paths, ElementsAre(b));
  watch->set_paths({}, none);
  EXPECT_EQ(watches(), before);
}

TEST_F(CertificateWatchTest, AFileThatBecomesALinkAndAFileAgain) {
  const std::string a = dir.write("one/a.pem", "1");
  dir.write("two/a.pem", "1");
  watch->set_paths({a});
  ::unlink(a.c_str());
  fs::create_symlink("../two/a.pem", a);
  expect_change();
  watch->set_paths({a}, told);
  dir.write("two/a.pem", "2");
  expect_change();
  EXPECT_THAT(told.paths, ElementsAre(a));
  ::unlink(a.c_str());
  dir.write("one/a.pem", "3");
  expect_change();
  watch->set_paths({a}, told);
  dir.write("one/a.pem", "4");
  expect_change();
  EXPECT_THAT(told.paths, ElementsAre(a));
}

TEST_F(CertificateWatchTest, ALinkThatIsSwappedAndWhatItLeadsTo) {
  dir.write("archive/fullchain1.pem", "1");
  dir.write("archive/fullchain2.pem", "2");
  fs::create_directories(dir.file("live"));
  fs::create_symlink("../archive/fullchain1.pem", dir.file("live/fullchain.pem"));
  watch->set_paths({dir.file("live/fullchain.pem")});
  dir.write("archive/fullchain1.pem", "3");
  expect_change();
  ::unlink(dir.file("live/fullchain.pem").c_str());
  fs::create_symlink("../archive/fullchain2.pem", dir.file("live/fullchain.pem"));
  expect_change();
  watch->set_paths({dir.file("live/fullchain.pem")});
  dir.write("archive/fullchain2.pem", "4");
  expect_change();
}

TEST_F(CertificateWatchTest, AKubernetesVolumeThatIsSwapped) {
  dir.write("m/..1/tls.crt", "1");
  dir.write("m/..2/tls.crt", "2");
  fs::create_symlink("..1", dir.file("m/..data"));
  fs::create_symlink("..data/tls.crt", dir.file("m/tls.crt"));
  watch->set_paths({dir.file("m/tls.crt")});
  fs::create_symlink("..2", dir.file("m/..data_tmp"));
  fs::rename(dir.file("m/..data_tmp"), dir.file("m/..data"));
  expect_change();
}

TEST_F(CertificateWatchTest, ADirectoryThatIsMovedAsideIsNotWatchedForEver) {
  dir.write("live/web.pem", "1");
  watch->set_paths({dir.file("live/web.pem")});
  const std::size_t before = watches();
  for (const char* aside : {"old.1", "old.2", "old.3"}) {
    fs::rename(dir.file("live"), dir.file(aside));
    dir.write("live/web.pem", "2");
    watch->set_paths({dir.file("live/web.pem")});
  }
  EXPECT_EQ(watches(), before);
  dir.write("live/web.pem", "3");
  expect_change();
}

TEST_F(CertificateWatchTest, OfADirectoryCertificatesCountAndNothingElse) {
  dir.write("d/a.pem", "1");
  watch->set_paths({dir.file("d"), dir.file("d/a.pem")});
  expect_none_before([&] {
    dir.write("d/a.ocsp", "staple");
    dir.write("d/log", "x");
    dir.write("d/b.crt", "1");
  });
  dir.write("d/sub/c.pem", "1");  // another directory
  dir.write("d/b.der", "1");
  expect_change();
}

// Somebody may reload a server before it is quiet.
TEST_F(CertificateWatchTest, WhatIsWholeIsToldOfAtOnceAndOfManyTheFirst) {
  const std::string path = dir.write("web.pem", "1");
  fs::create_symlink("web.pem", dir.file("link.pem"));
  watch_with(Seconds(3600));
  watch->set_paths({path, dir.file("link.pem")});
  dir.write("web.pem", "2");
  expect_change();
  dir.write("new.tmp", "3");
  fs::rename(dir.file("new.tmp"), path);
  expect_change();
  ::unlink(dir.file("link.pem").c_str());
  fs::create_symlink("web.pem", dir.file("link.pem"));
  expect_change();
  dir.write("web.pem", "4");
  expect_change();
  dir.write("web.pem", "5");
  expect_none_yet();
}

TEST_F(CertificateWatchTest, WhatIsBeingWrittenOrGoneIsNotToldOfAtOnce) {
  const std::string path = dir.write("web.pem", "1");
  watch_with(Seconds(3600));
  watch->set_paths({path});
  ::unlink(path.c_str());
  expect_none_yet();
  std::ofstream file(path);
  file << "half" << std::flush;
  expect_none_yet();
  file.close();
  expect_change();
}

TEST_F(CertificateWatchTest, ALookInTurnFindsWhatTheKernelDidNotTell) {
  const std::string path = dir.write("up/d/b.pem", "1");
  watch->set_paths({path});
  watch->tick();
  // Nothing happens in the directory that is watched, nor to it: it is led to no more.
  fs::rename(dir.file("up"), dir.file("aside"));
  expect_none_yet();
  watch->tick();
  expect_change();
  EXPECT_EQ(changes, 1);
}

}  // namespace
}  // namespace muster::stapler
