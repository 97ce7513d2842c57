#include "muster/responder/answerer.h"

#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using std::chrono::hours;
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
    EXPECT_EQ(take(world.answerer.answer(Bytes(good).first(n), kTestNow)).status(), Status::kMalformedRequest) << n;
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
        EXPECT_TRUE(equal(taken.single().cert_id.raw, request.requests[0].cert_id.der())) << to_string(hash);
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
  world.store.set(kIssuer, leaf().serial(), revoked_at(kTestNow - hours(2), ReasonCode::kSuperseded));
  const Taken gone = ask(world.answerer, leaf_request());
  ASSERT_TRUE(gone.revoked());
  EXPECT_EQ(std::get<ocsp::Revoked>(gone.single().status).time, kTestNow - hours(2));
  EXPECT_EQ(std::get<ocsp::Revoked>(gone.single().status).reason, ReasonCode::kSuperseded);
  EXPECT_TRUE(gone.single().extensions.empty()) << "the reason rides in RevokedInfo alone";
}

TEST(Answerer, RemembersAnAnswerAndReadsTheRecordOnlyWhenTheStoreMoved) {
  World world;
  const Taken first = ask(world.answerer, leaf_request());
  const int finds = world.store.finds;
  const int renews = world.store.renews;
  const Taken second = ask(world.answerer, leaf_request(), kTestNow + Seconds(10));
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(world.store.finds, finds);
  EXPECT_EQ(world.store.renews, renews + 1) << "the store must be asked at every request";
  world.store.set(kIssuer, testing::make_serial(0x99), store::Status{});  // another serial changed
  const Taken third = ask(world.answerer, leaf_request(), kTestNow + Seconds(20));
  EXPECT_EQ(first.body, third.body);
  EXPECT_EQ(world.store.finds, finds + 1);
  EXPECT_EQ(world.counters.signatures.value(), 1U);
  EXPECT_EQ(world.counters.ready_hits.value(), 2U);
  EXPECT_EQ(world.counters.ready_rechecked.value(), 1U);
}

// req: OCSP-RESP-050 OCSP-RESP-049
TEST(Answerer, SignsAnewBeforeAnyAnnouncedMaxAgeEnds) {
  World world;
  UnixSeconds produced{};
  UnixSeconds announced{};
  for (UnixSeconds now = kTestNow; now < kTestNow + hours(24 * 6); now += hours(3)) {
    world.store.states[kIssuer].loaded_at = now;
    const Taken taken = ask(world.answerer, leaf_request(), now);
    if (announced <= now) {
      EXPECT_GT(taken.parsed->basic->produced_at, produced) << "a fresher answer must be there by now";
    }
    produced = taken.parsed->basic->produced_at;
    const std::size_t at = taken.head.find("max-age=");
    ASSERT_NE(at, std::string::npos);
    announced = now + Seconds(std::stoll(taken.head.substr(at + 8)));
    EXPECT_LT(announced, *taken.single().next_update);
  }
}

// req: OCSP-RESP-049
TEST(Answerer, SpreadsRefetchingOverSerials) {
  World world;
  std::set<std::string> ages;
  for (unsigned n = 0; n < 50; ++n) {
    ocsp::Request request;
    request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, ca(), testing::make_serial(1000 + n)), {}});
    const Taken taken = ask(world.answerer, request);
    ages.insert(taken.head.substr(taken.head.find("max-age="), 15));
  }
  EXPECT_GT(ages.size(), 25U);
}

// req: OCSP-RESP-057 OCSP-RESP-054
TEST(Answerer, NeverRemembersAnAnswerWithNonce) {
  World world;
  const ocsp::Request a = with_nonce(leaf_request(), 32, 0xaa);
  const ocsp::Request b = with_nonce(leaf_request(), 32, 0xbb);
  for (const ocsp::Request* request : {&a, &b, &a}) {
    const Taken taken = ask(world.answerer, *request);
    const auto nonce = der::find_extension(taken.parsed->basic->extensions, oid::kOcspNonce);
    ASSERT_TRUE(nonce);
    EXPECT_FALSE(nonce->critical);
    EXPECT_TRUE(equal(nonce->value, request->extensions[0].value));
    EXPECT_TRUE(taken.single().extensions.empty());
    EXPECT_TRUE(taken.etag.empty());
    EXPECT_THAT(taken.head, Not(HasSubstr("Cache-Control")));
  }
  const Taken plain = ask(world.answerer, leaf_request());
  EXPECT_TRUE(plain.parsed->basic->extensions.empty());
  EXPECT_EQ(world.counters.signatures.value(), 4U);
  EXPECT_EQ(world.counters.nonces_echoed.value(), 3U);
}

