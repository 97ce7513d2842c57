#include "publish_fixture.h"

namespace muster::publish {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Seconds kHour{3600};

class Delta : public PublishTest {
 protected:
  std::map<std::string, Said> delta() { return read(out("delta.crl")).entries(); }
};
const auto kRemoved = ReasonCode::kRemoveFromCrl;

// req: OCSP-CRL-038
TEST_F(Delta, ListsEveryChangeSinceTheBase) {
  set(1, revoked(ReasonCode::kSuperseded));
  set(2, hold());
  set(3, hold());
  set(4, good());
  set(5, revoked());
  const auto publisher = open(spec_with_deltas());
  must(publisher->publish(What::kComplete, kTestNow));
  set(2, good());                               // released
  set(3, revoked(ReasonCode::kKeyCompromise));  // hold became final
  set(4, hold());                               // held
  set(5, revoked(ReasonCode::kKeyCompromise));  // another reason
  set(6, revoked(ReasonCode::kPrivilegeWithdrawn));
  const Published done = must(publisher->publish(What::kDelta, kTestNow + kHour));
  const ReadCrl crl = read(out("delta.crl"));
  EXPECT_TRUE(crl.view.is_delta);
  EXPECT_EQ(*crl::Number::make(*crl.view.delta_base_number), read(out()).number());
  EXPECT_EQ(crl.number(), done.number);
  EXPECT_GT(crl.number(), read(out()).number());
  EXPECT_TRUE(der::find_extension(crl.view.extensions, oid::kCeDeltaCrlIndicator)->critical);
  const auto entries = delta();
  EXPECT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries.at("02").reason, kRemoved);
  EXPECT_EQ(entries.at("03").reason, ReasonCode::kKeyCompromise);
  EXPECT_EQ(entries.at("04").reason, ReasonCode::kCertificateHold);
  EXPECT_EQ(entries.at("05").reason, ReasonCode::kKeyCompromise);
  EXPECT_EQ(entries.at("06").reason, ReasonCode::kPrivilegeWithdrawn);
}

// req: OCSP-CRL-038
TEST_F(Delta, TakesBackWhatAnEarlierDeltaSaid) {
  const auto publisher = open(spec_with_deltas());
  must(publisher->publish(What::kComplete, kTestNow));
  set(9, hold());
  must(publisher->publish(What::kDelta, kTestNow + kHour));
  EXPECT_EQ(delta().at("09").reason, ReasonCode::kCertificateHold);
  set(9, good());
  for (int i = 2; i < 5; ++i) {  // and goes on saying so until there is another base
    must(publisher->publish(What::kDelta, kTestNow + i * kHour));
    EXPECT_EQ(delta().at("09").reason, kRemoved);
  }
  must(publisher->publish(What::kComplete, kTestNow + 5 * kHour));
  EXPECT_EQ(delta().at("09").reason, kRemoved) << "for those who still have the old base";
  must(publisher->publish(What::kDelta, kTestNow + 6 * kHour));
  EXPECT_THAT(delta(), IsEmpty());
}

// req: OCSP-CRL-011, OCSP-CRL-020
TEST_F(Delta, SharesTheSequenceAndPointsNowhere) {
  const auto publisher = open(spec_with_deltas());
  must(publisher->publish(What::kComplete, kTestNow));
  EXPECT_FALSE(exists(out("delta.crl"))) << "nothing to continue yet";
  must(publisher->publish(What::kDelta, kTestNow));
  const crl::Number first = read(out()).number();
  EXPECT_EQ(read(out("delta.crl")).number(), *first.next());
  must(publisher->publish(What::kComplete, kTestNow + kHour));
  const ReadCrl complete = read(out());
  const ReadCrl both = read(out("delta.crl"));
  EXPECT_EQ(complete.number(), both.number()) << "issued together, saying the same";
  EXPECT_EQ(complete.view.this_update, both.view.this_update);
  EXPECT_EQ(*crl::Number::make(*both.view.delta_base_number), first);
  EXPECT_TRUE(both.view.freshest_crl.empty());
  ASSERT_EQ(complete.view.freshest_crl.size(), 1u);
  EXPECT_FALSE(der::find_extension(complete.view.extensions, oid::kCeFreshestCrl)->critical);
  EXPECT_EQ(crl::uris(*complete.view.freshest_crl[0].name).at(0), "http://crl.example/delta.crl");
}

