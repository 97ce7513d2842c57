#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "muster/client/verify.h"
#include "muster/testing/response_builder.h"

// A corpus of answers that must not be believed, each with the exact code it is refused with.
namespace muster::client {
namespace {

using namespace muster::testing;
using std::chrono::hours;

const TestPki& P() { return standard_pki(); }

EntrySpec leaf_entry(ocsp::CertStatus status = ocsp::Good{}) {
  return entry_for(P().leaf.certificate, P().intermediate.certificate, status,
                   HashAlgorithm::kSha256);
}

struct BadAnswer {
  const char* name;
  const char* code;
  std::function<Buffer()> make;
};

/// A good answer with one thing changed.
std::function<Buffer()> answer(std::function<void(ResponseSpec&)> change) {
  return [change] {
    ResponseSpec spec{.entries = {leaf_entry()}};
    change(spec);
    return build_response(P().ocsp_signer, spec);
  };
}
/// A good answer by a delegate with one thing changed in its certificate.
std::function<Buffer()> delegate(std::function<void(CertificateSpec&)> change) {
  return [change] {
    CertificateSpec spec = ocsp_signer_spec();
    change(spec);
    return build_response(issue(P().intermediate, spec), {.entries = {leaf_entry()}});
  };
}
std::function<Buffer()> signed_by(std::function<Identity()> make_signer) {
  return [make_signer] { return build_response(make_signer(), {.entries = {leaf_entry()}}); };
}
/// A good answer whose CertID has one part changed.
std::function<Buffer()> cert_id(
    std::function<void(Buffer& name, Buffer& key, Buffer& serial, Buffer& algorithm)> change) {
  return [change] {
    const ocsp::CertId good = pki::make_cert_id(HashAlgorithm::kSha256, P().leaf.certificate,
                                                P().intermediate.certificate);
    const ocsp::CertIdView view = good.view();
    Buffer name = to_buffer(view.issuer_name_hash), key = to_buffer(view.issuer_key_hash),
           serial = to_buffer(view.serial), algorithm = to_buffer(view.hash_algorithm.raw);
    change(name, key, serial, algorithm);
    EntrySpec entry = leaf_entry();
    entry.cert_id = make_raw_cert_id(algorithm, name, key, serial);
    return build_response(P().ocsp_signer, {.entries = {entry}});
  };
}
std::function<Buffer()> octets(std::function<void(Buffer&)> change) {
  return [change] {
    Buffer response = build_response(P().ocsp_signer, {.entries = {leaf_entry()}});
    change(response);
    return response;
  };
}
std::function<Buffer()> error_status(ocsp::ResponseStatus status) {
  return [status] { return ocsp::encode_error_response(status); };
}

/// Another CA of the same name with another key, and what it certifies.
Identity same_name_other_key() {
  CertificateSpec spec = ca_spec("x");
  spec.subject = to_buffer(P().intermediate.certificate.subject());
  return issue(P().root, spec);
}

const BadAnswer kBadAnswers[] = {
    // does not parse
    {"Empty", "malformed-response", [] { return Buffer(); }},
    {"OneOctet", "malformed-response", [] { return Buffer{0x30}; }},
    {"HtmlErrorPage", "malformed-response",
     [] { return to_buffer(as_bytes("<html><body>502 Bad Gateway</body></html>")); }},
    {"Pem", "malformed-response",
     [] {
       return to_buffer(as_bytes(
           to_pem("OCSP RESPONSE", build_good_response(P().ocsp_signer, P().leaf.certificate,
                                                       P().intermediate.certificate))));
     }},
    {"Truncated", "malformed-response", octets([](Buffer& b) { b.pop_back(); })},
    {"TruncatedToHalf", "malformed-response", octets([](Buffer& b) { b.resize(b.size() / 2); })},
    {"TrailingOctet", "malformed-response", octets([](Buffer& b) { b.push_back(0); })},
    {"TwiceInARow", "malformed-response", octets([](Buffer& b) {
       const Buffer copy = b;
       b.insert(b.end(), copy.begin(), copy.end());
     })},
    {"SuccessWithoutBody", "malformed-response",
     [] {
       return Buffer{0x30, 0x03, 0x0a, 0x01, 0x00};
     }},
    {"UnusedStatus4", "malformed-response",
     [] {
       return Buffer{0x30, 0x03, 0x0a, 0x01, 0x04};
     }},
    {"StatusBeyondSix", "malformed-response",
     [] {
       return Buffer{0x30, 0x03, 0x0a, 0x01, 0x07};
     }},
    {"ACertificate", "malformed-response", [] { return to_buffer(P().leaf.certificate.der()); }},
    {"BeyondTheSizeLimit", "malformed-response", [] { return Buffer((1 << 20) + 1, 0x30); }},
    {"UnknownResponseType", "unsupported-response-type", octets([](Buffer& b) {
       const Buffer basic = {0x06, 0x09, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1};
       const auto at = std::search(b.begin(), b.end(), basic.begin(), basic.end());
       at[10] = 9;
     })},
    {"DuplicateExtension", "malformed-response", answer([](ResponseSpec& s) {
       s.extensions = {unknown_extension(false), unknown_extension(false)};
     })},
    // error statuses
    {"MalformedRequest", "responder-error", error_status(ocsp::ResponseStatus::kMalformedRequest)},
    {"InternalError", "responder-error", error_status(ocsp::ResponseStatus::kInternalError)},
    {"TryLater", "responder-error", error_status(ocsp::ResponseStatus::kTryLater)},
    {"SigRequired", "responder-error", error_status(ocsp::ResponseStatus::kSigRequired)},
    {"Unauthorized", "responder-error", error_status(ocsp::ResponseStatus::kUnauthorized)},
    // who signed
    {"OtherResponderKeyHash", "signer-not-found",
     answer([](ResponseSpec& s) { s.other_key_hash.emplace().fill(7); })},
    {"OtherResponderName", "signer-not-found",
     answer([](ResponseSpec& s) { s.other_name = make_name("somebody else"); })},
    {"DelegateNotSentAlong", "signer-not-found",
     answer([](ResponseSpec& s) { s.certificates = Certificates::kNone; })},
    {"ResponderIdOfTheIssuerButSignedByDelegate", "bad-signature",
     answer([](ResponseSpec& s) { s.other_key_hash = P().intermediate.certificate.key_hash(); })},
    {"DelegateWithoutEku", "signer-unauthorised",
     delegate([](CertificateSpec& s) { s.extended_key_usage.clear(); })},
    {"DelegateWithAnyExtendedKeyUsage", "signer-unauthorised", delegate([](CertificateSpec& s) {
       s.extended_key_usage = {to_buffer(oid::kAnyExtendedKeyUsage)};
     })},
    {"DelegateForServerAuth", "signer-unauthorised",
     delegate([](CertificateSpec& s) { s.extended_key_usage = {to_buffer(oid::kKpServerAuth)}; })},
    {"DelegateExpired", "signer-unauthorised",
     delegate([](CertificateSpec& s) { s.not_after = kTestNow - Seconds(1); })},
    {"DelegateNotYetValid", "signer-unauthorised",
     delegate([](CertificateSpec& s) { s.not_before = kTestNow + Seconds(1); })},
    {"DelegateForKeyEncipherment", "signer-unauthorised",
     delegate([](CertificateSpec& s) { s.key_usage = 1 << 2; })},
    {"DelegateBadlySigned", "signer-unauthorised",
     delegate([](CertificateSpec& s) { s.break_signature = true; })},
    {"DelegateWithUnknownCriticalExtension", "signer-unauthorised",
     delegate([](CertificateSpec& s) { s.extensions = {unknown_extension(true)}; })},
    {"DelegateUnderAnotherIssuerName", "signer-unauthorised",
     delegate([](CertificateSpec& s) { s.issuer_name = make_name("Renamed CA"); })},
    {"DelegateOfARekeyedCaOfTheSameName", "signer-unauthorised",
     signed_by([] { return issue(same_name_other_key(), ocsp_signer_spec()); })},
    {"DelegateOfAnotherCa", "signer-unauthorised",
     signed_by([] { return issue(make_self_signed(ca_spec("Other CA")), ocsp_signer_spec()); })},
    {"DelegateOfTheRoot", "signer-unauthorised",
     signed_by([] { return issue(P().root, ocsp_signer_spec()); })},
    {"TheRootItself", "signer-unauthorised", signed_by([] { return P().root; })},
    {"ARekeyedCaOfTheSameName", "signer-unauthorised",
     signed_by([] { return same_name_other_key(); })},
    {"ASelfSignedOutsider", "signer-unauthorised",
     signed_by([] { return make_self_signed(ocsp_signer_spec("outsider")); })},
    {"TheLeafForItself", "signer-unauthorised", signed_by([] { return P().leaf; })},
    // signature
    {"SignatureBitFlipped", "bad-signature",
     answer([](ResponseSpec& s) { s.break_signature = true; })},
    {"BodyBitFlipped", "bad-signature", answer([](ResponseSpec& s) { s.break_body = true; })},
    {"SignedByAnotherKey", "bad-signature",
     answer([](ResponseSpec& s) { s.sign_with = P().other_leaf.key; })},
    {"RsaSha1", "weak-signature",
     [] {
       CertificateSpec spec = ocsp_signer_spec();
       spec.use_key = cached_key(KeyKind::kRsa2048);
       return build_response(issue(P().intermediate, spec),
                             {.entries = {leaf_entry()}, .sign_as = SignAs::kSha1});
     }},
    {"Rsa1024", "weak-signature",
     [] {
       CertificateSpec spec = ocsp_signer_spec();
       spec.use_key = cached_key(KeyKind::kRsa1024);
       return build_response(issue(P().intermediate, spec),
                             {.entries = {leaf_entry()}, .sign_as = SignAs::kSha256});
     }},
    {"Dsa", "weak-signature",
     [] {
       CertificateSpec spec = ocsp_signer_spec();
       spec.use_key = cached_key(KeyKind::kDsa2048);
       return build_response(issue(P().intermediate, spec), {.entries = {leaf_entry()}});
     }},
    // what may be read
    {"CriticalResponseExtension", "critical-extension",
     answer([](ResponseSpec& s) { s.extensions = {unknown_extension(true)}; })},
    {"CriticalEntryExtension", "critical-extension",
     answer([](ResponseSpec& s) { s.entries[0].extensions = {unknown_extension(true)}; })},
    {"CriticalExtensionOfAnotherEntry", "critical-extension", answer([](ResponseSpec& s) {
       s.entries.push_back(entry_for(P().other_leaf.certificate, P().intermediate.certificate));
       s.entries[1].extensions = {unknown_extension(true)};
     })},
    {"CriticalNonceInAnEntry", "critical-extension", answer([](ResponseSpec& s) {
       s.entries[0].extensions = {
           {to_buffer(oid::kOcspNonce), true, ocsp::encode_nonce(Buffer(32, 1))}};
     })},
    {"CriticalCertificateIssuer", "critical-extension", answer([](ResponseSpec& s) {
       s.entries[0].extensions = {{to_buffer(oid::kCeCertificateIssuer), true, Buffer{0x30, 0x00}}};
     })},
    // about another certificate
    {"OtherSerial", "certid-mismatch",
     cert_id([](Buffer&, Buffer&, Buffer& serial, Buffer&) { serial.back() ^= 1; })},
    {"SerialWithoutItsLastOctet", "certid-mismatch",
     cert_id([](Buffer&, Buffer&, Buffer& serial, Buffer&) { serial = {0x01}; })},
    {"OtherNameHash", "certid-mismatch",
     cert_id([](Buffer& name, Buffer&, Buffer&, Buffer&) { name.back() ^= 1; })},
    {"OtherKeyHash", "certid-mismatch",
     cert_id([](Buffer&, Buffer& key, Buffer&, Buffer&) { key.front() ^= 0x80; })},
    {"ShortNameHash", "certid-mismatch",
     cert_id([](Buffer& name, Buffer&, Buffer&, Buffer&) { name.pop_back(); })},
    {"EmptyHashes", "certid-mismatch", cert_id([](Buffer& name, Buffer& key, Buffer&, Buffer&) {
       name.clear();
       key.clear();
     })},
    {"UnknownHashAlgorithm", "certid-mismatch",
     cert_id([](Buffer&, Buffer&, Buffer&, Buffer& algorithm) {
       algorithm[algorithm.size() - 3] = 0x7f;
     })},
    {"HashesOfAnotherAlgorithm", "certid-mismatch",
     cert_id([](Buffer&, Buffer&, Buffer&, Buffer& algorithm) {
       algorithm =
           to_buffer(der::hash_algorithm_der(HashAlgorithm::kSha384, der::HashParameters::kNull));
     })},
    {"AnotherLeaf", "certid-mismatch",
     [] {
       return build_good_response(P().ocsp_signer, P().other_leaf.certificate,
                                  P().intermediate.certificate);
     }},
    {"NoEntriesOfOurs", "certid-mismatch", answer([](ResponseSpec& s) {
       s.entries = {entry_for(P().other_leaf.certificate, P().intermediate.certificate),
                    entry_for(P().intermediate.certificate, P().root.certificate)};
     })},
    // times
    {"Expired", "response-expired",
     answer([](ResponseSpec& s) { s.entries[0].next_update = kTestNow; })},
    {"ExpiredAYearAgo", "response-expired", answer([](ResponseSpec& s) {
       s.entries[0].this_update = kTestNow - hours(24 * 366);
       s.entries[0].next_update = kTestNow - hours(24 * 365);
     })},
    {"ThisUpdateInTheFuture", "response-not-yet-valid", answer([](ResponseSpec& s) {
       s.entries[0].this_update = kTestNow + Seconds(301);
       s.entries[0].next_update = kTestNow + hours(24);
     })},
    {"NextUpdateBeforeThisUpdate", "invalid-interval", answer([](ResponseSpec& s) {
       s.entries[0].next_update = s.entries[0].this_update - Seconds(1);
     })},
    {"OldWithoutNextUpdate", "response-too-old", answer([](ResponseSpec& s) {
       s.entries[0].this_update = kTestNow - hours(25);
       s.entries[0].next_update.reset();
     })},
    {"MadeBeforeTheCertificate", "produced-before-certificate", answer([](ResponseSpec& s) {
       s.produced_at = P().leaf.certificate.not_before() - hours(24);
     })},
    {"BrokenArchiveCutoff", "malformed-response", answer([](ResponseSpec& s) {
       s.entries[0].extensions = {{to_buffer(oid::kOcspArchiveCutoff), false, Buffer{0x05, 0x00}}};
     })},
};

class BadAnswers : public ::testing::TestWithParam<BadAnswer> {};

// req: OCSP-CLI-001 OCSP-CLI-002 OCSP-CLI-003 OCSP-CLI-004 OCSP-CLI-005 OCSP-CLI-006 OCSP-CLI-009
// OCSP-CLI-025 OCSP-CLI-031
TEST_P(BadAnswers, IsRefusedWithItsCode) {
  const Buffer response = GetParam().make();
  const auto result =
      verify({response, P().leaf.certificate, P().intermediate.certificate, std::nullopt, {}}, {},
             kTestNow);
  ASSERT_FALSE(result) << "believed";
  EXPECT_EQ(to_string(result.error().code), GetParam().code) << result.error().detail;
  EXPECT_FALSE(result.error().detail.empty());
}
INSTANTIATE_TEST_SUITE_P(Corpus, BadAnswers, ::testing::ValuesIn(kBadAnswers),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(BadAnswers, AnIssuerOfAnotherNameIsRefused) {
  CertificateSpec spec = ca_spec("Renamed CA");
  spec.use_key = TestKey{P().intermediate.key, ""};
  const Identity renamed = issue(P().root, spec);
  const Buffer response =
      build_good_response(P().intermediate, P().leaf.certificate, P().intermediate.certificate);
  const auto result =
      verify({response, P().leaf.certificate, renamed.certificate, std::nullopt, {}}, {}, kTestNow);
  ASSERT_FALSE(result);
  EXPECT_EQ(to_string(result.error().code), "signer-unauthorised");
}

TEST(BadAnswers, EveryFlippedBitAndEveryCutIsRefused) {
  const Buffer good = build_response(
      P().ocsp_signer, {.entries = {leaf_entry()}, .certificates = Certificates::kNone});
  const std::vector<pki::Certificate> extra = {P().ocsp_signer.certificate};
  const auto believed = [&](Bytes response) {
    return bool(
        verify({response, P().leaf.certificate, P().intermediate.certificate, std::nullopt, extra},
               {}, kTestNow));
  };
  ASSERT_TRUE(believed(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_FALSE(believed(Bytes(good).first(cut))) << "cut at " << cut;
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Buffer flipped = good;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(believed(flipped)) << "bit " << bit;
  }
}

}  // namespace
}  // namespace muster::client
