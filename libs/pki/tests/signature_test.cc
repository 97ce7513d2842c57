#include <gtest/gtest.h>

#include <tuple>

#include "muster/pki/keys.h"
#include "muster/pki/own_signature.h"
#include "muster/testing/allocation_counter.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"

namespace muster::pki {
namespace {

using muster::testing::cached_key;
using muster::testing::CertificateSpec;
using muster::testing::KeyKind;
using muster::testing::make_self_signed;
using muster::testing::run_process;
using muster::testing::sign_as;
using muster::testing::SignAs;
using muster::testing::TempDir;

struct Case {
  const char* name;
  KeyKind key;
  SignatureScheme scheme;
  const char* algorithm;             ///< AlgorithmIdentifier as the standards want it
  std::vector<std::string> openssl;  ///< options of openssl pkeyutl
};
std::vector<Case> all_cases() {
  const auto digest = [](const std::string& name) {
    return std::vector<std::string>{"-digest", name};
  };
  const auto pss = [](const std::string& name) {
    return std::vector<std::string>{
        "-digest", name, "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"};
  };
  using K = KeyKind;
  using S = SignatureScheme;
  std::vector<Case> cases = {
      {"RsaSha256", K::kRsa2048, S::kRsaSha256, "300d06092a864886f70d01010b0500", digest("sha256")},
      {"RsaSha384", K::kRsa2048, S::kRsaSha384, "300d06092a864886f70d01010c0500", digest("sha384")},
      {"RsaSha512", K::kRsa2048, S::kRsaSha512, "300d06092a864886f70d01010d0500", digest("sha512")},
      {"RsaPssSha256", K::kRsa2048, S::kRsaPssSha256,
       "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
       "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120",
       pss("sha256")},
      {"RsaPssSha384", K::kRsa2048, S::kRsaPssSha384,
       "304106092a864886f70d01010a3034a00f300d06096086480165030402020500"
       "a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130",
       pss("sha384")},
      {"RsaPssSha512", K::kRsa2048, S::kRsaPssSha512,
       "304106092a864886f70d01010a3034a00f300d06096086480165030402030500"
       "a11c301a06092a864886f70d010108300d06096086480165030402030500a203020140",
       pss("sha512")},
      {"RsaPssKey", K::kRsaPss2048, S::kAuto,
       "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
       "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120",
       pss("sha256")},
      {"RsaAuto", K::kRsa2048, S::kAuto, "300d06092a864886f70d01010b0500", digest("sha256")},
      {"P256Auto", K::kP256, S::kAuto, "300a06082a8648ce3d040302", digest("sha256")},
      {"P384Auto", K::kP384, S::kAuto, "300a06082a8648ce3d040303", digest("sha384")},
      {"P521Auto", K::kP521, S::kAuto, "300a06082a8648ce3d040304", digest("sha512")},
      {"P256Sha512", K::kP256, S::kEcdsaSha512, "300a06082a8648ce3d040304", digest("sha512")},
      {"P384Sha256", K::kP384, S::kEcdsaSha256, "300a06082a8648ce3d040302", digest("sha256")},
      {"Ed25519", K::kEd25519, S::kAuto, "300506032b6570", {}},
      {"Ed448", K::kEd448, S::kAuto, "300506032b6571", {}},
  };
  // Only newer libraries have these; the list then grows by itself.
  if (muster::testing::can_make(K::kMlDsa44)) {
    cases.push_back({"MlDsa44", K::kMlDsa44, S::kAuto, "300b0609608648016503040311", {}});
    cases.push_back({"MlDsa65", K::kMlDsa65, S::kAuto, "300b0609608648016503040312", {}});
    cases.push_back({"MlDsa87", K::kMlDsa87, S::kMlDsa87, "300b0609608648016503040313", {}});
  }
  return cases;
}

class EachAlgorithm : public ::testing::TestWithParam<Case> {
 protected:
  Certificate certificate() const {
    CertificateSpec spec;
    spec.use_key = cached_key(GetParam().key);
    return make_self_signed(spec).certificate;
  }
  const Buffer message = to_buffer(as_bytes("ResponseData"));
};
INSTANTIATE_TEST_SUITE_P(Algorithms, EachAlgorithm, ::testing::ValuesIn(all_cases()),
                         [](const auto& param) { return std::string(param.param.name); });

der::AlgorithmView view_of(Bytes algorithm) {
  der::Reader in(algorithm);
  auto view = der::read_algorithm(in, "algorithm");
  MUSTER_ASSERT(view);
  return *view;
}

// req: OCSP-COD-030 OCSP-CLI-028
TEST_P(EachAlgorithm, SignedByUsVerifiesWithOpensslAndUs) {
  auto signer = Signer::make(cached_key(GetParam().key).key, GetParam().scheme);
  ASSERT_TRUE(signer) << signer.error().detail;
  EXPECT_EQ(to_hex(signer->algorithm()), GetParam().algorithm);
  const TempDir dir;
  const Certificate own = certificate();
  std::vector<std::string> command = {"openssl",
                                      "pkeyutl",
                                      "-verify",
                                      "-rawin",
                                      "-certin",
                                      "-inkey",
                                      dir.write("c.pem", muster::testing::to_pem({own})),
                                      "-in",
                                      dir.write("message", message),
                                      "-sigfile",
                                      dir.file("signature")};
  command.insert(command.end(), GetParam().openssl.begin(), GetParam().openssl.end());
  Buffer signature;
  for (int round = 0; round < 3; ++round) {  // the prepared context is used again
    ASSERT_TRUE(signer->sign(message, signature));
    EXPECT_LE(signature.size(), signer->max_signature_bytes());
    dir.write("signature", signature);
    const auto r = run_process(command);
    EXPECT_EQ(r.exit_code, 0) << r.describe();
    const auto verified = verify_signature(view_of(signer->algorithm()), message, signature, own);
    EXPECT_TRUE(verified) << verified.error().detail;
  }
}

// req: OCSP-CLI-028
TEST_P(EachAlgorithm, SignedByOpensslVerifiesWithUs) {
  const TempDir dir;
  std::vector<std::string> command = {
      "openssl", "pkeyutl",
      "-sign",   "-rawin",
      "-inkey",  dir.write("key.pem", cached_key(GetParam().key).pem),
      "-in",     dir.write("message", message)};
  command.insert(command.end(), GetParam().openssl.begin(), GetParam().openssl.end());
  const auto r = run_process(command);
  ASSERT_EQ(r.exit_code, 0) << r.describe();
  const Buffer algorithm = *from_hex(GetParam().algorithm);
  const auto verified =
      verify_signature(view_of(algorithm), message, as_bytes(r.out), certificate());
  EXPECT_TRUE(verified) << verified.error().detail;
}

TEST_P(EachAlgorithm, AnythingChangedIsABadSignature) {
  auto signer = Signer::make(cached_key(GetParam().key).key, GetParam().scheme);
  ASSERT_TRUE(signer);
  Buffer signature;
  ASSERT_TRUE(signer->sign(message, signature));
  const Certificate own = certificate();
  const auto expect_bad = [&](Bytes data, Bytes changed, const Certificate& by) {
    const auto verified = verify_signature(view_of(signer->algorithm()), data, changed, by);
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().code, PkiErrc::kBadSignature) << verified.error().detail;
  };
  expect_bad(as_bytes("ResponseDate"), signature, own);
  Buffer flipped = signature;
  flipped[flipped.size() / 2] ^= 1;
  expect_bad(message, flipped, own);
  expect_bad(message, Bytes(signature).first(signature.size() - 1), own);
  expect_bad(message, Bytes(), own);
  CertificateSpec other;
  other.use_key = cached_key(GetParam().key, 1);
  expect_bad(message, signature, make_self_signed(other).certificate);
  // A key of another family altogether.
  CertificateSpec foreign;
  foreign.use_key =
      cached_key(GetParam().key == KeyKind::kP256 ? KeyKind::kEd25519 : KeyKind::kP256);
  expect_bad(message, signature, make_self_signed(foreign).certificate);
}

TEST_P(EachAlgorithm, ACloneSignsAlike) {
  auto signer = Signer::make(cached_key(GetParam().key).key, GetParam().scheme);
  ASSERT_TRUE(signer);
  Signer clone = signer->clone();
  Buffer signature;
  ASSERT_TRUE(clone.sign(message, signature));
  EXPECT_TRUE(verify_signature(view_of(clone.algorithm()), message, signature, certificate()));
}

TEST_P(EachAlgorithm, AllocatesNothingOfOursWhenWarm) {
  auto signer = Signer::make(cached_key(GetParam().key).key, GetParam().scheme);
  ASSERT_TRUE(signer);
  Buffer signature;
  ASSERT_TRUE(signer->sign(message, signature));
  const std::size_t before = muster::testing::allocations_of_this_thread();
  ASSERT_TRUE(signer->sign(message, signature));
  EXPECT_EQ(muster::testing::allocations_of_this_thread(), before);
}

/// A certificate whose key is `kind`.
Certificate certificate_of(KeyKind kind) {
  CertificateSpec spec;
  spec.use_key = cached_key(kind);
  return make_self_signed(spec).certificate;
}
PkiResult<Unit> verify_as(SignAs how, KeyKind kind, const AlgorithmPolicy& policy = {}) {
  const auto message = as_bytes("data");
  const auto made = sign_as(how, cached_key(kind).key, message);
  return verify_signature(view_of(made.algorithm), message, made.signature, certificate_of(kind),
                          policy);
}
PkiErrc code_of(const PkiResult<Unit>& result) {
  EXPECT_FALSE(result);
  return result.error().code;
}

// req: OCSP-COD-030
TEST(VerifySignature, AcceptsRsaIdentifiersWithoutNullAndRefusesNullElsewhere) {
  EXPECT_TRUE(verify_as(SignAs::kRsaSha256WithoutNull, KeyKind::kRsa2048));
  EXPECT_EQ(code_of(verify_as(SignAs::kEcdsaSha256WithNull, KeyKind::kP256)),
            PkiErrc::kUnsupportedAlgorithm);
}

// req: OCSP-CLI-029 OCSP-CLI-031
TEST(VerifySignature, RefusesSha1UntilToldOtherwise) {
  AlgorithmPolicy legacy;
  legacy.insecurely_allow_sha1 = true;
  for (const auto& [how, kind] :
       {std::pair(SignAs::kSha1, KeyKind::kRsa2048), std::pair(SignAs::kPssSha1, KeyKind::kRsa2048),
        std::pair(SignAs::kSha1, KeyKind::kP256)}) {
    EXPECT_EQ(code_of(verify_as(how, kind)), PkiErrc::kWeakAlgorithm);
    EXPECT_TRUE(verify_as(how, kind, legacy));
  }
}

// What was verified once is not verified again, but judged by each policy, and under each issuer.
TEST(VerifyIssuedBy, RemembersOnlyTheMathematics) {
  testing::CertificateSpec spec = testing::leaf_spec();
  spec.sign_as = SignAs::kSha1;
  const testing::Identity leaf = testing::issue(testing::standard_pki().intermediate, spec);
  const Certificate& issuer = testing::standard_pki().intermediate.certificate;
  AlgorithmPolicy legacy;
  legacy.insecurely_allow_sha1 = true;
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_TRUE(verify_issued_by(leaf.certificate, issuer, legacy));
    EXPECT_EQ(code_of(verify_issued_by(leaf.certificate, issuer)), PkiErrc::kWeakAlgorithm);
    EXPECT_EQ(code_of(verify_issued_by(leaf.certificate, testing::standard_pki().root.certificate,
                                       legacy)),
              PkiErrc::kBadSignature);
  }
  spec.break_signature = true;
  const testing::Identity broken = testing::issue(testing::standard_pki().intermediate, spec);
  for (int twice = 0; twice < 2; ++twice) {
    EXPECT_EQ(code_of(verify_issued_by(broken.certificate, issuer, legacy)),
              PkiErrc::kBadSignature);
  }
}

