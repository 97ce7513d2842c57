#include "muster/tls/shelf_source.h"

#include <gtest/gtest.h>

#include "muster/testing/response_builder.h"

namespace muster::tls {
namespace {

using muster::testing::build_good_response;
using muster::testing::FakeClock;
using muster::testing::kTestNow;
using muster::testing::standard_pki;

TEST(ShelfSource, OffersWhatIsValidNow) {
  const muster::testing::TestPki& pki = standard_pki();
  auto shelf = keeper::Shelf::open("", keeper::ShelfMode::kOwner, {}, null_logger());
  ASSERT_TRUE(shelf);
  (*shelf)->set_subjects({{"leaf", pki.leaf.certificate, pki.intermediate.certificate}}, kTestNow);
  FakeClock clock(kTestNow);
  const ShelfSource source(**shelf, clock);
  EXPECT_TRUE(source.find(pki.leaf.certificate.fingerprint()).der.empty());

  const Buffer response =
      build_good_response(pki.ocsp_signer, pki.leaf.certificate, pki.intermediate.certificate);
  const auto verified = client::verify({.response = response,
                                        .subject = pki.leaf.certificate,
                                        .issuer = pki.intermediate.certificate,
                                        .nonce_sent = {},
                                        .extra_certificates = {}},
                                       {}, kTestNow);
  ASSERT_TRUE(verified);
  ASSERT_TRUE(keeper::takes((*shelf)->offer(*verified, "test", kTestNow)));
  EXPECT_TRUE(equal(source.find(pki.leaf.certificate.fingerprint()).der, response));
  EXPECT_TRUE(source.find(pki.other_leaf.certificate.fingerprint()).der.empty());

  // Nobody ticks the shelf: the instant of the handshake decides.
  clock.jump_to(*verified->next_update());
  EXPECT_TRUE(source.find(pki.leaf.certificate.fingerprint()).der.empty());
}

}  // namespace
}  // namespace muster::tls
