#include <gtest/gtest.h>

#include "crl_samples.h"
#include "muster/crl/encode.h"

namespace muster::crl {
namespace {

using namespace test;

const Buffer kKeyId = hex("0102030405");

CrlFacts facts_of(std::uint64_t n) {
  CrlFacts facts;
  facts.authority_key_id = kKeyId;
  facts.number = Number(n);
  return facts;
}

Buffer crl_with(const CrlFacts& facts) {
  const auto extensions = make_extensions(facts);
  EXPECT_TRUE(extensions) << (extensions ? "" : to_string(extensions.error()));
  return make_crl([&](Crl& crl) { crl.extensions = *extensions; });
}

// req: OCSP-CRL-009, OCSP-CRL-019
TEST(CrlFacts, OfACompleteCrlAreKeyIdentifierAndNumberAndNoEmptyScope) {
  const Buffer der = crl_with(facts_of(300));
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl) << der::to_string(crl.error());
  EXPECT_TRUE(crl->defects.none());
  EXPECT_EQ(to_hex(*crl->authority_key_id), "0102030405");
  EXPECT_EQ(to_hex(*crl->crl_number), "012c");
  EXPECT_EQ(crl->extensions.size(), 2u);
  EXPECT_FALSE(crl->issuing_distribution_point);
  EXPECT_FALSE(der::find_extension(crl->extensions, oid::kCeCrlNumber)->critical);
  EXPECT_FALSE(crl->is_delta);
}

// req: OCSP-CRL-019, OCSP-CRL-044
TEST(CrlFacts, WriteTheScopeCriticalWithTheOctetsOfTheUri) {
  CrlFacts facts = facts_of(1);
  facts.scope.uris = {"http://CRL.example/a%20b/1.crl", "http://other.example/1"};
  facts.scope.only = Scope::Only::kUsers;
  facts.scope.indirect = true;
  const Buffer der = crl_with(facts);
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_TRUE(crl->defects.none());
  ASSERT_TRUE(crl->issuing_distribution_point);
  const IssuingDistributionPoint& point = *crl->issuing_distribution_point;
  EXPECT_EQ(uris(*point.name), (std::vector<std::string_view>{"http://CRL.example/a%20b/1.crl",
                                                              "http://other.example/1"}));
  EXPECT_TRUE(point.only_user_certs);
  EXPECT_FALSE(point.only_ca_certs);
  EXPECT_TRUE(point.indirect);
  EXPECT_TRUE(der::find_extension(crl->extensions, oid::kCeIssuingDistributionPoint)->critical);

  facts.scope = {};
  facts.scope.only = Scope::Only::kCas;
  const Buffer for_cas = crl_with(facts);
  EXPECT_TRUE(parse_crl(for_cas)->issuing_distribution_point->only_ca_certs);
}

// req: OCSP-CRL-038, OCSP-CRL-020
TEST(CrlFacts, OfADeltaAreCriticalAndPointNowhere) {
  CrlFacts facts = facts_of(8);
  facts.delta_base = Number(7);
  const Buffer der = crl_with(facts);
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_TRUE(crl->defects.none());
  EXPECT_TRUE(crl->is_delta);
  EXPECT_EQ(to_hex(*crl->delta_base_number), "07");
  EXPECT_TRUE(der::find_extension(crl->extensions, oid::kCeDeltaCrlIndicator)->critical);

  facts.freshest_uris = {"http://x/delta"};
  EXPECT_EQ(make_extensions(facts).error(), FactsErrc::kFreshestInDelta);
  facts.freshest_uris.clear();
  facts.delta_base = Number(8);
  EXPECT_EQ(make_extensions(facts).error(), FactsErrc::kBaseNotBelow);
}

// req: OCSP-CRL-020
TEST(CrlFacts, PointToDeltasWithoutReasonsOrIssuer) {
  CrlFacts facts = facts_of(8);
  facts.freshest_uris = {"http://x/delta.crl"};
  const Buffer der = crl_with(facts);
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_TRUE(crl->defects.none());
  ASSERT_EQ(crl->freshest_crl.size(), 1u);
  EXPECT_FALSE(crl->freshest_crl[0].reasons);
  EXPECT_TRUE(crl->freshest_crl[0].crl_issuer.empty());
  EXPECT_EQ(uris(*crl->freshest_crl[0].name).at(0), "http://x/delta.crl");
  EXPECT_FALSE(der::find_extension(crl->extensions, oid::kCeFreshestCrl)->critical);
}

// req: OCSP-CRL-047, OCSP-CRL-050
TEST(CrlFacts, MayTellOfExpiredCertificatesAndTheNextPublication) {
  CrlFacts facts = facts_of(8);
  facts.expired_certs_since = unix_seconds(1700000000);
  facts.next_publish = unix_seconds(1700600000);
  const Buffer der = crl_with(facts);
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_TRUE(crl->defects.none());
  const auto expired = der::find_extension(crl->extensions, oid::kCeExpiredCertsOnCrl);
  ASSERT_TRUE(expired);
  EXPECT_FALSE(expired->critical);
  EXPECT_EQ(to_hex(expired->value),
            "180f"
            "32303233313131343232313332305a");  // GeneralizedTime whatever the year
  const auto next =
      der::find_extension(crl->extensions, *der::oid_from_string("1.3.6.1.4.1.311.21.4"));
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->critical);
  EXPECT_EQ(to_hex(next->value),
            "170d"
            "3233313132313230353332305a");
}

