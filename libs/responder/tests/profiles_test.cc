// Profiles: what each row of values comes to in answers, and what it does not let be changed.
#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::Not;
using Status = ocsp::ResponseStatus;

const pki::Certificate& ca() { return standard_pki().intermediate.certificate; }
const pki::Certificate& leaf() { return standard_pki().leaf.certificate; }

IssuerSpec spec_of(Profile profile) {
  IssuerSpec spec = delegated_spec();
  spec.policy = policy_of(profile);
  return spec;
}
ocsp::Request request_of(unsigned serial, HashAlgorithm hash = HashAlgorithm::kSha256) {
  ocsp::Request request;
  request.requests.push_back({pki::make_cert_id(hash, ca(), testing::make_serial(serial)), {}});
  return request;
}
std::string fault_of(const IssuerPolicy& policy) {
  const auto checked = check_policy(policy);
  return checked ? "" : checked.error().detail;
}

TEST(Profiles, RowsStandInTheOrderOfTheirNamesAndHoldTogether) {
  EXPECT_EQ(profiles().size(), 7U);
  for (const ProfileRow& row : profiles()) {
    EXPECT_EQ(&row_of(row.profile), &row);
    EXPECT_EQ(fault_of(policy_of(row.profile)), "") << row.name;
  }
}

// req: OCSP-RESP-042 OCSP-RESP-011 OCSP-RESP-038 OCSP-RESP-044
TEST(Profiles, Rfc9919RefusesWhatHasNoRecordAndIgnoresNonces) {
  World world({spec_of(Profile::kRfc9919)});
  const Taken listed = ask(world.answerer, with_nonce(leaf_request(), 32));
  EXPECT_TRUE(listed.good());
  EXPECT_TRUE(listed.parsed->basic->extensions.empty());
  EXPECT_TRUE(listed.single().next_update);
  EXPECT_EQ(ask(world.answerer, request_of(4711)).status(), Status::kUnauthorized);
  const auto& root = standard_pki().root.certificate;
  EXPECT_EQ(ask(world.answerer, request_for(ca(), root)).status(), Status::kUnauthorized);
  IssuerPolicy omitted = policy_of(Profile::kRfc9919);
  omitted.next_update = NextUpdate::kOmitted;
  EXPECT_THAT(fault_of(omitted), HasSubstr("RFC 9919"));
  for (const UnissuedAnswer answer : {UnissuedAnswer::kUnknown, UnissuedAnswer::kRevoked}) {
    IssuerPolicy signing = policy_of(Profile::kRfc9919);
    signing.unissued = answer;
    EXPECT_THAT(fault_of(signing), AllOf(HasSubstr("unissued"), HasSubstr("RFC 9919"),
                                         HasSubstr("choose \"unauthorized\"")));
  }
  IssuerPolicy unlisted = policy_of(Profile::kRfc9919);
  unlisted.unlisted = UnlistedAnswer::kUnknown;
  EXPECT_THAT(fault_of(unlisted), AllOf(HasSubstr("unlisted"), HasSubstr("RFC 9919")));
  unlisted.unlisted = UnlistedAnswer::kGood;
  EXPECT_EQ(fault_of(unlisted), "") << "the operator says that the CRL is such a record";
}

// req: OCSP-RESP-058 OCSP-RESP-062 OCSP-RESP-064
TEST(Profiles, CabfHoldsForSevenDaysLessASecondAndNeverCallsTheUnissuedGood) {
  World world({spec_of(Profile::kCabf)});
  const Taken taken = ask(world.answerer, leaf_request());
  EXPECT_EQ(*taken.single().next_update - taken.single().this_update, Seconds(604799));
  for (unsigned n = 1; n < 30; ++n) {
    EXPECT_EQ(ask(world.answerer, request_of(n * 977)).status(), Status::kUnauthorized);
  }
}

// req: OCSP-RESP-064
TEST(Profiles, CabfShowsNoCertificateHold) {
  World world({spec_of(Profile::kCabf)});
  store::Status hold = revoked_at(kTestNow - hours(1), ReasonCode::kCertificateHold);
  hold.state = store::State::kHold;
  world.store.set(kIssuer, leaf().serial(), hold);
  const Taken taken = ask(world.answerer, leaf_request());
  ASSERT_TRUE(taken.revoked());
  EXPECT_FALSE(std::get<ocsp::Revoked>(taken.single().status).reason);
  IssuerPolicy policy = policy_of(Profile::kCabf);
  policy.hold = HoldForm::kHold;
  EXPECT_THAT(fault_of(policy), HasSubstr("certificateHold"));
}

