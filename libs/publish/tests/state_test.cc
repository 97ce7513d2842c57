#include "state.h"

#include <filesystem>

#include "muster/testing/crl_builder.h"
#include "publish_fixture.h"

namespace muster::publish {
namespace {

using namespace testing;
using ::testing::HasSubstr;

State full_state() {
  State state;
  state.issuer = "ab12";
  state.number = *crl::Number::from_hex("7FFFFFFFFFFFFFFFFFFF");
  state.this_update = kTestNow;
  state.partitions = 3;
  state.complete = crl::Number(41);
  state.delta = crl::Number(42);
  state.history = {kTestNow - Seconds(5), kTestNow - Seconds(4), kTestNow - Seconds(3), true};
  state.complete_next_update = kTestNow + Seconds(1);
  state.delta_next_update = kTestNow + Seconds(2);
  state.retire_before = kTestNow - Seconds(9);
  state.digest = 0xffffffffffffffff;
  return state;
}

TEST(StateFile, ComesBackAsItWas) {
  const std::string text = encode_state(full_state());
  const auto back = decode_state(text);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode_state(*back), text);
  EXPECT_EQ(back->history.ended, true);
  EXPECT_EQ(back->digest, 0xffffffffffffffff);
  EXPECT_EQ(back->complete_file(2), "complete-2-29.crl");
  const auto empty = decode_state(encode_state(State{}));
  ASSERT_TRUE(empty);
  EXPECT_FALSE(empty->complete);
  EXPECT_FALSE(empty->history.regular_at);
}

TEST(StateFile, AnyDamageIsSeen) {
  const std::string text = encode_state(full_state());
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(decode_state(text.substr(0, i))) << i;
    std::string altered = text;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_FALSE(decode_state(altered)) << i;
  }
}

class StateDirectory : public PublishTest {};

// req: OCSP-CRL-009
TEST_F(StateDirectory, LostGoesOnBehindThePublishedNumber) {
  for (int i = 0; i < 3; ++i) {
    publish(spec(), kTestNow + Seconds(i));
  }
  const crl::Number before = read(out()).number();
  std::filesystem::remove_all(directory_.file("state"));
  publish(spec_with_deltas(), kTestNow + Seconds(10));
  EXPECT_GT(read(out()).number(), before);
}

// req: OCSP-CRL-009
TEST_F(StateDirectory, RestoredFromABackupGoesOnBehindThePublishedNumber) {
  publish(spec_with_deltas());
  std::filesystem::copy(directory_.file("state"), directory_.file("backup"));
  publish(spec_with_deltas(), kTestNow + Seconds(1));
  publish(spec_with_deltas(), kTestNow + Seconds(2));
  const crl::Number before = read(out()).number();
  std::filesystem::remove_all(directory_.file("state"));
  std::filesystem::copy(directory_.file("backup"), directory_.file("state"));
  const auto publisher = open(spec_with_deltas(), kTestNow + Seconds(3));
  ASSERT_EQ(publisher->warnings().size(), 1u);
  EXPECT_THAT(publisher->warnings()[0], HasSubstr("older than the CRLs that are published"));
  EXPECT_EQ(read(out()).number(), before) << "the old ones were not put back";
  const Published done = must(publisher->publish(What::kDelta, kTestNow + Seconds(3)));
  EXPECT_FALSE(done.files.at(0).delta) << "the base it knows is not the one that is published";
  EXPECT_GT(read(out()).number(), before);
}

TEST_F(StateDirectory, StartsWhereTheOperatorSaysOrBehindAForeignCrl) {
  Spec s = spec();
  s.first_number = crl::Number(0x1000);
  publish(s);
  EXPECT_EQ(read(out()).number(), crl::Number(0x1000));
  publish(s, kTestNow + Seconds(1));
  EXPECT_EQ(read(out()).number(), crl::Number(0x1001));
}

TEST_F(StateDirectory, DamagedIsAnErrorNotABeginning) {
  publish(spec());
  directory_.write("state/state", std::string_view("muster-crl-publication 1\nnumber 1\n"));
  EXPECT_EQ(failure(spec(), kTestNow + Seconds(1)), PublishErrc::kState);
  EXPECT_THAT(last_detail_, HasSubstr("is damaged"));
}

TEST_F(StateDirectory, OfAnotherIssuerIsRefused) {
  publish(spec());
  Spec other = spec();
  const auto id = *store_->ensure_issuer(key_of(standard_pki().root.certificate), "root");
  other.subjects = {{standard_pki().root.certificate, id, {}, std::nullopt}};
  other.signer = standard_pki().root.certificate;
  other.key = standard_pki().root.key;
  EXPECT_EQ(failure(other), PublishErrc::kState);
  EXPECT_THAT(last_detail_, HasSubstr("another CRL issuer"));
}