// req: OCSP-RESP-037 OCSP-RESP-038
TEST(Answerer, AnswersInFullWithoutAnIgnoredNonce) {
  Policy policy;
  policy.nonce = NoncePolicy::kIgnore;
  World world({delegated_spec()}, policy);
  const Taken plain = ask(world.answerer, leaf_request());
  const Taken nonced = ask(world.answerer, with_nonce(leaf_request(), 32));
  EXPECT_EQ(plain.body, nonced.body);
  EXPECT_TRUE(plain.parsed->basic->extensions.empty());
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

// req: OCSP-RESP-005 OCSP-RESP-062
TEST(Answerer, SaysUnknownForSerialsNeverIssued) {
  World world;
  for (unsigned n = 1; n < 50; ++n) {
    ocsp::Request request;
    request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, ca(), testing::make_serial(n * 7919)), {}});
    EXPECT_TRUE(ask(world.answerer, request).unknown());
  }
}

// req: OCSP-RESP-006 OCSP-RESP-007 OCSP-RESP-008
TEST(Answerer, RevokedForNeverIssuedIsComplete) {
  IssuerSpec spec = delegated_spec();
  spec.policy.unissued = UnissuedAnswer::kRevoked;
  World world({spec});
  ocsp::Request request;
  request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, ca(), testing::make_serial(42)), {}});
  for (int again = 0; again < 2; ++again) {
    const Taken taken = ask(world.answerer, request);
    ASSERT_TRUE(taken.revoked());
    const auto revoked = std::get<ocsp::Revoked>(taken.single().status);
    EXPECT_EQ(revoked.time, unix_seconds(0));
    EXPECT_EQ(revoked.reason, ReasonCode::kCertificateHold);
    EXPECT_TRUE(taken.single().extensions.empty());
    const auto marker = der::find_extension(taken.parsed->basic->extensions, oid::kOcspExtendedRevoked);
    ASSERT_TRUE(marker);
    EXPECT_FALSE(marker->critical);
    EXPECT_TRUE(ocsp::parse_null_value(marker->value, "extended-revoked"));
  }
  EXPECT_TRUE(ask(world.answerer, leaf_request()).parsed->basic->extensions.empty());
}

// req: OCSP-RESP-061 OCSP-RESP-085
TEST(Answerer, AnswersForASerialAsSoonAsItIsRecorded) {
  World world;
  const Serial serial = testing::make_serial(0xabcdef);
  ocsp::Request request;
  request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, ca(), serial), {}});
  EXPECT_TRUE(ask(world.answerer, request).unknown());
  world.store.set(kIssuer, serial, store::Status{});
  EXPECT_TRUE(ask(world.answerer, request).good());
}

// req: OCSP-RESP-043
TEST(Answerer, ForgetsPurgedRecords) {
  IssuerSpec spec = delegated_spec();
  spec.policy.unissued = UnissuedAnswer::kUnauthorized;
  World world({spec});
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  world.store.records.clear();
  ++world.store.sequence;
  EXPECT_EQ(ask(world.answerer, leaf_request()).status(), Status::kUnauthorized);
}

// req: OCSP-RESP-009
TEST(Answerer, SaysTryLaterWithoutDataAndInternalErrorWithoutStore) {
  World world;
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  world.store.broken = true;
  EXPECT_EQ(ask(world.answerer, leaf_request()).status(), Status::kInternalError) << "a remembered answer is no way out";
  world.store.broken = false;
  world.store.states.clear();
  ++world.store.sequence;
  EXPECT_EQ(ask(world.answerer, leaf_request()).status(), Status::kTryLater);
}

