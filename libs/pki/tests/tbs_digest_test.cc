#include "muster/pki/tbs_digest.h"

#include <gtest/gtest.h>

#include "muster/pki/verified_crl.h"
#include "muster/testing/crl_builder.h"

namespace muster::pki {
namespace {

using muster::testing::cached_key;
using muster::testing::CertificateSpec;
using muster::testing::KeyKind;
using muster::testing::make_self_signed;
using muster::testing::sign_as;
using muster::testing::SignAs;

der::AlgorithmView view_of(Bytes algorithm) {
  der::Reader in(algorithm);
  auto view = der::read_algorithm(in, "algorithm");
  MUSTER_ASSERT(view);
  return *view;
}

struct Case {
  const char* name;
  KeyKind key;
  SignAs how;
};
class TbsDigestOf : public ::testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] static AlgorithmPolicy policy() {
    AlgorithmPolicy everything;
    everything.insecurely_allow_dsa = everything.insecurely_allow_sha1 = true;
    return everything;
  }
  [[nodiscard]] static Certificate certificate(int index) {
    CertificateSpec spec;
    spec.use_key = cached_key(GetParam().key, index);
    return make_self_signed(spec).certificate;
  }
};
using K = KeyKind;
INSTANTIATE_TEST_SUITE_P(
    Algorithms, TbsDigestOf,
    ::testing::Values(Case{"P256", K::kP256, SignAs::kAuto}, Case{"P384", K::kP384, SignAs::kAuto},
                      Case{"P521", K::kP521, SignAs::kAuto},
                      Case{"P256Sha512", K::kP256, SignAs::kSha512},
                      Case{"P384Sha256", K::kP384, SignAs::kSha256},
                      Case{"P256Sha1", K::kP256, SignAs::kSha1},
                      Case{"RsaSha256", K::kRsa2048, SignAs::kSha256},
                      Case{"RsaSha384", K::kRsa2048, SignAs::kSha384},
                      Case{"RsaSha512", K::kRsa2048, SignAs::kSha512},
                      Case{"RsaSha1", K::kRsa2048, SignAs::kSha1},
                      Case{"RsaWithoutNull", K::kRsa2048, SignAs::kRsaSha256WithoutNull},
                      Case{"PssSha256", K::kRsa2048, SignAs::kPssSha256},
                      Case{"PssSha512", K::kRsa2048, SignAs::kPssSha512},
                      Case{"PssSha1", K::kRsa2048, SignAs::kPssSha1},
                      Case{"PssKey", K::kRsaPss2048, SignAs::kPssSha256},
                      Case{"Dsa", K::kDsa2048, SignAs::kSha256}),
    [](const auto& param) { return std::string(param.param.name); });

// A signature is judged alike over the octets and over what was made of them before.
TEST_P(TbsDigestOf, TheOctetsServesAsTheOctetsDo) {
  const Buffer tbs(3'000'000, 0x30);  // more than one step
  const auto made = sign_as(GetParam().how, cached_key(GetParam().key).key, tbs);
  const der::AlgorithmView algorithm = view_of(made.algorithm);
  const auto digest = digest_tbs(algorithm, tbs);
  ASSERT_TRUE(digest);
  const auto holds = [&](Bytes octets, Bytes signature, const Certificate& by,
                         const TbsDigest& with) {
    const bool known =
        static_cast<bool>(verify_signature(algorithm, octets, signature, by, policy(), &with));
    const bool plain =
        static_cast<bool>(verify_signature(algorithm, octets, signature, by, policy(), nullptr));
    EXPECT_EQ(known, plain);
    return known;
  };
  const Certificate own = certificate(0);
  EXPECT_TRUE(holds(tbs, made.signature, own, *digest));
  Buffer flipped = made.signature;
  flipped[flipped.size() / 2] ^= 1;
  EXPECT_FALSE(holds(tbs, flipped, own, *digest));
  EXPECT_FALSE(holds(tbs, Bytes(made.signature).first(made.signature.size() - 1), own, *digest));
  EXPECT_FALSE(holds(tbs, Bytes(), own, *digest));
  EXPECT_FALSE(holds(tbs, made.signature, certificate(1), *digest));
  // A digest that is wrong is believed, so whose octets it is of is looked at.
  TbsDigest wrong = *digest;
  wrong.octets[0] ^= 1;
  EXPECT_FALSE(verify_signature(algorithm, tbs, made.signature, own, policy(), &wrong));
  const Buffer other(tbs.size(), 0x31);
  EXPECT_FALSE(holds(other, made.signature, own, *digest));
  const Buffer copy = tbs;
  EXPECT_TRUE(holds(copy, made.signature, own, wrong)) << "not of these octets: made anew";
  EXPECT_FALSE(holds(Bytes(tbs).first(tbs.size() - 1), made.signature, own, *digest));
  wrong.algorithm = "SHA3-256";
  EXPECT_TRUE(holds(tbs, made.signature, own, wrong)) << "of another kind: made anew";
}

