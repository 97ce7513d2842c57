#include "lint_world.h"

namespace muster::lint {
namespace {

constexpr auto kDigitalSignature = static_cast<std::uint16_t>(pki::KeyUsageBit::kDigitalSignature);

/// The delegate keeps the rule; with this change to its certificate it breaks it.
Row delegate(const char* rule, std::function<void(CertificateSpec&)> change) {
  return {rule, {}, [change](World& w) { change(w.delegate); }};
}
der::Extension extension(std::string_view oid, Buffer value, bool critical = false) {
  return {*der::oid_from_string(oid), critical, std::move(value)};
}
/// As the federal profile wants it: 45 days, a critical extended key usage, no basicConstraints.
void federal(World& w) {
  w.delegate.not_before = kTestNow - hours(24 * 10);
  w.delegate.not_after = kTestNow + hours(24 * 35);
  w.delegate.extended_key_usage.clear();
  w.delegate.extensions.push_back(
      extension("2.5.29.37", element(0x30, element(6, to_buffer(oid::kKpOcspSigning))), true));
}
void no_check_is(World& w, Buffer value, bool critical) {
  w.delegate.no_check = false;
  w.delegate.extensions.push_back({to_buffer(oid::kOcspNoCheck), critical, std::move(value)});
}

}  // namespace

// req: OCSP-OPS-013 OCSP-RESP-069 OCSP-RESP-070 OCSP-RESP-072
std::vector<Row> signer_rows() {
  const auto without_no_check = [](CertificateSpec& s) { s.no_check = false; };
  return {
      {"delegate-no-check-form",
       {},
       [](World& w) {
         no_check_is(w, {4, 0}, false);
       }},
      delegate("delegate-no-check", without_no_check),
      delegate("delegate-no-check-advised", without_no_check),
      delegate("delegate-no-check-known", without_no_check),
      delegate("delegate-names-no-source",
               [](CertificateSpec& s) { s.ocsp_uris = {"http://ocsp.test/"}; }),
      delegate("delegate-short-lived",
               [](CertificateSpec& s) { s.not_after = kTestNow + hours(24 * 400); }),
      delegate("delegate-no-ca", [](CertificateSpec& s) { s.ca = true; }),
      delegate("web-delegate-no-ca", [](CertificateSpec& s) { s.ca = true; }),
      delegate("web-delegate-purpose",
               [](CertificateSpec& s) {
                 s.extended_key_usage.push_back(to_buffer(oid::kKpServerAuth));
               }),
      delegate("web-delegate-key-usage",
               [](CertificateSpec& s) { s.key_usage = kDigitalSignature | 2; }),
      delegate("web-delegate-authority-key-id",
               [](CertificateSpec& s) { s.authority_key_id = false; }),
      delegate("web-delegate-no-crl-points",
               [](CertificateSpec& s) { s.crl_uris = {"http://crl.test/c"}; }),
      delegate("web-delegate-no-name-constraints",
               [](CertificateSpec& s) {
                 s.extensions.push_back(extension("2.5.29.30", {0x30, 0}));
               }),
      delegate("web-delegate-no-alternative-name",
               [](CertificateSpec& s) { s.dns_names = {"ocsp.test"}; }),
      delegate("web-delegate-no-policies",
               [](CertificateSpec& s) {
                 s.extensions.push_back(extension("2.5.29.32", {0x30, 6, 0x30, 4, 6, 2, 0x2a, 3}));
               }),
      {"web-ca-signer", [](World& w) { w.signed_by_ca = true; },
       [](World& w) {
         w.change = [](Subject& s) {
           CertificateSpec spec = ca_spec("x");
           spec.subject = to_buffer(P().intermediate.certificate.subject());
           spec.use_key = TestKey{P().intermediate.key, P().intermediate.key_pem};
           spec.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kKeyCertSign);
           s.issuer = issue(P().root, spec).certificate;
         };
       }},
      {"federal-delegate-lifetime", federal,
       [](World& w) { w.delegate.not_after = kTestNow + hours(24 * 36); }},
      {"federal-delegate-purpose", federal,
       [](World& w) { w.delegate.extensions[0].critical = false; }},
      {"federal-delegate-key-usage", federal,
       [](World& w) { w.delegate.key_usage = kDigitalSignature | 2; }},
      {"federal-delegate-plain", federal,
       [](World& w) {
         w.delegate.extensions.push_back(extension("2.5.29.19", {0x30, 0}));
       }},
      {"delegate-sent",
       {},
       [](World& w) {
         w.patch = [](Buffer& out) {
           ResponseSpec spec;
           spec.entries = {entry_for(P().leaf.certificate, P().intermediate.certificate)};
           spec.certificates = Certificates::kNone;
           out = build_response(P().ocsp_signer, spec);
         };
         w.change = [](Subject& s) { s.known_signers = {P().ocsp_signer.certificate}; };
       }},
      {"delegate-sent-first",
       {},
       [](World& w) {
         w.patch = [](Buffer& out) {
           ResponseSpec spec;
           spec.entries = {entry_for(P().leaf.certificate, P().intermediate.certificate)};
           spec.certificates = Certificates::kNone;
           spec.extra_certificates = {to_buffer(P().intermediate.certificate.der()),
                                      to_buffer(P().ocsp_signer.certificate.der())};
           out = build_response(P().ocsp_signer, spec);
         };
       }},
      {"issuer-not-sent", [](World& w) { w.signed_by_ca = true; },
       [](World& w) {
         w.response.extra_certificates = {to_buffer(P().intermediate.certificate.der())};
       }},
      {"within-certificates", {}, [](World& w) { w.delegate.not_after = kTestNow + hours(24); }},
      {"within-certificates-advised",
       {},
       [](World& w) { w.delegate.not_after = kTestNow + hours(24); }},
  };
}

