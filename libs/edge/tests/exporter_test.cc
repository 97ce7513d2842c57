#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <limits>
#include <set>

#include "export_world.h"
#include "muster/http/base64.h"

namespace muster::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Says what it is told to, for everything.
class Told final : public AnswerSource {
 public:
  explicit Told(std::optional<Given> what) : what_(std::move(what)) {}
  Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                              UnixSeconds) override {
    if (!what_) {
      return Err{std::string("nobody there")};
    }
    return std::vector<Given>(wanted.size(), *what_);
  }

 private:
  std::optional<Given> what_;
};

TEST(Export, EveryCertificateHasAFileForEachHash) {
  World world;
  world.revoke(serial_of(1));
  const ExportReport report = world.run();
  EXPECT_EQ(report.written, 6U);
  EXPECT_EQ(report.files, 6U);
  EXPECT_EQ(report.changed, 0U);  // nobody can hold anything else
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256}) {
    EXPECT_EQ(world.says(serial_of(0), hash), "good");
    EXPECT_EQ(world.says(serial_of(1), hash), "revoked");
    EXPECT_EQ(world.says(serial_of(2), hash), "good");
  }
  const Manifest manifest = world.manifest();
  EXPECT_EQ(manifest.number, report.number);
  ASSERT_EQ(manifest.files.size(), 6U);
  for (const auto& [name, entry] : manifest.files) {
    const Buffer content = *read_file(
        world.options.directory + "/tree/" + file_path(*http::base64_decode(name)), 100'000);
    EXPECT_EQ(to_buffer(entry.digest), pki::digest(HashAlgorithm::kSha256, content));
    EXPECT_EQ(manifest.until, entry.next_update);
  }
}

TEST(Export, TheNextRunSignsOnlyWhatChanged) {
  World world;
  const ExportReport first = world.run();
  const Buffer before = world.file(serial_of(0));
  world.revoke(serial_of(1));
  const ExportReport second = world.run();
  EXPECT_EQ(second.written, 2U);
  EXPECT_EQ(second.kept, 4U);
  EXPECT_EQ(second.changed, 2U);
  EXPECT_GT(second.number, first.number);
  EXPECT_EQ(world.says(serial_of(1)), "revoked");
  EXPECT_EQ(world.says(serial_of(1), HashAlgorithm::kSha1), "revoked");
  EXPECT_EQ(world.file(serial_of(0)), before);
}

TEST(Export, WhatFallsDueBeforeTheNextTimeIsRenewed) {
  World world;
  world.options.interval = Seconds(600);
  static_cast<void>(world.run());
  const UnixSeconds due = world.manifest().files.begin()->second.due;
  world.clock.advance(Milliseconds(due - kTestNow - Seconds(601)));
  world.touch();
  EXPECT_EQ(world.run().written, 0U);
  world.clock.advance(Milliseconds(1000));
  const ExportReport report = world.run();
  EXPECT_EQ(report.written, 6U);
  EXPECT_EQ(report.changed, 0U);
  EXPECT_GT(world.manifest().files.begin()->second.due, due);
  world.options.renew_all = true;
  EXPECT_EQ(world.run().written, 6U);
}

TEST(Export, WhatHasNoRecordAnyMoreIsTakenAway) {
  World world;
  static_cast<void>(world.run());
  world.set(serial_of(2), std::nullopt);
  const ExportReport report = world.run();
  EXPECT_EQ(report.removed, 2U);
  EXPECT_EQ(report.changed, 2U);
  EXPECT_EQ(world.says(serial_of(2)), "none");
  EXPECT_EQ(world.files_there(), 4U);
}

