#include "options_policy.h"

#include "muster/base/text.h"
#include "options_words.h"

namespace muster::app {
namespace {

using responder::ArchiveCutoff;
using responder::Certifies;
using responder::HoldForm;
using responder::IssuerPolicy;
using responder::NextUpdate;
using responder::NoncePolicy;
using responder::RequestSignatures;
using responder::ResponderIdForm;
using responder::Shown;
using responder::UnissuedAnswer;
using responder::UnlistedAnswer;

constexpr std::array kUnlisted = {Word{"good", UnlistedAnswer::kGood},
                                  Word{"unknown", UnlistedAnswer::kUnknown},
                                  Word{"unauthorized", UnlistedAnswer::kUnauthorized}};
constexpr std::array kUnissued = {Word{"unknown", UnissuedAnswer::kUnknown},
                                  Word{"unauthorized", UnissuedAnswer::kUnauthorized},
                                  Word{"revoked", UnissuedAnswer::kRevoked}};
constexpr std::array kNonce = {
    Word{"echo", NoncePolicy::kEcho}, Word{"echo-16-32", NoncePolicy::kEchoStandard},
    Word{"rfc8954", NoncePolicy::kRfc8954}, Word{"ignore", NoncePolicy::kIgnore},
    Word{"require", NoncePolicy::kRequire}};
constexpr std::array kResponderId = {Word{"key", ResponderIdForm::kByKey},
                                     Word{"name", ResponderIdForm::kByName}};
constexpr std::array kNextUpdate = {Word{"stated", NextUpdate::kStated},
                                    Word{"omitted", NextUpdate::kOmitted},
                                    Word{"last", NextUpdate::kLast}};
constexpr std::array kHold = {Word{"hold", HoldForm::kHold}, Word{"revoked", HoldForm::kRevoked}};
constexpr std::array kArchiveCutoff = {Word{"none", ArchiveCutoff::kNone},
                                       Word{"retention", ArchiveCutoff::kRetention},
                                       Word{"issuer", ArchiveCutoff::kIssuer}};
constexpr std::array kCertifies = {Word{"subscribers", Certifies::kSubscribers},
                                   Word{"cas", Certifies::kCas}};
constexpr std::array kSignatures = {Word{"ignored", RequestSignatures::kIgnored},
                                    Word{"verified", RequestSignatures::kVerified},
                                    Word{"required", RequestSignatures::kRequired}};
constexpr std::array kFlag = {Word{"no", Shown::kNo}, Word{"yes", Shown::kYes}};

/// A key that changes a value of the profile when given.
template <class T, std::size_t N, class Rules>
void change(config::Section& section, std::string_view key, const std::array<Word<T>, N>& words,
            T Rules::*field, PolicyOptions& o, std::string_view doc,
            std::string_view shown = "(as the profile)") {
  std::string type;
  for (const Word<T>& word : words) {
    type += (type.empty() ? "\"" : ", \"") + std::string(word.text) + "\"";
  }
  section.custom(
      key, "one of " + type, shown,
      [&words, field, &o](std::string_view text) {
        return choose(text, words, [&](T value) {
          o.changes.push_back([field, value](IssuerPolicy& p) { p.*field = value; });
        });
      },
      doc);
}

void bind_nonce_for(config::Section& section, NonceForOptions& o) {
  section.texts(
      "clients", &o.clients,
      "Networks of the clients: \"192.0.2.0/24\", \"2001:db8::/32\", an address, or \"unix\".");
  section.choice(
      "nonce", texts(kNonce), 0, [&o](std::size_t i) { o.nonce = kNonce.at(i).value; },
      "As the issuer's `nonce`.");
}

void bind_answers(config::Section& section, PolicyOptions& o) {
  section.duration("validity", &o.validity, Seconds(60), Seconds(366 * 86400),
                   "From thisUpdate to nextUpdate, both ends counted: 7d puts 604799 seconds "
                   "between them. Never beyond the CRL's nextUpdate, nor (see beyond_signer) the "
                   "end of signer and CA. Default: as the profile, 7d in most.");
  section.duration("refresh", &o.refresh, Seconds(1), Seconds(366 * 86400),
                   "Age at which a remembered answer is signed anew. Default: as the profile, half "
                   "of validity in most.");
  section.duration("max_age", &o.max_age, Seconds(0), Seconds(366 * 86400),
                   "Caches are told no more. Default: until the answer is due to be signed anew.");
  change(section, "next_update", kNextUpdate, &IssuerPolicy::next_update, o,
         "\"omitted\": no nextUpdate and no freshness headers. \"last\": 99991231235959Z for what "
         "changes no more (revoked for good, or expired): the last answers of a CA that ends.");
  change(section, "beyond_signer", kFlag, &IssuerPolicy::beyond_signer, o,
         "Whether nextUpdate may lie behind the end of the certificates of signer and CA.");
  change(section, "responder_id", kResponderId, &IssuerPolicy::responder_id, o,
         "How answers name their signer. \"name\" is for clients that do not know the key form.");
  change(section, "reasons", kFlag, &IssuerPolicy::reasons, o,
         "Whether answers say why a certificate was revoked.");
  change(section, "hold", kHold, &IssuerPolicy::hold, o,
         "How certificates on hold are shown: with reason certificateHold, or as plainly revoked.");
  section.custom(
      "default_reason", "reason", "(none)",
      [&o](std::string_view text) -> std::string {
        const auto reason = parse_reason_code(text);
        o.changes.push_back([reason](IssuerPolicy& p) { p.default_reason = reason; });
        return reason ? "" : "must be a reason such as \"cessationOfOperation\"";
      },
      "Reason shown for revocations recorded without one. Needed where a profile wants revoked CAs "
      "to have one.");
  change(section, "invalidity_date", kFlag, &IssuerPolicy::invalidity_date, o,
         "Whether the invalidity date of a CRL entry is copied into the answer.");
  change(section, "crl_reference", kFlag, &IssuerPolicy::crl_reference, o,
         "Whether answers name the CRL they are made from (number, time, and crl_url).");
  section.text("crl_url", &o.crl_url, "Where clients find that CRL.");
  change(section, "extended_revoked", kFlag, &IssuerPolicy::extended_revoked, o,
         "Whether every answer carries the extended-revoked marker. Answers of unissued = "
         "\"revoked\" always do.");
  section.duration("retain_expired", &o.retain_expired, Seconds(0), Seconds(100LL * 366 * 86400),
                   "Certificates that expired longer ago are answered unauthorized. Default: all "
                   "that have a record are answered.");
  change(section, "archive_cutoff", kArchiveCutoff, &IssuerPolicy::archive_cutoff, o,
         "Archive cutoff in answers: none, the time of signing less retain_expired (where that is "
         "set), or the issuing CA's notBefore. Data from a CRL have none: CRLs drop certificates "
         "that expired.");
  section.texts("cert_id_hashes", &o.cert_id_hashes,
                "Hashes of CertIDs that are answered: \"sha1\", \"sha256\", \"sha384\", "
                "\"sha512\". Empty: as the profile.");
  section.texts(
      "presign", &o.presign,
      "Hashes of CertIDs (with NULL parameters, as nearly all clients send them) whose "
      "answers are signed before anybody asks, for every certificate on record: \"sha1\", "
      "\"sha256\"... See [responder.presign]. Empty: answers are signed when asked for.");
  section.size("max_response", &o.max_response, 0, 1 << 20,
               "Longest answer; a longer one is not sent (internalError). 0: as the profile.");
}

void bind_access(config::Section& section, PolicyOptions& o) {
  section.custom(
      "nonce", std::string("one of ") + std::string(kNonceWords),
      "(as nonce of [responder], or the profile)",
      [&o](std::string_view word) { return set_nonce(word, o.nonce); },
      "Which nonces are repeated: all of 1..128 octets; only 16..32 octets; 1..32 octets, with "
      "longer "
      "ones malformed; or none (answers can then always be remembered ones). Or requests without "
      "one are refused (unauthorized).");
  section.tables(
      "nonce_for", &o.nonce_for, bind_nonce_for,
      "Another `nonce` for the clients of some networks; the first that names the client counts.");
  section.texts("clients", &o.clients,
                "Networks that may ask; others are answered unauthorized. Empty: everybody.");
  change(section, "request_signatures", kSignatures, &IssuerPolicy::request_signatures, o,
         "Signatures on requests: ignored, verified (a bad one is unauthorized), or required "
         "(unsigned requests are answered sigRequired).",
         "ignored");
  section.texts(
      "requestors", &o.requestors,
      "Who may ask of those who sign: subjects as muster show prints them, or \"sha256:\" and a "
      "certificate's fingerprint. Empty: everybody whom requestor_anchors vouch for.");
  section.texts("monitor_serials", &o.monitor_serials,
                "Questions about serials never issued that begin like this (hexadecimal) are "
                "counted apart and not logged.");
  section.texts("monitor_clients", &o.monitor_clients, "The same for clients of these networks.");
}

Result<std::vector<Buffer>, PolicyProblem> parse_prefixes(const std::vector<std::string>& texts) {
  std::vector<Buffer> out;
  for (const std::string& text : texts) {
    auto octets = from_hex(text);
    if (!octets || octets->empty()) {
      return Err{PolicyProblem{"monitor_serials: \"" + printable(text) +
                               "\" is not an even number of hexadecimal digits"}};
    }
    out.push_back(*std::move(octets));
  }
  return out;
}

/// Fingerprints as the responder compares them, from what other programs print too: with colons, in
/// capitals.
Result<std::vector<std::string>, PolicyProblem> parse_requestors(
    const std::vector<std::string>& texts) {
  constexpr std::string_view kFingerprint = "sha256:";
  constexpr std::size_t kFingerprintOctets = 32;
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    if (!text.starts_with(kFingerprint)) {
      out.push_back(text);
      continue;
    }
    const auto octets = from_hex(std::string_view(text).substr(kFingerprint.size()));
    if (!octets || octets->size() != kFingerprintOctets) {
      return Err{PolicyProblem{"requestors: \"" + printable(text) +
                               "\" is not sha256: and 64 hexadecimal digits (openssl x509 "
                               "-fingerprint -sha256)"}};
    }
    out.push_back(std::string(kFingerprint) + to_hex(*octets));
  }
  return out;
}

Result<responder::HashSet, PolicyProblem> parse_hashes(std::string_view key,
                                                       const std::vector<std::string>& names) {
  responder::HashSet out = 0;
  for (const std::string& name : names) {
    const responder::HashSet before = out;
    for (const HashAlgorithm hash : kAllHashAlgorithms) {
      out = static_cast<responder::HashSet>(
          out | (to_string(hash) == name ? responder::hash_set(hash) : 0U));
    }
    if (out == before) {
      return Err{PolicyProblem{std::string(key) + ": \"" + printable(name) +
                               "\" is none of sha1, sha256, sha384, sha512, or given twice"}};
    }
  }
  return out;
}

}  // namespace

