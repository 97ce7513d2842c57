#include <fstream>
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

}  // namespace
}  // namespace muster::edge