// A rule of the configuration may change what is said without any record changing.
TEST(Export, AKeyThatIsLostRevokesEverything) {
  World world;
  static_cast<void>(world.run());
  world.spec.policy.compromised_at = kTestNow - Seconds(60);
  world.load();
  const ExportReport report = world.run();
  EXPECT_EQ(report.changed, 6U);
  EXPECT_EQ(world.says(serial_of(0)), "revoked");
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

TEST(Export, WithoutAManifestEverythingIsMadeAnewAndNumbersRise) {
  World world;
  std::uint64_t number = world.run().number;
  for (const bool is_damaged : {false, true}) {
    const std::string path = world.options.directory + "/manifest";
    if (is_damaged) {
      std::ofstream(path, std::ios::app) << "x";
    } else {
      std::filesystem::remove(path);
    }
    world.set(serial_of(2), std::nullopt);  // nobody remembers that it had a file
    world.clock.advance(Milliseconds(1000));
    const ExportReport report = world.run();
    EXPECT_EQ(report.written, 4U);
    EXPECT_EQ(world.files_there(), 4U);
    EXPECT_GT(report.number, number);
    number = report.number;
  }
}

TEST(Export, IssuersThatNotEverybodyMayAskAboutStayAtHome) {
  responder::IssuerPolicy policy;
  policy.clients = {*IpNetwork::parse("192.0.2.0/24")};
  World world(policy);
  const ExportReport report = world.run();
  EXPECT_EQ(report.written, 0U);
  EXPECT_THAT(report.closed_issuers, ElementsAre("test CA"));
}

// base64 knows '/', and some of it ends so: serials of every tail have a file.
TEST(Export, SlashesOfTheBase64AreNoObstacle) {
  World world;
  constexpr unsigned kSerials = 600;
  std::vector<store::Change> changes;
  for (unsigned i = 0; i < kSerials; ++i) {
    const Buffer content{0x10, 0xff, static_cast<std::uint8_t>(0xfc | i >> 8U),
                         static_cast<std::uint8_t>(i & 0xffU)};
    changes.push_back({*Serial::make(content), store::Status{}});
  }
  ASSERT_TRUE(world.store->apply(world.issuer, changes));
  const ExportReport report = world.run();
  EXPECT_EQ(report.written + report.left_out, 2U * (kSerials + 3));
  EXPECT_EQ(world.files_there(), report.written);
  EXPECT_LE(report.left_out, 8U);  // where one's file is another's folder
  std::set<std::string> kinds;
  for (const auto& [name, entry] : world.manifest().files) {
    const std::string path = file_path(*http::base64_decode(name));
    const auto content = read_file(world.options.directory + "/tree/" + path, 100'000);
    ASSERT_TRUE(content) << path;
    EXPECT_EQ(to_buffer(entry.digest), pki::digest(HashAlgorithm::kSha256, *content)) << path;
    kinds.insert(path.ends_with("/index.html") ? "index" : "plain");
  }
  EXPECT_EQ(kinds.size(), 2U);
  EXPECT_EQ(world.run().kept, report.written);
}

TEST(Export, TheManifestIsSignedWithAKeyOfItsOwn) {
  World world;
  world.options.manifest_key = standard_pki().leaf.key;
  static_cast<void>(world.run());
  const Buffer text = *read_file(world.options.directory + "/manifest", 1 << 20);
  EXPECT_TRUE(verify_manifest(as_text(text), standard_pki().leaf.certificate));
  EXPECT_FALSE(verify_manifest(as_text(text), standard_pki().ocsp_signer.certificate));
}

TEST(Export, CachesAreToldOfRevocationsUntilTheyHeard) {
  World world;
  world.options.purge.command = {world.script("cat >> $1; test -e $2"), world.dir.file("told"),
                                 world.dir.file("up")};
  world.options.purge.pause = Milliseconds(0);
  world.options.purge.url = "http://ocsp.example/";
  EXPECT_EQ(world.run().purge.runs, 0U);  // nothing is cached yet
  world.revoke(serial_of(1));
  const ExportReport failed = world.run();
  EXPECT_EQ(failed.purge.not_purged.size(), 2U);
  EXPECT_GT(failed.purge.failures, 0U);
  EXPECT_EQ(world.says(serial_of(1)), "revoked");  // all the same
  world.dir.write("up", "");
  std::filesystem::remove(world.dir.file("told"));
  const ExportReport done = world.run();
  EXPECT_EQ(done.written, 0U);
  EXPECT_EQ(done.purge.purged, 2U);
  const std::string told = testing::read_text(world.dir.file("told"));
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256}) {
    const Buffer request = world.request(serial_of(1), hash);
    for (const std::string& spelling : get_spellings(request)) {
      EXPECT_THAT(told, HasSubstr("get http://ocsp.example/" + spelling + "\n"));
    }
    EXPECT_THAT(told, HasSubstr(to_hex(pki::digest(HashAlgorithm::kSha256, request))));
  }
  EXPECT_EQ(world.run().purge.runs, 0U);
}