// The policy is asked whatever was made before.
TEST(TbsDigest, ExcusesNoWeakAlgorithm) {
  const Buffer tbs(100, 0x30);
  const auto made = sign_as(SignAs::kSha1, cached_key(K::kP256).key, tbs);
  const auto digest = digest_tbs(view_of(made.algorithm), tbs);
  ASSERT_TRUE(digest);
  CertificateSpec spec;
  spec.use_key = cached_key(K::kP256);
  const auto verified = verify_signature(view_of(made.algorithm), tbs, made.signature,
                                         make_self_signed(spec).certificate, {}, &*digest);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, PkiErrc::kWeakAlgorithm);
}

TEST(TbsDigest, IsNotMadeWhereTheOctetsAreSigned) {
  const Buffer tbs(100, 0x30);
  const auto made = sign_as(SignAs::kAuto, cached_key(K::kEd25519).key, tbs);
  EXPECT_FALSE(digest_tbs(view_of(made.algorithm), tbs));
  EXPECT_FALSE(digest_tbs(view_of(*from_hex("300406022a03")), tbs));  // an OID nobody knows
  EXPECT_FALSE(digest_tbs(view_of(*from_hex("300b06092a864886f70d01010a")), tbs));  // PSS, bare
}

TEST(TbsDigest, StopsWhenTold) {
  const auto ecdsa = *from_hex("300a06082a8648ce3d040302");
  std::stop_source source;
  source.request_stop();
  EXPECT_FALSE(digest_tbs(view_of(ecdsa), Buffer(100, 0x30), source.get_token()));
}

TEST(VerifyCrl, TakesADigestOfItsSignedOctetsOnly) {
  const auto& ca = muster::testing::standard_pki().intermediate;
  const Buffer good = muster::testing::build_crl(ca, {});
  const Buffer bad = muster::testing::build_crl(ca, {.break_signature = true});
  const auto view = crl::parse_crl(good);
  const auto bad_view = crl::parse_crl(bad);
  ASSERT_TRUE(view && bad_view);
  const auto digest = digest_tbs(view->signature_algorithm, view->tbs_raw);
  const auto bad_digest = digest_tbs(bad_view->signature_algorithm, bad_view->tbs_raw);
  ASSERT_TRUE(digest && bad_digest);
  const std::vector<Certificate> issuers = {ca.certificate};
  EXPECT_TRUE(verify_crl(*view, issuers, {}, &*digest));
  EXPECT_TRUE(verify_crl(*view, issuers, {}, &*bad_digest));
  EXPECT_FALSE(verify_crl(*bad_view, issuers, {}, &*digest));
  EXPECT_FALSE(verify_crl(*bad_view, issuers, {}, &*bad_digest));
}

}  // namespace
}  // namespace muster::pki
