// Several signers of one issuer: which one an answer bears, and that none is taken for another.
#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::KeyKind;

Identity signer_of(KeyKind kind, const char* name,
                   std::optional<UnixSeconds> not_before = std::nullopt,
                   std::optional<UnixSeconds> not_after = std::nullopt) {
  testing::CertificateSpec spec = testing::ocsp_signer_spec(name);
  spec.use_key = testing::cached_key(kind, name[0]);
  spec.not_before = not_before;
  spec.not_after = not_after;
  return testing::issue(standard_pki().intermediate, spec);
}
IssuerSpec spec_of(std::vector<SignerSpec> signers) {
  IssuerSpec spec = delegated_spec();
  spec.signers = std::move(signers);
  return spec;
}
ocsp::Request preferring(const Identity& signer, ocsp::Request request = leaf_request()) {
  const Buffer algorithm = to_buffer(pki::Signer::make(signer.key)->algorithm());
  der::Reader reader(algorithm);
  const Buffer list = ocsp::encode_preferred_signatures(
      {{*der::read_algorithm(reader, "algorithm"), std::nullopt}});
  request.extensions.push_back({to_buffer(oid::kOcspPreferredSignatures), false, list});
  return request;
}

struct TwoSigners {
  Identity ec = signer_of(KeyKind::kP256, "ec");
  Identity rsa = signer_of(KeyKind::kRsa2048, "rsa");
  World world{{spec_of({signer_spec(ec), signer_spec(rsa)})}};
};

// req: OCSP-RESP-028 OCSP-RESP-029 OCSP-RESP-019
TEST(Signers, AreChosenByPreferenceAlsoAmongRememberedAnswers) {
  TwoSigners t;
  for (int again = 0; again < 3; ++again) {
    const Taken plain = ask(t.world.answerer, leaf_request());
    EXPECT_TRUE(plain.signed_by(t.ec.certificate));
    const Taken rsa = ask(t.world.answerer, preferring(t.rsa));
    EXPECT_TRUE(rsa.signed_by(t.rsa.certificate));
    EXPECT_TRUE(pki::identifies(rsa.parsed->basic->responder_id, t.rsa.certificate));
    EXPECT_TRUE(equal(rsa.parsed->basic->certificates.at(0), t.rsa.certificate.der()));
    const Taken ec = ask(t.world.answerer, preferring(t.ec));
    EXPECT_EQ(ec.body, plain.body) << "the wish comes to what everybody gets";
    EXPECT_TRUE(ask(t.world.answerer, preferring(t.rsa, with_nonce(leaf_request(), 32)))
                    .signed_by(t.rsa.certificate));
  }
  EXPECT_EQ(t.world.counters.signatures.value(), 2U + 3U)
      << "one for each signer, and one for each nonce";
}

/// A key configured for PSS never falls back to PKCS#1 v1.5 unnoticed (OpenBao, Vault), and both
/// may stand side by side.
TEST(Signers, PssStaysPssAndIsToldApart) {
  const Identity rsa = signer_of(KeyKind::kRsa2048, "rsa");
  SignerSpec pss = signer_spec(rsa);
  pss.scheme = pki::SignatureScheme::kRsaPssSha256;
  World world({spec_of({pss, signer_spec(rsa)})});
  const Taken plain = ask(world.answerer, leaf_request());
  EXPECT_TRUE(plain.signed_by(rsa.certificate));
  EXPECT_EQ(der::oid_to_string(plain.parsed->basic->signature_algorithm.oid),
            "1.2.840.113549.1.1.10");
  const Taken old = ask(world.answerer, preferring(rsa));
  EXPECT_TRUE(old.signed_by(rsa.certificate));
  EXPECT_EQ(der::oid_to_string(old.parsed->basic->signature_algorithm.oid),
            "1.2.840.113549.1.1.11");
}

