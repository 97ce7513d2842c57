#include "gather_world.h"

namespace muster::client {
namespace {

using namespace gather_testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// req: OCSP-CLI-033
TEST(Gather, AsksTheResponderThatTheCertificateNames) {
  World world;
  const pki::Certificate leaf =
      make_leaf([](CertificateSpec& s) { s.ca_issuers_uris = {"http://issuer.test/ca.der"}; });
  world.answer(kOcsp, answer_about(leaf));
  const Checked run = check(world, Material(leaf));
  EXPECT_EQ(run.verdict.outcome, Outcome::kGood);
  EXPECT_THAT(world.hosts(), ElementsAre("ocsp.test"));
}

// req: OCSP-CLI-050
TEST(Gather, AsksNobodyAboutACertificateWhoseIssuerDidNotSignIt) {
  World world;
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) { s.break_signature = true; });
  const Checked run = check(world, Material(leaf));
  EXPECT_EQ(run.verdict.outcome, Outcome::kUndetermined);
  EXPECT_TRUE(has(run.verdict, "issuer-missing"));
  EXPECT_THAT(world.asked, IsEmpty());
}

// req: OCSP-CLI-050 OCSP-CLI-019
TEST(Gather, AsksNobodyAboutACertificateWithoutPathToTheGivenRoots) {
  World world;
  const pki::Certificate leaf = make_leaf();
  world.answer(kOcsp, answer_about(leaf));
  Material material(leaf);
  material.roots = {make_self_signed(ca_spec("Other root")).certificate};
  const Checked run = check(world, std::move(material));
  EXPECT_EQ(run.verdict.outcome, Outcome::kUndetermined);
  EXPECT_TRUE(has(run.verdict, "chain-untrusted"));
  EXPECT_THAT(world.asked, IsEmpty());
  Material trusted(leaf);
  trusted.roots = {P().root.certificate};
  EXPECT_EQ(check(world, std::move(trusted)).verdict.outcome, Outcome::kGood);
}

// A system without ca-certificates has no anchors at all.
TEST(Gather, TrustsNothingWhereNothingIsTrusted) {
  World world;
  const pki::Certificate leaf = make_leaf();
  world.answer(kOcsp, answer_about(leaf));
  Material material(leaf);
  material.roots.emplace();
  const Checked run = check(world, std::move(material));
  EXPECT_EQ(run.verdict.outcome, Outcome::kUndetermined);
  EXPECT_TRUE(has(run.verdict, "chain-untrusted"));
}

// req: OCSP-CLI-051
TEST(Gather, AsksNobodyAboutAnExpiredCertificateUnlessTold) {
  World world;
  const pki::Certificate leaf =
      make_leaf([](CertificateSpec& s) { s.not_after = kTestNow - hours(1); });
  world.answer(kOcsp, answer_about(leaf));
  const Checked run = check(world, Material(leaf));
  EXPECT_THAT(world.asked, IsEmpty());
  EXPECT_EQ(run.verdict.outcome, Outcome::kUndetermined);
  EXPECT_TRUE(has(run.verdict, "certificate-expired"));
  GatherOptions options;
  options.ask_expired = true;
  EXPECT_EQ(check(world, Material(leaf), options).verdict.outcome, Outcome::kUndetermined)
      << "good does not heal expiry";
  EXPECT_THAT(world.hosts(), ElementsAre("ocsp.test"));
  world.answer(kOcsp, answer_about(leaf, ocsp::Revoked{kTestNow - hours(90), std::nullopt}));
  EXPECT_EQ(check(world, Material(leaf), options).verdict.outcome, Outcome::kRevoked);
}

// req: OCSP-CLI-062
TEST(Gather, AsksNobodyWhenThereIsNoRevocationToAskFor) {
  World world;
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) {
    s.ocsp_uris.clear();
    s.no_rev_avail = true;
  });
  GatherOptions options;
  options.live.urls = {kOcsp};
  const Checked run = check(world, Material(leaf), options);
  EXPECT_EQ(run.verdict.outcome, Outcome::kNotNeeded);
  EXPECT_TRUE(has(run.verdict, "no-revocation-available"));
  EXPECT_THAT(world.asked, IsEmpty());
}

