#include "publish_fixture.h"

namespace muster::publish {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Partitioned : public PublishTest {};

// req: OCSP-CRL-044
TEST_F(Partitioned, EverySerialIsOnExactlyOneCrlThatNamesItsPoint) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    set(i, i % 2 == 0 ? revoked() : good());
  }
  publish(partitioned_spec());
  std::map<std::string, int> seen;
  for (int i = 0; i < 4; ++i) {
    const ReadCrl crl = read(out(std::to_string(i) + ".crl"));
    const auto& point = crl.view.issuing_distribution_point;
    ASSERT_TRUE(point);
    EXPECT_TRUE(
        der::find_extension(crl.view.extensions, oid::kCeIssuingDistributionPoint)->critical);
    EXPECT_THAT(crl::uris(*point->name),
                ElementsAre("http://crl.example/" + std::to_string(i) + ".crl"));
    EXPECT_GT(crl.view.entry_count, 10u);
    for (const std::string& serial : crl.serials()) {
      EXPECT_EQ(Assignment::by_hash(4).partition_of(*Serial::from_hex(serial)), i);
      ++seen[serial];
    }
  }
  EXPECT_EQ(seen.size(), 100u);
  for (const auto& [serial, times] : seen) {
    EXPECT_EQ(times, 1) << serial;
  }
}

// req: OCSP-CRL-044
TEST_F(Partitioned, RefusesACertificateThatNoPartitionCoversEvenAGoodOne) {
  Spec s = partitioned_spec();
  s.assignment = *Assignment::listed("01 0\n02 3\n", "map", s.partitions, "");
  set(1, revoked());
  set(2, revoked());
  publish(s);
  EXPECT_THAT(read(out("0.crl")).serials(), ElementsAre("01"));
  EXPECT_THAT(read(out("3.crl")).serials(), ElementsAre("02"));
  set(3, good());
  EXPECT_EQ(failure(s, kTestNow + Seconds(1)), PublishErrc::kUncovered);
  EXPECT_THAT(last_detail_, HasSubstr("03 is assigned to no partition"));
}

// req: OCSP-CRL-038, OCSP-CRL-044
TEST_F(Partitioned, ACertificateThatMovesLeavesOneAndEntersTheOther) {
  Spec s = partitioned_spec();
  s.assignment = *Assignment::listed("01 0\n", "map", s.partitions, "1");
  set(1, revoked());
  publish(s);
  s.assignment = *Assignment::listed("01 2\n", "map", s.partitions, "1");
  publish(s, kTestNow + Seconds(1), What::kDelta);
  EXPECT_EQ(read(out("0-delta.crl")).entries().at("01").reason, ReasonCode::kRemoveFromCrl);
  EXPECT_EQ(read(out("2-delta.crl")).entries().at("01").reason, std::nullopt);
  EXPECT_EQ(read(out("1-delta.crl")).view.entry_count, 0u);
}

TEST_F(Partitioned, AnotherNumberOfPartitionsStartsFromCompleteCrls) {
  publish(partitioned_spec());
  Spec fewer = partitioned_spec();
  fewer.partitions.resize(2);
  fewer.assignment = Assignment::by_hash(2);
  const Published done = publish(fewer, kTestNow + Seconds(1), What::kDelta);
  ASSERT_EQ(done.files.size(), 2u);
  EXPECT_FALSE(done.files[0].delta);
  EXPECT_GT(done.number, crl::Number(1));
}

TEST_F(Partitioned, AnotherNumberOfPartitionsIsPublishedAtOnce) {
  Spec s = partitioned_spec();
  s.terms.reaction = Seconds(60);
  publish(s);
  s.partitions.resize(2);
  s.assignment = Assignment::by_hash(2);
  const UnixSeconds now = kTestNow + Seconds(1);
  const auto publisher = open(s, now);
  EXPECT_THAT(publisher->warnings(), ElementsAre(HasSubstr("there were 4 partitions")));
  const auto done = publisher->step(now);
  ASSERT_TRUE(done) << done.error().detail;
  ASSERT_TRUE(*done) << "not at the next regular time";
  EXPECT_EQ((*done)->files.size(), 2u);
  ASSERT_TRUE(publisher->step(now));
  EXPECT_GT(publisher->next_step(), now) << "nobody asks again and again";
}

