#include <fstream>
#include <limits>

#include "export_world.h"

// Manifests that are lost, damaged or of no use.
namespace muster::edge {
namespace {

using ::testing::HasSubstr;

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

TEST(Export, TheManifestIsSignedWithAKeyOfItsOwn) {
  World world;
  world.options.manifest_key = standard_pki().leaf.key;
  static_cast<void>(world.run());
  const Buffer text = *read_file(world.options.directory + "/manifest", 1 << 20);
  EXPECT_TRUE(verify_manifest(as_text(text), standard_pki().leaf.certificate));
  EXPECT_FALSE(verify_manifest(as_text(text), standard_pki().ocsp_signer.certificate));
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

// Who may write to the directory cannot have a signature made for what he put there.
TEST(Export, AManifestThatOurKeyDidNotSignVouchesForNothing) {
  World world;
  world.options.manifest_key = standard_pki().leaf.key;
  const std::uint64_t number = world.run().number;
  EXPECT_EQ(world.run().kept, 6U);  // our own is believed
  const std::string path = world.options.directory + "/manifest";
  Manifest forged = world.manifest();
  forged.number = std::numeric_limits<std::uint64_t>::max();  // would be the last one ever
  for (auto& [name, entry] : forged.files) {
    entry.due = entry.next_update;
    entry.basis = "00";
  }
  auto stranger = pki::Signer::make(standard_pki().ocsp_signer.key);
  for (pki::Signer* const signer : {&*stranger, static_cast<pki::Signer*>(nullptr)}) {
    std::ofstream(path) << *seal_manifest(forged, signer);
    world.clock.advance(Milliseconds(1000));
    const ExportReport report = world.run();
    EXPECT_EQ(report.written, 6U);
    EXPECT_GT(report.number, number);
    EXPECT_LT(report.number, forged.number);
    EXPECT_TRUE(verify_manifest(testing::read_text(path), standard_pki().leaf.certificate));
  }
  // One octet of ours is enough.
  std::string text = testing::read_text(path);
  text[text.find(" good ") + 1] = 'G';
  std::ofstream(path) << text;
  EXPECT_EQ(world.run().written, 6U);
}

}  // namespace
}  // namespace muster::edge
