#include <gmock/gmock.h>

#include "fixture.h"

namespace muster::responder {
namespace {

using std::chrono::hours;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Status = ocsp::ResponseStatus;

Explanation explained(World& world, const ocsp::Request& request, const Client& client = {}) {
  return world.answerer.explain(ocsp::encode_request(request), kTestNow, client);
}

TEST(Explain, SaysWhatWouldBeAnsweredAndWhy) {
  IssuerSpec spec = delegated_spec();
  spec.policy.retain_expired = hours(24 * 365);
  World world({spec});
  const Explanation good = explained(world, with_nonce(leaf_request(), 32));
  EXPECT_EQ(good.status, Status::kSuccessful);
  EXPECT_EQ(good.cause, Cause::kNone);
  EXPECT_THAT(good.request_facts, Contains(HasSubstr("nonce of 32")));
  EXPECT_THAT(good.request_facts, Contains("the nonce is repeated"));
  EXPECT_THAT(good.signer_rule, HasSubstr("configured order"));
  EXPECT_THAT(good.algorithm, HasSubstr("SHA256"));
  ASSERT_EQ(good.certificates.size(), 1U);
  const ExplainedCertificate& one = good.certificates[0];
  EXPECT_EQ(one.issuer, "test CA");
  EXPECT_EQ(one.hash, "sha256");
  EXPECT_EQ(one.serial, standard_pki().leaf.certificate.serial().to_hex());
  EXPECT_EQ(one.rule, "record");
  EXPECT_EQ(one.record, "good");
  EXPECT_EQ(one.status, "good");
  EXPECT_THAT(one.source, HasSubstr("lists all it issued"));
  EXPECT_EQ(one.next_update, kTestNow + hours(168) - Seconds(1));
  EXPECT_THAT(one.extensions, Contains(HasSubstr("1.3.6.1.5.5.7.48.1.6")));

  world.store.set(kIssuer, standard_pki().leaf.certificate.serial(),
                  revoked_at(kTestNow - hours(1), ReasonCode::kSuperseded));
  const Explanation revoked = explained(world, leaf_request());
  EXPECT_EQ(revoked.certificates[0].status, "revoked");
  EXPECT_EQ(revoked.certificates[0].reason, "superseded");
  EXPECT_THAT(revoked.certificates[0].record, HasSubstr("2026-11-24T09:00:00Z"));
}

TEST(Explain, SaysWhyARequestIsRefused) {
  IssuerSpec spec = delegated_spec();
  spec.policy.clients = {*IpNetwork::parse("192.0.2.0/24")};
  World world({spec});
  const Client inside{*IpAddress::parse("192.0.2.1")};
  const Explanation junk = world.answerer.explain(as_bytes("zzz"), kTestNow, inside);
  EXPECT_EQ(junk.cause, Cause::kBadRequest);
  EXPECT_EQ(junk.status, Status::kMalformedRequest);
  EXPECT_THAT(junk.request, HasSubstr("3 octets"));
  const auto& pki = standard_pki();
  const Explanation foreign =
      explained(world, request_for(pki.intermediate.certificate, pki.root.certificate), inside);
  EXPECT_EQ(foreign.cause, Cause::kUnknownIssuer);
  EXPECT_THAT(foreign.why, HasSubstr("compare the hashes"));
  EXPECT_EQ(foreign.certificates.size(), 1U);
  const Explanation outside = explained(world, leaf_request(), {*IpAddress::parse("198.51.100.1")});
  EXPECT_EQ(outside.cause, Cause::kClientRefused);
  EXPECT_THAT(outside.why, HasSubstr("198.51.100.1"));
  world.store.states.clear();
  const Explanation unread = explained(world, leaf_request(), inside);
  EXPECT_EQ(unread.cause, Cause::kSourceNotLoaded);
  EXPECT_THAT(unread.certificates[0].source, HasSubstr("never read"));
}

TEST(Explain, NamesTheRuleForSerialsWithoutRecord) {
  World world;
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha1, standard_pki().intermediate.certificate,
                         testing::make_serial(42)),
       {}});
  const Explanation out = explained(world, request);
  EXPECT_EQ(out.certificates[0].rule, "unissued");
  EXPECT_EQ(out.certificates[0].status, "unknown");
  EXPECT_EQ(out.certificates[0].record, "no record");
}

/// A request that is refused for its form is about a certificate all the same.
TEST(Explain, NamesTheIssuerWhateverIsWrongWithTheRequest) {
  World world({delegated_spec()}, {.sha1 = Sha1CertIds::kRefused});
  ocsp::Request empty_nonce = leaf_request();
  empty_nonce.extensions.push_back({to_buffer(oid::kOcspNonce), false, {0x04, 0x00}});
  ocsp::Request critical = leaf_request();
  critical.extensions.push_back({{0x2a, 0x03}, true, {0x05, 0x00}});
  ocsp::Request critical_entry = leaf_request();
  critical_entry.requests[0].extensions.push_back({{0x2a, 0x03}, true, {0x05, 0x00}});
  const std::pair<ocsp::Request, Cause> all[] = {
      {empty_nonce, Cause::kBadNonce},
      {critical, Cause::kCriticalExtension},
      {critical_entry, Cause::kCriticalExtension},
      {leaf_request(HashAlgorithm::kSha1), Cause::kUnknownHash}};
  for (const auto& [request, cause] : all) {
    const Explanation out = explained(world, request);
    EXPECT_EQ(out.cause, cause);
    EXPECT_EQ(out.certificates.at(0).issuer, "test CA") << to_string(cause);
  }
  const auto& pki = standard_pki();
  const Explanation foreign =
      explained(world, request_for(pki.intermediate.certificate, pki.root.certificate));
  EXPECT_EQ(foreign.certificates.at(0).issuer, "");
}

/// Whatever is explained is what is answered.
TEST(Explain, AgreesWithTheAnswer) {
  World world;
  std::vector<Buffer> requests = {
      ocsp::encode_request(leaf_request()), ocsp::encode_request(with_nonce(leaf_request(), 1)),
      ocsp::encode_request(
          request_for(standard_pki().leaf.certificate, standard_pki().root.certificate)),
      Buffer(40, 0x30)};
  const Buffer good = requests[1];
  for (std::size_t i = 0; i < good.size(); ++i) {
    Buffer bad = good;
    bad[i] ^= 0x55U;
    requests.push_back(bad);
  }
  for (const Buffer& request : requests) {
    const Explanation out = world.answerer.explain(request, kTestNow);
    const Taken taken = take(world.answerer.answer(request, kTestNow));
    EXPECT_EQ(out.status, taken.status());
    EXPECT_EQ(out.cause, taken.cause);
    EXPECT_FALSE(out.why.empty());
  }
}

TEST(Explain, CountsSignsAndRemembersNothing) {
  World world;
  explained(world, leaf_request());
  explained(world, with_nonce(leaf_request(), 32));
  EXPECT_EQ(world.counters.signatures.value(), 0U);
  EXPECT_EQ(world.counters.good.value(), 0U);
  EXPECT_EQ(world.counters.cert_id_hashes[1].value(), 0U);
  EXPECT_EQ(world.counters.issuers.of(kIssuer).good.value(), 0U);
  EXPECT_THAT(explained(world, leaf_request()).certificates[0].extensions, IsEmpty());
}

}  // namespace
}  // namespace muster::responder