// req: OCSP-CRL-019
TEST_F(Partitioned, InAnotherOrderDoNotTakeEachOthersPlace) {
  for (std::uint64_t i = 0; i < 50; ++i) {
    set(i, revoked());
  }
  publish(partitioned_spec());
  publish(partitioned_spec(), kTestNow + Seconds(1), What::kDelta);
  const auto before = [this](int i) { return read(out(std::to_string(i) + ".crl")).octets; };
  const Buffer first = before(0);
  const Buffer second = before(1);
  Spec swapped = partitioned_spec();
  std::swap(swapped.partitions[0], swapped.partitions[1]);
  const auto publisher = open(swapped, kTestNow + Seconds(2));
  EXPECT_EQ(before(0), first);
  EXPECT_EQ(before(1), second);
  const auto done = publisher->step(kTestNow + Seconds(2));
  ASSERT_TRUE(done && *done) << "at once";
  for (int i = 0; i < 2; ++i) {
    const ReadCrl crl = read(out(std::to_string(i) + ".crl"));
    EXPECT_THAT(crl::uris(*crl.view.issuing_distribution_point->name),
                ElementsAre("http://crl.example/" + std::to_string(i) + ".crl"));
    EXPECT_EQ(crl.view.this_update, kTestNow + Seconds(2));
  }
}

// req: OCSP-CRL-019
TEST_F(Partitioned, SeriesOfOtherScopeInOneStateDirectoryDoNotMix) {
  Spec users = spec();
  users.partitions[0].only = crl::Scope::Only::kUsers;
  Spec cas = spec();
  cas.partitions[0].only = crl::Scope::Only::kCas;
  cas.partitions[0].out = out("cas.crl");
  publish(users);
  const auto publisher = open(cas, kTestNow + Seconds(1));
  EXPECT_FALSE(exists(out("cas.crl"))) << "the CRL of users is none of CAs";
  must(publisher->publish(What::kComplete, kTestNow + Seconds(1)));
  EXPECT_TRUE(read(out("cas.crl")).view.issuing_distribution_point->only_ca_certs);
  EXPECT_TRUE(read(out()).view.issuing_distribution_point->only_user_certs);
}

// req: OCSP-CRL-019, OCSP-CRL-044
TEST_F(Partitioned, RefusesASampleCertificateThatNamesAnotherPoint) {
  auto leaf = muster::testing::leaf_spec();
  leaf.serial = Buffer{5};
  leaf.crl_uris = {"http://crl.example/" +
                   std::to_string(*Assignment::by_hash(4).partition_of(make_serial(5))) + ".crl"};
  Spec s = partitioned_spec();
  s.samples = {muster::testing::issue(ca(), leaf).certificate};
  publish(s);
  leaf.crl_uris = {"http://crl.example/no.crl"};
  s.samples = {muster::testing::issue(ca(), leaf).certificate};
  EXPECT_EQ(failure(s, kTestNow + Seconds(1)), PublishErrc::kTerms);
  leaf.crl_uris.clear();
  s.samples = {muster::testing::issue(standard_pki().root, leaf).certificate};
  EXPECT_EQ(failure(s, kTestNow + Seconds(1)), PublishErrc::kTerms);
  EXPECT_THAT(last_detail_, HasSubstr("whose name is not"));
}

