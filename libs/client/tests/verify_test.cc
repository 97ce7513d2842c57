#include "muster/client/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/testing/response_builder.h"
#include "verify_steps.h"

namespace muster::client {
namespace {

using namespace muster::testing;
using std::chrono::hours;
using std::chrono::minutes;

const TestPki& P() { return standard_pki(); }

/// A question about the standard leaf, with defaults that a test changes.
struct Question {
  pki::Certificate certificate = P().leaf.certificate;
  pki::Certificate issuer = P().intermediate.certificate;
  std::optional<Buffer> nonce{};
  std::vector<pki::Certificate> extra{};
  VerifyPolicy policy{};
  UnixSeconds now = kTestNow;
};

Result<VerifiedResponse, VerifyError> ask(Bytes response, const Question& q = {}) {
  VerifyInput input{response, q.certificate, q.issuer, std::nullopt, q.extra};
  if (q.nonce) {
    input.nonce_sent = Bytes(*q.nonce);
  }
  return verify(input, q.policy, q.now);
}

EntrySpec leaf_entry(ocsp::CertStatus status = ocsp::Good{},
                     HashAlgorithm hash = HashAlgorithm::kSha256) {
  return entry_for(P().leaf.certificate, P().intermediate.certificate, status, hash);
}
ResponseSpec good_spec() { return {.entries = {leaf_entry()}}; }
Buffer good_response() { return build_response(P().ocsp_signer, good_spec()); }

std::string code(const Result<VerifiedResponse, VerifyError>& result) {
  return result ? "verified" : std::string(to_string(result.error().code));
}
std::string status(const Result<VerifiedResponse, VerifyError>& result) {
  return result ? std::string(to_string(result->status())) : "error: " + result.error().detail;
}

// ---- what is accepted
// ------------------------------------------------------------------------------------------

// req: OCSP-CLI-004 OCSP-CLI-005 OCSP-CLI-010
TEST(Verify, AcceptsADelegateOfTheIssuersKey) {
  const auto result = ask(good_response());
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->authority(), pki::Authority::kDelegate);
  EXPECT_EQ(result->signer(), P().ocsp_signer.certificate);
  EXPECT_FALSE(result->signer_needs_revocation_check());
  EXPECT_EQ(status(result), "good");
  EXPECT_EQ(result->this_update(), kTestNow - hours(1));
  EXPECT_EQ(result->next_update(), kTestNow + hours(24));
  EXPECT_EQ(result->matching_entries(), 1u);
  EXPECT_FALSE(result->nonce_matched());
}

// req: OCSP-CLI-004 OCSP-CLI-046
TEST(Verify, AcceptsTheIssuerItselfByKeyAndByNameWithItsCertificateOrWithout) {
  for (const ResponderIdAs as : {ResponderIdAs::kByKey, ResponderIdAs::kByName}) {
    for (const Certificates certificates : {Certificates::kSigner, Certificates::kNone}) {
      ResponseSpec spec = good_spec();
      spec.responder_id = as;
      spec.certificates = certificates;
      const auto result = ask(build_response(P().intermediate, spec));
      ASSERT_TRUE(result) << result.error().detail;
      EXPECT_EQ(result->authority(), pki::Authority::kIssuer);
    }
  }
}

// req: OCSP-CLI-046
TEST(Verify, AcceptsADelegateByName) {
  ResponseSpec spec = good_spec();
  spec.responder_id = ResponderIdAs::kByName;
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, spec))), "verified");
}

// req: OCSP-CLI-047
TEST(Verify, FindsADelegateAmongCertificatesAtHandWhenNoneIsSent) {
  ResponseSpec spec = good_spec();
  spec.certificates = Certificates::kNone;
  const Buffer response = build_response(P().ocsp_signer, spec);
  EXPECT_EQ(code(ask(response)), "signer-not-found");
  EXPECT_EQ(code(ask(response, {.extra = {P().ocsp_signer.certificate}})), "verified");
}

// req: OCSP-CLI-048
TEST(Verify, IsNotDisturbedByUnrelatedOrUnreadableCertificates) {
  ResponseSpec spec = good_spec();
  spec.certificates = Certificates::kNone;
  spec.extra_certificates = {
      Buffer{0x30, 0x03, 0x02, 0x01, 0x05}, to_buffer(P().root.certificate.der()),
      to_buffer(P().other_leaf.certificate.der()), to_buffer(P().ocsp_signer.certificate.der())};
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, spec))), "verified");
}

