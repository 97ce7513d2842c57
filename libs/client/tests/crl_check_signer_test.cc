#include "crl_check_fixture.h"

// Who may sign a CRL: RFC 5280 section 6.3.3 steps (f) and (g).
namespace muster::client::test {
namespace {

constexpr auto kCrlSign = static_cast<std::uint16_t>(pki::KeyUsageBit::kCrlSign);
constexpr auto kCertSign = static_cast<std::uint16_t>(pki::KeyUsageBit::kKeyCertSign);

/// Another key under the CA's name, certified by `issuer` for signing CRLs.
Identity crl_key(const Identity& issuer, std::optional<std::uint16_t> key_usage = kCrlSign) {
  testing::CertificateSpec spec;
  spec.subject = to_buffer(ca().certificate.subject());
  spec.key_usage = key_usage;
  return testing::issue(issuer, spec);
}

// req: OCSP-CRL-034
TEST(CheckCrls, ATamperedCrlIsRefused) {
  EXPECT_EQ(outcome(check_leaf({testing::build_crl(ca(), {.break_signature = true})})),
            "bad-signature");
  Buffer tampered = crl_revoking(ca(), leaf().certificate);
  const Bytes serial = leaf().certificate.serial().octets();
  const auto at = std::search(tampered.begin(), tampered.end(), serial.begin(), serial.end());
  ASSERT_NE(at, tampered.end());
  *at = static_cast<std::uint8_t>(*at ^ 1);  // another serial: the leaf would be good
  EXPECT_EQ(outcome(check_leaf({tampered})), "bad-signature");
}

// req: OCSP-CRL-034
TEST(CheckCrls, ASeparateCrlKeyOfTheSameNameIsAccepted) {
  const Identity signer = crl_key(root());
  const Buffer crl = crl_revoking(signer, leaf().certificate);
  EXPECT_EQ(outcome(check_leaf({crl})), "bad-signature");
  EXPECT_EQ(outcome(check_leaf({crl, empty_crl(root())}, {signer.certificate})), "revoked");
  EXPECT_EQ(outcome(check_leaf({empty_crl(signer), empty_crl(root())}, {signer.certificate})),
            "good");
}

// req: OCSP-CRL-034
TEST(CheckCrls, ASeparateCrlKeyMustItselfStand) {
  const Identity signer = crl_key(root());
  const Buffer crl = empty_crl(signer);
  EXPECT_EQ(outcome(check_leaf({crl}, {signer.certificate})), "signer-undetermined");
  EXPECT_EQ(
      outcome(check_leaf({crl, crl_revoking(root(), signer.certificate)}, {signer.certificate})),
      "signer-revoked");
}

// req: OCSP-CRL-033
TEST(CheckCrls, KeyUsageNeedsCrlSign) {
  const auto with_usage = [](std::optional<std::uint16_t> usage) {
    testing::CertificateSpec spec = testing::ca_spec("CA of odd usage");
    spec.key_usage = usage;
    const Identity issuer = testing::issue(root(), spec);
    const Certificate certificate = testing::issue(issuer, testing::leaf_spec()).certificate;
    return outcome(
        check(certificate, {issuer.certificate, root().certificate}, {empty_crl(issuer)}));
  };
  EXPECT_EQ(with_usage(kCertSign), "signer-not-entitled");
  EXPECT_EQ(with_usage(kCertSign | kCrlSign), "good");
  EXPECT_EQ(with_usage(std::nullopt), "good");
}

// req: OCSP-CRL-032
TEST(CheckCrls, TheSignerMustLeadToTheSameAnchor) {
  const Identity other_root = testing::make_self_signed(testing::ca_spec("Another root"));
  const Identity impostor = crl_key(other_root);
  EXPECT_EQ(outcome(check_leaf({empty_crl(impostor), empty_crl(other_root)},
                               {impostor.certificate, other_root.certificate})),
            "signer-untrusted");
  // Nor does a self-signed certificate of the CA's name vouch for itself.
  testing::CertificateSpec spec = testing::ca_spec("unused");
  spec.subject = to_buffer(ca().certificate.subject());
  const Identity self_made = testing::make_self_signed(spec);
  EXPECT_EQ(outcome(check_leaf({empty_crl(self_made)}, {self_made.certificate})),
            "signer-untrusted");
}

TEST(CheckCrls, AnExpiredSignerIsNotTrusted) {
  testing::CertificateSpec spec;
  spec.subject = to_buffer(ca().certificate.subject());
  spec.key_usage = kCrlSign;
  spec.not_after = kTestNow - Seconds(1);
  const Identity signer = testing::issue(root(), spec);
  EXPECT_EQ(outcome(check_leaf({empty_crl(signer), empty_crl(root())}, {signer.certificate})),
            "signer-untrusted");
}

// A CRL key certified by the CA itself: its own status comes from a CRL of the CA's name, which it
// could sign itself.
TEST(CheckCrls, ARevokedCrlKeyCannotClearItself) {
  const Identity signer = crl_key(ca());
  const Buffer own =
      testing::build_crl(signer, {.this_update = kTestNow, .number = 9});  // newest, lists nothing
  const Buffer by_ca =
      testing::build_crl(ca(), {.entries = {entry_of(signer.certificate)}, .number = 2});
  const std::vector<Certificate> certificates{signer.certificate};
  const CrlVerdict verdict = check_leaf({own, by_ca}, certificates);
  EXPECT_EQ(outcome(verdict), "good");  // by the CA's own CRL, not by the revoked key's
  ASSERT_EQ(verdict.used.size(), 1u);
  EXPECT_EQ(verdict.used[0].crl, 1u);
  ASSERT_EQ(verdict.refused.size(), 1u);
  EXPECT_EQ(verdict.refused[0].error.code, CrlErrc::kSignerRevoked);
}

// NIST PKITS 4.14.30: where nothing else can tell, a CRL signer's own CRL does.
TEST(CheckCrls, ACrlKeyMayAnswerForItselfWhenNothingElseDoes) {
  const Identity signer = crl_key(ca());
  EXPECT_EQ(outcome(check_leaf({empty_crl(signer)}, {signer.certificate})), "good");
  const Buffer admits = crl_revoking(signer, signer.certificate);
  EXPECT_EQ(outcome(check_leaf({admits}, {signer.certificate})), "signer-revoked");
}

// Two CRL keys whose CRLs only vouch for each other must not make the search run away.
TEST(CheckCrls, SignersThatVouchForEachOtherEnd) {
  const Identity a = crl_key(ca());
  const Identity b = crl_key(ca());
  std::vector<Buffer> crls;
  std::vector<Certificate> certificates;
  for (int i = 0; i < 12; ++i) {
    const Identity signer = crl_key(ca());
    crls.push_back(empty_crl(signer));
    certificates.push_back(signer.certificate);
  }
  EXPECT_EQ(outcome(check_leaf({empty_crl(a), empty_crl(b)}, {a.certificate, b.certificate})),
            "good");
  EXPECT_NE(outcome(check_leaf(crls, certificates)), "revoked");
}

/// What comes of CRL keys of which each is certified by another CA, whose CRL the next one signs:
/// the leaf is good when all of them are. The last CA signs its CRL itself.
std::string outcome_of_chain(std::size_t signers) {
  std::vector<Buffer> crls{empty_crl(root())};
  std::vector<Certificate> certificates;
  Buffer name = to_buffer(ca().certificate.subject());
  for (std::size_t i = 0; i < signers; ++i) {
    const Identity next = testing::issue(root(), testing::ca_spec("CA " + std::to_string(i)));
    testing::CertificateSpec spec;
    spec.subject = name;
    spec.key_usage = kCrlSign;
    const Identity signer = testing::issue(next, spec);
    crls.push_back(empty_crl(signer));
    if (i + 1 == signers) {
      crls.push_back(empty_crl(next));
    }
    certificates.push_back(next.certificate);
    certificates.push_back(signer.certificate);
    name = to_buffer(next.certificate.subject());
  }
  return outcome(check_leaf(crls, certificates));
}

// The certificate asked about is the first of those that are examined.
TEST(CheckCrls, AChainOfSignersHasALimit) {
  EXPECT_EQ(outcome_of_chain(1), "good");
  EXPECT_EQ(outcome_of_chain(kMaxCrlSignerDepth - 1), "good");
  EXPECT_EQ(outcome_of_chain(kMaxCrlSignerDepth), "signer-undetermined");
}

TEST(CheckCrls, WeakSignaturesNeedALegacySwitch) {
  testing::CertificateSpec spec = testing::ca_spec("RSA CA");
  spec.key = testing::KeyKind::kRsa2048;
  const Identity issuer = testing::issue(root(), spec);
  const Certificate certificate = testing::issue(issuer, testing::leaf_spec()).certificate;
  const Buffer crl = testing::build_crl(issuer, {.sign_as = testing::SignAs::kSha1});
  const std::vector<Certificate> path{issuer.certificate, root().certificate};
  EXPECT_EQ(outcome(check(certificate, path, {crl})), "weak-signature");
  CrlPolicy legacy;
  legacy.algorithms.insecurely_allow_sha1 = true;
  EXPECT_EQ(outcome(check(certificate, path, {crl}, {}, kTestNow, legacy)), "good");
}

}  // namespace
}  // namespace muster::client::test