TEST(Gather, KeepsPublicSourcesUnaskedUnlessOnline) {
  World world;
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) {
    s.ocsp_uris = {"http://ocsp.example.com/"};
    s.crl_uris = {"http://crl.example.com/a"};
  });
  world.answer("http://ocsp.example.com/", answer_about(leaf));
  const Checked run = check(world, Material(leaf));
  EXPECT_EQ(run.verdict.outcome, Outcome::kUndetermined);
  EXPECT_TRUE(has(run.verdict, "not-asked-privacy"));
  EXPECT_THAT(world.asked, IsEmpty());
  GatherOptions online;
  online.reach = Reach::kAnywhere;
  EXPECT_EQ(check(world, Material(leaf), online).verdict.outcome, Outcome::kGood);
  GatherOptions named;
  named.live.urls = {"http://ocsp.example.com/"};
  EXPECT_EQ(check(world, Material(leaf), named).verdict.outcome, Outcome::kGood)
      << "the user named it himself";
}

TEST(Gather, OfflineAsksNobody) {
  World world;
  GatherOptions options;
  options.skip_live = true;
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) { s.crl_uris = {kCrl}; });
  options.saved = {{"saved.der", answer_about(leaf)}};
  EXPECT_EQ(check(world, Material(leaf), options).verdict.outcome, Outcome::kGood);
  EXPECT_THAT(world.asked, IsEmpty());
}

TEST(Gather, FetchesTheIssuerFromCaIssuersWithinReach) {
  World world;
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) {
    s.ca_issuers_uris = {"http://dead.test/", "http://issuer.test/ca.der"};
  });
  world.answer("http://issuer.test/", to_buffer(P().intermediate.certificate.der()));
  world.answer(kOcsp, answer_about(leaf));
  const Checked run = check(world, Material(leaf), {}, false);
  EXPECT_EQ(run.verdict.outcome, Outcome::kGood);
  EXPECT_EQ(run.what.issuer, P().intermediate.certificate);
  EXPECT_THAT(world.hosts(), ElementsAre("dead.test", "issuer.test", "ocsp.test"));
}

TEST(Gather, SaysWhatToDoWithoutIssuer) {
  World world;
  const Checked run = check(world, Material(make_leaf()), {}, false);
  EXPECT_EQ(run.verdict.outcome, Outcome::kUndetermined);
  ASSERT_TRUE(has(run.verdict, "issuer-missing"));
  EXPECT_THAT(std::string(find_reason("issuer-missing")->fix), ::testing::HasSubstr("--issuer"));
}

TEST(Gather, NamesTheIssuerThatIsMissingAndWhoIsAtHandInstead) {
  World world;
  const pki::Certificate leaf = make_leaf();
  const pki::Certificate stranger = make_self_signed(ca_spec("Other root")).certificate;
  const std::string wanted = "issued by " + P().intermediate.certificate.subject_text();
  const std::string instead =
      wanted + "; at hand, but not shown to be it: " + stranger.subject_text();
  const std::string two = instead + ", " + stranger.subject_text();
  struct Row {
    std::vector<pki::Certificate> others;
    std::string detail;
  };
  const Row rows[] = {
      {{}, wanted},
      {{leaf}, wanted},
      {{leaf, stranger}, instead},
      {{stranger, stranger, stranger, stranger},
       two + ", " + stranger.subject_text() + ", and more"},
  };
  for (const Row& row : rows) {
    Material material(leaf);
    material.others = row.others;
    const Checked run = check(world, std::move(material), {}, false);
    ASSERT_TRUE(has(run.verdict, "issuer-missing"));
    for (const Finding& finding : run.verdict.findings) {
      if (finding.code == "issuer-missing") {
        EXPECT_EQ(finding.detail, row.detail);
      }
    }
  }
}