// req: OCSP-CLI-007
TEST(Verify, AcceptsALocallyTrustedSignerOnlyWhenDeclared) {
  const Identity outsider = make_self_signed(leaf_spec("own responder"));
  const Buffer response = build_response(outsider, good_spec());
  EXPECT_EQ(code(ask(response)), "signer-unauthorised");
  Question q;
  q.policy.trusted_responders = {outsider.certificate};
  const auto result = ask(response, q);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->authority(), pki::Authority::kLocallyTrusted);
}

// RFC 5280 section 6.1.3 (a)(4): the issuer's key signed its certificate, which names another one.
// req: OCSP-CLI-010
TEST(Verify, RefusesADelegateThatNamesAnotherIssuer) {
  CertificateSpec spec = ocsp_signer_spec();
  spec.issuer_name = make_name("Another CA");
  const auto result = ask(build_response(issue(P().intermediate, spec), good_spec()));
  ASSERT_FALSE(result);
  EXPECT_EQ(code(result), "signer-unauthorised");
  EXPECT_EQ(result.error().authority, pki::AuthorityErrc::kNotIssuedByIssuerKey);
}

// Where nobody is known to answer for, being signed by oneself is no authority.
TEST(FindSigner, WithoutAnIssuerOnlyDeclaredSignersMayAnswer) {
  const Identity outsider = make_self_signed(ocsp_signer_spec("outsider"));
  const Buffer response = build_response(outsider, good_spec());
  const auto basic = open_response(response, {});
  ASSERT_TRUE(basic);
  VerifyPolicy policy;
  const auto undeclared = find_signer(*basic, {nullptr, {}}, policy, kTestNow);
  ASSERT_FALSE(undeclared);
  EXPECT_EQ(undeclared.error().code, VerifyErrc::kSignerUnauthorised);
  policy.trusted_responders = {P().ocsp_signer.certificate};
  EXPECT_FALSE(find_signer(*basic, {nullptr, {}}, policy, kTestNow));
  policy.trusted_responders.push_back(outsider.certificate);
  EXPECT_TRUE(find_signer(*basic, {nullptr, {}}, policy, kTestNow));
}

// req: OCSP-CLI-018
TEST(Verify, TellsRevokedAndUnknownAsStatuses) {
  const ocsp::Revoked revoked{kTestNow - hours(48), ReasonCode::kKeyCompromise};
  const auto result = ask(build_response(P().ocsp_signer, {.entries = {leaf_entry(revoked)}}));
  ASSERT_TRUE(result);
  EXPECT_EQ(std::get<ocsp::Revoked>(result->status()).time, revoked.time);
  EXPECT_EQ(std::get<ocsp::Revoked>(result->status()).reason, ReasonCode::kKeyCompromise);
  EXPECT_EQ(
      status(ask(build_response(P().ocsp_signer, {.entries = {leaf_entry(ocsp::Unknown{})}}))),
      "unknown");
}

// req: OCSP-CLI-018
TEST(Verify, TakesHoldOf1970AsRevokedWithTheMarkerAndWithout) {
  for (const bool marker : {false, true}) {
    ResponseSpec spec{
        .entries = {leaf_entry(ocsp::Revoked{unix_seconds(0), ReasonCode::kCertificateHold})}};
    if (marker) {
      spec.extensions = {null_extension(oid::kOcspExtendedRevoked)};
    }
    EXPECT_EQ(status(ask(build_response(P().ocsp_signer, spec))), "revoked") << marker;
  }
}

// req: OCSP-CLI-024
TEST(Verify, IgnoresUnknownExtensionsThatAreNotCritical) {
  ResponseSpec spec = good_spec();
  spec.extensions = {unknown_extension(false)};
  spec.entries[0].extensions = {unknown_extension(false)};
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, spec))), "verified");
}

