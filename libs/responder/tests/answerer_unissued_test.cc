// Serials without a record, sources without data, stores without answers.
#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using Status = ocsp::ResponseStatus;

const pki::Certificate& ca() { return standard_pki().intermediate.certificate; }

// req: OCSP-RESP-005 OCSP-RESP-062
TEST(AbsentRecords, SaysUnknownForSerialsNeverIssued) {
  World world;
  for (unsigned n = 1; n < 50; ++n) {
    ocsp::Request request;
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, ca(), testing::make_serial(n * 7919)), {}});
    EXPECT_TRUE(ask(world.answerer, request).unknown());
  }
}

// req: OCSP-RESP-006 OCSP-RESP-007 OCSP-RESP-008
TEST(AbsentRecords, RevokedForNeverIssuedIsComplete) {
  IssuerSpec spec = delegated_spec();
  spec.policy.unissued = UnissuedAnswer::kRevoked;
  World world({spec});
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, ca(), testing::make_serial(42)), {}});
  for (int again = 0; again < 2; ++again) {
    const Taken taken = ask(world.answerer, request);
    ASSERT_TRUE(taken.revoked());
    const auto revoked = std::get<ocsp::Revoked>(taken.single().status);
    EXPECT_EQ(revoked.time, unix_seconds(0));
    EXPECT_EQ(revoked.reason, ReasonCode::kCertificateHold);
    EXPECT_TRUE(taken.single().extensions.empty());
    const auto marker =
        der::find_extension(taken.parsed->basic->extensions, oid::kOcspExtendedRevoked);
    ASSERT_TRUE(marker);
    EXPECT_FALSE(marker->critical);
    EXPECT_TRUE(ocsp::parse_null_value(marker->value, "extended-revoked"));
  }
  EXPECT_TRUE(ask(world.answerer, leaf_request()).parsed->basic->extensions.empty());
}

// req: OCSP-RESP-061 OCSP-RESP-085
TEST(AbsentRecords, AnswersForASerialAsSoonAsItIsRecorded) {
  World world;
  const Serial serial = testing::make_serial(0xabcdef);
  ocsp::Request request;
  request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, ca(), serial), {}});
  EXPECT_TRUE(ask(world.answerer, request).unknown());
  world.store.set(kIssuer, serial, store::Status{});
  EXPECT_TRUE(ask(world.answerer, request).good());
}

// req: OCSP-RESP-043
TEST(AbsentRecords, ForgetsPurgedRecords) {
  IssuerSpec spec = delegated_spec();
  spec.policy.unissued = UnissuedAnswer::kUnauthorized;
  World world({spec});
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  world.store.records.clear();
  ++world.store.sequence;
  EXPECT_EQ(ask(world.answerer, leaf_request()).status(), Status::kUnauthorized);
}

// req: OCSP-RESP-009
TEST(AbsentRecords, SaysTryLaterWithoutDataAndInternalErrorWithoutStore) {
  World world;
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  world.store.broken = true;
  EXPECT_EQ(ask(world.answerer, leaf_request()).status(), Status::kInternalError)
      << "a remembered answer is no way out";
  world.store.broken = false;
  world.store.states.clear();
  ++world.store.sequence;
  EXPECT_EQ(ask(world.answerer, leaf_request()).status(), Status::kTryLater);
}

TEST(AbsentRecords, AFailingLookupIsNeverAnAbsentRecord) {
  IssuerSpec spec = delegated_spec();
  spec.policy.unlisted = UnlistedAnswer::kGood;
  World world({spec});
  world.store.states[kIssuer].knows_issued = store::KnowsIssued::kNo;
  // Broken between renew() and find(): FakeReader answers renew() from what `broken` was then.
  class Breaking final : public store::Reader {
   public:
    std::uint64_t renew() override { return 1; }
    void release() override {}
    store::StoreResult<std::optional<store::Status>> find(store::IssuerId, Bytes) const override {
      return Err{store::StoreError{store::StoreErrc::kCorrupt, "for the test"}};
    }
    const store::IssuerState* issuer_state(store::IssuerId) const override { return &state; }
    store::IssuerState state;
  };
  auto reader = std::make_unique<Breaking>();
  reader->state = world.store.states[kIssuer];
  Answerer answerer(world.setup, std::move(reader), world.counters);
  EXPECT_EQ(ask(answerer, leaf_request()).status(), Status::kInternalError);
}

ocsp::Request request_of(std::uint64_t serial,
                         const pki::Certificate& issuer = standard_pki().intermediate.certificate) {
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, issuer, testing::make_serial(serial)), {}});
  return request;
}