TEST(Answerer, AFailingLookupIsNeverAnAbsentRecord) {
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

TEST(Answerer, StopsSayingGoodWhenTheCrlEnds) {
  IssuerSpec spec = delegated_spec();
  spec.policy.unlisted = UnlistedAnswer::kGood;
  World world({spec});
  store::IssuerState& state = world.store.states[kIssuer];
  state.knows_issued = store::KnowsIssued::kNo;
  state.this_update = kTestNow - hours(1);
  state.next_update = kTestNow + hours(1);
  ++world.store.sequence;
  const Taken taken = ask(world.answerer, leaf_request());
  ASSERT_TRUE(taken.good());
  EXPECT_EQ(taken.single().this_update, kTestNow - hours(1));
  EXPECT_EQ(*taken.single().next_update, kTestNow + hours(1));
  for (int minute = 1; minute < 60; ++minute) {
    const Taken later = ask(world.answerer, leaf_request(), kTestNow + Seconds(60 * minute));
    ASSERT_TRUE(later.good());
    EXPECT_GT(*later.single().next_update, kTestNow + Seconds(60 * minute));
  }
  EXPECT_EQ(ask(world.answerer, leaf_request(), kTestNow + hours(1)).status(), Status::kTryLater);
}

// req: OCSP-RESP-020 OCSP-RESP-021 OCSP-RESP-082
TEST(Answerer, AnswersEveryCertificateAskedAbout) {
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

TEST(Answerer, RefusesMoreCertificatesThanTheLimit) {
  World world;
  ocsp::Request request = leaf_request();
  while (request.requests.size() < 33) {
    request.requests.push_back(request.requests.front());
  }
  EXPECT_EQ(ask(world.answerer, request).status(), Status::kMalformedRequest);
}

TEST(Answerer, RefusesSeveralIssuersWithoutACommonSigner) {
  IssuerSpec root = self_spec(standard_pki().root, kOther);
  World world({delegated_spec(), root});
  world.store.list_all_issued(kOther);
  ocsp::Request request = leaf_request();
  request.requests.push_back(request_for(ca(), standard_pki().root.certificate).requests[0]);
  const Taken taken = ask(world.answerer, request);
  EXPECT_EQ(taken.status(), Status::kUnauthorized);
  EXPECT_EQ(taken.cause, Cause::kSeveralIssuers);
}

TEST(Answerer, AnswersSeveralIssuersOfOneSigner) {
  const Identity second = testing::make_self_signed(testing::ca_spec("second"));
  IssuerSpec shared = delegated_spec(second, standard_pki().ocsp_signer);
  shared.signers[0].locally_trusted = LocallyTrusted::kYes;
  shared.store_id = kOther;
  World world({delegated_spec(), shared});
  world.store.list_all_issued(kOther);
  ocsp::Request request = leaf_request();
  request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, second.certificate, leaf().serial()), {}});
  const Taken taken = ask(world.answerer, request);
  ASSERT_EQ(taken.status(), Status::kSuccessful);
  EXPECT_TRUE(std::holds_alternative<ocsp::Good>(taken.single(0).status));
  EXPECT_TRUE(std::holds_alternative<ocsp::Unknown>(taken.single(1).status)) << "a serial counts under its own issuer";
}

// req: OCSP-RESP-018 OCSP-RESP-019
TEST(Answerer, TwoGenerationsOfOneNameHaveTheirOwnSigners) {
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
        {pki::make_cert_id(HashAlgorithm::kSha1, issuer->certificate, testing::make_serial(5)), {}});
    const Taken taken = ask(world.answerer, request);
    EXPECT_TRUE(taken.signed_by(signer->certificate));
    EXPECT_TRUE(pki::identifies(taken.parsed->basic->responder_id, signer->certificate));
  }
}

// req: OCSP-RESP-072
TEST(Answerer, EndsWithTheSignersCertificate) {
  testing::CertificateSpec spec = testing::ocsp_signer_spec();
  spec.not_after = kTestNow + hours(48);
  const Identity signer = testing::issue(standard_pki().intermediate, spec);
  World world({delegated_spec(standard_pki().intermediate, signer)});
  EXPECT_EQ(*ask(world.answerer, leaf_request()).single().next_update, kTestNow + hours(48));
  const Taken over = ask(world.answerer, leaf_request(), kTestNow + hours(48));
  EXPECT_EQ(over.status(), Status::kTryLater);
  EXPECT_EQ(over.cause, Cause::kSignerExpired);
}

