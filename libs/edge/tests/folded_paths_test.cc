#include <algorithm>
#include <set>

#include "export_world.h"
#include "muster/http/base64.h"

namespace muster::edge {
namespace {

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