void bind_policy(config::Section& section, PolicyOptions& o) {
  std::vector<std::string_view> names;
  for (const responder::ProfileRow& row : responder::profiles()) {
    names.push_back(row.name);
  }
  section.choice(
      "profile", names, 0, [&o](std::size_t i) { o.profile = responder::profiles()[i].profile; },
      "Whose rules are followed; it sets the defaults of the keys below, and some it does not let "
      "be changed (decision 021).");
  section.custom(
      "unlisted", "\"good\", \"unknown\" or \"unauthorized\"", "(none: must be decided for a CRL)",
      [&o](std::string_view word) { return set_unlisted(word, o); },
      "Answer for serials a CRL does not name: it cannot tell whether they were issued.");
  section.custom(
      "unissued", "\"unknown\", \"unauthorized\" or \"revoked\"", "(as the profile)",
      [&o](std::string_view word) { return set_unissued(word, o); },
      "Answer for serials that index.txt or the store does not know. Never good. \"revoked\" is "
      "the answer of RFC 6960 section 2.2 (certificateHold since 1970, with extended-revoked).");
  change(section, "certifies", kCertifies, &IssuerPolicy::certifies, o,
         "What the issuer's certificates are: some profiles have other rules for CAs.",
         "subscribers");
  bind_answers(section, o);
  bind_access(section, o);
  section.custom(
      "compromised_at", "time", "(none)",
      [&o](std::string_view text) -> std::string {
        const auto at = parse_iso8601(text);
        o.changes.push_back([at](IssuerPolicy& p) { p.compromised_at = at; });
        return at ? "" : "must be a time such as \"2026-11-24T10:00:00Z\"";
      },
      "The CA's key is lost: every certificate of it is answered as revoked (cACompromise) since "
      "then.");
}

