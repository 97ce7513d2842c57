#include "disk_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "muster/testing/crl_builder.h"
#include "muster/testing/temp_dir.h"
#include "spool.h"

namespace muster::client::internal {
namespace {

using namespace muster::testing;
namespace fs = std::filesystem;

constexpr std::uint64_t kRoom = 1 << 20;
constexpr DiskCache::Kind kCrl = DiskCache::Kind::kCrl;
constexpr DiskCache::Kind kAnswer = DiskCache::Kind::kAnswer;
const std::string kUrl = "http://crl.test/ca.crl";

Buffer some_crl(std::uint64_t number = 1) {
  CrlSpec spec;
  spec.number = number;
  return build_crl(standard_pki().intermediate, spec);
}

class DiskCaches : public ::testing::Test {
 protected:
  [[nodiscard]] std::string where() const { return directory_.file("cache"); }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(where())) {
      all.push_back(entry.path().filename().string());
    }
    return all;
  }
  TempDir directory_;
};

TEST_F(DiskCaches, GiveBackWhatTheyWereGiven) {
  const Buffer der = some_crl();
  DiskCache(where(), kRoom)
      .store(kCrl, kUrl, {"\"tag\"", kTestNow - Seconds(60), Seconds(90)}, der, kTestNow);
  const auto entry = DiskCache(where(), kRoom).load(kCrl, kUrl);
  ASSERT_TRUE(entry);
  EXPECT_TRUE(equal(entry->der(), der));
  EXPECT_EQ(entry->facts.etag, "\"tag\"");
  EXPECT_EQ(entry->facts.last_modified, kTestNow - Seconds(60));
  EXPECT_EQ(entry->facts.fresh_for, Seconds(90));
  EXPECT_EQ(entry->confirmed_at, kTestNow);
  EXPECT_FALSE(DiskCache(where(), kRoom).load(kCrl, "http://crl.test/other.crl"));
  struct stat info {};
  ASSERT_EQ(::stat(where().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u) << "which certificates one looks at is nobody's business";
}

TEST_F(DiskCaches, RememberWhenACopyWasConfirmed) {
  const DiskCache cache(where(), kRoom);
  cache.store(kCrl, kUrl, {}, some_crl(), kTestNow);
  cache.confirm(kCrl, kUrl, kTestNow + Seconds(500));
  EXPECT_EQ(cache.load(kCrl, kUrl)->confirmed_at, kTestNow + Seconds(500));
  cache.confirm(kCrl, "http://crl.test/absent.crl", kTestNow);
  EXPECT_EQ(names().size(), 1u);
}

struct Damage {
  const char* text;
  std::function<void(const std::string& path)> make;
};

class DamagedCopies : public DiskCaches, public ::testing::WithParamInterface<Damage> {};

TEST_P(DamagedCopies, AreNone) {
  const DiskCache cache(where(), kRoom);
  cache.store(kCrl, kUrl, {"\"tag\"", std::nullopt, Seconds(90)}, some_crl(), kTestNow);
  ASSERT_TRUE(cache.load(kCrl, kUrl));
  GetParam().make(cache.path_of(kCrl, kUrl));
  EXPECT_FALSE(cache.load(kCrl, kUrl));
  cache.store(kCrl, kUrl, {}, some_crl(), kTestNow);
  EXPECT_TRUE(cache.load(kCrl, kUrl)) << "replaced";
}

void put(const std::string& path, std::streamoff at, char octet) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file.put(octet);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, DamagedCopies,
    ::testing::Values(
        Damage{"cut short", [](const std::string& p) { fs::resize_file(p, 4200); }},
        Damage{"head alone", [](const std::string& p) { fs::resize_file(p, 100); }},
        Damage{"empty", [](const std::string& p) { fs::resize_file(p, 0); }},
        Damage{"longer", [](const std::string& p) { fs::resize_file(p, fs::file_size(p) + 1); }},
        Damage{"another format", [](const std::string& p) { put(p, 11, '2'); }},
        Damage{"another URL", [](const std::string& p) { put(p, 20, 'X'); }},
        Damage{"a link elsewhere", [](const std::string& p) {
                 fs::rename(p, p + ".elsewhere");
                 fs::create_symlink(p + ".elsewhere", p);
               }}));

TEST_F(DiskCaches, KeepNoLineThatWouldBeRead) {
  const DiskCache cache(where(), kRoom);
  cache.store(kCrl, kUrl, {"\"a\"\nurl: http://evil.test/", std::nullopt, Seconds(0)}, some_crl(),
              kTestNow);
  EXPECT_EQ(cache.load(kCrl, kUrl)->facts.etag, "");
  const std::string broken = "http://crl.test/\nurl: x";
  cache.store(kCrl, broken, {}, some_crl(), kTestNow);
  EXPECT_FALSE(cache.load(kCrl, broken));
}