TEST_F(Delta, RemovesWhatItsSourceLetGoAndRaisesItsVoice) {
  come_from_a_crl(id_);
  set(1, revoked(ReasonCode::kKeyCompromise));
  const auto publisher = open(spec_with_deltas());
  must(publisher->publish(What::kComplete, kTestNow));
  set(1, std::nullopt);
  const Published done = must(publisher->publish(What::kDelta, kTestNow + kHour));
  EXPECT_EQ(delta().at("01").reason, kRemoved);
  ASSERT_EQ(done.warnings.size(), 1u);
  EXPECT_THAT(done.warnings[0],
              HasSubstr("1 revocations that were published are gone from the store, such as 01"));
}

// req: OCSP-CRL-051
TEST_F(Delta, IsNotMadeWhereADeltaBeforeSaidMore) {
  const auto publisher = open(spec_with_deltas());
  must(publisher->publish(What::kComplete, kTestNow));
  set(1, revoked());
  must(publisher->publish(What::kDelta, kTestNow + kHour));
  set(1, good());
  for (const What what : {What::kDelta, What::kComplete}) {
    const auto refused = publisher->publish(what, kTestNow + 2 * kHour);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, PublishErrc::kSource);
  }
  EXPECT_EQ(delta().size(), 1u);
}

// req: OCSP-CRL-013
TEST_F(Delta, DoesNotRemoveWhatOnlyExpired) {
  set(1, revoked(std::nullopt, kTestNow, kTestNow + kHour / 2));
  const auto publisher = open(spec_with_deltas());
  must(publisher->publish(What::kComplete, kTestNow));
  must(publisher->publish(What::kComplete, kTestNow + kHour));
  must(publisher->publish(What::kDelta, kTestNow + 2 * kHour));
  EXPECT_THAT(delta(), IsEmpty());
  const Published done = must(publisher->publish(
      What::kComplete, kTestNow + 3 * kHour));  // lets go of it, as does its delta
  EXPECT_THAT(done.warnings, IsEmpty()) << "nothing is lost";
  EXPECT_THAT(read(out()).serials(), IsEmpty());
  EXPECT_EQ(delta().at("01").reason, kRemoved);
}

TEST_F(Delta, BecomesACompleteCrlWhereThereIsNoBase) {
  Published done = publish(spec_with_deltas(), kTestNow, What::kDelta);
  ASSERT_EQ(done.files.size(), 1u);
  EXPECT_FALSE(done.files[0].delta);
  EXPECT_THAT(done.warnings, ElementsAre(HasSubstr("instead of a delta")));
  publish(spec_with_deltas(), kTestNow + kHour, What::kDelta);
  EXPECT_TRUE(exists(out("delta.crl")));

  directory_.write("state/complete-0-1.crl", std::string_view("damaged"));
  done = publish(spec_with_deltas(), kTestNow + 2 * kHour, What::kDelta);
  EXPECT_FALSE(done.files[0].delta);

  Spec other_scope = spec_with_deltas();
  other_scope.partitions[0].uris = {"http://crl.example/ca.crl"};
  done = publish(other_scope, kTestNow + 3 * kHour, What::kDelta);
  EXPECT_FALSE(done.files[0].delta) << "another scope is another series of bases";
  EXPECT_EQ(failure(spec(), kTestNow + 4 * kHour, What::kDelta), PublishErrc::kTerms)
      << "no file for it";
}

TEST_F(Delta, OnScheduleFollowsChangesAtOnceAndTheClockOtherwise) {
  Spec s = spec_with_deltas();
  s.terms.interval = 24 * kHour;
  s.terms.delta_interval = 4 * kHour;
  s.terms.reaction = 20 * Seconds(60);
  const auto publisher = open(s);
  std::vector<std::string> events;
  UnixSeconds asked{};
  bool waiting = false;
  for (UnixSeconds now = kTestNow; now < kTestNow + 25 * kHour; now += Seconds(60)) {
    if (now == kTestNow + 5 * kHour) {
      set(1, revoked());
      asked = now;
      waiting = true;
    }
    if (publisher->next_step() && now < *publisher->next_step()) {
      continue;
    }
    const auto done = publisher->step(now);
    ASSERT_TRUE(done) << done.error().detail;
    if (!*done) {
      continue;
    }
    std::string event = format_duration(now - kTestNow) + ":";
    for (const PublishedFile& file : (*done)->files) {
      event += file.delta ? "d" : "c";
    }
    events.push_back(event);
    if (waiting && exists(out("delta.crl")) && !delta().empty()) {
      EXPECT_LE(now - asked, *s.terms.reaction);
      waiting = false;
    }
  }
  EXPECT_FALSE(waiting) << "never published";
  EXPECT_THAT(events, ElementsAre("0s:c", "1m:d", "4h 1m:d", "5h 1m:d", "9h 1m:d", "13h 1m:d",
                                  "17h 1m:d", "21h 1m:d", "1d:cd"));
}

}  // namespace
}  // namespace muster::publish