// req: OCSP-CLI-026
TEST(Verify, FindsTheWantedEntryBehindNineOthers) {
  ResponseSpec spec;
  for (int i = 0; i < 9; ++i) {
    spec.entries.push_back(entry_for(P().other_leaf.certificate, P().intermediate.certificate,
                                     ocsp::Revoked{kTestNow, {}}));
  }
  spec.entries.push_back(leaf_entry());
  EXPECT_EQ(status(ask(build_response(P().ocsp_signer, spec))), "good");
}

// req: OCSP-CLI-001
TEST(Verify, MatchesCertIdsUnderEveryHash) {
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    EXPECT_EQ(
        code(ask(build_response(P().ocsp_signer, {.entries = {leaf_entry(ocsp::Good{}, hash)}}))),
        "verified")
        << muster::to_string(hash);
  }
}

// req: OCSP-CLI-028
TEST(Verify, AcceptsEveryCommonSignatureAlgorithm) {
  struct Row {
    KeyKind key;
    SignAs as;
  };
  for (const Row& row :
       {Row{KeyKind::kRsa2048, SignAs::kSha256}, Row{KeyKind::kRsa2048, SignAs::kPssSha256},
        Row{KeyKind::kP256, SignAs::kAuto}, Row{KeyKind::kP384, SignAs::kAuto},
        Row{KeyKind::kP521, SignAs::kAuto}, Row{KeyKind::kEd25519, SignAs::kAuto},
        Row{KeyKind::kEd448, SignAs::kAuto}}) {
    CertificateSpec spec = ocsp_signer_spec();
    spec.use_key = cached_key(row.key);
    const Identity signer = issue(P().intermediate, spec);
    ResponseSpec response = good_spec();
    response.sign_as = row.as;
    EXPECT_EQ(code(ask(build_response(signer, response))), "verified") << static_cast<int>(row.key);
  }
}

// req: OCSP-CLI-029
TEST(Verify, AcceptsSha1OnlyBehindItsSwitch) {
  CertificateSpec spec = ocsp_signer_spec();
  spec.use_key = cached_key(KeyKind::kRsa2048);
  ResponseSpec response = good_spec();
  response.sign_as = SignAs::kSha1;
  const Buffer octets = build_response(issue(P().intermediate, spec), response);
  EXPECT_EQ(code(ask(octets)), "weak-signature");
  Question q;
  q.policy.algorithms.insecurely_allow_sha1 = true;
  EXPECT_EQ(code(ask(octets, q)), "verified");
}

// req: OCSP-CLI-009
TEST(Verify, AcceptsADelegateWhoseKeyUsageIsNonRepudiation) {
  CertificateSpec spec = ocsp_signer_spec();
  spec.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kNonRepudiation);
  EXPECT_EQ(code(ask(build_response(issue(P().intermediate, spec), good_spec()))), "verified");
}

// ---- times
// -----------------------------------------------------------------------------------------------------

// req: OCSP-CLI-012
TEST(Verify, GrantsThisUpdateTheSkewAndNoMore) {
  const Buffer response = good_response();
  const UnixSeconds this_update = kTestNow - hours(1);
  EXPECT_EQ(code(ask(response, {.now = this_update - Seconds(299)})), "verified");
  EXPECT_EQ(code(ask(response, {.now = this_update - Seconds(300)})), "verified");
  EXPECT_EQ(code(ask(response, {.now = this_update - Seconds(301)})), "response-not-yet-valid");
}

// req: OCSP-CLI-014
TEST(Verify, TakesNextUpdateItselfAsExpired) {
  const Buffer response = good_response();
  const UnixSeconds next_update = kTestNow + hours(24);
  for (const Seconds tolerance : {Seconds(0), Seconds(60), Seconds(86400)}) {
    Question q;
    q.policy.expiry_tolerance = tolerance;
    q.now = next_update + tolerance - Seconds(1);
    EXPECT_EQ(code(ask(response, q)), "verified") << tolerance.count();
    q.now = next_update + tolerance;
    EXPECT_EQ(code(ask(response, q)), "response-expired") << tolerance.count();
    q.now = next_update + tolerance + Seconds(1);
    EXPECT_EQ(code(ask(response, q)), "response-expired") << tolerance.count();
  }
}