TEST_F(DiskCaches, DropWhatWasNotConfirmedForLongest) {
  const Buffer der = some_crl();
  const std::uint64_t one = 4096 + der.size();
  const DiskCache cache(where(), 3 * one);
  const auto url = [](int i) { return "http://crl.test/" + std::to_string(i); };
  for (int i = 0; i < 3; ++i) {
    cache.store(kCrl, url(i), {}, der, kTestNow + Seconds(i));
  }
  cache.confirm(kCrl, url(0), kTestNow + Seconds(10));
  std::ofstream(where() + "/somebody-elses") << "stays";
  cache.store(kCrl, url(3), {}, der, kTestNow + Seconds(20));
  EXPECT_TRUE(cache.load(kCrl, url(0)));
  EXPECT_FALSE(cache.load(kCrl, url(1)));
  EXPECT_TRUE(cache.load(kCrl, url(2)));
  EXPECT_TRUE(cache.load(kCrl, url(3)));
  EXPECT_THAT(names(), ::testing::Contains("somebody-elses"));
}

TEST_F(DiskCaches, KeepTheKindsApartAndOneRoomForBoth) {
  const Buffer der = some_crl();
  const DiskCache cache(where(), 2 * (4096 + der.size()));
  cache.store(kCrl, kUrl, {}, der, kTestNow);
  EXPECT_FALSE(cache.load(kAnswer, kUrl));
  cache.store(kAnswer, kUrl, {}, der, kTestNow + Seconds(1));
  EXPECT_TRUE(cache.load(kCrl, kUrl));
  EXPECT_TRUE(cache.load(kAnswer, kUrl));
  fs::rename(cache.path_of(kCrl, kUrl), cache.path_of(kAnswer, kUrl));
  EXPECT_FALSE(cache.load(kAnswer, kUrl)) << "it says itself what it is";
  cache.store(kCrl, kUrl, {}, der, kTestNow + Seconds(2));
  cache.store(kAnswer, "another", {}, der, kTestNow + Seconds(3));
  EXPECT_EQ(names().size(), 2u) << "the oldest went, whatever its kind";
}

TEST_F(DiskCaches, TooLargeForThemAreNotKept) {
  const DiskCache cache(where(), 10);
  cache.store(kCrl, kUrl, {}, some_crl(), kTestNow);
  EXPECT_TRUE(names().empty());
}

TEST_F(DiskCaches, WithoutADirectoryKeepNothing) {
  for (const std::string& none : {std::string(), std::string("/proc/none/such")}) {
    const DiskCache cache(none, kRoom);
    cache.store(kCrl, kUrl, {}, some_crl(), kTestNow);
    EXPECT_FALSE(cache.load(kCrl, kUrl));
  }
}

TEST(Spools, TakeSmallAndLargeInDerAndPem) {
  const TempDir directory;
  const Buffer der = some_crl();
  Spool small(directory.path());
  ASSERT_TRUE(small.write(Bytes(der).first(10)));
  ASSERT_TRUE(small.write(Bytes(der).subspan(10)));
  EXPECT_TRUE(equal((*small.finish())->der(), der));

  CrlSpec spec;
  for (std::uint32_t i = 0; i < 60'000; ++i) {
    const auto octet = [i](int shift) { return static_cast<std::uint8_t>(i >> shift); };
    spec.entries.push_back(
        revoked_entry(*Serial::make(Buffer{0x11, octet(16), octet(8), octet(0), 1, 2, 3, 4})));
  }
  const Buffer large = build_crl(standard_pki().intermediate, spec);
  ASSERT_GT(large.size(), std::size_t{1} << 20);
  Spool file(directory.path());
  for (Bytes rest = large; !rest.empty();) {
    const std::size_t piece = std::min<std::size_t>(rest.size(), 16'000);
    ASSERT_TRUE(file.write(rest.first(piece)));
    rest = rest.subspan(piece);
  }
  EXPECT_TRUE(fs::is_empty(directory.path())) << "a file without a name";
  const auto document = *file.finish();
  EXPECT_TRUE(equal(document->der(), large));
  EXPECT_TRUE(document->view());

  Spool garbage(directory.path());
  ASSERT_TRUE(garbage.write(as_bytes("<html>")));
  EXPECT_FALSE(garbage.finish());
  Spool nowhere("/proc/none/such");
  EXPECT_FALSE(nowhere.write(Buffer(std::size_t{2} << 20)));
}

}  // namespace
}  // namespace muster::client::internal
