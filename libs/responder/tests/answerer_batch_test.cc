// Several certificates, several issuers in one request.
#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using Status = ocsp::ResponseStatus;

const pki::Certificate& ca() { return standard_pki().intermediate.certificate; }
const pki::Certificate& leaf() { return standard_pki().leaf.certificate; }

// req: OCSP-RESP-020 OCSP-RESP-021 OCSP-RESP-082
TEST(Batch, AnswersEveryCertificateAskedAbout) {
  World world;
  for (const std::size_t n : {1U, 2U, 20U, 32U}) {
    ocsp::Request request;
    for (std::size_t i = 0; i < n; ++i) {
      const Serial serial = i == 1 ? leaf().serial() : testing::make_serial(500 + i);
      request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, ca(), serial), {}});
    }
    request.requests.push_back(request.requests.front());  // asked twice, answered twice
    if (request.requests.size() > 32) {
      request.requests.pop_back();
    }
    const int renews = world.store.renews;
    const Taken taken = ask(world.answerer, request);
    ASSERT_EQ(taken.status(), Status::kSuccessful);
    ASSERT_EQ(taken.parsed->basic->responses.size(), request.requests.size());
    EXPECT_EQ(world.store.renews, renews + 1) << "one snapshot for the whole request";
    for (std::size_t i = 0; i < request.requests.size(); ++i) {
      EXPECT_TRUE(equal(taken.single(i).cert_id.raw, request.requests[i].cert_id.der()));
      EXPECT_EQ(std::holds_alternative<ocsp::Good>(taken.single(i).status),
                equal(taken.single(i).cert_id.serial, leaf().serial().octets()));
    }
  }
}

TEST(Batch, RefusesMoreCertificatesThanTheLimit) {
  World world;
  ocsp::Request request = leaf_request();
  while (request.requests.size() < 33) {
    request.requests.push_back(request.requests.front());
  }
  EXPECT_EQ(ask(world.answerer, request).status(), Status::kMalformedRequest);
}

TEST(Batch, RefusesSeveralIssuersWithoutACommonSigner) {
  IssuerSpec root = self_spec(standard_pki().root, kOther);
  World world({delegated_spec(), root});
  world.store.list_all_issued(kOther);
  ocsp::Request request = leaf_request();
  request.requests.push_back(request_for(ca(), standard_pki().root.certificate).requests[0]);
  const Taken taken = ask(world.answerer, request);
  EXPECT_EQ(taken.status(), Status::kUnauthorized);
  EXPECT_EQ(taken.cause, Cause::kSeveralIssuers);
}

TEST(Batch, AnswersSeveralIssuersOfOneSigner) {
  const Identity second = testing::make_self_signed(testing::ca_spec("second"));
  IssuerSpec shared = delegated_spec(second, standard_pki().ocsp_signer);
  shared.signers[0].locally_trusted = LocallyTrusted::kYes;
  shared.store_id = kOther;
  World world({delegated_spec(), shared});
  world.store.list_all_issued(kOther);
  ocsp::Request request = leaf_request();
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, second.certificate, leaf().serial()), {}});
  const Taken taken = ask(world.answerer, request);
  ASSERT_EQ(taken.status(), Status::kSuccessful);
  EXPECT_TRUE(std::holds_alternative<ocsp::Good>(taken.single(0).status));
  EXPECT_TRUE(std::holds_alternative<ocsp::Unknown>(taken.single(1).status))
      << "a serial counts under its own issuer";
}

// req: OCSP-RESP-018 OCSP-RESP-019
TEST(Batch, TwoGenerationsOfOneNameHaveTheirOwnSigners) {
  const Identity old_ca = testing::make_self_signed(testing::ca_spec("rekeyed"));
  const Identity new_ca = testing::make_self_signed(testing::ca_spec("rekeyed"));
  const Identity old_signer = testing::issue(old_ca, testing::ocsp_signer_spec());
  const Identity new_signer = testing::issue(new_ca, testing::ocsp_signer_spec());
  IssuerSpec second = delegated_spec(new_ca, new_signer);
  second.store_id = kOther;
  World world({delegated_spec(old_ca, old_signer), second});
  world.store.list_all_issued(kOther);
  for (const auto& [issuer, signer] : {std::pair{&old_ca, &old_signer}, {&new_ca, &new_signer}}) {
    ocsp::Request request;
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha1, issuer->certificate, testing::make_serial(5)),
         {}});
    const Taken taken = ask(world.answerer, request);
    EXPECT_TRUE(taken.signed_by(signer->certificate));
    EXPECT_TRUE(pki::identifies(taken.parsed->basic->responder_id, signer->certificate));
  }
}

}  // namespace
}  // namespace muster::responder
