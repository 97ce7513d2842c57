#include <utility>

#include "export_world.h"
#include "muster/http/base64.h"

namespace muster::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

TEST(Export, IssuersThatNotEverybodyMayAskAboutStayAtHome) {
  responder::IssuerPolicy policy;
  policy.clients = {*IpNetwork::parse("192.0.2.0/24")};
  World world(policy);
  const ExportReport report = world.run();
  EXPECT_EQ(report.written, 0U);
  EXPECT_THAT(report.closed_issuers, ElementsAre("test CA"));
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

}  // namespace
}  // namespace muster::edge