// req: OCSP-CLI-049
TEST(Gather, AsksOcspFirstAndCrlsOnlyWhenItTellsNothing) {
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) { s.crl_uris = {kCrl}; });
  World answered;
  answered.answer(kOcsp, answer_about(leaf));
  answered.answer(kCrl, crl_with({}));
  EXPECT_EQ(check(answered, Material(leaf)).verdict.outcome, Outcome::kGood);
  EXPECT_THAT(answered.hosts(), ElementsAre("ocsp.test"));
  World silent;
  silent.answer(kCrl, crl_with({}));
  const Checked run = check(silent, Material(leaf));
  EXPECT_THAT(silent.hosts(), ElementsAre("ocsp.test", "crl.test"));
  EXPECT_EQ(run.verdict.outcome, Outcome::kWarning)
      << "good by CRL, but the responder did not answer";
  ASSERT_NE(find(run.what, Channel::kCrl), nullptr);
  EXPECT_TRUE(std::holds_alternative<CrlAnswer>(find(run.what, Channel::kCrl)->content));
}

// req: OCSP-CLI-018
TEST(Gather, LooksIntoCrlsAfterUnknown) {
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) { s.crl_uris = {kCrl}; });
  World world;
  world.answer(kOcsp, answer_about(leaf, ocsp::Unknown{}));
  world.answer(kCrl, crl_with({revoked_entry(leaf.serial())}));
  EXPECT_EQ(check(world, Material(leaf)).verdict.outcome, Outcome::kRevoked);
  world.answer(kCrl, crl_with({}));
  const Checked good = check(world, Material(leaf));
  EXPECT_EQ(good.verdict.outcome, Outcome::kWarning);
  EXPECT_TRUE(has(good.verdict, "sources-disagree"));
}

TEST(Gather, GivenCrlsAlwaysCountAndRevokedWins) {
  const pki::Certificate leaf = make_leaf();
  World world;
  world.answer(kOcsp, answer_about(leaf));
  GatherOptions options;
  options.crls = {{"ca.crl", crl_with({revoked_entry(leaf.serial(), kTestNow - hours(30),
                                                     ReasonCode::kSuperseded)})}};
  const Checked run = check(world, Material(leaf), options);
  EXPECT_EQ(run.verdict.outcome, Outcome::kRevoked);
  EXPECT_TRUE(has(run.verdict, "sources-disagree"));
  EXPECT_EQ(std::get<ocsp::Revoked>(*run.verdict.status).reason, ReasonCode::kSuperseded);
}

TEST(Gather, NamesTheCrlGivenThatWasPassedOverForAnOlderOne) {
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) { s.ocsp_uris.clear(); });
  World world;
  CrlSpec newer;
  newer.number = 2;
  newer.this_update = kTestNow - std::chrono::minutes(30);
  newer.entries = {revoked_entry(leaf.serial())};
  newer.break_signature = true;
  GatherOptions options;
  const auto given = [&](const Identity& issuer, const CrlSpec& spec) {
    options.crls = {{"old.crl", crl_with({})}, {"new.crl", build_crl(issuer, spec)}};
    return check(world, Material(leaf), options).verdict;
  };
  const Verdict told = given(P().intermediate, newer);
  EXPECT_EQ(told.outcome, Outcome::kWarning);
  const auto finding = std::find_if(told.findings.begin(), told.findings.end(),
                                    [](const Finding& f) { return f.code == "crl-passed-over"; });
  ASSERT_NE(finding, told.findings.end());
  EXPECT_THAT(finding->detail, ::testing::StartsWith("new.crl: "));
  EXPECT_THAT(finding->detail, ::testing::HasSubstr("(bad-signature)"));

  newer.this_update = kTestNow - hours(2);  // knows nothing that the other does not
  EXPECT_EQ(given(P().intermediate, newer).outcome, Outcome::kGood);
  newer.this_update = kTestNow + hours(5);  // as with --at, before it was issued
  newer.break_signature = false;
  EXPECT_EQ(given(P().intermediate, newer).outcome, Outcome::kGood);

  CrlSpec of_another_key;
  of_another_key.number = 2;
  of_another_key.this_update = kTestNow - std::chrono::minutes(30);
  of_another_key.issuer_name = to_buffer(P().intermediate.certificate.subject());
  EXPECT_EQ(given(P().root, of_another_key).outcome, Outcome::kGood)
      << "its key identifier says so";
  of_another_key.authority_key_id = false;
  EXPECT_TRUE(has(given(P().root, of_another_key), "crl-passed-over"));
}

