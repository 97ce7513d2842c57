#include "muster/stapler/history.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "muster/testing/fake_clock.h"
#include "muster/testing/plain_user.h"
#include "muster/testing/temp_dir.h"
#include "target_history.h"

namespace muster::stapler {
namespace {

using ::testing::HasSubstr;
using testing::kTestNow;

HistoryEvent sample(const std::string& name = "web", int n = 0) {
  HistoryEvent e;
  e.at = kTestNow + Seconds(n);
  e.event = "answer";
  e.certificate = std::string(64, name == "web" ? 'a' : 'b');
  e.name = name;
  e.result = "taken";
  e.response = std::string(64, 'c');
  e.status = "good";
  e.this_update = kTestNow;
  e.expires = kTestNow + Seconds(3600);
  e.source = "http://ocsp.example/";
  e.took = Milliseconds(12);
  e.detail = "taken \x1b[2J";
  return e;
}

class HistoryTest : public ::testing::Test {
 protected:
  std::vector<HistoryEvent> read(const std::string& certificate = "", std::size_t last = 0) {
    const auto found = read_history(dir.path(), {certificate, last});
    EXPECT_TRUE(found) << found.error();
    return found ? *found : std::vector<HistoryEvent>();
  }
  [[nodiscard]] std::string file() const { return dir.file("history.jsonl"); }
  testing::TempDir dir;
};

TEST_F(HistoryTest, WhatIsWrittenIsRead) {
  History history(dir.path(), 1 << 20, null_logger());
  history.add(sample());
  const auto read_back = read();
  ASSERT_EQ(read_back.size(), 1U);
  EXPECT_EQ(encode_history(read_back[0]), encode_history(sample()));
  EXPECT_EQ(read_back[0].took, Milliseconds(12));
  EXPECT_EQ(read_back[0].detail.find('\x1b'), std::string::npos) << "no tricks on terminals";
  EXPECT_THAT(render_history(read_back), HasSubstr("12 ms"));
}

TEST_F(HistoryTest, OneCertificateIsFoundByNameAndFingerprintWithWhatItsTargetsDid) {
  History history(dir.path(), 1 << 20, null_logger());
  history.add(sample("web", 1));
  history.add(sample("shop", 2));
  HistoryEvent target;
  target.at = kTestNow + Seconds(3);
  target.event = "target";
  target.name = "web";
  history.add(target);
  target.name = "shop";
  history.add(target);
  HistoryEvent all;
  all.at = kTestNow + Seconds(4);
  all.event = "pause";
  history.add(all);
  for (const std::string& query : {std::string("web"), std::string(64, 'a')}) {
    const auto found = read(query);
    ASSERT_EQ(found.size(), 3U) << query;
    EXPECT_EQ(found[0].event, "answer");
    EXPECT_EQ(found[1].event, "target");
    EXPECT_EQ(found[2].event, "pause") << "what is about all is about this one";
  }
  EXPECT_EQ(read("", 2).size(), 2U);
  EXPECT_EQ(read("", 2)[1].event, "pause");
}

TEST_F(HistoryTest, EachStapleThatWasHandedOverIsRecordedWithWhatWasReadBack) {
  History history(dir.path(), 1 << 20, null_logger());
  TargetHistory targets;
  TargetStatus status;
  status.target = "edge";
  status.certificate = "web";
  status.delivery = Delivery::kDelivered;
  status.pushed_generation = 1;
  status.pushed_expires = kTestNow + Seconds(100);
  status.ports = {PortStatus{"127.0.0.1:443", ReadBack::kServed, "", std::nullopt}};
  targets.add_changes({status}, kTestNow, history);
  targets.add_changes({status}, kTestNow + Seconds(1), history);
  ASSERT_EQ(read().size(), 2U) << "nothing happened in between";
  // Another certificate took the place of this one: its first staple is counted as the first, too.
  status.pushed_expires = kTestNow + Seconds(200);
  targets.add_changes({status}, kTestNow + Seconds(2), history);
  const auto events = read();
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[2].event, "target");
  EXPECT_EQ(events[3].event, "read-back");
}

TEST_F(HistoryTest, ATornLineIsPassedOverAndTheNextIsWhole) {
  {
    History history(dir.path(), 1 << 20, null_logger());
    history.add(sample("web", 1));
    history.add(sample("web", 2));
  }
  for (const off_t cut : {1, 5, 200}) {
    struct stat info {};
    ASSERT_EQ(::stat(file().c_str(), &info), 0);
    const std::size_t before = read().size();
    ASSERT_EQ(::truncate(file().c_str(), info.st_size - cut), 0);
    History history(dir.path(), 1 << 20, null_logger());
    history.add(sample("web", 3));
    // Without its last octet alone, a line has lost nothing but its end.
    EXPECT_EQ(read().size(), cut == 1 ? before + 1 : before);
    EXPECT_EQ(read().back().at, kTestNow + Seconds(3));
  }
}

TEST_F(HistoryTest, ItStaysWithinItsBound) {
  constexpr std::uint64_t kLimit = 20'000;
  History history(dir.path(), kLimit, null_logger());
  for (int i = 0; i < 500; ++i) {
    history.add(sample("web", i));
    std::uint64_t size = 0;
    for (const char* name : {"history.jsonl", "history.1.jsonl"}) {
      struct stat info {};
      size +=
          ::stat(dir.file(name).c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
    }
    ASSERT_LE(size, kLimit);
  }
  const auto kept = read();
  EXPECT_GT(kept.size(), 15U);
  EXPECT_EQ(kept.back().at, kTestNow + Seconds(499));
  for (std::size_t i = 1; i < kept.size(); ++i) {
    EXPECT_EQ(kept[i].at - kept[i - 1].at, Seconds(1)) << "in order, without a gap";
  }
}

TEST_F(HistoryTest, WhereTheOlderHalfCannotBeKeptItGoesOnWithoutIt) {
  constexpr std::uint64_t kLimit = 20'000;
  const std::string obstacle = dir.file("history.1.jsonl");
  dir.write("history.1.jsonl/in the way", "");
  History history(dir.path(), kLimit, null_logger());
  for (int i = 0; i < 200; ++i) {
    history.add(sample("web", i));
  }
  struct stat info {};
  EXPECT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_LE(info.st_size, static_cast<off_t>(kLimit / 2));
  std::filesystem::remove_all(obstacle);
  const auto kept = read();
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept.back().at, kTestNow + Seconds(199));
  EXPECT_LT(kept.size(), 200U);
}

TEST_F(HistoryTest, WhereItCannotBeTurnedOverItEndsAtItsBound) {
  const testing::PlainUser user(dir);
  if (!user.is_plain()) {
    GTEST_SKIP() << "root may rename whatever it likes, and cannot be somebody else here";
  }
  constexpr std::uint64_t kLimit = 20'000;
  History history(dir.path(), kLimit, null_logger());
  history.add(sample());
  ::chmod(dir.path().c_str(), 0555);
  for (int i = 1; i < 200; ++i) {
    history.add(sample("web", i));
  }
  struct stat info {};
  EXPECT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_LE(info.st_size, static_cast<off_t>(kLimit / 2));
  ::chmod(dir.path().c_str(), 0755);
  history.add(sample("web", 200));
  EXPECT_EQ(read().back().at, kTestNow + Seconds(200)) << "it goes on when it can";
}

TEST(RenderHistory, WhatAFileSaysPlaysNoTricksOnTerminals) {
  HistoryEvent e = sample("\x1b]0;x\a");
  e.event = e.result = e.response = e.target = e.address = "\x1b[2J";
  EXPECT_EQ(render_history({e}).find('\x1b'), std::string::npos);
}

TEST_F(HistoryTest, NothingIsKeptWhereNothingIsToBe) {
  History(dir.path(), 0, null_logger()).add(sample());
  History("", 1 << 20, null_logger()).add(sample());
  EXPECT_FALSE(read_history(dir.path(), {}));
}

TEST_F(HistoryTest, WhatCannotBeWrittenStopsNobody) {
  ::mkdir(file().c_str(), 0755);
  History history(dir.path(), 1 << 20, null_logger());
  history.add(sample());
  ::rmdir(file().c_str());
  history.add(sample("web", 7));
  EXPECT_EQ(read().size(), 1U);
}

TEST(ParseHistory, RubbishIsNoLine) {
  for (const char* bad : {"", "{", "[]", "null", "{}", R"({"at":"x","event":"answer"})",
                          R"({"at":"2026-11-24T10:00:00Z"})"}) {
    EXPECT_FALSE(parse_history(bad)) << bad;
  }
  const auto odd = parse_history(
      R"({"at":"2026-11-24T10:00:00Z","event":"answer","took_ms":-5,"name":7,"future":"field"})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->name, "");
}

}  // namespace
}  // namespace muster::stapler