// req: OCSP-CLI-029
TEST(VerifySignature, RefusesDsaUntilToldOtherwise) {
  AlgorithmPolicy legacy;
  legacy.insecurely_allow_dsa = true;
  EXPECT_EQ(code_of(verify_as(SignAs::kSha256, KeyKind::kDsa2048)), PkiErrc::kWeakAlgorithm);
  EXPECT_TRUE(verify_as(SignAs::kSha256, KeyKind::kDsa2048, legacy));
  EXPECT_EQ(code_of(verify_as(SignAs::kSha1, KeyKind::kDsa2048, legacy)), PkiErrc::kWeakAlgorithm);
  legacy.insecurely_allow_sha1 = true;
  EXPECT_TRUE(verify_as(SignAs::kSha1, KeyKind::kDsa2048, legacy));
}

// req: OCSP-CLI-031
TEST(VerifySignature, NeverAcceptsMd5) {
  AlgorithmPolicy everything;
  everything.insecurely_allow_sha1 = true;
  everything.insecurely_allow_dsa = true;
  everything.min_rsa_bits = 512;
  EXPECT_EQ(code_of(verify_as(SignAs::kMd5, KeyKind::kRsa2048, everything)),
            PkiErrc::kWeakAlgorithm);
}

// req: OCSP-CLI-031
TEST(VerifySignature, RefusesShortKeys) {
  EXPECT_EQ(code_of(verify_as(SignAs::kSha256, KeyKind::kRsa1024)), PkiErrc::kWeakAlgorithm);
  EXPECT_EQ(code_of(verify_as(SignAs::kSha256, KeyKind::kP192)), PkiErrc::kWeakAlgorithm);
  AlgorithmPolicy policy;
  policy.min_rsa_bits = 1024;
  EXPECT_TRUE(verify_as(SignAs::kSha256, KeyKind::kRsa1024, policy));
  policy.min_rsa_bits = 3072;
  EXPECT_EQ(code_of(verify_as(SignAs::kSha256, KeyKind::kRsa2048, policy)),
            PkiErrc::kWeakAlgorithm);
}