// req: OCSP-CLI-013
TEST(Verify, EnforcesAMaximumAgeWhateverNextUpdateSays) {
  for (const std::optional<UnixSeconds> next :
       {std::optional(kTestNow + hours(24 * 365)), std::optional<UnixSeconds>()}) {
    ResponseSpec spec = good_spec();
    spec.entries[0].this_update = kTestNow - hours(48);
    spec.entries[0].next_update = next;
    Question q;
    q.policy.max_age_without_next_update = hours(1000);
    const Buffer response = build_response(P().ocsp_signer, spec);
    EXPECT_EQ(code(ask(response, q)), "verified");
    q.policy.max_age = hours(48);
    EXPECT_EQ(code(ask(response, q)), "verified");
    q.policy.max_age = hours(24);
    EXPECT_EQ(code(ask(response, q)), "response-too-old");
  }
}

// req: OCSP-CLI-015 OCSP-CLI-016
TEST(Verify, WithoutNextUpdateIsUsableForAWhileOrNotAtAll) {
  ResponseSpec spec = good_spec();
  spec.entries[0].next_update.reset();
  const Buffer response = build_response(P().ocsp_signer, spec);
  Question q;
  q.policy.max_age_without_next_update = hours(2);
  const auto result = ask(response, q);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->effective_expiry(), kTestNow + hours(1));
  q.now = kTestNow + hours(1) + Seconds(1);
  EXPECT_EQ(code(ask(response, q)), "response-too-old");
  q.now = kTestNow;
  q.policy.next_update = NextUpdatePolicy::kRequired;
  EXPECT_EQ(code(ask(response, q)), "next-update-missing");
}

// req: OCSP-CLI-017
TEST(Verify, DoesNotMindThisUpdateBehindProducedAt) {
  ResponseSpec spec = good_spec();
  spec.produced_at = kTestNow - hours(25);
  spec.entries[0].this_update = kTestNow - hours(1);
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, spec))), "verified");
}

TEST(Verify, RefusesAnAnswerMadeBeforeTheCertificateWasValid) {
  const UnixSeconds not_before = P().leaf.certificate.not_before();
  ResponseSpec spec = good_spec();
  spec.produced_at = not_before - hours(12);  // rounding is allowed for
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, spec))), "verified");
  spec.produced_at = not_before - hours(12) - Seconds(1);
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, spec))), "produced-before-certificate");
}

TEST(Verify, EffectiveExpiryIsTheEarliestOfAnswerSignerAndCertificate) {
  EXPECT_EQ(ask(good_response())->effective_expiry(), kTestNow + hours(24));
  CertificateSpec spec = ocsp_signer_spec();
  spec.not_after = kTestNow + hours(3);
  EXPECT_EQ(ask(build_response(issue(P().intermediate, spec), good_spec()))->effective_expiry(),
            kTestNow + hours(3));
  CertificateSpec leaf = leaf_spec();
  leaf.not_after = kTestNow + hours(2);
  const Identity short_leaf = issue(P().intermediate, leaf);
  Question q;
  q.certificate = short_leaf.certificate;
  EXPECT_EQ(ask(build_good_response(P().ocsp_signer, short_leaf.certificate,
                                    P().intermediate.certificate),
                q)
                ->effective_expiry(),
            kTestNow + hours(2));
}

TEST(Verify, TellsWhatAnExpiredAnswerClaimed) {
  const Buffer response =
      build_response(P().ocsp_signer,
                     {.entries = {leaf_entry(ocsp::Revoked{kTestNow - hours(48), std::nullopt})}});
  const auto result = ask(response, {.now = kTestNow + hours(25)});
  ASSERT_EQ(code(result), "response-expired");
  ASSERT_TRUE(result.error().claim);
  EXPECT_EQ(to_string(result.error().claim->status), "revoked");
  EXPECT_EQ(result.error().claim->next_update, kTestNow + hours(24));
  EXPECT_THAT(result.error().detail, ::testing::HasSubstr("1h ago"));
}

// ---- several entries (decision 015)
// ----------------------------------------------------------------------------

// req: OCSP-CLI-027
TEST(Verify, TakesTheMostSevereOfSeveralCurrentEntries) {
  const EntrySpec good = leaf_entry(), unknown = leaf_entry(ocsp::Unknown{}),
                  revoked = leaf_entry(ocsp::Revoked{kTestNow - hours(48), std::nullopt});
  const auto ask_all = [](std::vector<EntrySpec> entries) {
    return status(ask(build_response(P().ocsp_signer, {.entries = std::move(entries)})));
  };
  EXPECT_EQ(ask_all({good, revoked, unknown}), "revoked");
  EXPECT_EQ(ask_all({revoked, good}), "revoked");
  EXPECT_EQ(ask_all({good, unknown}), "unknown");
  EXPECT_EQ(ask_all({unknown, good}), "unknown");
}