TEST(CrlFacts, RefuseWhatCannotBeWritten) {
  CrlFacts facts = facts_of(1);
  facts.scope.uris = {""};
  EXPECT_EQ(make_extensions(facts).error(), FactsErrc::kBadUri);
  facts.scope.uris = {"http://x/\xc3\xa4"};
  EXPECT_EQ(make_extensions(facts).error(), FactsErrc::kBadUri);
  facts = facts_of(1);
  facts.authority_key_id = {};
  EXPECT_EQ(make_extensions(facts).error(), FactsErrc::kNoKeyId);
}

// req: OCSP-CRL-043
TEST(CrlEncoder, WritesSerialsAsTheyAreAndIssuersWhereTold) {
  const Buffer ca = name("CA");
  const Buffer other = name("Other CA");
  CrlEncoder encoder({ca, kEcdsaSha256, unix_seconds(1700000000), unix_seconds(1700600000)});
  const std::vector<Buffer> serials = {hex("00"), hex("00ff"), hex("7f"), hex("ff"),
                                       Buffer(20, 0x11)};
  for (const Buffer& serial : serials) {
    EntryFields entry{serial, unix_seconds(1700000000), ReasonCode::kKeyCompromise, std::nullopt};
    if (serial == hex("7f")) {
      entry.certificate_issuer = other;
    }
    encoder.add(entry);
  }
  EXPECT_EQ(encoder.entry_count(), serials.size());
  CrlFacts facts = facts_of(1);
  facts.scope.indirect = true;
  encoder.finish_tbs(*make_extensions(facts));
  const Buffer der = to_buffer(encoder.finish(hex("3000")));
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl) << der::to_string(crl.error());
  EXPECT_TRUE(crl->defects.none());
  std::size_t at = 0;
  for_each_entry(*crl, [&](const AttributedEntry& entry) {
    EXPECT_TRUE(equal(entry.entry.serial, serials[at]));
    EXPECT_TRUE(equal(entry.certificate_issuer, at < 2 ? ca : other));
    ++at;
    return Walk::kContinue;
  });
  EXPECT_EQ(at, serials.size());
}

TEST(CrlEncoder, FitsAnyLengthOfTheList) {
  for (const std::size_t count : {0u, 1u, 5u, 8u, 13u, 3000u}) {  // lengths of one to three octets
    CrlEncoder encoder({name("CA"), kEcdsaSha256, unix_seconds(1700000000), std::nullopt});
    for (std::size_t i = 0; i < count; ++i) {
      encoder.add({hex("01"), unix_seconds(1700000000), std::nullopt, std::nullopt});
    }
    const Buffer tbs = to_buffer(encoder.finish_tbs({}));
    const Buffer der = to_buffer(encoder.finish(hex("3000")));
    const auto crl = parse_crl(der);
    ASSERT_TRUE(crl) << count << ": " << der::to_string(crl.error());
    EXPECT_EQ(crl->entry_count, count);
    EXPECT_TRUE(equal(crl->tbs_raw, tbs));
    EXPECT_TRUE(crl->defects.none());
  }
}

}  // namespace
}  // namespace muster::crl