TEST(VerifySignature, RefusesPssParametersItCannotMeet) {
  const Certificate certificate = certificate_of(KeyKind::kRsa2048);
  for (const std::string_view hex : {
           "300b06092a864886f70d01010a",                // no parameters at all
           "300d06092a864886f70d01010a0500",            // NULL
           "301206092a864886f70d01010a3005a203020200",  // salt length 200 has no sign octet:
                                                        // negative
           "301206092a864886f70d01010a3005a303020102",  // trailer field 2
           "301806092a864886f70d01010a300ba009300706052b0e03021b",  // unknown hash
       }) {
    const Buffer algorithm = *from_hex(hex);
    const auto result =
        verify_signature(view_of(algorithm), as_bytes("data"), Buffer(256, 1), certificate);
    ASSERT_FALSE(result) << hex;
    EXPECT_NE(result.error().code, PkiErrc::kSigningFailed) << hex;
    EXPECT_TRUE(result.error().code == PkiErrc::kUnsupportedAlgorithm ||
                result.error().code == PkiErrc::kWeakAlgorithm)
        << result.error().detail;
  }
}

TEST(VerifySignature, NamesUnknownAlgorithms) {
  const Buffer algorithm = *from_hex("300906072a8648ce3d0409");
  const auto result = verify_signature(view_of(algorithm), as_bytes("data"), Buffer(64, 1),
                                       certificate_of(KeyKind::kP256));
  EXPECT_EQ(code_of(result), PkiErrc::kUnsupportedAlgorithm);
  EXPECT_NE(result.error().detail.find("1.2.840.10045.4.9"), std::string::npos)
      << result.error().detail;
}