TEST(Gather, NamesTheDeltaCrlGivenThatContinuesANewerOneThanCounted) {
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) { s.ocsp_uris.clear(); });
  World world;
  CrlSpec delta;
  delta.this_update = kTestNow - std::chrono::minutes(30);
  delta.entries = {revoked_entry(leaf.serial())};
  delta.number = 3;
  GatherOptions options;
  const auto with_base = [&](std::uint64_t number) {
    delta.delta_base = number;
    options.crls = {{"base.crl", crl_with({})},  // its number is 1
                    {"delta.crl", build_crl(P().intermediate, delta)}};
    return check(world, Material(leaf), options).verdict;
  };
  const Verdict told = with_base(2);
  EXPECT_EQ(told.outcome, Outcome::kWarning);
  const auto finding = std::find_if(told.findings.begin(), told.findings.end(),
                                    [](const Finding& f) { return f.code == "crl-passed-over"; });
  ASSERT_NE(finding, told.findings.end());
  EXPECT_THAT(finding->detail, ::testing::StartsWith("delta.crl: "));
  EXPECT_EQ(with_base(1).outcome, Outcome::kRevoked);
  delta.number = 1;  // issued together with the complete one, whose number it shares
  EXPECT_EQ(with_base(1).outcome, Outcome::kGood);
  delta.number = 3;
  delta.this_update = kTestNow - hours(2);
  EXPECT_EQ(with_base(2).outcome, Outcome::kGood) << "it is older than what counted";
}

TEST(Gather, JudgesCrlOnlyCertificates) {
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) {
    s.ocsp_uris.clear();
    s.crl_uris = {kCrl};
  });
  World world;
  world.answer(kCrl, crl_with({}));
  EXPECT_EQ(check(world, Material(leaf)).verdict.outcome, Outcome::kGood);
  World stale;
  CrlSpec old;
  old.this_update = kTestNow - hours(100);
  old.next_update = kTestNow - hours(50);
  stale.answer(kCrl, build_crl(P().intermediate, old));
  const Checked run = check(stale, Material(leaf));
  EXPECT_EQ(run.verdict.outcome, Outcome::kUnacceptable);
  EXPECT_TRUE(has(run.verdict, "crl-unacceptable"));
  EXPECT_FALSE(has(run.verdict, "expired-but-revoked"));
  // The same CRL with the certificate on it: no evidence either, but worth a word (decision 017).
  old.entries = {revoked_entry(leaf.serial(), kTestNow - hours(120))};
  stale.answer(kCrl, build_crl(P().intermediate, old));
  const Checked listed = check(stale, Material(leaf));
  EXPECT_EQ(listed.verdict.outcome, Outcome::kUnacceptable);
  EXPECT_TRUE(has(listed.verdict, "crl-unacceptable"));
  EXPECT_TRUE(has(listed.verdict, "expired-but-revoked"));
  // Not so when the CRL is unacceptable for another reason.
  stale.answer(kCrl, build_crl(P().root, old));
  EXPECT_FALSE(has(check(stale, Material(leaf)).verdict, "expired-but-revoked"));
  World none;
  EXPECT_EQ(check(none, Material(leaf)).verdict.outcome, Outcome::kUndetermined);
}

TEST(Gather, VerifiesTheStapleAndNeverTakesItsAbsenceForGood) {
  const pki::Certificate leaf = make_leaf([](CertificateSpec& s) { s.ocsp_uris.clear(); });
  World world;
  Material stapled(leaf);
  stapled.handshake = true;
  stapled.staple = answer_about(leaf);
  EXPECT_EQ(check(world, stapled).verdict.outcome, Outcome::kGood);
  stapled.staple = Buffer{0x30, 0x00};
  EXPECT_EQ(check(world, stapled).verdict.outcome, Outcome::kUnacceptable);
  stapled.staple.reset();
  EXPECT_EQ(check(world, stapled).verdict.outcome, Outcome::kUndetermined);
}

