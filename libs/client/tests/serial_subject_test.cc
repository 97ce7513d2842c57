#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crl_check_fixture.h"
#include "muster/client/gather.h"
#include "muster/testing/response_builder.h"

// What is known of a serial number alone, from its CertID to the verdict: everything that a
// certificate would tell is absent, and absence is never taken for a fact.
namespace muster::client::test {
namespace {

using std::chrono::hours;
using testing::entry_for;

Subject serial_of(const Certificate& certificate) {
  return {ca().certificate, certificate.serial()};
}
Subject the_serial() { return serial_of(leaf().certificate); }

Buffer answer(ocsp::CertStatus status = ocsp::Good{}) {
  return testing::build_response(
      testing::standard_pki().ocsp_signer,
      {.entries = {entry_for(leaf().certificate, ca().certificate, std::move(status))}});
}

TEST(SerialSubject, TellsWhatItIsAndNothingElse) {
  const Subject serial = the_serial();
  EXPECT_EQ(serial.certificate(), nullptr);
  ASSERT_NE(serial.named_issuer(), nullptr);
  EXPECT_EQ(*serial.named_issuer(), ca().certificate);
  EXPECT_EQ(serial.text(), "serial " + leaf().certificate.serial().to_hex());
  EXPECT_EQ(serial.issuer_text(), ca().certificate.subject_text());
  EXPECT_TRUE(serial.facts().access.ocsp.empty());

  const Subject whole = leaf().certificate;
  ASSERT_NE(whole.certificate(), nullptr);
  EXPECT_EQ(whole.named_issuer(), nullptr);
  EXPECT_EQ(whole.serial(), serial.serial());
  EXPECT_EQ(whole.text(), leaf().certificate.subject_text());
  EXPECT_TRUE(equal(whole.issuer_name(), serial.issuer_name()));
}

TEST(SerialSubject, IsAskedAboutLikeItsCertificate) {
  EXPECT_EQ(build_request(the_serial(), ca().certificate, {}),
            build_request(leaf().certificate, ca().certificate, {}));
}

struct VerifyRow {
  std::string name;
  Subject subject;
  Certificate issuer;
  std::string outcome;
};

TEST(SerialSubject, AnswersAreBoundToIssuerAndSerial) {
  const testing::Identity other_ca = testing::issue(root(), testing::ca_spec("Other CA"));
  const std::vector<VerifyRow> rows = {
      {"the serial", the_serial(), ca().certificate, "good"},
      {"another serial", serial_of(testing::standard_pki().other_leaf.certificate),
       ca().certificate, "certid-mismatch"},
      {"the serial of another CA",
       {other_ca.certificate, leaf().certificate.serial()},
       other_ca.certificate,
       "signer-unauthorised"},
      {"an issuer of another name", the_serial(), other_ca.certificate, "signer-unauthorised"}};
  const Buffer response = answer();
  for (const VerifyRow& row : rows) {
    const auto verified =
        verify({response, row.subject, row.issuer, std::nullopt, {}}, {}, kTestNow);
    EXPECT_EQ(verified ? std::string(to_string(verified->status()))
                       : std::string(to_string(verified.error().code)),
              row.outcome)
        << row.name;
  }
}

TEST(SerialSubject, AnAnswerEndsWithItselfAndItsSigner) {
  testing::EntrySpec entry = entry_for(leaf().certificate, ca().certificate);
  entry.next_update = leaf().certificate.not_after() + hours(24);
  const Buffer response =
      testing::build_response(testing::standard_pki().ocsp_signer, {.entries = {entry}});
  const auto of_serial =
      verify({response, the_serial(), ca().certificate, std::nullopt, {}}, {}, kTestNow);
  ASSERT_TRUE(of_serial) << of_serial.error().detail;
  EXPECT_EQ(
      of_serial->effective_expiry(),
      std::min(*entry.next_update, testing::standard_pki().ocsp_signer.certificate.not_after()));
  EXPECT_EQ(of_serial->subject().certificate(), nullptr);
}

// ---- CRLs: what is listed in any part is revoked; good needs CRLs for everything
// -----------------

struct CrlRow {
  std::string name;
  std::vector<Buffer> crls;
  std::string outcome;
};

TEST(SerialSubject, CrlsForEverythingTellGoodAndPartsTellOnlyRevoked) {
  crl::IssuingDistributionPoint users, cas, part, some, attributes, named_as_issuer;
  users.only_user_certs = true;
  cas.only_ca_certs = true;
  attributes.only_attribute_certs = true;
  const Buffer point = uri("http://crl.test/part.crl");
  part.name = crl::PointName{{point}, std::nullopt};
  const Buffer issuer_name = directory(ca().certificate.subject());
  named_as_issuer.name = crl::PointName{{issuer_name}, std::nullopt};
  some.only_some_reasons = crl::ReasonSet{2};
  const CrlSpec listing{.entries = {entry_of(leaf().certificate)}};
  const std::vector<CrlRow> rows = {
      {"nothing", {}, "no-crl"},
      {"complete", {empty_crl(ca())}, "good"},
      {"complete, listed", {crl_revoking(ca(), leaf().certificate)}, "revoked"},
      {"of another issuer", {empty_crl(root())}, "no-crl"},
      {"users only", {scoped_crl(users)}, "out-of-scope"},
      {"users only, listed", {scoped_crl(users, listing)}, "revoked"},
      {"CAs only", {scoped_crl(cas)}, "out-of-scope"},
      {"both kinds do not add up to a good", {scoped_crl(users), scoped_crl(cas)}, "out-of-scope"},
      {"a point's", {scoped_crl(part)}, "out-of-scope"},
      {"a point's, listed", {scoped_crl(part, listing)}, "revoked"},
      {"named after the issuer", {scoped_crl(named_as_issuer)}, "out-of-scope"},
      {"some reasons", {scoped_crl(some)}, "reasons-not-covered"},
      {"attribute certificates have serials of their own",
       {scoped_crl(attributes, listing)},
       "out-of-scope"},
      {"a part beside the whole", {scoped_crl(part), empty_crl(ca())}, "good"}};
  for (const CrlRow& row : rows) {
    const std::vector<Bytes> views(row.crls.begin(), row.crls.end());
    const std::vector<Certificate> path = {ca().certificate, root().certificate};
    EXPECT_EQ(outcome(check_crls(the_serial(), path, {views, {}}, kTestNow)), row.outcome)
        << row.name;
  }
}

// ---- gathering and judging ----------------------------------------------------------------------

struct Judged {
  Case what;
  Verdict verdict;
  std::vector<std::string> asked;
  [[nodiscard]] bool has(std::string_view code) const {
    return std::any_of(verdict.findings.begin(), verdict.findings.end(),
                       [code](const Finding& f) { return f.code == code; });
  }
};

Judged judge_serial(const GatherOptions& options, const std::vector<Certificate>& roots,
                    const Buffer& body = answer()) {
  Material material(the_serial());
  material.roots = roots;
  std::vector<std::string> asked;
  const testing::FakeClock clock;
  Case what = gather(material, options, clock, [&](const net::FetchRequest& request) {
    asked.push_back(request.url);
    net::FetchResponse response;
    response.http_status = 200;
    response.body = body;
    return net::FetchResult(response);
  });
  Verdict verdict = judge(what, clock.now());
  return {std::move(what), std::move(verdict), std::move(asked)};
}

TEST(SerialSubject, IsAskedAtTheNamedUrlAndJudged) {
  GatherOptions options;
  options.live.urls = {"http://ocsp.test/"};
  const Judged good = judge_serial(options, {root().certificate});
  EXPECT_EQ(good.verdict.outcome, Outcome::kGood);
  EXPECT_TRUE(good.has("certificate-absent"));
  EXPECT_EQ(good.verdict.need, std::nullopt);
  EXPECT_EQ(good.verdict.must_staple, MustStaple::kNotExamined);
  EXPECT_EQ(good.what.chain, ChainState::kTrusted);
  EXPECT_EQ(good.asked.size(), 1u);

  const Judged revoked = judge_serial(options, {root().certificate},
                                      answer(ocsp::Revoked{kTestNow - hours(5), std::nullopt}));
  EXPECT_EQ(revoked.verdict.outcome, Outcome::kRevoked);
  const Judged unknown = judge_serial(options, {root().certificate}, answer(ocsp::Unknown{}));
  EXPECT_EQ(unknown.verdict.outcome, Outcome::kUnknown);
}

TEST(SerialSubject, NobodyIsAskedUnderAnIssuerThatLeadsToNothingTrusted) {
  GatherOptions options;
  options.live.urls = {"http://ocsp.test/"};
  const testing::Identity stranger = testing::make_self_signed(testing::ca_spec("Stranger"));
  const Judged run = judge_serial(options, {stranger.certificate});
  EXPECT_EQ(run.verdict.outcome, Outcome::kUndetermined);
  EXPECT_TRUE(run.has("chain-untrusted"));
  EXPECT_TRUE(run.asked.empty());
}

TEST(SerialSubject, WithoutUrlResponseOrCrlThereIsNothingToJudge) {
  const Judged run = judge_serial({}, {root().certificate});
  EXPECT_EQ(run.verdict.outcome, Outcome::kUndetermined);
  EXPECT_TRUE(run.has("nothing-to-judge"));
  EXPECT_TRUE(run.asked.empty());
}

TEST(SerialSubject, SavedResponsesAndCrlsCount) {
  GatherOptions saved;
  saved.saved = {{"saved.der", answer()}};
  EXPECT_EQ(judge_serial(saved, {ca().certificate}).verdict.outcome, Outcome::kGood);
  GatherOptions listed;
  listed.crls = {{"ca.crl", crl_revoking(ca(), leaf().certificate)}};
  EXPECT_EQ(judge_serial(listed, {root().certificate}).verdict.outcome, Outcome::kRevoked);
}

}  // namespace
}  // namespace muster::client::test