// req: OCSP-OPS-026
TEST(Profiles, OfTheWebRepeatNoLongNonceAndAnswerSha1) {
  const auto repeated = [](const Taken& taken) {
    return der::find_extension(taken.parsed->basic->extensions, oid::kOcspNonce).has_value();
  };
  for (const Profile profile : {Profile::kCabf, Profile::kMicrosoft}) {
    SCOPED_TRACE(row_of(profile).name);
    IssuerSpec spec = spec_of(profile);
    World world({spec});
    for (const std::size_t octets : {16U, 32U, 33U, 128U}) {
      const Taken taken = ask(world.answerer, with_nonce(leaf_request(), octets));
      ASSERT_TRUE(taken.good()) << octets;
      EXPECT_EQ(repeated(taken), octets <= 32) << octets;
    }
    EXPECT_TRUE(ask(world.answerer, with_nonce(leaf_request(HashAlgorithm::kSha1), 32)).good());

    spec.policy.nonce = NoncePolicy::kRfc8954;
    EXPECT_EQ(fault_of(spec.policy), "");
    World strict({spec});
    EXPECT_EQ(ask(strict.answerer, with_nonce(leaf_request(), 33)).status(),
              Status::kMalformedRequest);
    const Taken taken = ask(strict.answerer, with_nonce(leaf_request(HashAlgorithm::kSha1), 32));
    ASSERT_TRUE(taken.good());
    EXPECT_TRUE(repeated(taken));

    for (const NoncePolicy longer : {NoncePolicy::kEcho, NoncePolicy::kRequire}) {
      IssuerPolicy policy = policy_of(profile);
      policy.nonce = longer;
      EXPECT_THAT(fault_of(policy), AllOf(HasSubstr("32 octets"), HasSubstr("echo-16-32")));
      policy.nonce = NoncePolicy::kIgnore;
      EXPECT_EQ(fault_of(policy), "");
      policy.nonce_by_client = {{{*IpNetwork::parse("192.0.2.0/24")}, longer}};
      EXPECT_THAT(fault_of(policy), HasSubstr("32 octets"));
    }
  }
}

// req: OCSP-RESP-060
TEST(Profiles, MicrosoftCapsAtSevenDaysAndReplacesAtHalf) {
  IssuerPolicy policy = policy_of(Profile::kMicrosoft);
  EXPECT_EQ(fault_of(policy), "");
  EXPECT_EQ(refresh_age(policy), hours(84));
  policy.validity = hours(24 * 7) + Seconds(1);
  EXPECT_THAT(fault_of(policy), HasSubstr("Microsoft"));
  policy.certifies = Certifies::kCas;
  policy.default_reason = ReasonCode::kCessationOfOperation;
  EXPECT_THAT(fault_of(policy), AllOf(HasSubstr("validity"), HasSubstr("Microsoft")))
      << "its text makes no exception for CAs";
  policy.validity = hours(24 * 7);
  EXPECT_EQ(fault_of(policy), "");
  EXPECT_EQ(refresh_age(policy), hours(84));
  policy = policy_of(Profile::kMicrosoft);
  policy.refresh = hours(24 * 6);
  EXPECT_EQ(refresh_age(policy), hours(84)) << "however lazy the operator";

  World world({spec_of(Profile::kMicrosoft)});
  UnixSeconds produced = kTestNow;
  for (UnixSeconds now = kTestNow; now < kTestNow + hours(24 * 14); now += hours(2)) {
    world.store.states[kIssuer].loaded_at = now;
    const Taken taken = ask(world.answerer, leaf_request(), now);
    EXPECT_LE(now - taken.parsed->basic->produced_at, hours(84));
    produced = taken.parsed->basic->produced_at;
  }
  EXPECT_GT(produced, kTestNow + hours(24 * 7));
}

