#include "muster/client/examine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/testing/response_builder.h"

namespace muster::client {
namespace {

using namespace muster::testing;
using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TestPki& P() { return standard_pki(); }

ResponseSpec good_spec() {
  return {.entries = {entry_for(P().leaf.certificate, P().intermediate.certificate)}};
}
std::vector<std::string> codes(const Examination& examined) {
  std::vector<std::string> out;
  for (const VerifyError& error : examined.errors) {
    out.emplace_back(to_string(error.code));
  }
  return out;
}
Examination examine_leaf(const Buffer& response, std::optional<Bytes> nonce = std::nullopt) {
  return examine({.response = response,
                  .issuer = &P().intermediate.certificate,
                  .certificate = &P().leaf.certificate,
                  .nonce_sent = nonce},
                 {}, kTestNow);
}

TEST(Examine, FindsNothingWhereVerifyAccepts) {
  const Examination examined = examine_leaf(build_response(P().ocsp_signer, good_spec()));
  EXPECT_THAT(codes(examined), IsEmpty());
  EXPECT_TRUE(examined.is_open);
  EXPECT_EQ(examined.signer, P().ocsp_signer.certificate);
  EXPECT_EQ(examined.authority, pki::Authority::kDelegate);
}

TEST(Examine, GoesOnBehindEachFault) {
  ResponseSpec spec = good_spec();
  spec.break_signature = true;
  spec.extensions = {unknown_extension(true)};
  spec.nonce = Buffer(32, 1);
  spec.entries[0].next_update = kTestNow - hours(1);
  const Buffer sent(32, 2);
  EXPECT_THAT(
      codes(examine_leaf(build_response(P().ocsp_signer, spec), Bytes(sent))),
      ElementsAre("bad-signature", "critical-extension", "nonce-mismatch", "response-expired"));
}

TEST(Examine, TheFirstErrorIsVerifysOwn) {
  std::vector<ResponseSpec> specs(4, good_spec());
  specs[0].break_signature = true;
  specs[1].entries[0].this_update = kTestNow + hours(2);
  specs[2].entries = {entry_for(P().other_leaf.certificate, P().intermediate.certificate)};
  specs[3].produced_at = kTestNow - hours(24 * 400);
  for (const ResponseSpec& spec : specs) {
    const Buffer response = build_response(P().ocsp_signer, spec);
    const auto verified =
        verify({response, P().leaf.certificate, P().intermediate.certificate, std::nullopt, {}}, {},
               kTestNow);
    ASSERT_FALSE(verified);
    const Examination examined = examine_leaf(response);
    ASSERT_FALSE(examined.errors.empty());
    EXPECT_EQ(examined.errors.front().code, verified.error().code);
    EXPECT_EQ(examined.errors.front().detail, verified.error().detail);
    EXPECT_NE(examined.find(verified.error().code), nullptr);
  }
}

TEST(Examine, WithoutACertificateEveryEntryIsJudgedAndWithoutAnIssuerNoSigner) {
  ResponseSpec spec = good_spec();
  spec.entries.push_back(spec.entries[0]);
  spec.entries[0].next_update = kTestNow;
  spec.entries[1].this_update = kTestNow + hours(2);
  spec.break_signature = true;
  const Buffer response = build_response(P().ocsp_signer, spec);
  const Examination examined = examine({.response = response}, {}, kTestNow);
  EXPECT_THAT(codes(examined), ElementsAre("response-expired", "response-not-yet-valid"));
  EXPECT_FALSE(examined.signer);
}

TEST(Examine, WhatCannotBeOpenedHasOneError) {
  const Buffer response = ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater);
  const Examination examined = examine_leaf(response);
  EXPECT_FALSE(examined.is_open);
  EXPECT_THAT(codes(examined), ElementsAre("responder-error"));
}

}  // namespace
}  // namespace muster::client
