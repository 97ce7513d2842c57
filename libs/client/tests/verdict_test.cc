#include "muster/client/verdict.h"

#include <set>

#include "evidence_builder.h"

namespace muster::client {
namespace {

using namespace evidence_testing;

/// The responder says that it cannot.
Evidence refused(Channel channel = Channel::kLive) {
  return failed(channel, LiveErrc::kResponderError, VerifyErrc::kResponseStatus,
                ocsp::ResponseStatus::kTryLater);
}
Verdict decide(std::vector<Evidence> evidence, const pki::Certificate& leaf = plain(),
               bool handshake = false, UnixSeconds now = kTestNow) {
  Case what(leaf);
  what.issuer = P().intermediate.certificate;
  what.staple_offered = handshake;
  what.evidence = std::move(evidence);
  return judge(what, now);
}

// req: OCSP-CLI-060
TEST(Judge, TellsEachOutcomeFromTheOthers) {
  EXPECT_EQ(decide({verified(Channel::kLive, ocsp::Good{})}).outcome, Outcome::kGood);
  EXPECT_EQ(decide({verified(Channel::kLive, kRevoked)}).outcome, Outcome::kRevoked);
  EXPECT_EQ(decide({verified(Channel::kLive, ocsp::Unknown{})}).outcome, Outcome::kUnknown);
  EXPECT_EQ(decide({silent()}).outcome, Outcome::kUndetermined);
  EXPECT_EQ(decide({refused()}).outcome, Outcome::kUndetermined);
  EXPECT_EQ(decide({{Channel::kLive, "x", Silence::kPrivacy}}).outcome, Outcome::kUndetermined);
  EXPECT_EQ(decide({}).outcome, Outcome::kUndetermined);
}

// req: OCSP-CLI-060
TEST(Judge, NoUnacceptableAnswerIsEverGood) {
  for (int code = 0; code <= static_cast<int>(VerifyErrc::kProducedBeforeCertificate); ++code) {
    const auto errc = static_cast<VerifyErrc>(code);
    if (errc == VerifyErrc::kResponseStatus) {
      continue;
    }
    for (const Channel channel : {Channel::kStapled, Channel::kLive, Channel::kSaved}) {
      const Verdict alone = decide({unacceptable(channel, errc)});
      EXPECT_EQ(alone.outcome, Outcome::kUnacceptable) << to_string(errc);
      EXPECT_TRUE(has(alone, to_string(errc)));
      EXPECT_EQ(
          decide({unacceptable(channel, errc), verified(Channel::kLive, ocsp::Good{})}).outcome,
          Outcome::kUnacceptable);
      EXPECT_EQ(decide({unacceptable(channel, errc), verified(Channel::kLive, kRevoked)}).outcome,
                Outcome::kRevoked);
    }
  }
}

// req: OCSP-CLI-018
TEST(Judge, RevokedFromAnySourceWinsAndDisagreementIsTold) {
  for (const auto& evidence :
       {std::vector{verified(Channel::kStapled, ocsp::Good{}), verified(Channel::kLive, kRevoked)},
        std::vector{verified(Channel::kStapled, kRevoked),
                    verified(Channel::kLive, ocsp::Good{})}}) {
    const Verdict verdict = decide(evidence);
    EXPECT_EQ(verdict.outcome, Outcome::kRevoked);
    EXPECT_TRUE(has(verdict, "sources-disagree"));
    EXPECT_TRUE(std::holds_alternative<ocsp::Revoked>(*verdict.status));
  }
  EXPECT_FALSE(
      has(decide({verified(Channel::kLive, kRevoked), verified(Channel::kStapled, kRevoked)}),
          "sources-disagree"));
}

// A copy that counted is told; the silence of its responder is a warning of its own.
TEST(Judge, TellsOfCopiesThatCounted) {
  Evidence copy = verified(Channel::kLive, ocsp::Good{});
  copy.kept_since = kTestNow - hours(2);
  const Verdict fresh = decide({copy});
  EXPECT_EQ(fresh.outcome, Outcome::kGood);
  ASSERT_TRUE(has(fresh, "answer-from-cache"));
  EXPECT_THAT(fresh.findings.front().detail,
              ::testing::HasSubstr(format_iso8601(kTestNow - hours(2))));
  EXPECT_EQ(decide({silent(), copy}).outcome, Outcome::kWarning);
  EXPECT_EQ(decide({refused(), copy}).outcome, Outcome::kWarning);
}

// req: OCSP-CLI-018
TEST(Judge, UnknownLetsAnotherSourceTell) {
  const Verdict verdict =
      decide({verified(Channel::kLive, ocsp::Unknown{}), crl_says(ocsp::Good{})});
  EXPECT_EQ(verdict.outcome, Outcome::kWarning);
  EXPECT_TRUE(has(verdict, "sources-disagree"));
  EXPECT_EQ(decide({verified(Channel::kLive, ocsp::Unknown{}), silent(Channel::kLive)}).outcome,
            Outcome::kUnknown);
  EXPECT_EQ(decide({verified(Channel::kLive, ocsp::Unknown{}),
                    {Channel::kCrl, "c", CrlAnswer{kRevoked, kTestNow, std::nullopt}}})
                .outcome,
            Outcome::kRevoked);
}

TEST(Judge, AResponderOutageBehindAFreshStapleIsAWarningOnly) {
  const Verdict verdict =
      decide({verified(Channel::kStapled, ocsp::Good{}), silent()}, plain(), true);
  EXPECT_EQ(verdict.outcome, Outcome::kWarning);
  EXPECT_TRUE(has(verdict, "transport-error"));
}

TEST(Judge, AStapledErrorAnswerIsUnacceptable) {
  EXPECT_EQ(
      decide({refused(Channel::kStapled), verified(Channel::kLive, ocsp::Good{})}, plain(), true)
          .outcome,
      Outcome::kUnacceptable);
}

TEST(Judge, AnExpiredAnswerThatSaysRevokedIsToldButIsNoEvidence) {
  Evidence expired = unacceptable(Channel::kStapled, VerifyErrc::kExpired);
  std::get<LiveFailure>(expired.content).verify->claim =
      StaleClaim{kRevoked, kTestNow - hours(50), kTestNow - hours(1)};
  const Verdict verdict = decide({expired});
  EXPECT_EQ(verdict.outcome, Outcome::kUnacceptable);
  EXPECT_TRUE(has(verdict, "expired-but-revoked"));
  EXPECT_FALSE(verdict.status);
}

// req: OCSP-CLI-065 OCSP-CLI-067
TEST(Judge, MustStapleIsMetOnlyByAnAcceptableStaple) {
  const Verdict met =
      decide({verified(Channel::kStapled, ocsp::Good{}, must_staple())}, must_staple(), true);
  EXPECT_EQ(met.outcome, Outcome::kGood);
  EXPECT_EQ(met.must_staple, MustStaple::kMet);
  const Evidence absent{Channel::kStapled, "handshake", Silence::kNoStaple};
  const Verdict unmet = decide({absent}, must_staple(), true);
  EXPECT_EQ(unmet.outcome, Outcome::kUnacceptable);
  EXPECT_EQ(unmet.must_staple, MustStaple::kUnmet);
  const Verdict compensated =
      decide({absent, verified(Channel::kLive, ocsp::Good{}, must_staple())}, must_staple(), true);
  EXPECT_EQ(compensated.outcome, Outcome::kWarning)
      << "compensated by a live answer, but never plainly good";
  EXPECT_TRUE(has(compensated, "must-staple-unmet"));
  EXPECT_EQ(decide({unacceptable(Channel::kStapled, VerifyErrc::kExpired)}, must_staple(), true)
                .must_staple,
            MustStaple::kUnmet);
  const Verdict file =
      decide({verified(Channel::kLive, ocsp::Good{}, must_staple())}, must_staple(), false);
  EXPECT_EQ(file.outcome, Outcome::kGood);
  EXPECT_EQ(file.must_staple, MustStaple::kNotExamined) << "nothing was offered in a file";
  EXPECT_EQ(decide({absent, verified(Channel::kLive, ocsp::Good{})}, plain(), true).must_staple,
            MustStaple::kNotDemanded);
}

// req: OCSP-CLI-019
TEST(Judge, GoodHealsNoOtherFault) {
  const auto expired = leaf_with([](CertificateSpec& s) { s.not_after = kTestNow - Seconds(1); });
  const auto early = leaf_with([](CertificateSpec& s) { s.not_before = kTestNow + Seconds(1); });
  for (const auto& [leaf, code] :
       {std::pair(expired, "certificate-expired"), std::pair(early, "certificate-not-yet-valid")}) {
    const Verdict verdict = decide({verified(Channel::kLive, ocsp::Good{}, leaf)}, leaf);
    EXPECT_EQ(verdict.outcome, Outcome::kUndetermined) << code;
    EXPECT_TRUE(has(verdict, code));
  }
  Case untrusted(plain());
  untrusted.issuer = P().intermediate.certificate;
  untrusted.chain = ChainState::kUntrusted;
  untrusted.evidence = {verified(Channel::kStapled, ocsp::Good{})};
  EXPECT_EQ(judge(untrusted, kTestNow).outcome, Outcome::kUndetermined);
}

TEST(Judge, AnotherNameThanAskedForIsNeverGood) {
  Case what(plain());
  what.issuer = P().intermediate.certificate;
  what.not_named = "other.example";
  what.evidence = {verified(Channel::kStapled, ocsp::Good{})};
  const Verdict verdict = judge(what, kTestNow);
  EXPECT_EQ(verdict.outcome, Outcome::kUndetermined);
  EXPECT_TRUE(has(verdict, "name-mismatch"));
}

// req: OCSP-CLI-066
TEST(Judge, AMissingInheritedFeatureSpoilsTheChain) {
  Case what(plain());
  what.issuer = P().intermediate.certificate;
  what.lacks_feature = plain();
  what.evidence = {verified(Channel::kLive, ocsp::Good{})};
  const Verdict verdict = judge(what, kTestNow);
  EXPECT_EQ(verdict.outcome, Outcome::kUndetermined);
  EXPECT_TRUE(has(verdict, "feature-not-inherited"));
}

// req: OCSP-CLI-062 OCSP-CLI-063 OCSP-CLI-064
TEST(Judge, ClassifiesCertificatesWithoutSourcesInsteadOfNagging) {
  const auto no_rev = leaf_with([](CertificateSpec& s) {
    s.ocsp_uris.clear();
    s.no_rev_avail = true;
  });
  const auto contradictory = leaf_with([](CertificateSpec& s) { s.no_rev_avail = true; });
  const auto brief = leaf_with([](CertificateSpec& s) {
    s.ocsp_uris.clear();
    s.not_before = kTestNow - hours(24);
    s.not_after = kTestNow + hours(48);
  });
  const auto bare = leaf_with([](CertificateSpec& s) { s.ocsp_uris.clear(); });
  EXPECT_EQ(decide({}, no_rev).outcome, Outcome::kNotNeeded);
  EXPECT_EQ(decide({}, brief).outcome, Outcome::kNotNeeded);
  EXPECT_TRUE(has(decide({}, brief), "short-lived"));
  EXPECT_EQ(decide({}, bare).outcome, Outcome::kUndetermined);
  EXPECT_TRUE(has(decide({}, bare), "no-revocation-pointers"));
  const Verdict invalid =
      decide({verified(Channel::kLive, ocsp::Good{}, contradictory)}, contradictory);
  EXPECT_EQ(invalid.outcome, Outcome::kUndetermined);
  EXPECT_TRUE(has(invalid, "no-revocation-available-invalid"));
  EXPECT_EQ(decide({silent()}, brief).outcome, Outcome::kUndetermined)
      << "a source that was asked in vain is told";
}

TEST(Judge, WarnsOfLateRefreshes) {
  const auto at = [](Channel channel, Seconds age) {
    const auto kept = response(plain(), ocsp::Good{}, kTestNow - hours(1) + age);
    return decide({{channel, "x", *kept}}, plain(), channel == Channel::kStapled,
                  kTestNow - hours(1) + age)
        .outcome;
  };
  EXPECT_EQ(at(Channel::kStapled, hours(60)), Outcome::kGood) << "due is not late";
  EXPECT_EQ(at(Channel::kStapled, hours(70)), Outcome::kWarning);
  EXPECT_EQ(at(Channel::kLive, hours(70)), Outcome::kGood)
      << "responders may hand out what they signed earlier";
  EXPECT_EQ(at(Channel::kLive, hours(95)), Outcome::kWarning);
}

// req: OCSP-CLI-061
TEST(Judge, TellsTheArchiveCutoffOfExpiredCertificates) {
  const auto expired = leaf_with([](CertificateSpec& s) { s.not_after = kTestNow - hours(5); });
  EntrySpec entry = entry_for(expired, P().intermediate.certificate);
  entry.extensions = {{to_buffer(oid::kOcspArchiveCutoff), false,
                       ocsp::encode_archive_cutoff(kTestNow - hours(9))}};
  const auto kept = verify({build_response(P().ocsp_signer, {.entries = {entry}}),
                            expired,
                            P().intermediate.certificate,
                            std::nullopt,
                            {}},
                           {}, kTestNow);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(has(decide({{Channel::kLive, "x", *kept}}, expired), "archive-cutoff"));
  // On the other side: expired before the cutoff, so that good says nothing. Both are told.
  entry.extensions.front().value = ocsp::encode_archive_cutoff(kTestNow - hours(3));
  const auto gone = verify({build_response(P().ocsp_signer, {.entries = {entry}}),
                            expired,
                            P().intermediate.certificate,
                            std::nullopt,
                            {}},
                           {}, kTestNow);
  ASSERT_TRUE(gone);
  const Verdict told = decide({{Channel::kLive, "x", *gone}}, expired);
  const auto finding =
      std::find_if(told.findings.begin(), told.findings.end(),
                   [](const Finding& one) { return one.code == "archive-cutoff"; });
  ASSERT_NE(finding, told.findings.end());
  EXPECT_EQ(finding->detail, format_iso8601(kTestNow - hours(3)));
  const auto alive = leaf_with([](CertificateSpec&) {});
  EntrySpec of_alive = entry_for(alive, P().intermediate.certificate);
  of_alive.extensions = entry.extensions;
  const auto live = verify({build_response(P().ocsp_signer, {.entries = {of_alive}}),
                            alive,
                            P().intermediate.certificate,
                            std::nullopt,
                            {}},
                           {}, kTestNow);
  ASSERT_TRUE(live);
  EXPECT_FALSE(has(decide({{Channel::kLive, "x", *live}}, alive), "archive-cutoff"))
      << "it says nothing of a certificate that has not expired";
}

TEST(Outcomes, HaveTheDocumentedExitCodesAndOrder) {
  EXPECT_EQ(exit_code(Outcome::kGood), 0);
  EXPECT_EQ(exit_code(Outcome::kNotNeeded), 0);
  EXPECT_EQ(exit_code(Outcome::kRevoked), 1);
  EXPECT_EQ(exit_code(Outcome::kUnknown), 2);
  EXPECT_EQ(exit_code(Outcome::kUndetermined), 3);
  EXPECT_EQ(exit_code(Outcome::kUnacceptable), 4);
  EXPECT_EQ(exit_code(Outcome::kWarning), 5);
  EXPECT_EQ(exit_code(Outcome::kUnreadable), 66);
  EXPECT_LT(Outcome::kGood, Outcome::kWarning);
  EXPECT_LT(Outcome::kWarning, Outcome::kUndetermined);
  EXPECT_LT(Outcome::kUndetermined, Outcome::kUnreadable);
  EXPECT_LT(Outcome::kUnreadable, Outcome::kUnknown);
  EXPECT_LT(Outcome::kUnknown, Outcome::kUnacceptable);
  EXPECT_LT(Outcome::kUnacceptable, Outcome::kRevoked);
}

TEST(Reasons, ExistForEveryCodeAndAreUnique) {
  std::set<std::string_view> codes;
  for (const Reason& reason : all_reasons()) {
    EXPECT_TRUE(codes.insert(reason.code).second) << reason.code;
    EXPECT_FALSE(reason.what.empty() || reason.why.empty() || reason.fix.empty()) << reason.code;
  }
  for (int code = 0; code <= static_cast<int>(VerifyErrc::kProducedBeforeCertificate); ++code) {
    EXPECT_TRUE(find_reason(to_string(static_cast<VerifyErrc>(code))))
        << to_string(static_cast<VerifyErrc>(code));
  }
  for (const Silence silence :
       {Silence::kNoStaple, Silence::kNotNamed, Silence::kPrivacy, Silence::kCertificateExpired,
        Silence::kNoIssuer, Silence::kUntrusted}) {
    EXPECT_TRUE(find_reason(to_string(silence))) << to_string(silence);
  }
  EXPECT_TRUE(find_reason(to_string(LiveErrc::kTransport)));
}

TEST(Facts, AreTheRulesUpToTheBrokenOne) {
  const Facts good = facts_of(verified(Channel::kLive, ocsp::Good{}));
  EXPECT_EQ(good.transport, Fact::kHolds);
  EXPECT_EQ(good.times, Fact::kHolds);
  EXPECT_EQ(good.nonce, Fact::kNotReached) << "none was sent";
  EXPECT_TRUE(good.cert_status);
  const Facts bad = facts_of(unacceptable(Channel::kLive, VerifyErrc::kBadSignature));
  EXPECT_EQ(bad.authority, Fact::kHolds);
  EXPECT_EQ(bad.signature, Fact::kFails);
  EXPECT_EQ(bad.certid_match, Fact::kNotReached);
  EXPECT_FALSE(bad.cert_status);
  const Facts late = facts_of(unacceptable(Channel::kLive, VerifyErrc::kExpired));
  EXPECT_EQ(late.certid_match, Fact::kHolds);
  EXPECT_EQ(late.times, Fact::kFails);
  EXPECT_EQ(facts_of(silent()).transport, Fact::kFails);
  EXPECT_EQ(facts_of({Channel::kStapled, "x", Silence::kNoStaple}).transport, Fact::kNotReached);
}

}  // namespace
}  // namespace muster::client
