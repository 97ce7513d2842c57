#include "muster/stapler/dry_run.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "stapler_world.h"

namespace muster::stapler {
namespace {

using ::testing::HasSubstr;

class DryRunTest : public StaplerWorld {
 protected:
  std::string rehearse() {
    const Inventory inventory = load_inventory(options.certificates, options.inventory);
    auto shelf = keeper::Shelf::open(options.shelf, keeper::ShelfMode::kFollower, {}, logger);
    EXPECT_TRUE(shelf);
    std::vector<keeper::Subject> subjects;
    for (const InventoryEntry& entry : inventory.entries) {
      subjects.push_back(entry.watched.subject);
    }
    (*shelf)->set_subjects(std::move(subjects), clock.now());
    return render_dry_run({inventory, **shelf, options.shelf, options.keeper, options.targets},
                          clock.now());
  }
  /// Every file below the directory, with its octets.
  [[nodiscard]] std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.path())) {
      if (entry.is_regular_file()) {
        out[entry.path().string()] = testing::read_text(entry.path().string());
      }
    }
    return out;
  }
};

TEST_F(DryRunTest, TellsWhatWouldBeFetchedAndHandedOverAndChangesNothing) {
  TargetOptions target;
  target.name = "edge";
  target.kind = TargetKind::kHitch;
  target.file = dir.file("{name}.hitch");
  options.targets = {target};
  ASSERT_EQ(check_targets(options.targets), std::nullopt);
  use(put(leaf));
  const auto before = files();
  const std::string first = rehearse();
  EXPECT_THAT(first, HasSubstr("web"));
  EXPECT_THAT(first, HasSubstr("missing"));
  EXPECT_THAT(first, HasSubstr("at once     http://ocsp.example/"));
  EXPECT_THAT(first, HasSubstr("nothing: there is no staple yet"));
  EXPECT_EQ(files(), before);
  EXPECT_EQ(fetcher.asked, 0U);

  start();
  end();
  std::filesystem::remove(dir.file("web.hitch"));
  dir.write("out/web.ocsp", "old");
  const auto between = files();
  const std::string second = rehearse();
  EXPECT_THAT(second, HasSubstr("fresh"));
  EXPECT_THAT(second, HasSubstr("replace " + dir.file("out/web.ocsp")));
  EXPECT_THAT(second, HasSubstr("write " + dir.file("web.hitch")));
  EXPECT_EQ(files(), between);
}

// A file of a directory may be called anything; on a terminal it must not be obeyed.
TEST_F(DryRunTest, NamesOfFilesAreShownAndNotObeyed) {
  TargetOptions target;
  target.file = dir.file("{name}.der");
  options.targets = {target};
  ASSERT_EQ(check_targets(options.targets), std::nullopt);
  std::filesystem::create_directory(dir.file("tls"));
  put(leaf, "tls/a\x1b[2Jb.pem");
  dir.write("tls/c\x1b[2Jd.pem", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n");
  use(dir.file("tls"));
  const std::string told = rehearse();
  EXPECT_EQ(told.find('\x1b'), std::string::npos) << told;
  EXPECT_THAT(told, HasSubstr("a\\x1b[2Jb  "));
  EXPECT_THAT(told, HasSubstr("problem: "));
  EXPECT_THAT(told, HasSubstr("c\\x1b[2Jd.pem"));
}

}  // namespace
}  // namespace muster::stapler