TEST(SignerRules, HoldAndBreak) { expect_both_sides(signer_rows()); }

TEST(SignerRules, SayNothingOfWhomTheyDoNotBindAndSeeEachWayToBreakThem) {
  const auto by_ca = [](World& w) { w.signed_by_ca = true; };
  expect_said({
      {"web-delegate-no-ca", "the CA itself", "not-applicable", by_ca},
      {"delegate-names-no-source", "the CA itself", "not-applicable", by_ca},
      {"federal-delegate-purpose", "the CA itself", "not-applicable", by_ca},
      {"web-ca-signer", "a delegate", "not-applicable", [](World&) {}},
      {"within-certificates", "no certificate is known", "not-applicable",
       [](World& w) {
         w.signed_by_ca = true;
         w.change = [](Subject& s) {
           s.issuer.reset();
           s.certificate.reset();
         };
       }},
      {"delegate-no-check-form", "critical", "broken",
       [](World& w) {
         no_check_is(w, {5, 0}, true);
       }},
      {"federal-delegate-purpose", "two purposes", "broken",
       [](World& w) {
         federal(w);
         w.delegate.extensions[0].value =
             element(0x30, join({element(6, to_buffer(oid::kKpOcspSigning)),
                                 element(6, to_buffer(oid::kKpServerAuth))}));
       }},
  });
}

TEST(SignerRules, AreAskedOnceForEachSigner) {
  World w;
  w.with_responder = true;
  w.delegate.no_check = false;
  const Report report = lint(w.subject(), kEveryProfile);
  EXPECT_EQ(find_outcome(report, "delegate-no-check")->broken, 1U);
}

TEST(SignerRules, ACertificateAloneIsJudgedAsADelegates) {
  CertificateSpec spec = ocsp_signer_spec();
  spec.dns_names = {"ocsp.test"};
  Subject subject;
  subject.name = "signer.pem";
  subject.now = kTestNow;
  subject.signers = {issue(P().intermediate, spec).certificate};
  const Report report = lint(subject, set_of({Profile::kCabfTls}));
  EXPECT_EQ(to_string(find_outcome(report, "web-delegate-no-alternative-name")->state), "broken");
  EXPECT_EQ(to_string(find_outcome(report, "web-delegate-purpose")->state), "holds");
  EXPECT_EQ(find_outcome(report, "well-formed"), nullptr);
}

}  // namespace muster::lint