// req: OCSP-CLI-027
TEST(Verify, TakesTheNewestOfEqualEntriesAndCountsThem) {
  EntrySpec older = leaf_entry(), newer = leaf_entry(ocsp::Good{}, HashAlgorithm::kSha1);
  older.this_update = kTestNow - hours(3);
  newer.this_update = kTestNow - hours(2);
  for (const auto& entries : {std::vector{older, newer}, std::vector{newer, older}}) {
    const auto result = ask(build_response(P().ocsp_signer, {.entries = entries}));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->this_update(), newer.this_update);
    EXPECT_EQ(result->matching_entries(), 2u);
  }
}

// req: OCSP-CLI-027
TEST(Verify, PassesOverEntriesThatAreNotCurrent) {
  EntrySpec expired =
      leaf_entry(ocsp::Revoked{kTestNow - hours(480), ReasonCode::kCertificateHold});
  expired.this_update = kTestNow - hours(400);
  expired.next_update = kTestNow - hours(300);
  EXPECT_EQ(status(ask(build_response(P().ocsp_signer, {.entries = {expired, leaf_entry()}}))),
            "good");
  EntrySpec future = leaf_entry();
  future.this_update = kTestNow + hours(1);
  future.next_update = kTestNow + hours(2);
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, {.entries = {expired, future}}))),
            "response-not-yet-valid")
      << "the newest tells why";
}

// req: OCSP-CLI-008
TEST(Verify, TakesOnlyTheEntryOfTheIssuerThatTheSignerSpeaksFor) {
  const Identity foreign_ca = make_self_signed(ca_spec("Foreign CA"));
  const Identity foreign_leaf = issue(foreign_ca, leaf_spec("foreign.example"));
  const Buffer response = build_response(
      P().ocsp_signer,
      {.entries = {entry_for(foreign_leaf.certificate, foreign_ca.certificate), leaf_entry()}});
  EXPECT_EQ(code(ask(response)), "verified");
  Question q;
  q.certificate = foreign_leaf.certificate;
  q.issuer = foreign_ca.certificate;
  EXPECT_EQ(code(ask(response, q)), "signer-unauthorised");
}

// ---- nonce
// -----------------------------------------------------------------------------------------------------

// req: OCSP-CLI-041 OCSP-CLI-042 OCSP-CLI-043
TEST(Verify, JudgesTheNonce) {
  const Buffer nonce(32, 0x5a), other(32, 0xa5);
  ResponseSpec with = good_spec(), without = good_spec(), altered = good_spec();
  with.nonce = nonce;
  altered.nonce = other;
  Question asked, not_asked, required;
  asked.nonce = required.nonce = nonce;
  required.policy.nonce = NonceNeed::kRequired;
  const auto result = ask(build_response(P().ocsp_signer, with), asked);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->nonce_matched());
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, without), asked)), "verified");
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, without), required)), "nonce-missing");
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, altered), asked)), "nonce-mismatch");
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, altered), required)), "nonce-mismatch");
  EXPECT_EQ(code(ask(build_response(P().ocsp_signer, altered), not_asked)), "verified")
      << "a stray nonce is ignored";
}

TEST(Verify, TellsTheArchiveCutoff) {
  ResponseSpec spec = good_spec();
  spec.entries[0].extensions = {{to_buffer(oid::kOcspArchiveCutoff), false,
                                 ocsp::encode_archive_cutoff(kTestNow - hours(9))}};
  const auto result = ask(build_response(P().ocsp_signer, spec));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->archive_cutoff(), kTestNow - hours(9));
}

TEST(Verify, AsksForARevocationCheckOfDelegatesWithoutNoCheck) {
  CertificateSpec spec = ocsp_signer_spec();
  spec.no_check = false;
  const auto result = ask(build_response(issue(P().intermediate, spec), good_spec()));
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->signer_needs_revocation_check());
}

}  // namespace
}  // namespace muster::client
