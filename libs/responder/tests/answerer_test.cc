// What an answer is made of, and which requests get one.
#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;
using Status = ocsp::ResponseStatus;

const pki::Certificate& ca() { return standard_pki().intermediate.certificate; }
const pki::Certificate& leaf() { return standard_pki().leaf.certificate; }
const pki::Certificate& delegate() { return standard_pki().ocsp_signer.certificate; }

// req: OCSP-RESP-001
TEST(Answerer, CallsWhatDoesNotParseMalformed) {
  World world;
  const Buffer good = ocsp::encode_request(leaf_request());
  EXPECT_EQ(take(world.answerer.answer({}, kTestNow)).status(), Status::kMalformedRequest);
  EXPECT_EQ(take(world.answerer.answer(as_bytes("GET / HTTP/1.1\r\n\r\n"), kTestNow)).status(),
            Status::kMalformedRequest);
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(take(world.answerer.answer(Bytes(good).first(n), kTestNow)).status(),
              Status::kMalformedRequest)
        << n;
  }
}

TEST(Answerer, SurvivesEveryFlippedOctet) {
  World world;
  const Buffer good = ocsp::encode_request(with_nonce(leaf_request(), 32));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const unsigned bit : {0x01U, 0x80U, 0xffU}) {
      Buffer bad = good;
      bad[i] ^= static_cast<std::uint8_t>(bit);
      const Taken taken = take(world.answerer.answer(bad, kTestNow));
      ASSERT_TRUE(taken.parsed) << i;
    }
  }
}

// req: OCSP-RESP-002 OCSP-RESP-039 OCSP-RESP-041 OCSP-RESP-019
TEST(Answerer, SignsAsTheDelegateAndShowsItsCertificate) {
  World world;
  const Taken taken = ask(world.answerer, leaf_request());
  EXPECT_TRUE(taken.good());
  EXPECT_TRUE(taken.signed_by(delegate()));
  ASSERT_EQ(taken.parsed->basic->certificates.size(), 1U);
  EXPECT_TRUE(equal(taken.parsed->basic->certificates.at(0), delegate().der()));
  EXPECT_TRUE(std::holds_alternative<ocsp::ResponderByKey>(taken.parsed->basic->responder_id));
  EXPECT_TRUE(pki::identifies(taken.parsed->basic->responder_id, delegate()));
  EXPECT_EQ(taken.parsed->basic->produced_at, kTestNow);
}

TEST(Answerer, EmbedsNothingWhenTheCaSigns) {
  World world({self_spec(standard_pki().intermediate)});
  const Taken taken = ask(world.answerer, leaf_request());
  EXPECT_TRUE(taken.good());
  EXPECT_TRUE(taken.signed_by(ca()));
  EXPECT_TRUE(taken.parsed->basic->certificates.empty());
  EXPECT_TRUE(pki::identifies(taken.parsed->basic->responder_id, ca()));
}

// req: OCSP-RESP-041
TEST(Answerer, NamesItselfByNameWhenTold) {
  IssuerSpec spec = delegated_spec();
  spec.policy.responder_id = ResponderIdForm::kByName;
  World world({spec});
  const Taken taken = ask(world.answerer, leaf_request());
  ASSERT_TRUE(std::holds_alternative<ocsp::ResponderByName>(taken.parsed->basic->responder_id));
  EXPECT_TRUE(pki::identifies(taken.parsed->basic->responder_id, delegate()));
}

// req: OCSP-RESP-031 OCSP-RESP-071
TEST(Answerer, SignsWithRsaSha256) {
  testing::CertificateSpec spec = testing::ocsp_signer_spec();
  spec.use_key = testing::cached_key(testing::KeyKind::kRsa2048);
  const Identity signer = testing::issue(standard_pki().intermediate, spec);
  World world({delegated_spec(standard_pki().intermediate, signer)});
  const Taken taken = ask(world.answerer, leaf_request());
  EXPECT_TRUE(taken.signed_by(signer.certificate));
  // sha256WithRSAEncryption with its NULL, as RFC 4055 writes it.
  EXPECT_EQ(to_hex(taken.parsed->basic->signature_algorithm.raw), "300d06092a864886f70d01010b0500");
}

// req: OCSP-RESP-022
TEST(Answerer, EchoesTheCertIdOctetForOctet) {
  World world;
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    for (const auto parameters : {der::HashParameters::kNull, der::HashParameters::kAbsent}) {
      ocsp::Request request;
      request.requests.push_back({pki::make_cert_id(hash, leaf(), ca(), parameters), {}});
      for (int again = 0; again < 2; ++again) {  // signed, then remembered
        const Taken taken = ask(world.answerer, request);
        EXPECT_TRUE(taken.good());
        EXPECT_TRUE(equal(taken.single().cert_id.raw, request.requests[0].cert_id.der()))
            << to_string(hash);
      }
    }
  }
  EXPECT_EQ(world.counters.cert_id_hashes[0].value(), 4U);
}