// req: OCSP-RESP-065
TEST(Profiles, CabfKeepsSubordinateCasFreshAndShowsTheirRevocationAtOnce) {
  IssuerSpec spec = spec_of(Profile::kCabf);
  spec.policy.certifies = Certifies::kCas;
  spec.policy.default_reason = ReasonCode::kCessationOfOperation;
  spec.policy.validity = hours(24 * 365);
  EXPECT_EQ(fault_of(spec.policy), "") << "twelve months are the longest";
  spec.policy.refresh = hours(24 * 364);
  EXPECT_EQ(refresh_age(spec.policy), hours(12 * 365)) << "signed anew at half of it, well within";
  IssuerPolicy longer = spec.policy;
  longer.validity += Seconds(1);
  EXPECT_THAT(fault_of(longer), HasSubstr("365d"));
  IssuerPolicy subscribers = spec.policy;
  subscribers.certifies = Certifies::kSubscribers;
  EXPECT_NE(fault_of(subscribers), "") << "subscriber certificates have 10 days";

  spec.policy.max_age = hours(12);
  World world({spec});
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  world.store.set(kIssuer, leaf().serial(),
                  revoked_at(kTestNow + hours(1), ReasonCode::kCaCompromise));
  const Taken taken = ask(world.answerer, leaf_request(), kTestNow + hours(1));
  EXPECT_TRUE(taken.revoked());
  EXPECT_THAT(taken.head, HasSubstr("max-age=43200")) << "caches ask again well within 24 hours";
}

// req: OCSP-RESP-066
TEST(Profiles, CabfDemandsAReasonForRevokedCas) {
  IssuerSpec spec = spec_of(Profile::kCabf);
  spec.policy.certifies = Certifies::kCas;
  EXPECT_THAT(fault_of(spec.policy), HasSubstr("default_reason"))
      << "a sub-CA revoked without reason could be shown so";
  for (const ReasonCode forbidden :
       {ReasonCode::kUnspecified, ReasonCode::kCertificateHold, ReasonCode::kRemoveFromCrl}) {
    spec.policy.default_reason = forbidden;
    EXPECT_NE(fault_of(spec.policy), "");
  }
  spec.policy.default_reason = ReasonCode::kCessationOfOperation;
  World world({spec});
  const std::pair<std::optional<ReasonCode>, ReasonCode> cases[] = {
      {std::nullopt, ReasonCode::kCessationOfOperation},
      {ReasonCode::kUnspecified, ReasonCode::kCessationOfOperation},
      {ReasonCode::kCertificateHold, ReasonCode::kCessationOfOperation},
      {ReasonCode::kCaCompromise, ReasonCode::kCaCompromise}};
  for (const auto& [recorded, shown] : cases) {
    world.store.set(kIssuer, leaf().serial(), revoked_at(kTestNow, recorded));
    const Taken taken = ask(world.answerer, leaf_request());
    EXPECT_EQ(std::get<ocsp::Revoked>(taken.single().status).reason, shown);
  }
}

// req: OCSP-RESP-063 OCSP-RESP-073
TEST(Profiles, EtsiCutsOffAtTheIssuersBeginningAndMarksTheUnissued) {
  IssuerSpec spec = spec_of(Profile::kEtsi);
  World world({spec});
  const Taken taken = ask(world.answerer, leaf_request());
  const auto cutoff = der::find_extension(taken.single().extensions, oid::kOcspArchiveCutoff);
  ASSERT_TRUE(cutoff);
  EXPECT_FALSE(cutoff->critical);
  EXPECT_EQ(*ocsp::parse_archive_cutoff(cutoff->value), ca().not_before());
  EXPECT_TRUE(ask(world.answerer, request_of(4711)).unknown());
  spec.policy.unlisted = UnlistedAnswer::kGood;
  EXPECT_THAT(fault_of(spec.policy), HasSubstr("OVR-6.6.3-02"));
  spec.policy.unlisted.reset();
  spec.policy.unissued = UnissuedAnswer::kRevoked;
  World marked({spec});
  EXPECT_TRUE(der::find_extension(ask(marked.answerer, request_of(4711)).parsed->basic->extensions,
                                  oid::kOcspExtendedRevoked));
}

