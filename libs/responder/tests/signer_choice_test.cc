#include "signer_choice.h"

#include "fixture.h"

namespace muster::responder {
namespace {

using testing::KeyKind;

Identity signer_of(KeyKind kind, const char* name) {
  testing::CertificateSpec spec = testing::ocsp_signer_spec(name);
  spec.use_key = testing::cached_key(kind);
  return testing::issue(standard_pki().intermediate, spec);
}

/// RSA first, then P-256, then P-384; a standby behind them.
struct Choices {
  Choices() {
    IssuerSpec spec = delegated_spec();
    spec.signers = {signer_spec(rsa), signer_spec(p256), signer_spec(p384),
                    signer_spec(spare, SignerRole::kStandby)};
    specs = {spec};
  }
  Identity rsa = signer_of(KeyKind::kRsa2048, "rsa");
  Identity p256 = signer_of(KeyKind::kP256, "p256");
  Identity p384 = signer_of(KeyKind::kP384, "p384");
  Identity spare = testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec("spare"));
  std::vector<IssuerSpec> specs;
  [[nodiscard]] SignerChoice choose(const SignatureWishes& wishes, UnixSeconds now = kTestNow,
                                    SignerMask excluded = 0) const {
    const auto choice = choose_signer(setup_of(specs)->issuers()[0], wishes, now, excluded);
    EXPECT_TRUE(choice);
    return choice.value_or(SignerChoice{99, ChoiceRule::kOrder});
  }
};

der::AlgorithmView view(const Buffer& algorithm) {
  der::Reader reader(algorithm);
  return *der::read_algorithm(reader, "algorithm");
}
Buffer algorithm_of(const Identity& signer) {
  return to_buffer(pki::Signer::make(signer.key)->algorithm());
}
Buffer preferences(const std::vector<Buffer>& algorithms) {
  std::vector<ocsp::PreferredSignatureView> list;
  for (const Buffer& algorithm : algorithms) {
    list.push_back({view(algorithm), std::nullopt});
  }
  return ocsp::encode_preferred_signatures(list);
}
const Buffer kSha1Rsa = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                         0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00};

// req: OCSP-RESP-028
TEST(ChooseSigner, FollowsTheClientsListInItsOrder) {
  const Choices c;
  const Buffer list = preferences({kSha1Rsa, algorithm_of(c.p384), algorithm_of(c.rsa)});
  const SignerChoice choice = c.choose({list, std::nullopt});
  EXPECT_EQ(choice.signer, 2U);
  EXPECT_EQ(choice.rule, ChoiceRule::kPreferred);
}

// req: OCSP-RESP-028
TEST(ChooseSigner, FallsThroughTheRulesInTheirOrder) {
  Choices c;
  const Buffer only_sha1 = preferences({kSha1Rsa});
  const Buffer request = algorithm_of(c.p256);
  EXPECT_EQ(c.choose({only_sha1, request}).rule, ChoiceRule::kRequest);
  EXPECT_EQ(c.choose({only_sha1, request}).signer, 1U);
  c.specs[0].crl_algorithm = algorithm_of(c.p384);
  EXPECT_EQ(c.choose({only_sha1, request}).rule, ChoiceRule::kCrl);
  EXPECT_EQ(c.choose({only_sha1, request}).signer, 2U);
  c.specs[0].crl_algorithm = kSha1Rsa;
  EXPECT_EQ(c.choose({only_sha1, kSha1Rsa}).rule, ChoiceRule::kOrder);
  EXPECT_EQ(c.choose({only_sha1, kSha1Rsa}).signer, 0U);
  EXPECT_EQ(c.choose({}).signer, 0U);
}

// req: OCSP-RESP-030
TEST(ChooseSigner, NeverComesToAWeakAlgorithm) {
  const Choices c;
  const Buffer list = preferences({kSha1Rsa});
  EXPECT_EQ(c.choose({list, kSha1Rsa}).rule, ChoiceRule::kOrder)
      << "no signer has it, so nobody can be made to use it";
}

TEST(ChooseSigner, HeedsTheWantedKey) {
  const Choices c;
  const Buffer p384 = to_buffer(
      der::Reader(c.p384.certificate.public_key_info()).enter(der::Tag::kSequence, "spki")->rest());
  const Buffer ecdsa = algorithm_of(c.p256);
  const Buffer list = ocsp::encode_preferred_signatures({{view(ecdsa), view(p384)}});
  EXPECT_EQ(c.choose({list, std::nullopt}).rule, ChoiceRule::kOrder)
      << "ecdsa-with-SHA256 under P-384 is not offered";
  const Buffer p256 = to_buffer(
      der::Reader(c.p256.certificate.public_key_info()).enter(der::Tag::kSequence, "spki")->rest());
  const Buffer fits = ocsp::encode_preferred_signatures({{view(ecdsa), view(p256)}});
  EXPECT_EQ(c.choose({fits, std::nullopt}).signer, 1U);
}

TEST(ChooseSigner, TakesRsaIdentifiersWithAndWithoutNull) {
  const Choices c;
  const Buffer without = {0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48,
                          0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b};
  const Buffer list = preferences({without});
  EXPECT_EQ(c.choose({list, std::nullopt}).rule, ChoiceRule::kPreferred);
}

TEST(ChooseSigner, IgnoresWishesThatDoNotParse) {
  const Choices c;
  const Buffer junk = {0x30, 0x03, 0x01};
  EXPECT_EQ(c.choose({junk, junk}).rule, ChoiceRule::kOrder);
}

TEST(ChooseSigner, UsesTheStandbyOnlyWhenNobodyElseCan) {
  const Choices c;
  EXPECT_EQ(c.choose({}, kTestNow, 0b011).signer, 2U);
  const SignerChoice standby = c.choose({}, kTestNow, 0b111);
  EXPECT_EQ(standby.signer, 3U);
  EXPECT_EQ(standby.rule, ChoiceRule::kStandby);
  EXPECT_FALSE(choose_signer(setup_of(c.specs)->issuers()[0], {}, kTestNow, 0b1111));
  EXPECT_FALSE(
      choose_signer(setup_of(c.specs)->issuers()[0], {}, kTestNow + std::chrono::hours(24 * 3650)));
}

}  // namespace
}  // namespace muster::responder