TEST(Signers, ClassicalAndPostQuantumStandSideBySide) {
  if (!testing::can_make(KeyKind::kMlDsa65)) {
    GTEST_SKIP() << "this OpenSSL has no ML-DSA (3.5 has)";
  }
  const Identity ec = signer_of(KeyKind::kP256, "ec");
  const Identity lattice = signer_of(KeyKind::kMlDsa65, "lattice");
  World world({spec_of({signer_spec(ec), signer_spec(lattice)})});
  EXPECT_TRUE(ask(world.answerer, leaf_request()).signed_by(ec.certificate));
  EXPECT_TRUE(ask(world.answerer, preferring(lattice)).signed_by(lattice.certificate));
}

TEST(Signers, EachVariantFollowsTheStatus) {
  TwoSigners t;
  ask(t.world.answerer, leaf_request());
  ask(t.world.answerer, preferring(t.rsa));
  t.world.store.set(kIssuer, standard_pki().leaf.certificate.serial(), revoked_at(kTestNow));
  EXPECT_TRUE(ask(t.world.answerer, preferring(t.rsa)).revoked());
  EXPECT_TRUE(ask(t.world.answerer, leaf_request()).revoked());
}

// req: OCSP-RESP-072
TEST(Signers, EachEndsItsAnswersWithItsOwnCertificate) {
  const Identity brief = signer_of(KeyKind::kRsa2048, "brief", std::nullopt, kTestNow + hours(48));
  const Identity lasting = signer_of(KeyKind::kP256, "lasting");
  World world({spec_of({signer_spec(brief), signer_spec(lasting)})});
  EXPECT_EQ(*ask(world.answerer, leaf_request()).single().next_update, kTestNow + hours(48));
  EXPECT_GT(*ask(world.answerer, preferring(lasting)).single().next_update, kTestNow + hours(48));
  world.store.states[kIssuer].loaded_at = kTestNow + hours(48);
  ++world.store.sequence;
  const Taken later = ask(world.answerer, leaf_request(), kTestNow + hours(48));
  EXPECT_TRUE(later.good());
  EXPECT_TRUE(later.signed_by(lasting.certificate)) << "the next in order takes over without a gap";
}

TEST(Signers, AStandbySignsWhenTheOthersHaveEnded) {
  const Identity brief = signer_of(KeyKind::kP256, "brief", std::nullopt, kTestNow + hours(1));
  const Identity spare = signer_of(KeyKind::kP256, "spare");
  World world({spec_of({signer_spec(spare, SignerRole::kStandby), signer_spec(brief)})});
  EXPECT_TRUE(ask(world.answerer, leaf_request()).signed_by(brief.certificate));
  EXPECT_TRUE(
      ask(world.answerer, leaf_request(), kTestNow + hours(1)).signed_by(spare.certificate));
}

TEST(Signers, OneThatIsNotValidYetTakesOverWhenItsTimeComes) {
  const Identity next = signer_of(KeyKind::kP256, "next", kTestNow + hours(24));
  const Identity current = signer_of(KeyKind::kP256, "current");
  World world({spec_of({signer_spec(next), signer_spec(current)})});
  EXPECT_TRUE(ask(world.answerer, with_nonce(leaf_request(), 16)).signed_by(current.certificate));
  EXPECT_TRUE(ask(world.answerer, with_nonce(leaf_request(), 16), kTestNow + hours(24))
                  .signed_by(next.certificate));
}

TEST(Signers, SharedBySeveralIssuersSignForAllOfThem) {
  // Two names, one key: whatever the CA signs by itself counts for both, but each has a delegate of
  // its own first in order.
  const Identity first = testing::make_self_signed(testing::ca_spec("first name"));
  testing::CertificateSpec spec = testing::ca_spec("second name");
  spec.use_key = testing::TestKey{first.key, first.key_pem};
  const Identity second = testing::make_self_signed(spec);
  IssuerSpec a = self_spec(first);
  IssuerSpec b = self_spec(second, kOther);
  a.signers.insert(a.signers.begin(),
                   signer_spec(testing::issue(first, testing::ocsp_signer_spec("delegate a"))));
  World world({a, b});
  world.store.list_all_issued(kOther);
  ocsp::Request request;
  for (const Identity* ca : {&first, &second}) {
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, ca->certificate, testing::make_serial(5)), {}});
  }
  const Taken taken = ask(world.answerer, request);
  ASSERT_EQ(taken.status(), ocsp::ResponseStatus::kSuccessful);
  EXPECT_TRUE(taken.signed_by(first.certificate));
}