TEST_F(StateDirectory, BelongsToOneProcessAtATime) {
  const auto publisher = open(spec());
  EXPECT_EQ(failure(spec()), PublishErrc::kBusy);
}

TEST_F(StateDirectory, DoesNotGrow) {
  for (int i = 0; i < 20; ++i) {
    set(static_cast<std::uint64_t>(i), revoked());
    publish(spec_with_deltas(), kTestNow + Seconds(i), i % 3 == 0 ? What::kComplete : What::kDelta);
  }
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(directory_.file("state"))) {
    ++files;
  }
  EXPECT_EQ(files, 4u) << "lock, state, a complete CRL, a delta";
}

TEST_F(StateDirectory, HoldsOurOwnFilesAlone) {
  const auto put = [this](const std::string& name) {
    directory_.write("state/" + name, std::string_view("not ours"));
  };
  std::filesystem::create_directory(directory_.file("state"));
  const std::vector<std::string> foreign = {
      "data.mdb",      "ca.key",           "complete.crl",      "complete-0-1.crl.bak",
      "delta-x-1.crl", "notes.tmp.abcdef", "complete-0-1f.crl", "state.old"};
  for (const std::string& name : foreign) {
    put(name);
  }
  const std::vector<std::string> ours = {"complete-7-1F.crl", "delta-0-2.crl",
                                         "delta-0-2.crl.tmp.aB3dEf", "state.tmp.123456"};
  for (const std::string& name : ours) {
    put(name);
  }
  publish(spec());
  for (const std::string& name : foreign) {
    EXPECT_TRUE(exists(directory_.file("state/" + name))) << name;
  }
  for (const std::string& name : ours) {
    EXPECT_FALSE(exists(directory_.file("state/" + name))) << name << " is a leftover";
  }
}

TEST_F(StateDirectory, IsNoPlaceForPublishedFiles) {
  for (const char* place : {"state/ca.crl", "state/../state/./ca.crl"}) {
    Spec s = spec();
    s.partitions[0].out = directory_.path() + "/" + place;
    EXPECT_EQ(failure(s), PublishErrc::kTerms) << place;
    EXPECT_THAT(last_detail_, HasSubstr("another directory"));
    s = spec_with_deltas();
    s.partitions[0].delta_out = directory_.path() + "/" + place;
    EXPECT_EQ(failure(s), PublishErrc::kTerms) << place;
  }
  Spec below = spec();
  below.state_directory = directory_.file("whole");
  below.partitions[0].out = directory_.file("whole/web/ca.crl");
  std::filesystem::create_directories(directory_.file("whole/web"));
  publish(below);
  EXPECT_TRUE(exists(below.partitions[0].out));
}

TEST_F(StateDirectory, PutsBackWhatWasRemovedFromTheServedPlace) {
  publish(spec());
  const std::string before = muster::testing::read_text(out());
  std::filesystem::remove(out());
  open(spec(), kTestNow + Seconds(1));
  EXPECT_EQ(muster::testing::read_text(out()), before);
}

TEST_F(StateDirectory, NothingForeignIsOverwritten) {
  directory_.write("ca.crl", std::string_view("the operator's diary"));
  EXPECT_EQ(failure(spec()), PublishErrc::kState);
  EXPECT_EQ(muster::testing::read_text(out()), "the operator's diary");
  const Buffer of_root = muster::testing::build_crl(standard_pki().root, {});
  directory_.write("ca.crl", of_root);
  EXPECT_EQ(failure(spec()), PublishErrc::kState) << "a CRL of another issuer";
  EXPECT_EQ(muster::testing::read_octets(out()), of_root);
  muster::testing::CrlSpec of_old_program;
  of_old_program.number = 77;
  directory_.write("ca.crl", muster::testing::to_pem(
                                 "X509 CRL", muster::testing::build_crl(ca(), of_old_program)));
  publish(spec());
  EXPECT_EQ(read(out()).number(), crl::Number(78)) << "a CRL of ours by another program, in PEM";
}

TEST_F(StateDirectory, AnOutputThatCannotBeWrittenIsWrittenLater) {
  Spec s = spec();
  s.partitions[0].out = directory_.file("web/ca.crl");
  const auto publisher = open(s);
  const auto failed = publisher->publish(What::kComplete, kTestNow);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, PublishErrc::kIo);
  EXPECT_THAT(failed.error().detail, HasSubstr("web/ca.crl"));
  std::filesystem::create_directory(directory_.file("web"));
  const auto done = publisher->step(kTestNow + Seconds(1));
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(read(directory_.file("web/ca.crl")).view.this_update, kTestNow)
      << "what was committed, not another one";
}

}  // namespace
}  // namespace muster::publish