Result<responder::IssuerPolicy, PolicyProblem> resolve_policy(
    const PolicyOptions& o, const std::optional<NoncePolicy>& nonce) {
  IssuerPolicy policy = responder::policy_of(o.profile);
  if (nonce) {
    policy.nonce = *nonce;
  }
  for (const auto& apply : o.changes) {
    apply(policy);
  }
  policy.validity = o.validity.value_or(policy.validity);
  if (o.validity && !o.refresh && policy.refresh >= policy.validity) {
    policy.refresh.reset();  // the profile's suits its own validity; half of the new one is meant
  }
  policy.refresh = o.refresh ? o.refresh : policy.refresh;
  policy.max_age = o.max_age ? o.max_age : policy.max_age;
  policy.retain_expired = o.retain_expired;
  policy.nonce = o.nonce.value_or(policy.nonce);
  policy.crl_url = o.crl_url;
  MUSTER_TRY(policy.requestors, parse_requestors(o.requestors));
  if (o.max_response.bytes != 0) {
    policy.max_response_bytes = o.max_response.bytes;
  }
  if (!o.cert_id_hashes.empty()) {
    MUSTER_TRY(policy.cert_id_hashes, parse_hashes("cert_id_hashes", o.cert_id_hashes));
  }
  MUSTER_TRY(policy.presign, parse_hashes("presign", o.presign));
  if ((policy.presign & ~policy.cert_id_hashes) != 0) {
    return Err{PolicyProblem{"presign names a hash whose CertIDs cert_id_hashes refuses"}};
  }
  MUSTER_TRY(policy.clients, parse_networks(o.clients, "clients"));
  MUSTER_TRY(policy.monitor_clients, parse_networks(o.monitor_clients, "monitor_clients"));
  MUSTER_TRY(policy.monitor_serials, parse_prefixes(o.monitor_serials));
  for (const NonceForOptions& rule : o.nonce_for) {
    MUSTER_TRY(auto clients, parse_networks(rule.clients, "nonce_for.clients"));
    policy.nonce_by_client.push_back({std::move(clients), rule.nonce});
  }
  return policy;
}

