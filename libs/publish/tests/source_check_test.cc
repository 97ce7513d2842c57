#include <filesystem>

#include "publish_fixture.h"

namespace muster::publish {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Seconds kDay{86400};

class SourceCheck : public PublishTest {};

TEST_F(SourceCheck, RefusesNothingAndWhatIsOver) {
  const auto unknown =
      *store_->ensure_issuer(key_of(standard_pki().root.certificate), "never loaded");
  Spec s = spec();
  s.subjects = {{standard_pki().root.certificate, unknown, {}, std::nullopt}};
  s.signer = standard_pki().root.certificate;
  s.key = standard_pki().root.key;
  EXPECT_EQ(failure(s), PublishErrc::kSource);
  EXPECT_THAT(last_detail_, HasSubstr("would clear them all"));

  declare(store::KnowsIssued::kNo);
  EXPECT_EQ(failure(spec()), PublishErrc::kSource)
      << "read just now, but it says nothing: a push that has not come yet";
  set(1, good());
  declare(store::KnowsIssued::kNo, kTestNow + Seconds(3600));
  publish(spec());
  EXPECT_EQ(*read(out()).view.next_update, kTestNow + Seconds(3600)) << "never beyond its source";
  EXPECT_EQ(failure(spec(), kTestNow + Seconds(3600)), PublishErrc::kSource);
  EXPECT_THAT(last_detail_, HasSubstr("get newer ones"));

  declare(store::KnowsIssued::kYes);
  s = spec();
  s.subjects[0].oldest_source = kDay;
  EXPECT_FALSE(failure(s, kTestNow + kDay - Seconds(61)));
  EXPECT_EQ(failure(s, kTestNow + kDay), PublishErrc::kSource);
  EXPECT_THAT(last_detail_, HasSubstr("too old"));
}

/// A store that was restored from a backup, or made anew and fed with a few records, would clear
/// every certificate it lacks.
// req: OCSP-CRL-013, OCSP-CRL-051
TEST_F(SourceCheck, RefusesAStoreThatLostRevocations) {
  set(1, revoked());
  set(2, revoked(ReasonCode::kKeyCompromise));
  set(3, hold());
  publish(spec());
  const Buffer before = read(out()).octets;
  lose_the_store();
  set(1, revoked());
  set(2, good());
  EXPECT_EQ(failure(spec(), kTestNow + kDay), PublishErrc::kSource);
  EXPECT_THAT(last_detail_,
              HasSubstr("1 revocations that were published are gone from the store, such as 02"));
  EXPECT_EQ(read(out()).octets, before);
  set(2, std::nullopt);
  EXPECT_EQ(failure(spec(), kTestNow + kDay), PublishErrc::kSource);

  std::filesystem::remove_all(
      directory_.file("state"));  // lost together with the store: what is published still tells
  EXPECT_EQ(failure(spec(), kTestNow + kDay), PublishErrc::kSource);
  EXPECT_EQ(read(out()).octets, before);

  Spec other_shape = partitioned_spec();
  other_shape.partitions[0].out = out();
  EXPECT_EQ(failure(other_shape, kTestNow + kDay), PublishErrc::kSource);

  Spec meant = spec();
  meant.withdrawals = Withdrawals::kAccepted;
  const Published done = publish(meant, kTestNow + kDay);
  EXPECT_THAT(done.warnings, ElementsAre(HasSubstr("such as 02")));
  EXPECT_THAT(read(out()).serials(), ElementsAre("01"));
}

TEST_F(SourceCheck, RefusesSuchAStoreForOtherPartitions) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    set(i, revoked());
  }
  publish(partitioned_spec());
  lose_the_store();
  for (std::uint64_t i = 0; i < 19; ++i) {
    set(i, revoked());
  }
  Spec whole = spec();
  whole.partitions[0].out = out("whole.crl");  // elsewhere: only the state knows what was said
  EXPECT_EQ(failure(whole, kTestNow + kDay), PublishErrc::kSource);
  EXPECT_THAT(last_detail_, HasSubstr("such as 13"));
}

}  // namespace
}  // namespace muster::publish
