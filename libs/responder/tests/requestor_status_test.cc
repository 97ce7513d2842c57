#include "requestor_status.h"

#include <gmock/gmock.h>

#include "fixture.h"

// Signed requests by those whose certificates we call revoked.
namespace muster::responder {
namespace {

using ::testing::HasSubstr;

/// The requestor is the standard leaf's neighbour, certified by the CA that is answered for.
const Identity& requestor() { return standard_pki().other_leaf; }

IssuerSpec spec(const pki::Certificate& anchor) {
  IssuerSpec out = delegated_spec();
  out.policy.request_signatures = RequestSignatures::kRequired;
  out.requestor_anchors = {anchor};
  return out;
}
Buffer signed_request(const Identity& who = requestor(), std::vector<Buffer> more = {}) {
  const Buffer tbs = ocsp::encode_tbs_request(leaf_request());
  auto made = testing::sign_as(testing::SignAs::kAuto, who.key, tbs);
  more.insert(more.begin(), to_buffer(who.certificate.der()));
  const ocsp::SignaturePart part{std::move(made.algorithm), std::move(made.signature),
                                 std::move(more)};
  return ocsp::encode_request(tbs, &part);
}

// req: OCSP-RESP-016
TEST(RequestorStatus, ARevokedRequestorIsRefused) {
  World world({spec(standard_pki().intermediate.certificate)});
  const Buffer request = signed_request();
  EXPECT_TRUE(take(world.answerer.answer(request, kTestNow)).good());
  world.store.set(kIssuer, requestor().certificate.serial(), revoked_at(kTestNow));
  const Taken refused = take(world.answerer.answer(request, kTestNow));
  EXPECT_EQ(refused.cause, Cause::kRequestorRefused);
  EXPECT_EQ(refused.status(), ocsp::ResponseStatus::kUnauthorized);
  const auto parsed = ocsp::parse_request(request);
  FakeReader reader(world.store);
  const Requestor said =
      check_requestor(*world.setup, reader, world.setup->issuers()[0], *parsed, kTestNow);
  EXPECT_THAT(said.who, HasSubstr("is revoked since"));
  store::Status held = revoked_at(kTestNow, ReasonCode::kCertificateHold);
  held.state = store::State::kHold;
  world.store.set(kIssuer, requestor().certificate.serial(), held);
  EXPECT_EQ(take(world.answerer.answer(request, kTestNow)).cause, Cause::kRequestorRefused);
  world.store.set(kIssuer, requestor().certificate.serial(), store::Status{});
  EXPECT_TRUE(take(world.answerer.answer(request, kTestNow)).good());
}

TEST(RequestorStatus, ARevokedCaVouchesForNobody) {
  const Identity below = testing::issue(standard_pki().intermediate, testing::ca_spec("below"));
  const Identity bob = testing::issue(below, testing::leaf_spec("bob.example"));
  World world({spec(standard_pki().intermediate.certificate)});
  const Buffer request = signed_request(bob, {to_buffer(below.certificate.der())});
  EXPECT_TRUE(take(world.answerer.answer(request, kTestNow)).good());
  world.store.set(kIssuer, below.certificate.serial(), revoked_at(kTestNow));
  EXPECT_EQ(take(world.answerer.answer(request, kTestNow)).cause, Cause::kRequestorRefused);
}

TEST(RequestorStatus, ACaThatIsNoneOfOursIsNotLookedUp) {
  const Identity elsewhere = testing::make_self_signed(testing::ca_spec("clients CA"));
  const Identity alice = testing::issue(elsewhere, testing::leaf_spec("alice.example"));
  World world({spec(elsewhere.certificate)});
  world.store.set(kIssuer, alice.certificate.serial(), revoked_at(kTestNow));
  EXPECT_TRUE(take(world.answerer.answer(signed_request(alice), kTestNow)).good());
}

TEST(RequestorStatus, AnAnchorIsTrustedBecauseItWasGiven) {
  World world({spec(requestor().certificate)});
  world.store.set(kIssuer, requestor().certificate.serial(), revoked_at(kTestNow));
  EXPECT_TRUE(take(world.answerer.answer(signed_request(), kTestNow)).good());
}

}  // namespace
}  // namespace muster::responder
