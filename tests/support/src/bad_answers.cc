#include "muster/testing/bad_answers.h"

#include <algorithm>

namespace muster::testing {

EntrySpec BadAnswerWorld::entry(const Identity& subject, const Identity& issuer,
                                ocsp::CertStatus status) const {
  EntrySpec entry = entry_for(subject.certificate, issuer.certificate, status, hash);
  entry.this_update = now - std::chrono::hours(1);
  entry.next_update = now + std::chrono::hours(24);
  return entry;
}
ResponseSpec BadAnswerWorld::response() const {
  return {.entries = {entry(pki.leaf, pki.intermediate)},
          .produced_at = now - std::chrono::hours(1)};
}
Buffer BadAnswerWorld::signed_by(const Identity& signer, std::vector<EntrySpec> entries) const {
  ResponseSpec spec = response();
  spec.entries = std::move(entries);
  return build_response(signer, spec);
}
Buffer BadAnswerWorld::good() const { return build_response(pki.ocsp_signer, response()); }
CertificateSpec BadAnswerWorld::at(CertificateSpec spec) const {
  spec.at = now;
  return spec;
}

namespace {

using std::chrono::hours;
using W = const BadAnswerWorld&;
using Make = std::function<Buffer(W)>;

/// A good answer with one thing changed.
Make answer(std::function<void(W, ResponseSpec&)> change) {
  return [change](W w) {
    ResponseSpec spec = w.response();
    change(w, spec);
    return build_response(w.pki.ocsp_signer, spec);
  };
}
/// A good answer by a delegate with one thing changed in its certificate.
Make delegate(std::function<void(W, CertificateSpec&)> change) {
  return [change](W w) {
    CertificateSpec spec = w.signer_spec();
    change(w, spec);
    return build_response(issue(w.pki.intermediate, spec), w.response());
  };
}
Make signed_by(std::function<Identity(W)> make_signer) {
  return [make_signer](W w) { return build_response(make_signer(w), w.response()); };
}
/// A good answer whose CertID has one part changed.
Make cert_id(
    std::function<void(Buffer& name, Buffer& key, Buffer& serial, Buffer& algorithm)> change) {
  return [change](W w) {
    const ocsp::CertId good =
        pki::make_cert_id(w.hash, w.pki.leaf.certificate, w.pki.intermediate.certificate);
    const ocsp::CertIdView view = good.view();
    Buffer name = to_buffer(view.issuer_name_hash), key = to_buffer(view.issuer_key_hash),
           serial = to_buffer(view.serial), algorithm = to_buffer(view.hash_algorithm.raw);
    change(name, key, serial, algorithm);
    ResponseSpec spec = w.response();
    spec.entries[0].cert_id = make_raw_cert_id(algorithm, name, key, serial);
    return build_response(w.pki.ocsp_signer, spec);
  };
}
Make octets(std::function<void(Buffer&)> change) {
  return [change](W w) {
    Buffer response = w.good();
    change(response);
    return response;
  };
}
Make error_status(ocsp::ResponseStatus status) {
  return [status](W) { return ocsp::encode_error_response(status); };
}

/// Another CA of the same name with another key, and what it certifies.
Identity same_name_other_key(W w) {
  CertificateSpec spec = w.at(ca_spec("x"));
  spec.subject = to_buffer(w.pki.intermediate.certificate.subject());
  return issue(w.pki.root, spec);
}

std::vector<BadAnswer> malformed() {
  return {
      {"Empty", "malformed-response", 4, [](W) { return Buffer(); }},
      {"OneOctet", "malformed-response", 4, [](W) { return Buffer{0x30}; }},
      {"HtmlErrorPage", "malformed-response", 4,
       [](W) { return to_buffer(as_bytes("<html><body>502 Bad Gateway</body></html>")); }},
      {"Pem", "malformed-response", 4,
       [](W w) { return to_buffer(as_bytes(to_pem("OCSP RESPONSE", w.good()))); }},
      {"Truncated", "malformed-response", 4, octets([](Buffer& b) { b.pop_back(); })},
      {"TruncatedToHalf", "malformed-response", 4,
       octets([](Buffer& b) { b.resize(b.size() / 2); })},
      {"TrailingOctet", "malformed-response", 4, octets([](Buffer& b) { b.push_back(0); })},
      {"TwiceInARow", "malformed-response", 4, octets([](Buffer& b) {
         const Buffer copy = b;
         b.insert(b.end(), copy.begin(), copy.end());
       })},
      {"SuccessWithoutBody", "malformed-response", 4,
       [](W) {
         return Buffer{0x30, 0x03, 0x0a, 0x01, 0x00};
       }},
      {"UnusedStatus4", "malformed-response", 4,
       [](W) {
         return Buffer{0x30, 0x03, 0x0a, 0x01, 0x04};
       }},
      {"StatusBeyondSix", "malformed-response", 4,
       [](W) {
         return Buffer{0x30, 0x03, 0x0a, 0x01, 0x07};
       }},
      {"ACertificate", "malformed-response", 4,
       [](W w) { return to_buffer(w.pki.leaf.certificate.der()); }},
      {"BeyondTheSizeLimit", "malformed-response", 4,
       [](W) { return Buffer((1 << 20) + 1, 0x30); }},
      {"UnknownResponseType", "unsupported-response-type", 4, octets([](Buffer& b) {
         const Buffer basic = {0x06, 0x09, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1};
         const auto at = std::search(b.begin(), b.end(), basic.begin(), basic.end());
         at[10] = 9;
       })},
      {"DuplicateExtension", "malformed-response", 4, answer([](W, ResponseSpec& s) {
         s.extensions = {unknown_extension(false), unknown_extension(false)};
       })},
  };
}

std::vector<BadAnswer> error_statuses() {
  return {
      {"MalformedRequest", "responder-error", 3,
       error_status(ocsp::ResponseStatus::kMalformedRequest)},
      {"InternalError", "responder-error", 3, error_status(ocsp::ResponseStatus::kInternalError)},
      {"TryLater", "responder-error", 3, error_status(ocsp::ResponseStatus::kTryLater)},
      {"SigRequired", "responder-error", 3, error_status(ocsp::ResponseStatus::kSigRequired)},
      {"Unauthorized", "responder-error", 3, error_status(ocsp::ResponseStatus::kUnauthorized)},
  };
}

std::vector<BadAnswer> signers() {
  return {
      {"OtherResponderKeyHash", "signer-not-found", 4,
       answer([](W, ResponseSpec& s) { s.other_key_hash.emplace().fill(7); })},
      {"OtherResponderName", "signer-not-found", 4,
       answer([](W, ResponseSpec& s) { s.other_name = make_name("somebody else"); })},
      {"DelegateNotSentAlong", "signer-not-found", 4,
       answer([](W, ResponseSpec& s) { s.certificates = Certificates::kNone; })},
      {"ResponderIdOfTheIssuerButSignedByDelegate", "bad-signature", 4,
       answer([](W w, ResponseSpec& s) {
         s.other_key_hash = w.pki.intermediate.certificate.key_hash();
       })},
      {"DelegateWithoutEku", "signer-unauthorised", 4,
       delegate([](W, CertificateSpec& s) { s.extended_key_usage.clear(); })},
      {"DelegateWithAnyExtendedKeyUsage", "signer-unauthorised", 4,
       delegate([](W, CertificateSpec& s) {
         s.extended_key_usage = {to_buffer(oid::kAnyExtendedKeyUsage)};
       })},
      {"DelegateForServerAuth", "signer-unauthorised", 4, delegate([](W, CertificateSpec& s) {
         s.extended_key_usage = {to_buffer(oid::kKpServerAuth)};
       })},
      {"DelegateExpired", "signer-unauthorised", 4,
       delegate([](W w, CertificateSpec& s) { s.not_after = w.now - Seconds(1); })},
      {"DelegateNotYetValid", "signer-unauthorised", 4,
       delegate([](W w, CertificateSpec& s) { s.not_before = w.now + hours(1); })},
      {"DelegateForKeyEncipherment", "signer-unauthorised", 4,
       delegate([](W, CertificateSpec& s) { s.key_usage = 1 << 2; })},
      {"DelegateBadlySigned", "signer-unauthorised", 4,
       delegate([](W, CertificateSpec& s) { s.break_signature = true; })},
      {"DelegateWithUnknownCriticalExtension", "signer-unauthorised", 4,
       delegate([](W, CertificateSpec& s) { s.extensions = {unknown_extension(true)}; })},
      {"DelegateUnderAnotherIssuerName", "signer-unauthorised", 4,
       delegate([](W, CertificateSpec& s) { s.issuer_name = make_name("Renamed CA"); })},
      {"DelegateOfARekeyedCaOfTheSameName", "signer-unauthorised", 4,
       signed_by([](W w) { return issue(same_name_other_key(w), w.signer_spec()); })},
      {"DelegateOfAnotherCa", "signer-unauthorised", 4, signed_by([](W w) {
         return issue(make_self_signed(w.at(ca_spec("Other CA"))), w.signer_spec());
       })},
      {"DelegateOfTheRoot", "signer-unauthorised", 4,
       signed_by([](W w) { return issue(w.pki.root, w.signer_spec()); })},
      {"TheRootItself", "signer-unauthorised", 4, signed_by([](W w) { return w.pki.root; })},
      {"ARekeyedCaOfTheSameName", "signer-unauthorised", 4,
       signed_by([](W w) { return same_name_other_key(w); })},
      {"ASelfSignedOutsider", "signer-unauthorised", 4,
       signed_by([](W w) { return make_self_signed(w.at(ocsp_signer_spec("outsider"))); })},
      {"TheLeafForItself", "signer-unauthorised", 4, signed_by([](W w) { return w.pki.leaf; })},
  };
}

std::vector<BadAnswer> signatures() {
  return {
      {"SignatureBitFlipped", "bad-signature", 4,
       answer([](W, ResponseSpec& s) { s.break_signature = true; })},
      {"BodyBitFlipped", "bad-signature", 4,
       answer([](W, ResponseSpec& s) { s.break_body = true; })},
      {"SignedByAnotherKey", "bad-signature", 4,
       answer([](W w, ResponseSpec& s) { s.sign_with = w.pki.other_leaf.key; })},
      {"RsaSha1", "weak-signature", 4,
       [](W w) {
         CertificateSpec spec = w.signer_spec();
         spec.use_key = cached_key(KeyKind::kRsa2048);
         ResponseSpec answer = w.response();
         answer.sign_as = SignAs::kSha1;
         return build_response(issue(w.pki.intermediate, spec), answer);
       }},
      {"Rsa1024", "weak-signature", 4,
       [](W w) {
         CertificateSpec spec = w.signer_spec();
         spec.use_key = cached_key(KeyKind::kRsa1024);
         ResponseSpec answer = w.response();
         answer.sign_as = SignAs::kSha256;
         return build_response(issue(w.pki.intermediate, spec), answer);
       }},
      {"Dsa", "weak-signature", 4,
       [](W w) {
         CertificateSpec spec = w.signer_spec();
         spec.use_key = cached_key(KeyKind::kDsa2048);
         return build_response(issue(w.pki.intermediate, spec), w.response());
       }},
  };
}

std::vector<BadAnswer> extensions() {
  return {
      {"CriticalResponseExtension", "critical-extension", 4,
       answer([](W, ResponseSpec& s) { s.extensions = {unknown_extension(true)}; })},
      {"CriticalEntryExtension", "critical-extension", 4,
       answer([](W, ResponseSpec& s) { s.entries[0].extensions = {unknown_extension(true)}; })},
      {"CriticalExtensionOfAnotherEntry", "critical-extension", 4, answer([](W w, ResponseSpec& s) {
         s.entries.push_back(w.entry(w.pki.other_leaf, w.pki.intermediate));
         s.entries[1].extensions = {unknown_extension(true)};
       })},
      {"CriticalNonceInAnEntry", "critical-extension", 4, answer([](W, ResponseSpec& s) {
         s.entries[0].extensions = {
             {to_buffer(oid::kOcspNonce), true, ocsp::encode_nonce(Buffer(32, 1))}};
       })},
      {"CriticalCertificateIssuer", "critical-extension", 4, answer([](W, ResponseSpec& s) {
         s.entries[0].extensions = {
             {to_buffer(oid::kCeCertificateIssuer), true, Buffer{0x30, 0x00}}};
       })},
  };
}

std::vector<BadAnswer> cert_ids() {
  return {
      {"OtherSerial", "certid-mismatch", 4,
       cert_id([](Buffer&, Buffer&, Buffer& serial, Buffer&) { serial.back() ^= 1; })},
      {"SerialWithoutItsLastOctet", "certid-mismatch", 4,
       cert_id([](Buffer&, Buffer&, Buffer& serial, Buffer&) { serial = {0x01}; })},
      {"OtherNameHash", "certid-mismatch", 4,
       cert_id([](Buffer& name, Buffer&, Buffer&, Buffer&) { name.back() ^= 1; })},
      {"OtherKeyHash", "certid-mismatch", 4,
       cert_id([](Buffer&, Buffer& key, Buffer&, Buffer&) { key.front() ^= 0x80; })},
      {"ShortNameHash", "certid-mismatch", 4,
       cert_id([](Buffer& name, Buffer&, Buffer&, Buffer&) { name.pop_back(); })},
      {"EmptyHashes", "certid-mismatch", 4,
       cert_id([](Buffer& name, Buffer& key, Buffer&, Buffer&) {
         name.clear();
         key.clear();
       })},
      {"UnknownHashAlgorithm", "certid-mismatch", 4,
       cert_id([](Buffer&, Buffer&, Buffer&, Buffer& algorithm) {
         algorithm[algorithm.size() - 3] = 0x7f;
       })},
      {"HashesOfAnotherAlgorithm", "certid-mismatch", 4,
       cert_id([](Buffer&, Buffer&, Buffer&, Buffer& algorithm) {
         algorithm =
             to_buffer(der::hash_algorithm_der(HashAlgorithm::kSha384, der::HashParameters::kNull));
       })},
      {"AnotherLeaf", "certid-mismatch", 4,
       [](W w) {
         return w.signed_by(w.pki.ocsp_signer, {w.entry(w.pki.other_leaf, w.pki.intermediate)});
       }},
      {"NoEntriesOfOurs", "certid-mismatch", 4, answer([](W w, ResponseSpec& s) {
         s.entries = {w.entry(w.pki.other_leaf, w.pki.intermediate),
                      w.entry(w.pki.intermediate, w.pki.root)};
       })},
  };
}

std::vector<BadAnswer> times() {
  return {
      {"Expired", "response-expired", 4,
       answer([](W w, ResponseSpec& s) { s.entries[0].next_update = w.now; })},
      {"ExpiredAYearAgo", "response-expired", 4, answer([](W w, ResponseSpec& s) {
         s.entries[0].this_update = w.now - hours(24 * 366);
         s.entries[0].next_update = w.now - hours(24 * 365);
       })},
      {"ThisUpdateInTheFuture", "response-not-yet-valid", 4, answer([](W w, ResponseSpec& s) {
         s.entries[0].this_update = w.now + hours(1);
         s.entries[0].next_update = w.now + hours(24);
       })},
      {"NextUpdateBeforeThisUpdate", "invalid-interval", 4, answer([](W, ResponseSpec& s) {
         s.entries[0].next_update = s.entries[0].this_update - Seconds(1);
       })},
      {"OldWithoutNextUpdate", "response-too-old", 4, answer([](W w, ResponseSpec& s) {
         s.entries[0].this_update = w.now - hours(25);
         s.entries[0].next_update.reset();
       })},
      {"MadeBeforeTheCertificate", "produced-before-certificate", 4,
       answer([](W w, ResponseSpec& s) {
         s.produced_at = w.pki.leaf.certificate.not_before() - hours(24);
       })},
      {"BrokenArchiveCutoff", "malformed-response", 4, answer([](W, ResponseSpec& s) {
         s.entries[0].extensions = {
             {to_buffer(oid::kOcspArchiveCutoff), false, Buffer{0x05, 0x00}}};
       })},
  };
}

}  // namespace

std::vector<BadAnswer> bad_answers() {
  std::vector<BadAnswer> all;
  for (std::vector<BadAnswer>& part :
       std::vector{malformed(), error_statuses(), signers(), signatures(), extensions(), cert_ids(),
                   times()}) {
    std::move(part.begin(), part.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace muster::testing