// req: OCSP-RESP-074
TEST(Profiles, LastAnswersStandForEver) {
  IssuerSpec spec = spec_of(Profile::kEtsi);
  spec.policy.next_update = NextUpdate::kLast;
  EXPECT_THAT(fault_of(spec.policy), HasSubstr("nonce"));
  spec.policy.nonce = NoncePolicy::kIgnore;
  World world({spec});
  store::Status expired;
  expired.expires = kTestNow - hours(1);
  for (unsigned n = 0; n < 20; ++n) {
    world.store.set(kIssuer, testing::make_serial(900 + n),
                    n % 2 == 0 ? expired : revoked_at(kTestNow));
  }
  for (unsigned n = 0; n < 20; ++n) {
    const Taken taken = ask(world.answerer, with_nonce(request_of(900 + n), 32));
    EXPECT_EQ(format_iso8601(*taken.single().next_update), "9999-12-31T23:59:59Z");
    EXPECT_TRUE(taken.parsed->basic->extensions.empty());
    EXPECT_EQ(taken.revoked(), n % 2 == 1);
  }
  EXPECT_THAT(ask(world.answerer, request_of(900)).head, HasSubstr("31 Dec 9999"));
  IssuerPolicy cabf = policy_of(Profile::kCabf);
  cabf.next_update = NextUpdate::kLast;
  EXPECT_NE(fault_of(cabf), "");
}

TEST(Profiles, FpkiIsStaticAndAnswersSha1) {
  World world({spec_of(Profile::kFpki)});
  const Taken taken = ask(world.answerer, with_nonce(leaf_request(HashAlgorithm::kSha1), 32));
  EXPECT_TRUE(taken.good());
  EXPECT_TRUE(taken.parsed->basic->extensions.empty());
  EXPECT_EQ(ask(world.answerer, leaf_request(HashAlgorithm::kSha256)).cause, Cause::kUnknownHash);
  IssuerPolicy policy = policy_of(Profile::kFpki);
  EXPECT_EQ(refresh_age(policy), hours(24));
  policy.nonce = NoncePolicy::kEcho;
  EXPECT_THAT(fault_of(policy), HasSubstr("nonce"));
  policy = policy_of(Profile::kFpki);
  policy.cert_id_hashes = kAllHashes;
  EXPECT_EQ(fault_of(policy), "")
      << "every value may be overridden unless the profile's text forbids it";
}

TEST(Profiles, OcppBoundsTheAnswer) {
  World world({spec_of(Profile::kOcpp)});
  const Taken taken = ask(world.answerer, leaf_request(HashAlgorithm::kSha512));
  EXPECT_TRUE(taken.good());
  EXPECT_LE(taken.body.size(), 4125U);
  IssuerSpec narrow = spec_of(Profile::kOcpp);
  narrow.policy.max_response_bytes = taken.body.size() + 60;
  World small({narrow});
  EXPECT_TRUE(ask(small.answerer, leaf_request()).good());
  ocsp::Request two = leaf_request();
  two.requests.push_back(two.requests.front());
  const Taken refused = ask(small.answerer, two);
  EXPECT_EQ(refused.cause, Cause::kResponseTooLarge);
  EXPECT_EQ(refused.status(), Status::kInternalError);
}

TEST(Profiles, OcppKeepsWithinTheStationsField) {
  IssuerPolicy policy = policy_of(Profile::kOcpp);
  for (const std::size_t octets : {std::size_t{4126}, std::size_t{65536}, std::size_t{0}}) {
    policy.max_response_bytes = octets;
    EXPECT_THAT(fault_of(policy),
                AllOf(HasSubstr("max_response"), HasSubstr("4125 octets"), HasSubstr("OCPP")));
  }
  policy.max_response_bytes = 3000;
  EXPECT_EQ(fault_of(policy), "");
}

TEST(Profiles, ASignerWhoseAnswersCannotFitIsRefusedAtTheStart) {
  IssuerSpec spec = spec_of(Profile::kOcpp);
  spec.policy.max_response_bytes = 500;
  std::vector<std::string> warnings;
  const auto made = Setup::make({spec}, {}, kTestNow, warnings);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, SetupErrc::kBadPolicy);
  EXPECT_THAT(made.error().detail, HasSubstr("max_response"));
}

