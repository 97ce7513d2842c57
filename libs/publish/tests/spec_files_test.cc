#include "muster/publish/spec_files.h"

#include "muster/testing/softhsm.h"
#include "publish_fixture.h"

namespace muster::publish {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FromFiles : public PublishTest {
 protected:
  FromFiles() {
    files_.cas = {ca().write(directory_, "ca")};
    files_.key = directory_.file("ca.key");
    files_.out = out();
  }
  std::string why_bad(const SpecFiles& files) {
    const auto loaded = load_spec(files, *store_, directory_.file("store"));
    return loaded ? "" : loaded.error().detail;
  }
  SpecFiles files_;
};

TEST_F(FromFiles, MakesASeriesThatPublishes) {
  auto loaded = load_spec(files_, *store_, directory_.file("store"));
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->label, ca().certificate.subject_text());
  EXPECT_TRUE(loaded->state_directory.starts_with(directory_.file("store") + "/crl-"));
  EXPECT_FALSE(loaded->is_indirect());
  publish(*std::move(loaded));
  EXPECT_TRUE(exists(out()));
}

TEST_F(FromFiles, NumbersPartitions) {
  files_.partitions = 3;
  files_.out = out("ca-{partition}.crl");
  files_.delta_out = out("ca-{partition}-{partition}.delta");
  files_.uris = {"http://x/{partition}.crl"};
  auto loaded = load_spec(files_, *store_, directory_.file("store"));
  ASSERT_TRUE(loaded) << loaded.error().detail;
  ASSERT_EQ(loaded->partitions.size(), 3u);
  EXPECT_EQ(loaded->partitions[2].out, out("ca-2.crl"));
  EXPECT_EQ(loaded->partitions[2].delta_out, out("ca-2-2.delta"));
  EXPECT_THAT(loaded->partitions[1].uris, ElementsAre("http://x/1.crl"));
  files_.uris.clear();
  loaded = load_spec(files_, *store_, directory_.file("store"));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(failure(*std::move(loaded)), PublishErrc::kTerms);
}

TEST_F(FromFiles, TakesRangesAndAssignments) {
  files_.out = out("{partition}");
  files_.uris = {"http://x/{partition}"};
  files_.ranges = {"0", "100", "FF00"};
  auto loaded = load_spec(files_, *store_, directory_.file("store"));
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->partitions.size(), 3u);
  EXPECT_EQ(loaded->assignment.partition_of(make_serial(0x101)), 1u);
  files_.ranges.clear();
  files_.partitions = 2;
  files_.assignment = directory_.write("map", std::string_view("05 1\n"));
  files_.assignment_rest = "0";
  loaded = load_spec(files_, *store_, directory_.file("store"));
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->assignment.partition_of(make_serial(5)), 1u);
  EXPECT_EQ(loaded->assignment.partition_of(make_serial(6)), 0u);
}

TEST_F(FromFiles, SignsWithAKeyInAToken) {
  const auto token = muster::testing::SoftHsm::make();
  if (token == nullptr) {
    GTEST_SKIP() << "SoftHSM2 is not installed";
  }
  token->import(muster::testing::read_text(directory_.file("ca.key")), "ca", "01");
  files_.key = token->uri("ca");
  auto loaded = load_spec(files_, *store_, directory_.file("store"));
  ASSERT_TRUE(loaded) << loaded.error().detail;
  set(1, revoked());
  publish(*std::move(loaded));
  EXPECT_EQ(read(out()).view.entry_count, 1u);
}

TEST_F(FromFiles, SaysWhatIsWrong) {
  const auto with = [this](const std::function<void(SpecFiles&)>& edit) {
    SpecFiles files = files_;
    edit(files);
    return why_bad(files);
  };
  EXPECT_THAT(with([](SpecFiles& f) { f.cas.clear(); }), HasSubstr("no CA certificate"));
  EXPECT_THAT(with([](SpecFiles& f) { f.key.clear(); }), HasSubstr("no private key"));
  EXPECT_THAT(with([](SpecFiles& f) { f.out.clear(); }), HasSubstr("no file to write"));
  EXPECT_THAT(with([](SpecFiles& f) { f.key = "/nonexistent"; }), HasSubstr("/nonexistent"));
  EXPECT_THAT(with([](SpecFiles& f) { f.cas = {"/nonexistent"}; }), HasSubstr("/nonexistent"));
  EXPECT_THAT(with([](SpecFiles& f) { f.samples = {"/nonexistent"}; }), HasSubstr("/nonexistent"));
  EXPECT_THAT(with([](SpecFiles& f) { f.assignment = "/nonexistent"; }), HasSubstr("/nonexistent"));
  EXPECT_THAT(with([](SpecFiles& f) { f.ranges = {"zz"}; }), HasSubstr("no serial"));
  EXPECT_THAT(with([](SpecFiles& f) { f.assignment_rest = "0"; }), HasSubstr("assignment"));
  EXPECT_THAT(with([](SpecFiles& f) { f.described.push_back({}); }), HasSubstr("one by one"));
  EXPECT_THAT(with([](SpecFiles& f) {
                f.ranges = {"0"};
                f.assignment = "x";
              }),
              HasSubstr("one decides"));
  EXPECT_THAT(
      with([this](SpecFiles& f) { f.cas = {standard_pki().root.write(directory_, "root")}; }),
      HasSubstr("knows nothing of this CA"));
}

}  // namespace
}  // namespace muster::publish
