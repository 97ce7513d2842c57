#include <algorithm>

#include "case.h"

// What a responder does when it is asked this or that. Each rule reads the answers to its probes.
namespace muster::lint {
namespace {

using ocsp::ResponseStatus;

bool was_asked(const Case& c, ProbeKind kind) {
  return std::any_of(c.responses.begin(), c.responses.end(),
                     [kind](const ResponseFacts& r) { return r.exchange->probe == kind; });
}
std::string answer_text(const ResponseFacts& r) {
  const auto& http = r.exchange->http;
  if (http && http->status == 0) {
    return "no answer (" + http->failure + ")";
  }
  std::string text =
      http && http->status != 200 ? "HTTP " + std::to_string(http->status) + ", " : "";
  if (!r.loose.status) {
    return text + (r.exchange->response.empty() ? "no body" : "no OCSP response");
  }
  text += ocsp::to_string(static_cast<ResponseStatus>(*r.loose.status));
  if (r.loose.is_successful() && !r.loose.entries.empty()) {
    constexpr std::string_view kWords[] = {"good", "revoked", "unknown", "no status"};
    text += ", " + std::string(kWords[static_cast<std::size_t>(r.loose.entries.front().status)]);
  }
  return text;
}
std::string answer_text(const Case& c, ProbeKind kind) {
  for (const ResponseFacts& r : c.responses) {
    if (r.exchange->probe == kind) {
      return answer_text(r);
    }
  }
  return "not asked";
}
/// A successful response to this probe; null otherwise.
const ResponseFacts* success(const Case& c, ProbeKind kind) {
  const ResponseFacts* answer = c.answer_to(kind);
  return answer != nullptr && answer->loose.is_successful() && !answer->loose.entries.empty()
             ? answer
             : nullptr;
}
bool has_status(const Case& c, ProbeKind kind, ResponseStatus status) {
  const ResponseFacts* answer = c.answer_to(kind);
  return answer != nullptr && answer->loose.status == static_cast<std::uint64_t>(status);
}
/// What the responder says of the certificate when nothing is odd about the question.
const ResponseFacts* plain(const Case& c) {
  const ResponseFacts* by_get = success(c, ProbeKind::kGet);
  return by_get != nullptr ? by_get : success(c, ProbeKind::kPost);
}
bool same_status(const ResponseFacts& a, const ResponseFacts& b) {
  return a.loose.entries.front().status == b.loose.entries.front().status;
}

/// The answer to this probe says what the plain one says.
template <ProbeKind kKind>
Ruling as_ever(const Case& c) {
  if (plain(c) == nullptr || !was_asked(c, kKind)) {
    return skip();
  }
  const ResponseFacts* answer = success(c, kKind);
  return demand(answer != nullptr && same_status(*answer, *plain(c)),
                std::string(to_string(kKind)) + ": " + answer_text(c, kKind) +
                    "; the plain question: " + answer_text(*plain(c)));
}

template <ProbeKind kKind>
Ruling answers_ocsp(const Case& c) {
  if (!was_asked(c, kKind)) {
    return skip();
  }
  const ResponseFacts* answer = c.answer_to(kKind);
  return demand(answer != nullptr && answer->loose.status.has_value(), answer_text(c, kKind));
}

/// GET and POST both answer with a status, and with the same.
Ruling methods_agree(const Case& c) {
  const ResponseFacts* by_get = success(c, ProbeKind::kGet);
  const ResponseFacts* by_post = success(c, ProbeKind::kPost);
  return by_get != nullptr && by_post != nullptr
             ? demand(same_status(*by_get, *by_post),
                      "GET: " + answer_text(*by_get) + "; POST: " + answer_text(*by_post))
             : skip();
}

Ruling status_is_told(const Case& c) {
  if (!was_asked(c, ProbeKind::kGet) && !was_asked(c, ProbeKind::kPost)) {
    return skip();
  }
  return demand(plain(c) != nullptr, "the question by GET: " + answer_text(c, ProbeKind::kGet) +
                                         "; by POST: " + answer_text(c, ProbeKind::kPost));
}

template <ProbeKind kKind>
Ruling is_malformed(const Case& c) {
  return was_asked(c, kKind) ? demand(has_status(c, kKind, ResponseStatus::kMalformedRequest),
                                      std::string(to_string(kKind)) + ": " + answer_text(c, kKind))
                             : skip();
}

/// 64 KiB of nothing: refused by OCSP or HTTP, but answered.
Ruling oversized_refused(const Case& c) {
  for (const ResponseFacts& r : c.responses) {
    if (r.exchange->probe == ProbeKind::kOversized && r.exchange->http) {
      const unsigned status = r.exchange->http->status;
      const bool refused =
          status == 413 || status == 414 || status == 400 ||
          r.loose.status == static_cast<std::uint64_t>(ResponseStatus::kMalformedRequest);
      return demand(refused, answer_text(r));
    }
  }
  return skip();
}

/// Nobody answers for an issuer that is none of his.
Ruling foreign_issuer(const Case& c) {
  if (!was_asked(c, ProbeKind::kForeignIssuer)) {
    return skip();
  }
  const ResponseFacts* answer = success(c, ProbeKind::kForeignIssuer);
  const bool is_unknown =
      answer != nullptr && answer->loose.entries.front().status == LooseEntry::Status::kUnknown;
  return demand(
      is_unknown || has_status(c, ProbeKind::kForeignIssuer, ResponseStatus::kUnauthorized),
      answer_text(c, ProbeKind::kForeignIssuer));
}
Ruling foreign_issuer_refused(const Case& c) {
  return was_asked(c, ProbeKind::kForeignIssuer)
             ? demand(has_status(c, ProbeKind::kForeignIssuer, ResponseStatus::kUnauthorized),
                      answer_text(c, ProbeKind::kForeignIssuer))
             : skip();
}

Ruling unissued_not_good(const Case& c) {
  if (c.answer_to(ProbeKind::kUnissued) == nullptr) {
    return skip();
  }
  const ResponseFacts* answer = success(c, ProbeKind::kUnissued);
  return demand(
      answer == nullptr || answer->loose.entries.front().status != LooseEntry::Status::kGood,
      "a random serial that was never issued is good");
}
Ruling unissued_not_held(const Case& c) {
  if (c.answer_to(ProbeKind::kUnissued) == nullptr) {
    return skip();
  }
  const ResponseFacts* answer = success(c, ProbeKind::kUnissued);
  return demand(
      answer == nullptr || answer->loose.entries.front().status != LooseEntry::Status::kRevoked,
      "a random serial that was never issued is revoked, which means certificateHold");
}
Ruling unissued_recognisable(const Case& c) {
  const ResponseFacts* answer = success(c, ProbeKind::kUnissued);
  if (answer == nullptr || answer->loose.entries.front().status != LooseEntry::Status::kRevoked) {
    return skip();
  }
  return demand(
      find_extension(answer->loose.extensions, oid::kOcspExtendedRevoked) != nullptr,
      "a random serial that was never issued is revoked without the marker extended-revoked");
}

Ruling unknown_hash(const Case& c) {
  return was_asked(c, ProbeKind::kUnknownHash)
             ? demand(
                   c.answer_to(ProbeKind::kUnknownHash) != nullptr &&
                       !has_status(c, ProbeKind::kUnknownHash, ResponseStatus::kMalformedRequest),
                   "a CertID made with MD5: " + answer_text(c, ProbeKind::kUnknownHash))
             : skip();
}

/// The CertIDs of the answer repeat those of the request, octet by octet.
Ruling cert_ids_echoed(const Case& c) {
  bool is_seen = false;
  for (const ResponseFacts& r : c.responses) {
    const auto request = ocsp::parse_request(r.exchange->request);
    if (!request || !r.loose.is_successful() || !is_about_the_certificate(r.exchange->probe)) {
      continue;
    }
    is_seen = true;
    for (const ocsp::SingleRequestView& asked : request->requests) {
      const auto& entries = r.loose.entries;
      const bool is_there = std::any_of(entries.begin(), entries.end(), [&](const LooseEntry& e) {
        return e.cert_id && equal(e.cert_id->raw, asked.cert_id.raw);
      });
      if (!is_there) {
        return broken(std::string(to_string(r.exchange->probe)) +
                      ": the answer names the certificate by another CertID than the request");
      }
    }
  }
  return is_seen ? holds() : skip();
}

Ruling both_answered(const Case& c) {
  const ResponseFacts* answer = success(c, ProbeKind::kTwoCertIds);
  if (answer == nullptr) {
    return skip();
  }
  const auto request = ocsp::parse_request(answer->exchange->request);
  const std::size_t asked = request ? request->requests.size() : 0;
  return demand(answer->loose.entries.size() >= asked,
                std::to_string(asked) + " CertIDs in one request got " +
                    std::to_string(answer->loose.entries.size()) + " entries");
}

bool echoes(const Case& c, ProbeKind kind) {
  const ResponseFacts* answer = success(c, kind);
  return answer != nullptr && find_extension(answer->loose.extensions, oid::kOcspNonce) != nullptr;
}
Ruling nonce_tolerated(const Case& c) {
  if (plain(c) == nullptr || !was_asked(c, ProbeKind::kNonce32)) {
    return skip();
  }
  return demand(success(c, ProbeKind::kNonce32) != nullptr,
                "a nonce of 32 octets: " + answer_text(c, ProbeKind::kNonce32));
}
Ruling nonce_echoed(const Case& c) {
  return success(c, ProbeKind::kNonce32) != nullptr
             ? demand(echoes(c, ProbeKind::kNonce32), "a nonce of 32 octets does not come back")
             : skip();
}
Ruling longer_nonce_tolerated(const Case& c) {
  if (plain(c) == nullptr || !was_asked(c, ProbeKind::kNonce33)) {
    return skip();
  }
  return demand(success(c, ProbeKind::kNonce33) != nullptr,
                "a nonce of 33 octets: " + answer_text(c, ProbeKind::kNonce33));
}
/// Binds whoever implements nonces.
Ruling too_long_nonce(const Case& c) {
  return echoes(c, ProbeKind::kNonce32) ? is_malformed<ProbeKind::kNonce129>(c) : skip();
}

Ruling critical_refused(const Case& c) {
  const ResponseFacts* answer = c.answer_to(ProbeKind::kCriticalExtension);
  if (answer == nullptr || !answer->loose.status) {
    return skip();
  }
  return demand(*answer->loose.status != 0,
                "a request with a critical extension that nobody knows: " + answer_text(*answer));
}

constexpr Rule kRules[] = {
    {"status-told", Scope::kResponder, Level::kMust, kEveryProfile, "RFC 6960 2.2", "OCSP-RESP-002",
     "A question about a certificate of the CA gets a signed status.", status_is_told},
    {"get-answered", Scope::kResponder, Level::kMust, kEveryProfile,
     "RFC 6960 A.1; CA/B BR 4.9.9; CSBR 4.9.10; S/MIME BR 4.9.10", "OCSP-RESP-032",
     "Requests by GET are answered.", answers_ocsp<ProbeKind::kGet>},
    {"post-answered", Scope::kResponder, Level::kMust, kEveryProfile, "RFC 6960 A.1",
     "OCSP-RESP-032", "Requests by POST are answered.", answers_ocsp<ProbeKind::kPost>},
    {"methods-agree", Scope::kResponder, Level::kMust, kEveryProfile, "RFC 6960 A.1",
     "OCSP-RESP-032", "GET and POST tell the same status.", methods_agree},
    {"garbage-malformed", Scope::kResponder, Level::kMust, kEveryProfile, "RFC 6960 2.3",
     "OCSP-RESP-001", "What is no request is answered malformedRequest.",
     is_malformed<ProbeKind::kGarbage>, ProbeKind::kGarbage},
    {"oversized-refused", Scope::kResponder, Level::kShould, kEveryProfile,
     "requirements table (practice)", "OCSP-RESP-078",
     "Requests beyond any sense are refused: malformedRequest, or HTTP 400, 413, 414.",
     oversized_refused, ProbeKind::kOversized},
    {"foreign-issuer", Scope::kResponder, Level::kMust, kEveryProfile, "RFC 6960 2.2, 2.3",
     "OCSP-RESP-005", "For an issuer that is not served the answer is unknown or unauthorized.",
     foreign_issuer, ProbeKind::kForeignIssuer},
    {"foreign-issuer-refused", Scope::kResponder, Level::kMust, kLightweight, "RFC 9919 3.2.3",
     "OCSP-RESP-011", "For an issuer that is not served the answer is unauthorized.",
     foreign_issuer_refused, ProbeKind::kForeignIssuer},
    {"unissued-not-good", Scope::kResponder, Level::kMust,
     kForumProfiles | set_of({Profile::kEtsi, Profile::kFpki}),
     "CA/B BR 4.9.9; CSBR 4.9.10; S/MIME BR 4.9.10; EN 319 411-1 OVR-6.6.3-02", "OCSP-RESP-062",
     "A serial that was never issued is not good.", unissued_not_good, ProbeKind::kUnissued},
    {"unissued-good-told", Scope::kResponder, Level::kInfo,
     set_of({Profile::kRfc6960, Profile::kRfc9919, Profile::kOcpp}), "RFC 6960 2.2",
     "OCSP-RESP-006",
     "Good may be said of a serial that was never issued; most profiles forbid it.",
     unissued_not_good, ProbeKind::kUnissued},
    {"unissued-not-held", Scope::kResponder, Level::kShould, kWebProfiles,
     "CA/B BR 4.9.13, 7.2.2, 7.3", "OCSP-RESP-064",
     "A serial that was never issued is not revoked, since that takes certificateHold.",
     unissued_not_held, ProbeKind::kUnissued},
    {"unissued-recognisable", Scope::kResponder, Level::kMust, set_of({Profile::kEtsi}),
     "EN 319 411-1 OVR-6.6.3-02", "OCSP-RESP-063",
     "Revoked, of a serial that was never issued, is recognisable as such.", unissued_recognisable,
     ProbeKind::kUnissued},
    {"unknown-hash", Scope::kResponder, Level::kShould, kEveryProfile, "RFC 6960 4.1.1",
     "OCSP-RESP-011", "A CertID made with a hash that is not served is no malformed request.",
     unknown_hash, ProbeKind::kUnknownHash},
    {"sha1-cert-id-answered", Scope::kResponder, Level::kMust, set_of({Profile::kFpki}),
     "federal OCSP response profile", "OCSP-RESP-023", "Questions by SHA-1 CertIDs are answered.",
     as_ever<ProbeKind::kGetSha1>, ProbeKind::kGetSha1},
    {"sha1-cert-id-still-answered", Scope::kResponder, Level::kInfo,
     static_cast<ProfileSet>(kEveryProfile & ~set_of({Profile::kFpki, Profile::kOcpp})),
     "RFC 9919 3.2.1", "OCSP-RESP-036", "Old clients ask by SHA-1 CertIDs alone.",
     as_ever<ProbeKind::kGetSha1>, ProbeKind::kGetSha1},
    {"sha384-cert-id-answered", Scope::kResponder, Level::kShould, set_of({Profile::kOcpp}),
     "OCPP 2.0.1 HashAlgorithmEnumType", "OCSP-RESP-023",
     "Questions by SHA-384 CertIDs are answered.", as_ever<ProbeKind::kPostSha384>,
     ProbeKind::kPostSha384},
    {"cert-id-echoed", Scope::kResponder, Level::kShould, kEveryProfile,
     "requirements table (practice: ultimate-ca-manager#143)", "OCSP-RESP-022",
     "The answer repeats the CertID of the request.", cert_ids_echoed},
    {"each-cert-id-answered", Scope::kResponder, Level::kMust, kEveryProfile, "RFC 6960 4.2.2.3",
     "OCSP-RESP-020", "Each CertID of a request gets an entry.", both_answered,
     ProbeKind::kTwoCertIds},
    {"nonce-tolerated", Scope::kResponder, Level::kMust, kEveryProfile,
     "RFC 9654 2.1, RFC 9919 3.2.1", "OCSP-RESP-038",
     "A nonce of 32 octets is answered, with it or without.", nonce_tolerated, ProbeKind::kNonce32},
    {"nonce-echoed", Scope::kResponder, Level::kInfo,
     static_cast<ProfileSet>(kEveryProfile & ~(kLightweight | set_of({Profile::kFpki}))),
     "RFC 9654 2.1", "OCSP-RESP-054", "A nonce comes back, which keeps replays out.", nonce_echoed,
     ProbeKind::kNonce32},
    {"longer-nonce-tolerated", Scope::kResponder, Level::kInfo, kEveryProfile, "RFC 9654 2.1",
     "OCSP-RESP-055", "A nonce of 33 octets is answered, with it or without.",
     longer_nonce_tolerated, ProbeKind::kNonce33},
    {"too-long-nonce-malformed", Scope::kResponder, Level::kMust, kEveryProfile, "RFC 9654 2.1",
     "OCSP-RESP-056", "With nonces served, one of more than 128 octets is malformed.",
     too_long_nonce, ProbeKind::kNonce129},
    {"unknown-extension-ignored", Scope::kResponder, Level::kMust, kEveryProfile, "RFC 6960 4.1.2",
     "OCSP-RESP-015", "An extension that nobody knows and that is not critical changes nothing.",
     as_ever<ProbeKind::kUnknownExtension>, ProbeKind::kUnknownExtension},
    {"critical-extension-refused", Scope::kResponder, Level::kMust, kEveryProfile, "RFC 6960 4.1.2",
     "OCSP-RESP-015", "A critical extension that nobody knows is not passed over.",
     critical_refused, ProbeKind::kCriticalExtension},
    {"basic-among-acceptable", Scope::kResponder, Level::kMust, kEveryProfile, "RFC 6960 4.4.3",
     "OCSP-RESP-025", "The basic type is given to those who accept it among others.",
     as_ever<ProbeKind::kAcceptableResponses>, ProbeKind::kAcceptableResponses},
    {"unsigned-name-ignored", Scope::kResponder, Level::kMust, kLightweight, "RFC 9919 3.1.2",
     "OCSP-RESP-034", "A requestor name without a signature changes nothing.",
     as_ever<ProbeKind::kRequestorName>, ProbeKind::kRequestorName},
    {"post-judged-by-body", Scope::kResponder, Level::kInfo, kEveryProfile,
     "requirements table (practice)", "OCSP-RESP-080",
     "POST is judged by its octets, not by its Content-Type.",
     as_ever<ProbeKind::kWrongContentType>, ProbeKind::kWrongContentType},
    {"http-1-0-answered", Scope::kResponder, Level::kInfo, kEveryProfile, "users.md 1.4 (practice)",
     "OCSP-RESP-080", "Clients that speak HTTP/1.0 are answered.", as_ever<ProbeKind::kHttp10>,
     ProbeKind::kHttp10},
    {"get-unescaped-answered", Scope::kResponder, Level::kInfo, kEveryProfile,
     "requirements table (practice: xipki#93, boulder#884)", "OCSP-RESP-077",
     "GET is answered when base64 stands unescaped in the URL.", as_ever<ProbeKind::kGetUnescaped>,
     ProbeKind::kGetUnescaped},
};

}  // namespace

std::span<const Rule> responder_rules() { return kRules; }

}  // namespace muster::lint