// req: OCSP-RESP-004 OCSP-RESP-013 OCSP-RESP-067
TEST(Answerer, FollowsRevocationHoldAndRelease) {
  World world;
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  store::Status hold = revoked_at(kTestNow - hours(1));
  hold.state = store::State::kHold;
  world.store.set(kIssuer, leaf().serial(), hold);
  const Taken held = ask(world.answerer, leaf_request());
  ASSERT_TRUE(held.revoked());
  EXPECT_EQ(std::get<ocsp::Revoked>(held.single().status).reason, ReasonCode::kCertificateHold);
  world.store.set(kIssuer, leaf().serial(), store::Status{});
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  world.store.set(kIssuer, leaf().serial(),
                  revoked_at(kTestNow - hours(2), ReasonCode::kSuperseded));
  const Taken gone = ask(world.answerer, leaf_request());
  ASSERT_TRUE(gone.revoked());
  EXPECT_EQ(std::get<ocsp::Revoked>(gone.single().status).time, kTestNow - hours(2));
  EXPECT_EQ(std::get<ocsp::Revoked>(gone.single().status).reason, ReasonCode::kSuperseded);
  EXPECT_TRUE(gone.single().extensions.empty()) << "the reason rides in RevokedInfo alone";
}

// req: OCSP-RESP-034
TEST(Answerer, TreatsARequestorNameAsAbsent) {
  World world;
  const Taken plain = ask(world.answerer, leaf_request());
  ocsp::Request named = leaf_request();
  named.requestor_name = Buffer{0x82, 0x01, 'x'};
  EXPECT_EQ(ask(world.answerer, named).body, plain.body);
}

// req: OCSP-RESP-016
TEST(Answerer, IgnoresRequestSignatures) {
  World world;
  const ocsp::SignaturePart nonsense{{0x30, 0x03, 0x06, 0x01, 0x2a}, Buffer(8, 0x00), {}};
  const Buffer request = ocsp::encode_request(ocsp::encode_tbs_request(leaf_request()), &nonsense);
  const Taken taken = take(world.answerer.answer(request, kTestNow));
  ASSERT_TRUE(taken.parsed);
  EXPECT_TRUE(taken.good());
}

// req: OCSP-RESP-011 OCSP-RESP-042
TEST(Answerer, RefusesIssuersItDoesNotServeWithoutSigning) {
  World world;
  const Taken taken = ask(world.answerer, request_for(ca(), standard_pki().root.certificate));
  EXPECT_EQ(taken.status(), Status::kUnauthorized);
  EXPECT_EQ(taken.cause, Cause::kUnknownIssuer);
  EXPECT_THAT(taken.head, HasSubstr("Cache-Control: no-store"));
  EXPECT_EQ(world.counters.signatures.value(), 0U);
}

TEST(Answerer, RefusesHashesItDoesNotKnow) {
  World world;
  der::Writer md5;
  md5.sequence([&] {
    md5.sequence([&] {
      md5.sequence([&] {
        md5.sequence([&] {
          md5.sequence([&] {
            md5.sequence([&] { md5.oid(Buffer{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05}); });
            md5.octet_string(Buffer(16, 1));
            md5.octet_string(Buffer(16, 2));
            md5.integer(7);
          });
        });
      });
    });
  });
  const Taken taken = take(world.answerer.answer(md5.bytes(), kTestNow));
  EXPECT_EQ(taken.cause, Cause::kUnknownHash);
  EXPECT_EQ(taken.status(), Status::kUnauthorized);
}

// req: OCSP-RESP-036
TEST(Answerer, RefusesSha1WhenSwitchedOffAndCountsIt) {
  Policy policy;
  policy.sha1 = Sha1CertIds::kRefused;
  World world({delegated_spec()}, policy);
  const Taken taken = ask(world.answerer, leaf_request(HashAlgorithm::kSha1));
  EXPECT_EQ(taken.status(), Status::kUnauthorized);
  EXPECT_EQ(world.counters.cert_id_hashes[static_cast<std::size_t>(HashAlgorithm::kSha1)].value(),
            1U);
  EXPECT_TRUE(ask(world.answerer, leaf_request(HashAlgorithm::kSha256)).good());
}

TEST(DescribeRequest, NamesWhatWasAsked) {
  const std::string text = describe_request(ocsp::encode_request(leaf_request()));
  EXPECT_THAT(text, HasSubstr("serial"));
  EXPECT_THAT(text, HasSubstr(to_hex(leaf().serial().octets())));
  EXPECT_THAT(describe_request(as_bytes("zzz")), HasSubstr("3 octets"));
}

}  // namespace
}  // namespace muster::responder