/// Does something before each call, then asks another.
class Before final : public AnswerSource {
 public:
  Before(AnswerSource& of, std::function<std::optional<std::string>(std::size_t call)> what)
      : of_(of), what_(std::move(what)) {}
  Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                              UnixSeconds now) override {
    if (auto failed = what_(calls_++)) {
      return Err{*std::move(failed)};
    }
    return of_.ask(wanted, now);
  }
  [[nodiscard]] std::size_t calls() const { return calls_; }

 private:
  AnswerSource& of_;
  std::function<std::optional<std::string>(std::size_t)> what_;
  std::size_t calls_ = 0;
};

store::Status on_hold() {
  store::Status out = responder::revoked_at(kTestNow - Seconds(9));
  out.state = store::State::kHold;
  return out;
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

TEST(Export, AManifestKeyOfNoUseChangesNothing) {
  World world;
  static_cast<void>(world.run());
  world.revoke(serial_of(1));
  world.options.manifest_key = testing::make_key(testing::KeyKind::kRsa1024).key;
  const auto refused = run_export(world.options, *world.setup, *world.store, *world.answers,
                                  world.clock, null_logger());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ExportErrc::kInput);
  EXPECT_EQ(world.says(serial_of(1)), "good");
  world.options.manifest_key.reset();
  EXPECT_EQ(world.run().written, 2U);
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

TEST(Export, WithoutAManifestCachesAreToldOfAllThatIsNotGood) {
  World world;
  static_cast<void>(world.run());
  world.set(serial_of(2), std::nullopt);
  world.revoke(serial_of(1));
  std::filesystem::remove(world.options.directory + "/manifest");
  const ExportReport report = world.run();
  EXPECT_EQ(report.written, 4U);
  EXPECT_EQ(report.changed, 4U);  // two revoked, and two that were swept
  EXPECT_EQ(world.says(serial_of(2)), "none");
  std::filesystem::remove(world.options.directory + "/manifest");
  std::filesystem::remove(world.path(serial_of(1)));
  EXPECT_EQ(world.run().changed, 2U);  // nobody knows what was there
}

TEST(Export, WithoutAManifestAndAnswersFilesThatHoldAreServedOn) {
  World world;
  static_cast<void>(world.run());
  world.revoke(serial_of(1));
  std::filesystem::remove(world.options.directory + "/manifest");
  Told nothing(Given{Given::Kind::kNone, {}, {}, "signer_unavailable"});
  EXPECT_EQ(world.run(&nothing).kept, 4U);
  EXPECT_EQ(world.files_there(), 4U);
  EXPECT_EQ(world.says(serial_of(1)), "none");
  EXPECT_EQ(world.run().written, 6U);  // those were due
}

TEST(Export, ARevocationWhileItRunsIsSeenByIt) {
  World world;
  static_cast<void>(world.run());
  world.options.renew_all = true;
  // The answers were asked for; before they are on disk the record changes.
  class Late final : public AnswerSource {
   public:
    explicit Late(World& world) : world_(world) {}
    Result<std::vector<Given>, std::string> ask(const std::vector<Wanted>& wanted,
                                                UnixSeconds now) override {
      auto given = world_.answers->ask(wanted, now);
      if (!std::exchange(is_done_, true)) {
        world_.revoke(serial_of(1));
      }
      return given;
    }

   private:
    World& world_;
    bool is_done_ = false;
  } late(world);
  const ExportReport report = world.run(&late);
  EXPECT_EQ(report.written, 8U);
  EXPECT_EQ(report.changed, 2U);
  EXPECT_EQ(world.says(serial_of(1)), "revoked");
  EXPECT_EQ(world.says(serial_of(1), HashAlgorithm::kSha1), "revoked");
}

/// Lets go of a lock when it is told that somebody waits.
class LetsGo final : public Logger {
 public:
  using Logger::log;
  explicit LetsGo(UniqueFd lock) : lock_(std::move(lock)) {}
  void log(LogLevel, std::string_view event, std::string_view,
           std::initializer_list<LogField>) override {
    if (event == "export.waiting") {
      lock_.reset();
    }
  }

 private:
  UniqueFd lock_;
};

TEST(Export, AnotherRunIsWaitedFor) {
  World world;
  static_cast<void>(world.run());
  world.revoke(serial_of(1));
  const auto lock = [&world] {
    UniqueFd fd(::open((world.options.directory + "/lock").c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(::flock(fd.get(), LOCK_EX | LOCK_NB), 0);
    return fd;
  };
  LetsGo lets_go(lock());
  EXPECT_TRUE(
      run_export(world.options, *world.setup, *world.store, *world.answers, world.clock, lets_go));
  EXPECT_EQ(world.says(serial_of(1)), "revoked");
  const UniqueFd kept = lock();
  world.options.patience = Milliseconds(0);
  const auto refused = run_export(world.options, *world.setup, *world.store, *world.answers,
                                  world.clock, null_logger());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ExportErrc::kBusy);
}

TEST(Export, AClockThatWasAheadHoldsNothingUp) {
  World world;
  const UnixSeconds now = world.clock.now();
  world.clock.jump_to(now + Seconds(30LL * 86400));
  world.touch();
  static_cast<void>(world.run());
  world.clock.jump_to(now);
  world.touch();
  EXPECT_EQ(world.run().written, 6U);
  EXPECT_LT(world.manifest().until, now + Seconds(30LL * 86400));
}

TEST(Export, ANumberThatCannotRiseAndAManifestTooLargeAreRefused) {
  World world;
  static_cast<void>(world.run());
  Manifest manifest = world.manifest();
  manifest.number = std::numeric_limits<std::uint64_t>::max();
  const std::string path = world.options.directory + "/manifest";
  std::ofstream(path) << *seal_manifest(manifest, nullptr);
  const auto refused = [&world] {
    return run_export(world.options, *world.setup, *world.store, *world.answers, world.clock,
                      null_logger());
  };
  ASSERT_FALSE(refused());
  EXPECT_THAT(refused().error().detail, HasSubstr("cannot rise"));
  std::filesystem::remove(path);
  world.options.max_manifest_bytes = 100;
  ASSERT_FALSE(refused());
  EXPECT_THAT(refused().error().detail, HasSubstr("more than 100 octets"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

// Two requests whose base64 differs in where it has several slashes have one path.
TEST(Export, TwinsOfAFoldedPathLeaveOneOfThemInPeace) {
  World world;
  // Serials of 9 octets begin at another offset for each hash: all places are tried.
  std::optional<std::pair<Serial, Serial>> twins;
  HashAlgorithm hash = HashAlgorithm::kSha1;
  for (const HashAlgorithm each : {HashAlgorithm::kSha1, HashAlgorithm::kSha256}) {
    for (std::size_t offset = 1; offset < 4 && !twins; ++offset) {
      Buffer one(12, 0x11);
      Buffer two = one;
      // "//x/" and "/x//" in base64, x being 0x11 >> 2.
      const Buffer first{0xff, 0xf1, 0x3f};
      const Buffer second{0xfc, 0x4f, 0xff};
      std::copy(first.begin(), first.end(), one.begin() + static_cast<std::ptrdiff_t>(offset));
      std::copy(second.begin(), second.end(), two.begin() + static_cast<std::ptrdiff_t>(offset));
      const Serial a = *Serial::make(one);
      const Serial b = *Serial::make(two);
      if (file_path(world.request(a, each)) == file_path(world.request(b, each))) {
        twins.emplace(a, b);
        hash = each;
      }
    }
  }
  ASSERT_TRUE(twins);
  world.options.hashes = {hash};
  const auto [first, second] = *twins;
  // Walked in order: the later one has the file, then the earlier one comes.
  const bool is_in_order = std::ranges::lexicographical_compare(first.octets(), second.octets());
  const Serial& early = is_in_order ? first : second;
  const Serial& late = is_in_order ? second : first;
  world.set(late, store::Status{});
  EXPECT_EQ(world.run().written, 4U);
  EXPECT_EQ(world.says(late, hash), "good");
  world.set(early, store::Status{});
  EXPECT_EQ(world.run().left_out, 1U);
  EXPECT_EQ(world.says(late, hash), "good");
  EXPECT_EQ(world.files_there(), 4U);
  world.options.renew_all = true;
  EXPECT_EQ(world.run().left_out, 1U);
  EXPECT_EQ(world.says(early, hash), "good");
  EXPECT_EQ(world.files_there(), 4U);
}

}  // namespace
}  // namespace muster::edge