// req: OCSP-RESP-019
TEST(Answerer, ANewSignerAnswersFromTheNextRequestOn) {
  World world;
  EXPECT_TRUE(ask(world.answerer, leaf_request()).signed_by(delegate()));
  const Identity next = testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec("next"));
  world.answerer.adopt(setup_of({delegated_spec(standard_pki().intermediate, next)}));
  const Taken taken = ask(world.answerer, leaf_request());
  EXPECT_TRUE(taken.signed_by(next.certificate));
  EXPECT_TRUE(pki::identifies(taken.parsed->basic->responder_id, next.certificate));
  EXPECT_TRUE(equal(taken.parsed->basic->certificates.at(0), next.certificate.der()));
}

// req: OCSP-RESP-083
TEST(Answerer, ShedsBeyondTheSigningLimitButServesWhatIsReady) {
  Policy policy;
  policy.signatures_per_second = 3;
  World world({delegated_spec()}, policy);
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  unsigned shed = 0;
  for (unsigned n = 0; n < 10; ++n) {
    ocsp::Request request;
    request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, ca(), testing::make_serial(n + 1)), {}});
    const Taken taken = ask(world.answerer, request);
    shed += taken.cause == Cause::kSigningLimit ? 1 : 0;
    EXPECT_TRUE(taken.unknown() || taken.status() == Status::kTryLater);
  }
  EXPECT_EQ(shed, 8U);
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  EXPECT_TRUE(ask(world.answerer, with_nonce(leaf_request(), 16), kTestNow + Seconds(1)).good());
}

// req: OCSP-RESP-045
TEST(Answerer, SignsNothingWhileTheClockIsUnsure) {
  Policy policy;
  policy.max_clock_error = Milliseconds(2000);
  World world({delegated_spec()}, policy);
  EXPECT_EQ(ask(world.answerer, leaf_request()).cause, Cause::kClockUnsure) << "nobody vouched for the clock yet";
  world.answerer.set_clock_error(Milliseconds(2001));
  EXPECT_EQ(ask(world.answerer, leaf_request()).status(), Status::kTryLater);
  world.answerer.set_clock_error(Milliseconds(2000));
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  world.answerer.set_clock_error(std::nullopt);
  EXPECT_EQ(ask(world.answerer, with_nonce(leaf_request(), 16)).status(), Status::kTryLater);
}

// req: OCSP-RESP-036
TEST(Answerer, RefusesSha1WhenSwitchedOffAndCountsIt) {
  Policy policy;
  policy.sha1 = Sha1CertIds::kRefused;
  World world({delegated_spec()}, policy);
  const Taken taken = ask(world.answerer, leaf_request(HashAlgorithm::kSha1));
  EXPECT_EQ(taken.status(), Status::kUnauthorized);
  EXPECT_EQ(world.counters.cert_id_hashes[static_cast<std::size_t>(HashAlgorithm::kSha1)].value(), 1U);
  EXPECT_TRUE(ask(world.answerer, leaf_request(HashAlgorithm::kSha256)).good());
}

TEST(Answerer, WorksWithoutRememberingAnything) {
  Policy policy;
  policy.ready_answers = 0;
  World world({delegated_spec()}, policy);
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  EXPECT_TRUE(ask(world.answerer, leaf_request()).good());
  EXPECT_EQ(world.counters.signatures.value(), 2U);
}

TEST(DescribeRequest, NamesWhatWasAsked) {
  const std::string text = describe_request(ocsp::encode_request(leaf_request()));
  EXPECT_THAT(text, HasSubstr("serial"));
  EXPECT_THAT(text, HasSubstr(to_hex(leaf().serial().octets())));
  EXPECT_THAT(describe_request(as_bytes("zzz")), HasSubstr("3 octets"));
}

}  // namespace
}  // namespace muster::responder