// req: OCSP-CLI-010 OCSP-CLI-011
TEST(Gather, LooksUpDelegatesWithoutNoCheckOnTheirCrl) {
  const pki::Certificate leaf = make_leaf();
  CertificateSpec spec = ocsp_signer_spec();
  spec.no_check = false;
  spec.crl_uris = {kCrl};
  spec.ocsp_uris = {kOcsp};  // would lead round in circles, and is not asked
  const Identity signer = issue(P().intermediate, spec);
  World world;
  world.answer(
      kOcsp, build_response(signer, {.entries = {entry_for(leaf, P().intermediate.certificate)}}));
  world.answer(kCrl, crl_with({}));
  const Checked unrevoked = check(world, Material(leaf));
  EXPECT_EQ(unrevoked.verdict.outcome, Outcome::kGood);
  EXPECT_FALSE(has(unrevoked.verdict, "signer-unchecked"));
  EXPECT_THAT(world.hosts(), ElementsAre("ocsp.test", "crl.test"));

  world.answer(kCrl, crl_with({revoked_entry(signer.certificate.serial())}));
  const Checked revoked = check(world, Material(leaf));
  EXPECT_EQ(revoked.verdict.outcome, Outcome::kUnacceptable);
  EXPECT_TRUE(has(revoked.verdict, "signer-revoked"));

  spec.crl_uris.clear();
  spec.ocsp_uris.clear();
  const Identity pointerless = issue(P().intermediate, spec);
  World other;
  other.answer(kOcsp, build_response(pointerless,
                                     {.entries = {entry_for(leaf, P().intermediate.certificate)}}));
  const Checked unchecked = check(other, Material(leaf));
  EXPECT_EQ(unchecked.verdict.outcome, Outcome::kGood) << "local policy, told in a note";
  EXPECT_TRUE(has(unchecked.verdict, "signer-unchecked"));

  World waived;
  waived.answer(kOcsp, answer_about(leaf));
  EXPECT_EQ(check(waived, Material(leaf)).verdict.outcome, Outcome::kGood);
  EXPECT_THAT(waived.hosts(), ElementsAre("ocsp.test"))
      << "noCheck: nobody is asked about the signer";
}

// req: OCSP-CLI-035
TEST(Gather, CaIssuersLaddersEnd) {
  // Each issuer is to be fetched from a place that always serves the same certificate, which is no
  // issuer.
  World world;
  const pki::Certificate leaf =
      make_leaf([](CertificateSpec& s) { s.ca_issuers_uris = {"http://loop.test/"}; });
  world.answer("http://loop.test/", to_buffer(leaf.der()));
  Material material(leaf);
  material.roots = {P().root.certificate};
  EXPECT_EQ(check(world, std::move(material), {}, false).verdict.outcome, Outcome::kUndetermined);
  EXPECT_LE(world.asked.size(), 5u);
}

// req: OCSP-CLI-037
TEST(Gather, AsksOncePerCertificateOfAChain) {
  World world;
  CertificateSpec ca = ca_spec("Asked CA");
  ca.ocsp_uris = {kOcsp};
  const Identity middle = issue(P().root, ca);
  CertificateSpec leaf_of = leaf_spec();
  leaf_of.ocsp_uris = {kOcsp};
  const pki::Certificate leaf = issue(middle, leaf_of).certificate;
  for (const pki::Certificate& certificate : {leaf, middle.certificate}) {
    Material material(certificate);
    material.others = {leaf, middle.certificate, P().root.certificate};
    GatherOptions options;
    options.live.transport.method = HttpMethod::kPostOnly;
    check(world, std::move(material), options, false);
  }
  EXPECT_EQ(world.asked.size(), 2u);
}

}  // namespace
}  // namespace muster::client