// Before OpenSSL is asked, whose words for it differ from kind to kind.
TEST(VerifySignature, RefusesAnAlgorithmForAKeyOfAnotherKind) {
  const auto message = as_bytes("data");
  for (const auto& [how, kind, other] :
       {std::tuple(SignAs::kSha256, KeyKind::kRsa2048, KeyKind::kP256),
        std::tuple(SignAs::kSha256, KeyKind::kP256, KeyKind::kRsa2048),
        std::tuple(SignAs::kSha256, KeyKind::kRsa2048, KeyKind::kEd25519),
        std::tuple(SignAs::kAuto, KeyKind::kEd25519, KeyKind::kP256),
        std::tuple(SignAs::kSha256, KeyKind::kRsa2048, KeyKind::kRsaPss2048)}) {
    const auto made = sign_as(how, cached_key(kind).key, message);
    const auto result =
        verify_signature(view_of(made.algorithm), message, made.signature, certificate_of(other));
    EXPECT_EQ(code_of(result), PkiErrc::kBadSignature);
    EXPECT_NE(result.error().detail.find("does not fit the key of"), std::string::npos)
        << result.error().detail;
  }
}

TEST(VerifySignature, RefusesCurvesSpeltOut) {
  const TempDir dir;
  auto r =
      run_process({"openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                   "-pkeyopt", "ec_param_enc:explicit", "-out", dir.file("key.pem")});
  ASSERT_EQ(r.exit_code, 0) << r.describe();
  r = run_process({"openssl", "req", "-x509", "-new", "-key", dir.file("key.pem"), "-subj",
                   "/CN=explicit", "-out", dir.file("c.pem")});
  ASSERT_EQ(r.exit_code, 0) << r.describe();
  const auto certificate = load_certificates(dir.file("c.pem"));
  ASSERT_TRUE(certificate);
  const auto verified = verify_issued_by(certificate->front(), certificate->front());
  EXPECT_EQ(code_of(verified), PkiErrc::kBadSignature);
}

TEST(VerifyOwnSignature, IsVerifySignatureWithoutACertificate) {
  const Buffer text(100, 0x61);
  for (const KeyKind kind : {KeyKind::kRsa2048, KeyKind::kP256, KeyKind::kEd25519}) {
    const PrivateKey key = cached_key(kind).key;
    auto signer = Signer::make(key);
    ASSERT_TRUE(signer);
    Buffer signature;
    ASSERT_TRUE(signer->sign(text, signature));
    der::Reader in(signer->algorithm());
    const auto algorithm = der::read_algorithm(in, "algorithm");
    ASSERT_TRUE(algorithm);
    EXPECT_TRUE(verify_own_signature(*algorithm, text, signature, key));
    EXPECT_FALSE(verify_own_signature(*algorithm, text, signature, cached_key(KeyKind::kP384).key));
    signature.back() ^= 1;
    const auto changed = verify_own_signature(*algorithm, text, signature, key);
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().code, PkiErrc::kBadSignature);
  }
}

TEST(Signer, RefusesWhatDoesNotFit) {
  const auto code = [](KeyKind kind, SignatureScheme scheme) {
    const auto signer = Signer::make(cached_key(kind).key, scheme);
    EXPECT_FALSE(signer);
    return signer.error().code;
  };
  EXPECT_EQ(code(KeyKind::kP256, SignatureScheme::kRsaSha256), PkiErrc::kUnsupportedAlgorithm);
  EXPECT_EQ(code(KeyKind::kRsa2048, SignatureScheme::kEcdsaSha256), PkiErrc::kUnsupportedAlgorithm);
  EXPECT_EQ(code(KeyKind::kRsaPss2048, SignatureScheme::kRsaSha256),
            PkiErrc::kUnsupportedAlgorithm);
  EXPECT_EQ(code(KeyKind::kEd25519, SignatureScheme::kEd448), PkiErrc::kUnsupportedAlgorithm);
  EXPECT_EQ(code(KeyKind::kDsa2048, SignatureScheme::kAuto), PkiErrc::kUnsupportedAlgorithm);
  EXPECT_EQ(code(KeyKind::kP192, SignatureScheme::kAuto), PkiErrc::kUnsupportedAlgorithm);
  EXPECT_EQ(code(KeyKind::kRsa1024, SignatureScheme::kAuto), PkiErrc::kWeakAlgorithm);
}

TEST(AlgorithmText, NamesWhatWeKnow) {
  EXPECT_EQ(algorithm_text(view_of(*from_hex("300a06082a8648ce3d040302"))), "ecdsa-with-SHA256");
  EXPECT_EQ(algorithm_text(view_of(*from_hex("300506032b6571"))), "Ed448");
}

// Keys are kept ready for the next signature, and certificates come and go.
TEST(VerifyIssuedBy, ManyKeysInTurnAreNeverTakenForEachOther) {
  struct Pair {
    Buffer ca, good, bad;
  };
  std::vector<Pair> pairs;
  for (int i = 0; i < 7; ++i) {
    CertificateSpec ca_spec = muster::testing::ca_spec("CA");  // the same name for all
    ca_spec.use_key = cached_key(i % 3 == 2 ? KeyKind::kRsa2048 : KeyKind::kP256, i);
    const auto ca = make_self_signed(ca_spec);
    CertificateSpec leaf;
    leaf.use_key = cached_key(KeyKind::kP256);
    const auto good = muster::testing::issue(ca, leaf);
    leaf.break_signature = true;
    const auto bad = muster::testing::issue(ca, leaf);
    pairs.push_back({to_buffer(ca.certificate.der()), to_buffer(good.certificate.der()),
                     to_buffer(bad.certificate.der())});
  }
  const auto verify = [](const Buffer& certificate, const Buffer& issuer) {
    return verify_issued_by(*Certificate::parse(certificate), *Certificate::parse(issuer));
  };
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      EXPECT_TRUE(verify(pairs[i].good, pairs[i].ca)) << i;
      for (std::size_t other = 0; other < pairs.size(); ++other) {
        const auto verified = verify(other == i ? pairs[i].bad : pairs[i].good, pairs[other].ca);
        ASSERT_FALSE(verified) << i << " under " << other;
        EXPECT_EQ(verified.error().code, PkiErrc::kBadSignature);
      }
      EXPECT_TRUE(verify(pairs[i].good, pairs[i].ca)) << "after a bad one: " << i;
    }
  }
}

// What the policy says is asked each time, of a key that is ready too.
TEST(VerifyIssuedBy, AKeyThatIsReadyIsHeldToThePolicyOfEachCall) {
  CertificateSpec ca_spec = muster::testing::ca_spec("CA");
  ca_spec.use_key = cached_key(KeyKind::kP256);
  const auto ca = make_self_signed(ca_spec);
  CertificateSpec leaf;
  leaf.use_key = cached_key(KeyKind::kP256, 1);
  leaf.sign_as = SignAs::kSha1;
  const auto sha1 = muster::testing::issue(ca, leaf);
  AlgorithmPolicy lenient;
  lenient.insecurely_allow_sha1 = true;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(
        verify_issued_by(*Certificate::parse(sha1.certificate.der()), ca.certificate, lenient));
    const auto strict =
        verify_issued_by(*Certificate::parse(sha1.certificate.der()), ca.certificate);
    ASSERT_FALSE(strict);
    EXPECT_EQ(strict.error().code, PkiErrc::kWeakAlgorithm);
  }
}

}  // namespace
}  // namespace muster::pki
