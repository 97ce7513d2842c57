#include "muster/pki/preferences.h"

#include <gtest/gtest.h>

#include <set>

#include "muster/testing/pki_builder.h"

namespace muster::pki {
namespace {

using namespace muster::testing;

der::AlgorithmView view_of(Bytes element) {
  der::Reader in(element);
  const auto parsed = der::read_algorithm(in, "AlgorithmIdentifier");
  MUSTER_ASSERT(parsed);
  return *parsed;
}

// req: OCSP-CLI-030
TEST(Preferences, EachIsAnAlgorithmThatTheVerifierAcceptsByDefault) {
  const struct {
    KeyKind key;
    SignAs how;
  } kSigners[] = {
      {KeyKind::kP256, SignAs::kSha256},       {KeyKind::kP384, SignAs::kSha384},
      {KeyKind::kP521, SignAs::kSha512},       {KeyKind::kEd25519, SignAs::kAuto},
      {KeyKind::kEd448, SignAs::kAuto},        {KeyKind::kRsa2048, SignAs::kSha256},
      {KeyKind::kRsa2048, SignAs::kSha384},    {KeyKind::kRsa2048, SignAs::kSha512},
      {KeyKind::kRsa2048, SignAs::kPssSha256}, {KeyKind::kRsa2048, SignAs::kPssSha384},
      {KeyKind::kRsa2048, SignAs::kPssSha512}, {KeyKind::kMlDsa44, SignAs::kAuto},
      {KeyKind::kMlDsa65, SignAs::kAuto},      {KeyKind::kMlDsa87, SignAs::kAuto},
  };
  const Buffer tbs(100, 0x42);
  std::set<Buffer> verified;
  for (const auto& signer : kSigners) {
    if (!can_make(signer.key)) {
      continue;
    }
    CertificateSpec spec = leaf_spec();
    spec.use_key = cached_key(signer.key);
    const Identity identity = make_self_signed(spec);
    const MadeSignature made = sign_as(signer.how, identity.key, tbs);
    if (verify_signature(view_of(made.algorithm), tbs, made.signature, identity.certificate)) {
      verified.insert(made.algorithm);
    }
  }
  std::set<Buffer> listed;
  for (const Bytes element : preferred_signature_algorithms()) {
    EXPECT_TRUE(listed.insert(to_buffer(element)).second) << "listed twice";
  }
  EXPECT_EQ(listed, verified);
  EXPECT_GE(listed.size(), 11u);
}

TEST(Preferences, BeginWithEcdsaP256) {
  EXPECT_EQ(algorithm_text(view_of(preferred_signature_algorithms().front())), "ecdsa-with-SHA256");
}

}  // namespace
}  // namespace muster::pki