class Indirect : public PublishTest {
 protected:
  Indirect() {
    auto spec = muster::testing::leaf_spec("CRL issuer");
    spec.dns_names.clear();
    spec.common_name = "CRL issuer";
    spec.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kCrlSign);
    crl_issuer_ = muster::testing::issue(standard_pki().root, spec);
    root_id_ = *store_->ensure_issuer(key_of(standard_pki().root.certificate), "root");
    store::IssuerState facts;
    facts.loaded_at = kTestNow;
    EXPECT_TRUE(store_->touch(root_id_, facts));
  }
  Spec indirect_spec() {
    Spec s = spec_with_deltas();
    s.subjects.push_back({standard_pki().root.certificate, root_id_, {}, std::nullopt});
    s.signer = crl_issuer_->certificate;
    s.key = crl_issuer_->key;
    return s;
  }
  std::optional<Identity> crl_issuer_;
  store::IssuerId root_id_{};
};

TEST_F(Indirect, NamesTheIssuerWhereItChanges) {
  set(1, revoked());
  set(2, revoked());
  const store::Change of_root{make_serial(1), revoked(ReasonCode::kCaCompromise)};
  ASSERT_TRUE(store_->apply(root_id_, {&of_root, 1}));
  publish(indirect_spec());
  const ReadCrl crl = read(out(), crl_issuer_->certificate);
  EXPECT_TRUE(crl.view.is_indirect());
  EXPECT_TRUE(equal(crl.view.issuer, crl_issuer_->certificate.subject()));
  EXPECT_EQ(crl.view.entry_count, 3u);
  const Bytes ca_name = ca().certificate.subject();
  const Bytes root_name = standard_pki().root.certificate.subject();
  EXPECT_TRUE(crl::find_entry(crl.view, make_serial(2).octets(), ca_name));
  EXPECT_FALSE(crl::find_entry(crl.view, make_serial(2).octets(), root_name));
  EXPECT_EQ(crl::find_entry(crl.view, make_serial(1).octets(), root_name)->reason,
            ReasonCode::kCaCompromise);
  EXPECT_EQ(crl::find_entry(crl.view, make_serial(1).octets(), ca_name)->reason, std::nullopt);
  EXPECT_FALSE(crl::find_entry(crl.view, make_serial(1).octets(), crl.view.issuer));

  come_from_a_crl(root_id_);
  const store::Change gone{make_serial(1), std::nullopt};
  ASSERT_TRUE(store_->apply(root_id_, {&gone, 1}));
  set(3, revoked());
  publish(indirect_spec(), kTestNow + Seconds(1), What::kDelta);
  const ReadCrl delta = read(out("delta.crl"), crl_issuer_->certificate);
  EXPECT_EQ(delta.view.entry_count, 2u);
  EXPECT_TRUE(crl::find_entry(delta.view, make_serial(3).octets(), ca_name));
  EXPECT_EQ(crl::find_entry(delta.view, make_serial(1).octets(), root_name)->reason,
            ReasonCode::kRemoveFromCrl);
}

// req: OCSP-CRL-042
TEST_F(Indirect, IsRefusedUnderCabf) {
  Spec s = indirect_spec();
  s.terms.profile = find_profile("cabf");
  EXPECT_EQ(failure(s), PublishErrc::kTerms);
  EXPECT_THAT(last_detail_, HasSubstr("forbids indirect CRLs"));
}

TEST_F(Indirect, NeedsCrlSign) {
  auto spec = muster::testing::leaf_spec("CRL issuer");
  spec.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kDigitalSignature);
  crl_issuer_ = muster::testing::issue(standard_pki().root, spec);
  EXPECT_EQ(failure(indirect_spec()), PublishErrc::kSigner);
}

TEST_F(Indirect, IsNotWhatASecondKeyOfTheCaMakes) {
  auto spec = muster::testing::ca_spec("unused");
  spec.subject = to_buffer(ca().certificate.subject());
  const Identity second = muster::testing::issue(standard_pki().root, spec);
  Spec s = spec_with_deltas();
  s.signer = second.certificate;
  s.key = second.key;
  set(1, revoked());
  publish(s);
  const ReadCrl crl = read(out(), second.certificate);
  EXPECT_FALSE(crl.view.issuing_distribution_point);
  EXPECT_FALSE(crl.view.is_indirect());
}

}  // namespace
}  // namespace muster::publish
