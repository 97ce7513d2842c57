#include <algorithm>

#include "lint_world.h"

namespace muster::lint {
namespace {

constexpr Seconds kDay = hours(24);

der::Extension extension(Bytes oid, Buffer value, bool critical = false) {
  return {to_buffer(oid), critical, std::move(value)};
}
ocsp::Revoked revoked(std::optional<ReasonCode> reason, UnixSeconds at = kTestNow - hours(24)) {
  return {at, reason};
}
void set_validity(World& w, Seconds whole) {
  w.entry().next_update = w.entry().this_update + whole;
}
/// An answer that has been served for `since` and ends `left` from now.
void age(World& w, Seconds since, Seconds left) {
  w.entry().this_update = kTestNow - since;
  w.entry().next_update = kTestNow + left;
}
void about_a_ca(World& w) {
  static const pki::Certificate kSubordinate =
      issue(P().intermediate, ca_spec("Subordinate CA")).certificate;
  w.certificate = kSubordinate;
  w.entry().cert_id =
      pki::make_cert_id(HashAlgorithm::kSha256, kSubordinate, P().intermediate.certificate).der();
}
void rsa_delegate(World& w) {
  w.delegate.key = KeyKind::kRsa2048;
  w.delegate.use_key = cached_key(KeyKind::kRsa2048);
}
void delegate_of(World& w, std::function<void(CertificateSpec&)> change) { change(w.delegate); }
void revoked_since_1970(World& w) {
  w.entry().status = revoked(ReasonCode::kCertificateHold, unix_seconds(0));
  w.response.extensions = {null_extension(oid::kOcspExtendedRevoked)};
}
Buffer cutoff(UnixSeconds t) { return ocsp::encode_archive_cutoff(t); }

std::vector<Row> verification_rows() {
  const auto as_delegate = [](std::function<void(CertificateSpec&)> change) {
    return [change](World& w) { delegate_of(w, change); };
  };
  return {
      {"signer-found", {}, [](World& w) { w.response.other_key_hash.emplace().fill(9); }},
      {"signed-by-entitled-key",
       {},
       [](World& w) {
         w.patch = [](Buffer& out) {
           ResponseSpec spec;
           spec.entries = {entry_for(P().leaf.certificate, P().intermediate.certificate)};
           out = build_response(issue(P().root, ocsp_signer_spec()), spec);
         };
       }},
      {"signer-has-ocsp-signing", {}, as_delegate([](CertificateSpec& s) {
         s.extended_key_usage = {to_buffer(oid::kKpServerAuth)};
       })},
      {"signer-may-sign", {}, as_delegate([](CertificateSpec& s) {
         s.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kKeyCertSign);
       })},
      {"signer-not-expired", {}, as_delegate([](CertificateSpec& s) {
         s.not_after = kTestNow - hours(1);
       })},
      {"signer-already-valid", {}, as_delegate([](CertificateSpec& s) {
         s.not_before = kTestNow + hours(1);
       })},
      {"signer-certified-strongly", {}, as_delegate([](CertificateSpec& s) {
         s.sign_as = SignAs::kSha1;
       })},
      {"signer-extensions-known", {}, as_delegate([](CertificateSpec& s) {
         s.extensions = {unknown_extension(true)};
       })},
      {"signature-holds", {}, [](World& w) { w.response.break_signature = true; }},
      {"signature-strong", {}, [](World& w) { w.response.sign_as = SignAs::kSha1; }},
      {"signature-supported",
       {},
       [](World& w) {
         w.patch = [](Buffer& out) {  // ecdsa-with-SHA256 becomes what nobody knows
           const Buffer known = {0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2};
           std::search(out.begin(), out.end(), known.begin(), known.end())[7] = 0x7f;
         };
       }},
      {"extensions-understood",
       {},
       [](World& w) { w.response.extensions = {unknown_extension(true)}; }},
      {"certificate-answered",
       {},
       [](World& w) {
         w.response.entries = {entry_for(P().other_leaf.certificate, P().intermediate.certificate)};
       }},
      {"nonce-matches",
       [](World& w) {
         w.nonce = Buffer(32, 1);
         w.response.nonce = Buffer(32, 1);
       },
       [](World& w) { w.response.nonce = Buffer(32, 2); }},
      {"not-expired", {}, [](World& w) { w.entry().next_update = kTestNow; }},
      {"this-update-not-ahead", {}, [](World& w) { age(w, -hours(1), kDay); }},
      {"not-too-old", [](World& w) { w.entry().next_update.reset(); },
       [](World& w) { w.entry().this_update = kTestNow - hours(48); }},
      {"interval-in-order", {}, [](World& w) { set_validity(w, -Seconds(1)); }},
      {"produced-after-issuance",
       {},
       [](World& w) { w.response.produced_at = kTestNow - hours(24 * 300); }},
  };
}

std::vector<Row> content_rows() {
  const auto with_nonce = [](World& w) { w.response.nonce = Buffer(16, 1); };
  const auto with_cutoff = [](World& w) {
    w.entry().extensions = {
        extension(oid::kOcspArchiveCutoff, cutoff(P().intermediate.certificate.not_before()))};
  };
  const auto with_reference = [](World& w) {
    const Buffer number = {7};
    ocsp::CrlIdView id;
    id.number = Bytes(number);
    w.entry().extensions = {extension(oid::kOcspCrlReference, ocsp::encode_crl_id(id))};
  };
  const auto is_revoked = [](World& w) { w.entry().status = revoked(ReasonCode::kSuperseded); };
  return {
      {"nonce-form", with_nonce,
       [](World& w) {
         w.response.nonce.reset();
         w.response.extensions = {extension(oid::kOcspNonce, Buffer(16, 0xee))};
       }},
      {"nonce-place",
       {},
       [](World& w) {
         w.entry().extensions = {extension(oid::kOcspNonce, ocsp::encode_nonce(Buffer(16, 1)))};
       }},
      {"extended-revoked-place",
       {},
       [](World& w) { w.entry().extensions = {null_extension(oid::kOcspExtendedRevoked)}; }},
      {"extended-revoked-form", revoked_since_1970,
       [](World& w) { w.response.extensions = {null_extension(oid::kOcspExtendedRevoked, true)}; }},
      {"archive-cutoff-place", with_cutoff,
       [](World& w) {
         w.response.extensions = {extension(oid::kOcspArchiveCutoff, cutoff(kTestNow - kDay))};
       }},
      {"archive-cutoff-form", with_cutoff,
       [](World& w) {
         w.entry().extensions[0].value = {5, 0};
       }},
      {"archive-cutoff-not-ahead", with_cutoff,
       [](World& w) { w.entry().extensions[0].value = cutoff(kTestNow + kDay); }},
      {"crl-reference-place", with_reference,
       [](World& w) { w.response.extensions = w.entry().extensions; }},
      {"crl-reference-form", with_reference,
       [](World& w) {
         w.entry().extensions[0].value = {5, 0};
       }},
      {"extensions-not-critical", with_cutoff,
       [](World& w) { w.entry().extensions[0].critical = true; }},
      {"no-remove-from-crl", is_revoked,
       [](World& w) { w.entry().status = revoked(ReasonCode::kRemoveFromCrl); }},
      {"revocation-not-ahead", is_revoked,
       [](World& w) { w.entry().status = revoked(ReasonCode::kSuperseded, kTestNow + hours(1)); }},
      {"produced-not-ahead", {}, [](World& w) { w.response.produced_at = kTestNow + hours(1); }},
      {"this-update-before-produced",
       {},
       [](World& w) { w.response.produced_at = w.entry().this_update - Seconds(1); }},
      {"unissued-revoked-form", revoked_since_1970,
       [](World& w) { w.response.extensions.clear(); }},
      {"entries-agree",
       {},
       [](World& w) {
         w.response.entries.push_back(w.entry());
         w.entry().status = ocsp::Unknown{};
       }},
      {"next-update-present", {}, [](World& w) { w.entry().next_update.reset(); }},
      {"next-update-advised", {}, [](World& w) { w.entry().next_update.reset(); }},
      {"responder-id-by-key",
       {},
       [](World& w) { w.response.responder_id = ResponderIdAs::kByName; }},
      {"one-certificate",
       {},
       [](World& w) {
         w.response.entries.push_back(
             entry_for(P().other_leaf.certificate, P().intermediate.certificate));
       }},
      {"response-extensions-needed",
       {},
       [](World& w) { w.response.extensions = {unknown_extension(false)}; }},
      {"no-unknown-status", {}, [](World& w) { w.entry().status = ocsp::Unknown{}; }},
      {"not-sha1-only",
       {},
       [](World& w) {
         w.response.entries = {entry_for(w.certificate, P().intermediate.certificate)};
       }},
  };
}

std::vector<Row> profile_rows() {
  const auto is_revoked = [](World& w) { w.entry().status = revoked(ReasonCode::kSuperseded); };
  const auto by_sha1 = [](World& w) {
    const EntrySpec entry = entry_for(w.certificate, P().intermediate.certificate);
    w.entry().cert_id = entry.cert_id;
  };
  const auto with_cutoff = [](World& w) {
    w.entry().extensions = {
        extension(oid::kOcspArchiveCutoff, cutoff(P().intermediate.certificate.not_before()))};
  };
  return {
      {"forum-validity-at-least", [](World& w) { set_validity(w, hours(8) - Seconds(1)); },
       [](World& w) { set_validity(w, hours(8) - Seconds(2)); }},
      {"forum-validity-at-most", [](World& w) { set_validity(w, 10 * kDay - Seconds(1)); },
       [](World& w) { set_validity(w, 10 * kDay); }},
      {"forum-replaced-in-time", [](World& w) { age(w, 4 * kDay, 2 * kDay); },
       [](World& w) { age(w, 4 * kDay + Seconds(1), 2 * kDay); }},
      {"signing-replaced-in-time", [](World& w) { age(w, 4 * kDay, kDay); },
       [](World& w) { age(w, 4 * kDay + Seconds(1), kDay); }},
      {"forum-ca-validity",
       [](World& w) {
         about_a_ca(w);
         set_validity(w, 366 * kDay - Seconds(1));
       },
       [](World& w) { set_validity(w, 366 * kDay); }},
      {"microsoft-validity-at-most", [](World& w) { set_validity(w, 7 * kDay - Seconds(1)); },
       [](World& w) { set_validity(w, 7 * kDay); }},
      {"microsoft-replaced-in-time", [](World& w) { age(w, kDay, kDay); },
       [](World& w) { age(w, kDay + Seconds(2), kDay); }},
      {"web-no-hold", is_revoked,
       [](World& w) { w.entry().status = revoked(ReasonCode::kCertificateHold); }},
      {"web-ca-reason",
       [](World& w) {
         about_a_ca(w);
         w.entry().status = revoked(ReasonCode::kCessationOfOperation);
       },
       [](World& w) { w.entry().status = revoked(std::nullopt); }},
      {"web-no-reason-extension", is_revoked,
       [](World& w) {
         w.entry().extensions = {extension(oid::kCeReasonCode, {0x0a, 1, 4})};
       }},
      {"web-no-sha1-signature", {}, [](World& w) { w.response.sign_as = SignAs::kSha1; }},
      {"web-signature-algorithm",
       [](World& w) {
         rsa_delegate(w);
         w.response.sign_as = SignAs::kPssSha256;
       },
       [](World& w) { w.response.sign_as = SignAs::kPssSha1; }},
      {"web-no-long-nonce", [](World& w) { w.response.nonce = Buffer(32, 1); },
       [](World& w) { w.response.nonce = Buffer(33, 1); }},
      {"etsi-archive-cutoff", with_cutoff, [](World& w) { w.entry().extensions.clear(); }},
      {"etsi-archive-cutoff-value", with_cutoff,
       [](World& w) { w.entry().extensions[0].value = cutoff(kTestNow - kDay); }},
      {"etsi-last-answer",
       [](World& w) {
         w.entry().status = revoked(ReasonCode::kKeyCompromise);
         w.entry().next_update = unix_seconds(253402300799);
       },
       [](World& w) { w.entry().status = ocsp::Good{}; }},
      {"federal-no-nonce", {}, [](World& w) { w.response.nonce = Buffer(16, 1); }},
      {"federal-sha1-cert-id", by_sha1,
       [](World& w) {
         w.entry().cert_id =
             pki::make_cert_id(HashAlgorithm::kSha256, w.certificate, P().intermediate.certificate)
                 .der();
       }},
      {"federal-one-issuer",
       {},
       [](World& w) {
         w.response.entries.push_back(
             entry_for(P().intermediate.certificate, P().root.certificate));
       }},
      {"federal-signature-algorithm", rsa_delegate,
       [](World& w) { w.response.sign_as = SignAs::kSha384; }},
      {"federal-validity-at-most", [](World& w) { set_validity(w, 7 * kDay); },
       [](World& w) { set_validity(w, 7 * kDay + Seconds(1)); }},
      {"federal-replaced-daily", [](World& w) { age(w, kDay, kDay); },
       [](World& w) { age(w, kDay + Seconds(1), kDay); }},
      {"station-size", {}, [](World& w) { w.response.extra_certificates = {Buffer(4200, 1)}; }},
      {"station-hashes", {}, by_sha1},
      {"staple-size", {}, [](World& w) { w.response.extra_certificates = {Buffer(66'000, 1)}; }},
  };
}

}  // namespace

// req: OCSP-OPS-013
std::vector<Row> response_rows() {
  std::vector<Row> all = verification_rows();
  for (const auto& part : {content_rows(), profile_rows()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

TEST(VerificationRules, HoldAndBreak) { expect_both_sides(verification_rows()); }
TEST(ContentRules, HoldAndBreak) { expect_both_sides(content_rows()); }
TEST(ProfileRules, HoldAndBreak) { expect_both_sides(profile_rows()); }

TEST(ContentRules, SayNothingOfWhatTheyDoNotBindAndSeeEachWayToBreakThem) {
  const auto by_sha1 = [](World& w) {
    w.probe = ProbeKind::kGetSha1;
    w.response.entries = {entry_for(w.certificate, P().intermediate.certificate)};
  };
  expect_said({
      {"nonce-form", "a nonce of no octets", "broken",
       [](World& w) {
         w.response.extensions = {extension(oid::kOcspNonce, {4, 0})};
       }},
      {"extended-revoked-form", "not NULL", "broken",
       [](World& w) {
         w.response.extensions = {extension(oid::kOcspExtendedRevoked, {4, 0})};
       }},
      {"extensions-not-critical", "one of the response", "broken",
       [](World& w) { w.response.extensions = {unknown_extension(true)}; }},
      {"extensions-not-critical", "an error", "not-applicable", refused},
      {"response-extensions-needed", "an error", "not-applicable", refused},
      {"not-sha1-only", "an error", "not-applicable", refused},
      {"not-sha1-only", "asked for by SHA-1", "not-applicable", by_sha1},
      {"one-certificate", "asked for two", "not-applicable",
       [](World& w) {
         w.probe = ProbeKind::kTwoCertIds;
         w.response.entries.push_back(
             entry_for(P().other_leaf.certificate, P().intermediate.certificate));
       }},
  });
}

TEST(ProfileRules, SayNothingOfWhatTheyDoNotBind) {
  const char* const kNothing = "not-applicable";
  expect_said({
      {"web-ca-reason", "a subscriber's", kNothing,
       [](World& w) { w.entry().status = revoked(std::nullopt); }},
      {"web-ca-reason", "a CA that is good", kNothing, about_a_ca},
      {"etsi-archive-cutoff", "unknown", kNothing,
       [](World& w) { w.entry().status = ocsp::Unknown{}; }},
      {"etsi-archive-cutoff-value", "nobody knows the CA", kNothing,
       [](World& w) {
         w.entry().extensions = {extension(oid::kOcspArchiveCutoff, cutoff(kTestNow - kDay))};
         w.change = [](Subject& s) {
           s.issuer.reset();
           s.certificate.reset();
         };
       }},
      {"etsi-last-answer", "one that ends", kNothing, [](World&) {}},
      {"station-size", "an error", kNothing, refused},
      {"station-hashes", "asked for by SHA-1", kNothing,
       [](World& w) {
         w.probe = ProbeKind::kGetSha1;
         w.response.entries = {entry_for(w.certificate, P().intermediate.certificate)};
       }},
  });
}

// A saved answer does not tell when it was served: how early it was replaced cannot be judged.
TEST(ProfileRules, SavedAnswersAreNotHeldToReplacement) {
  World w;
  w.is_saved = true;
  age(w, 6 * kDay, kDay);
  const Report report = lint(w.subject(), kEveryProfile);
  EXPECT_EQ(to_string(find_outcome(report, "forum-replaced-in-time")->state), "not-applicable");
  EXPECT_EQ(to_string(find_outcome(report, "forum-validity-at-most")->state), "holds");
}

TEST(ProfileRules, ShortAnswersAreReplacedAtHalfOfTheirValidity) {
  World w;
  age(w, hours(5), hours(7));
  EXPECT_EQ(
      to_string(find_outcome(lint(w.subject(), kEveryProfile), "forum-replaced-in-time")->state),
      "holds");
  age(w, hours(7), hours(5));
  EXPECT_EQ(
      to_string(find_outcome(lint(w.subject(), kEveryProfile), "forum-replaced-in-time")->state),
      "broken");
}

}  // namespace muster::lint