std::string set_unlisted(std::string_view word, PolicyOptions& o) {
  return choose(word, kUnlisted, [&o](UnlistedAnswer answer) {
    o.changes.push_back([answer](IssuerPolicy& p) { p.unlisted = answer; });
  });
}
std::string set_unissued(std::string_view word, PolicyOptions& o) {
  return choose(word, kUnissued, [&o](UnissuedAnswer answer) {
    o.changes.push_back([answer](IssuerPolicy& p) { p.unissued = answer; });
  });
}
std::string set_nonce(std::string_view word, std::optional<NoncePolicy>& nonce) {
  return choose(word, kNonce, [&nonce](NoncePolicy chosen) { nonce = chosen; });
}

Result<std::vector<IpNetwork>, PolicyProblem> parse_networks(const std::vector<std::string>& texts,
                                                             std::string_view key) {
  std::vector<IpNetwork> out;
  for (const std::string& text : texts) {
    const auto network = IpNetwork::parse(text);
    if (!network) {
      return Err{
          PolicyProblem{std::string(key) + ": \"" + printable(text) +
                        "\" is no network such as \"192.0.2.0/24\" or \"2001:db8::/32\", nor an "
                        "address or \"unix\" (no bits may be set behind the prefix)"}};
    }
    out.push_back(*network);
  }
  return out;
}

}  // namespace muster::app