// req: OCSP-RESP-084
TEST(Profiles, NextUpdateMayBeOmittedInTheGeneralOne) {
  IssuerSpec spec = delegated_spec();
  spec.policy.next_update = NextUpdate::kOmitted;
  World world({spec});
  for (int again = 0; again < 2; ++again) {
    const Taken taken = ask(world.answerer, leaf_request());
    EXPECT_TRUE(taken.good());
    EXPECT_FALSE(taken.single().next_update);
    for (const char* header : {"Cache-Control", "Expires", "ETag", "Last-Modified"}) {
      EXPECT_THAT(taken.head, Not(HasSubstr(header)));
    }
  }
  ocsp::Request two = leaf_request();
  two.requests.push_back(two.requests.front());
  EXPECT_THAT(ask(world.answerer, two).head, Not(HasSubstr("Cache-Control")));
}

// req: OCSP-RESP-049
TEST(Profiles, MaxAgeIsCappedWhereToldAndNeverReachesNextUpdate) {
  IssuerSpec spec = delegated_spec();
  spec.policy.max_age = Seconds(600);
  World world({spec});
  for (const int minutes : {0, 30, 60 * 24, 60 * 24 * 3}) {
    const Taken taken = ask(world.answerer, leaf_request(), kTestNow + Seconds(60 * minutes));
    EXPECT_THAT(taken.head, HasSubstr("max-age=600,")) << minutes;
  }
}

TEST(Profiles, ReasonsMayBeKeptBack) {
  IssuerSpec spec = delegated_spec();
  spec.policy.reasons = Shown::kNo;
  World world({spec});
  world.store.set(kIssuer, leaf().serial(), revoked_at(kTestNow, ReasonCode::kKeyCompromise));
  const Taken taken = ask(world.answerer, leaf_request());
  ASSERT_TRUE(taken.revoked());
  EXPECT_FALSE(std::get<ocsp::Revoked>(taken.single().status).reason);
}

TEST(Profiles, AnswersOutliveTheirSignerOnlyWhereTold) {
  testing::CertificateSpec brief = testing::ocsp_signer_spec("brief");
  brief.not_after = kTestNow + hours(48);
  const Identity signer = testing::issue(standard_pki().intermediate, brief);
  IssuerSpec spec = delegated_spec(standard_pki().intermediate, signer);
  spec.policy.beyond_signer = Shown::kYes;
  World world({spec});
  EXPECT_EQ(*ask(world.answerer, leaf_request()).single().next_update,
            kTestNow + hours(168) - Seconds(1));
  IssuerPolicy cabf = policy_of(Profile::kCabf);
  cabf.beyond_signer = Shown::kYes;
  EXPECT_NE(fault_of(cabf), "");
}

// req: OCSP-RESP-043 OCSP-OPS-003
TEST(Profiles, ExpiredCertificatesAreAnsweredAsLongAsTheyAreRetained) {
  store::Status expired;
  expired.expires = kTestNow - hours(24);
  store::Status revoked = revoked_at(kTestNow - hours(48));
  revoked.expires = expired.expires;
  World forever;
  forever.store.set(kIssuer, leaf().serial(), expired);
  EXPECT_TRUE(ask(forever.answerer, leaf_request()).good())
      << "an entry marked expired is still answered";
  World qualified({spec_of(Profile::kEtsi)});
  qualified.store.set(kIssuer, leaf().serial(), expired);
  const Taken kept = ask(qualified.answerer, leaf_request(), kTestNow);
  EXPECT_TRUE(kept.good());
  EXPECT_TRUE(der::find_extension(kept.single().extensions, oid::kOcspArchiveCutoff))
      << "which says since when nothing was dropped";
  IssuerSpec spec = delegated_spec();
  spec.policy.retain_expired = hours(24);
  World world({spec});
  for (const store::Status& record : {expired, revoked}) {
    world.store.set(kIssuer, leaf().serial(), record);
    EXPECT_EQ(ask(world.answerer, leaf_request()).status(), Status::kSuccessful);
    ++world.store.sequence;
    const Taken late = ask(world.answerer, leaf_request(), kTestNow + Seconds(1));
    EXPECT_EQ(late.status(), Status::kUnauthorized);
    EXPECT_EQ(late.cause, Cause::kRetired);
  }
}

}  // namespace
}  // namespace muster::responder
