#include <random>
#include <thread>

#include "muster/crl/crl.h"
#include "node_fixture.h"

// Whatever the records and the rules are: what OCSP says of a certificate, the CRL says too.
namespace muster::node {
namespace {

constexpr std::array<std::optional<ReasonCode>, 11> kReasons = {
    std::nullopt,
    ReasonCode::kUnspecified,
    ReasonCode::kKeyCompromise,
    ReasonCode::kCaCompromise,
    ReasonCode::kAffiliationChanged,
    ReasonCode::kSuperseded,
    ReasonCode::kCessationOfOperation,
    ReasonCode::kCertificateHold,
    ReasonCode::kRemoveFromCrl,
    ReasonCode::kPrivilegeWithdrawn,
    ReasonCode::kAaCompromise,
};
constexpr int kRecords = 120;

store::Status random_record(std::mt19937& random) {
  store::Status status;
  status.state = static_cast<store::State>(random() % 3);
  if (status.state != store::State::kGood) {
    status.revoked_at = kTestNow - Seconds(1 + random() % 1'000'000);
    status.reason = kReasons.at(random() % kReasons.size());
    if (random() % 4 == 0) {
      status.invalidity_date = *status.revoked_at - Seconds(random() % 1000);
    }
  }
  if (random() % 2 == 0) {
    status.expires = kTestNow + Seconds(86400 + random() % 1'000'000);
  }
  return status;
}

struct Rules {
  responder::HoldForm hold;
  std::optional<ReasonCode> default_reason;
  std::optional<UnixSeconds> compromised_at;
  responder::Shown reasons;
};

class Agreement : public ::testing::TestWithParam<Rules> {
 protected:
  Agreement() {
    options_ = site_.options();
    options_.issuers[0].index.clear();
    responder::IssuerPolicy& policy = options_.issuers[0].policy;
    policy.hold = GetParam().hold;
    policy.default_reason = GetParam().default_reason;
    policy.compromised_at = GetParam().compromised_at;
    policy.reasons = GetParam().reasons;
    publish::SpecFiles series;
    series.label = "ca.crl";
    series.cas = {site_.dir.file("ca.pem")};
    series.key = site_.dir.file("ca.key");
    series.out = site_.dir.file("ca.crl");
    options_.publication.series = {series};
    fill();
  }
  /// Before the node starts, so that the first CRL lists everything.
  void fill() {
    const auto store = store::Store::open(options_.store);
    ASSERT_TRUE(store);
    const auto id = (*store)->ensure_issuer(
        source::make_issuer_key(standard_pki().intermediate.certificate), "test CA");
    ASSERT_TRUE(id);
    std::mt19937 random(20261124);  // the same each time
    std::vector<store::Change> changes;
    for (int i = 1; i <= kRecords; ++i) {
      changes.push_back(
          {testing::make_serial(static_cast<std::uint64_t>(i)), random_record(random)});
    }
    store::IssuerState facts;
    facts.knows_issued = store::KnowsIssued::kYes;
    facts.loaded_at = kTestNow;
    ASSERT_TRUE((*store)->apply(*id, changes, facts));
  }
  Site site_;
  NodeOptions options_;
};

// req: OCSP-CRL-040
TEST_P(Agreement, OfAnswersAndCrlForRandomRecords) {
  const RunningNode running(options_);
  while (running.node->publications().at(0).publications == 0) {
    ASSERT_FALSE(running.node->publications().at(0).error) << "no CRL";
    std::this_thread::yield();
  }
  const Buffer der = testing::read_octets(site_.dir.file("ca.crl"));
  const auto crl = crl::parse_crl(der);
  ASSERT_TRUE(crl);
  int revoked = 0;
  for (int i = 1; i <= kRecords; ++i) {
    const Serial serial = testing::make_serial(static_cast<std::uint64_t>(i));
    const auto entry = crl::find_entry(*crl, serial.octets(), crl->issuer);
    const auto answer = running.answer_for(serial);
    ASSERT_TRUE(answer) << i;
    const auto* const said = std::get_if<ocsp::Revoked>(&*answer);
    ASSERT_EQ(said != nullptr, entry.has_value()) << i;
    if (said == nullptr) {
      EXPECT_TRUE(std::holds_alternative<ocsp::Good>(*answer)) << i;
      continue;
    }
    ++revoked;
    EXPECT_EQ(said->time, entry->revocation_date) << i;
    if (GetParam().reasons == responder::Shown::kYes || said->reason) {
      EXPECT_EQ(said->reason, entry->reason) << i;
    }
  }
  EXPECT_GT(revoked, kRecords / 2);
}

constexpr auto kHold = responder::HoldForm::kHold;
constexpr auto kRevoked = responder::HoldForm::kRevoked;
constexpr auto kYes = responder::Shown::kYes;
constexpr auto kNo = responder::Shown::kNo;
INSTANTIATE_TEST_SUITE_P(
    Rules, Agreement,
    ::testing::Values(Rules{kHold, {}, {}, kYes}, Rules{kRevoked, {}, {}, kYes},
                      Rules{kHold, ReasonCode::kSuperseded, {}, kYes},
                      Rules{kRevoked, ReasonCode::kSuperseded, {}, kYes},
                      Rules{kHold, {}, kTestNow - Seconds(600), kYes},
                      Rules{kRevoked, ReasonCode::kSuperseded, kTestNow - Seconds(600), kNo}));

}  // namespace
}  // namespace muster::node