TEST(AbsentRecords, AreCountedForTheirIssuerHoweverTheyAreAnswered) {
  for (const UnissuedAnswer answer :
       {UnissuedAnswer::kUnknown, UnissuedAnswer::kUnauthorized, UnissuedAnswer::kRevoked}) {
    IssuerSpec spec = delegated_spec();
    spec.policy.unissued = answer;
    World world({spec});
    const IssuerCounters& counters = world.counters.issuers.of(kIssuer);
    for (int again = 0; again < 3; ++again) {  // signed, then remembered
      const Answer told = world.answerer.answer(ocsp::encode_request(request_of(4711)), kTestNow);
      EXPECT_EQ(told.unissued, UnissuedSeen::kYes);
      EXPECT_EQ(told.issuer, "test CA");
    }
    EXPECT_EQ(counters.unissued.value(), 3U);
    EXPECT_EQ(counters.refused.value(), answer == UnissuedAnswer::kUnauthorized ? 3U : 0U);
    EXPECT_EQ(world.answerer.answer(ocsp::encode_request(leaf_request()), kTestNow).unissued,
              UnissuedSeen::kNo);
    EXPECT_EQ(counters.unissued.value(), 3U);
    EXPECT_EQ(counters.good.value(), 1U);
  }
}

TEST(AbsentRecords, KnownMonitorsAreCountedApart) {
  IssuerSpec spec = delegated_spec();
  spec.policy.monitor_serials = {*from_hex("5ca1ab")};
  spec.policy.monitor_clients = {*IpNetwork::parse("192.0.2.0/24")};
  World world({spec});
  const Client monitor{*IpAddress::parse("192.0.2.5")};
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(
        world.answerer.answer(ocsp::encode_request(request_of(0x5ca1ab01)), kTestNow).unissued,
        UnissuedSeen::kFromMonitor);
    EXPECT_EQ(
        world.answerer.answer(ocsp::encode_request(request_of(4711)), kTestNow, monitor).unissued,
        UnissuedSeen::kFromMonitor);
  }
  const IssuerCounters& counters = world.counters.issuers.of(kIssuer);
  EXPECT_EQ(counters.unissued.value(), 0U);
  EXPECT_EQ(counters.unissued_monitors.value(), 4U);
  EXPECT_EQ(world.answerer.answer(ocsp::encode_request(request_of(0x5ca1)), kTestNow).unissued,
            UnissuedSeen::kYes)
      << "shorter than the prefix";
}

TEST(AbsentRecords, OfACrlAreCountedAsUnlisted) {
  IssuerSpec spec = delegated_spec();
  spec.policy.unlisted = UnlistedAnswer::kGood;
  World world({spec});
  world.store.states[kIssuer].knows_issued = store::KnowsIssued::kNo;
  ++world.store.sequence;
  EXPECT_EQ(world.answerer.answer(ocsp::encode_request(request_of(4711)), kTestNow).unissued,
            UnissuedSeen::kNo);
  EXPECT_EQ(world.counters.issuers.of(kIssuer).unlisted.value(), 1U);
}

/// Certificates of other CAs: never good, and never revoked either, whatever is said of serials
/// never issued (dotindustries, lamassu, DorianCoding).
TEST(AbsentRecords, CertificatesOfOtherCasGetNoSignedAnswerAtAll) {
  for (const UnissuedAnswer answer : {UnissuedAnswer::kUnknown, UnissuedAnswer::kRevoked}) {
    IssuerSpec spec = delegated_spec();
    spec.policy.unissued = answer;
    spec.policy.extended_revoked = Shown::kYes;
    World world({spec});
    const Identity foreign = testing::make_self_signed(testing::ca_spec("foreign"));
    testing::CertificateSpec twin = testing::ca_spec("twin");
    twin.subject = to_buffer(ca().subject());  // the same name, another key
    const Identity same_name = testing::make_self_signed(twin);
    for (const Identity* other : {&foreign, &same_name}) {
      ocsp::Request request;
      request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha1, other->certificate,
                                                    standard_pki().leaf.certificate.serial()),
                                  {}});
      const Taken taken = ask(world.answerer, request);
      EXPECT_EQ(taken.status(), Status::kUnauthorized);
      EXPECT_EQ(taken.cause, Cause::kUnknownIssuer);
    }
    EXPECT_EQ(world.counters.signatures.value(), 0U);
  }
}

}  // namespace
}  // namespace muster::responder