TEST(SetupOfSigners, LeavesOutOneThatEndedAndRefusesOneThatIsWrong) {
  const Identity ended = signer_of(KeyKind::kP256, "ended", std::nullopt, kTestNow - Seconds(1));
  std::vector<std::string> warnings;
  const auto made =
      Setup::make({spec_of({signer_spec(ended), signer_spec(standard_pki().ocsp_signer)})}, {},
                  kTestNow, warnings);
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_EQ((*made)->issuers()[0].signers.size(), 1U);
  EXPECT_THAT(warnings, Contains(HasSubstr("signed by the others")));

  const Identity foreign =
      testing::issue(standard_pki().root, testing::ocsp_signer_spec("foreign"));
  const auto refused =
      Setup::make({spec_of({signer_spec(standard_pki().ocsp_signer), signer_spec(foreign)})}, {},
                  kTestNow, warnings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, SetupErrc::kSignerRefused);
  EXPECT_THAT(refused.error().detail, HasSubstr("foreign"));
}

TEST(SetupOfSigners, LeavesOutFaultyOnesWhereTold) {
  const Identity foreign =
      testing::issue(standard_pki().root, testing::ocsp_signer_spec("foreign"));
  SignerSpec mismatched = signer_spec(signer_of(KeyKind::kP256, "mismatched"));
  mismatched.key = standard_pki().leaf.key;
  const SignerSpec sound = signer_spec(standard_pki().ocsp_signer, SignerRole::kStandby);
  const std::pair<SignerSpec, const char*> faulty[] = {
      {signer_spec(foreign), "foreign"},
      {mismatched, "mismatched"},
      {signer_spec(signer_of(KeyKind::kRsa1024, "weak")), "weak"}};
  for (const auto& [bad, name] : faulty) {
    std::vector<std::string> warnings;
    IssuerSpec spec = spec_of({bad, sound});
    EXPECT_FALSE(Setup::make({spec}, {}, kTestNow, warnings)) << name;
    spec.faulty_signers = FaultySigners::kLeftOut;
    const auto made = Setup::make({spec}, {}, kTestNow, warnings);
    ASSERT_TRUE(made) << made.error().detail;
    ASSERT_EQ((*made)->issuers()[0].signers.size(), 1U);
    EXPECT_EQ((*made)->issuers()[0].signers[0].certificate, standard_pki().ocsp_signer.certificate);
    EXPECT_THAT(warnings, Contains(::testing::AllOf(HasSubstr(name), HasSubstr("LEFT OUT"))));
    spec.signers = {bad};
    EXPECT_FALSE(Setup::make({spec}, {}, kTestNow, warnings)) << "nobody would be left";
    spec.signers = {bad, bad};
    EXPECT_FALSE(Setup::make({spec}, {}, kTestNow, warnings));
  }
}

TEST(SetupOfSigners, RefusesNoneTooManyAndTwins) {
  std::vector<std::string> warnings;
  const SignerSpec one = signer_spec(standard_pki().ocsp_signer);
  for (const std::size_t n : {0U, 2U, 9U}) {
    const auto made =
        Setup::make({spec_of(std::vector<SignerSpec>(n, one))}, {}, kTestNow, warnings);
    ASSERT_FALSE(made) << n;
    EXPECT_EQ(made.error().code, SetupErrc::kSignerRefused) << n;
  }
}

}  // namespace
}  // namespace muster::responder
