#include "encoding.h"

#include <gtest/gtest.h>

#include "muster/testing/pki_builder.h"

namespace muster::token {
namespace {

using muster::testing::cached_key;
using muster::testing::KeyKind;
using pki::SignatureScheme;

TEST(Encoding, EcdsaSignaturesBecomeDer) {
  const Buffer raw = *from_hex(
      "0000000000000000000000000000000000000000000000000000000000000001"
      "8000000000000000000000000000000000000000000000000000000000000000");
  const auto der = ecdsa_signature(raw);
  ASSERT_TRUE(der);
  EXPECT_EQ(to_hex(*der),
            "3026020101022100"
            "8000000000000000000000000000000000000000000000000000000000000000");
  const auto zero = ecdsa_signature(Buffer(64));
  ASSERT_TRUE(zero);
  EXPECT_EQ(to_hex(*zero), "3006020100020100");
  EXPECT_FALSE(ecdsa_signature(Bytes()));
  EXPECT_FALSE(ecdsa_signature(Buffer(63)));
}

TEST(Encoding, RsaInputIsADigestInfo) {
  const Buffer digest(32, 0xab);
  EXPECT_EQ(to_hex(input_for(SignatureScheme::kRsaSha256, digest)),
            "3031300d060960864801650304020105000420" + to_hex(digest));
  EXPECT_EQ(to_hex(input_for(SignatureScheme::kRsaSha512, Buffer(64))).substr(0, 38),
            "3051300d060960864801650304020305000440");
  EXPECT_EQ(input_for(SignatureScheme::kRsaPssSha256, digest), digest);
  EXPECT_EQ(input_for(SignatureScheme::kEcdsaSha256, digest), digest);
}

TEST(Encoding, EveryPssSchemeHasItsParameters) {
  EXPECT_EQ(mechanism_for(SignatureScheme::kRsaPssSha256)->pss.sLen, 32u);
  EXPECT_EQ(mechanism_for(SignatureScheme::kRsaPssSha384)->pss.hashAlg, CKM_SHA384);
  EXPECT_EQ(mechanism_for(SignatureScheme::kRsaPssSha512)->pss.mgf, CKG_MGF1_SHA512);
  EXPECT_FALSE(mechanism_for(SignatureScheme::kMlDsa44));
}

TEST(Encoding, PublicKeysAreWhatOpensslWrites) {
  const Buffer ec = cached_key(KeyKind::kP256).key.public_key_info();
  const Bytes point = Bytes(ec).last(65);
  const Buffer params = *from_hex("06082a8648ce3d030107");
  EXPECT_EQ(ec_public_key(params, point), ec) << "a bare point, as some tokens have it";
  const Buffer wrapped = *from_hex("0441" + to_hex(point));
  EXPECT_EQ(ec_public_key(params, wrapped), ec);

  const Buffer ed = cached_key(KeyKind::kEd25519).key.public_key_info();
  const Buffer ed_wrapped = *from_hex("0420" + to_hex(Bytes(ed).last(32)));
  EXPECT_EQ(edwards_public_key(Bytes(ed).last(32)), ed);
  EXPECT_EQ(edwards_public_key(ed_wrapped), ed);
  EXPECT_FALSE(edwards_public_key(Buffer(31)));

  // SubjectPublicKeyInfo of RSA-2048: 24 octets, INTEGER head of 4, sign octet, modulus of 256,
  // INTEGER 65537.
  const Buffer rsa = cached_key(KeyKind::kRsa2048).key.public_key_info();
  EXPECT_EQ(rsa_public_key(Bytes(rsa).subspan(rsa.size() - 5 - 256, 256), Buffer{1, 0, 1}), rsa);
  EXPECT_EQ(rsa_public_key(Bytes(rsa).subspan(rsa.size() - 5 - 257, 257), Buffer{0, 1, 0, 1}), rsa)
      << "with leading zeros";
}

}  // namespace
}  // namespace muster::token
