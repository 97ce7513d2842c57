#include "options_responder.h"

#include <array>
#include <cstdlib>

#include "muster/base/text.h"

namespace muster::app {
namespace {

using pki::SignatureScheme;
using responder::IssuerPolicy;
using responder::NoncePolicy;
using responder::UnissuedAnswer;
using responder::UnlistedAnswer;

template <class T>
struct Word {
  std::string_view text;
  T value;
};
template <class T>
Word(std::string_view, T) -> Word<T>;  // Clang 14 does not deduce aggregates by itself
constexpr std::array kUnlisted = {Word{"good", UnlistedAnswer::kGood}, Word{"unknown", UnlistedAnswer::kUnknown},
                                  Word{"unauthorized", UnlistedAnswer::kUnauthorized}};
constexpr std::array kUnissued = {Word{"unknown", UnissuedAnswer::kUnknown},
                                  Word{"unauthorized", UnissuedAnswer::kUnauthorized},
                                  Word{"revoked", UnissuedAnswer::kRevoked}};
constexpr std::array kNonce = {Word{"echo", NoncePolicy::kEcho}, Word{"echo-16-32", NoncePolicy::kEchoStandard},
                               Word{"ignore", NoncePolicy::kIgnore}};
constexpr std::array kSchemes = {
    Word{"auto", SignatureScheme::kAuto},
    Word{"rsa-sha256", SignatureScheme::kRsaSha256},
    Word{"rsa-sha384", SignatureScheme::kRsaSha384},
    Word{"rsa-sha512", SignatureScheme::kRsaSha512},
    Word{"rsa-pss-sha256", SignatureScheme::kRsaPssSha256},
    Word{"rsa-pss-sha384", SignatureScheme::kRsaPssSha384},
    Word{"rsa-pss-sha512", SignatureScheme::kRsaPssSha512},
    Word{"ecdsa-sha256", SignatureScheme::kEcdsaSha256},
    Word{"ecdsa-sha384", SignatureScheme::kEcdsaSha384},
    Word{"ecdsa-sha512", SignatureScheme::kEcdsaSha512},
};

template <class T, std::size_t N, class Set>
std::string choose(std::string_view word, const std::array<Word<T>, N>& words, Set set) {
  std::string known;
  for (const Word<T>& w : words) {
    if (w.text == word) {
      set(w.value);
      return "";
    }
    known += (known.empty() ? "\"" : ", \"") + std::string(w.text) + "\"";
  }
  return "must be one of " + known;
}

template <class T, std::size_t N>
std::vector<std::string_view> texts(const std::array<Word<T>, N>& words) {
  std::vector<std::string_view> out;
  for (const Word<T>& w : words) {
    out.push_back(w.text);
  }
  return out;
}

std::optional<std::string> read_passphrase(const std::string& source) {
  if (source.starts_with("env:")) {
    const char* value = std::getenv(source.c_str() + 4);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }
  auto content = read_file(source.substr(5), 64 * 1024);
  if (!content) {
    return std::nullopt;
  }
  const std::string_view all = as_text(*content);
  std::string line(all.substr(0, all.find_first_of("\r\n")));
  return line;
}

/// The keys a signer has, whether it stands alone or in a list.
void bind_key(config::Section& section, SignerOptions& o) {
  section.text("key", &o.files.key, "Private key of the signer (PEM or DER).");
  section.custom("key_pass", "text", "", [&o](std::string_view text) {
    o.key_pass = std::string(text);
    return check_key_pass(text);
  }, "Where the passphrase of an encrypted key is: \"file:PATH\" (first line) or \"env:NAME\".");
  section.custom("signature", "text", "\"auto\"", [&o](std::string_view word) { return set_scheme(word, o.files); },
                 "Signature scheme: \"auto\" (by key), \"rsa-sha256\", \"rsa-pss-sha256\", \"ecdsa-sha384\"...");
}

void bind_signer(config::Section& section, SignerOptions& o) {
  section.text("label", &o.files.label, "Name in logs and metrics. Empty: the certificate's subject.");
  section.text("certificate", &o.files.certificate, "Certificate of the delegated OCSP signer. Empty: the CA signs by itself.");
  bind_key(section, o);
  section.flag("locally_trusted", &o.locally_trusted,
               "Not certified by this CA; clients are configured to trust it (RFC 6960 section 2.2).");
  section.flag("standby", &o.standby, "Signs only while no other signer can: expired, or its key fails.");
}

void bind_issuer(config::Section& section, IssuerOptions& o) {
  responder::IssuerFiles& files = o.files;
  section.text("label", &files.label, "Name in logs and metrics. Empty: the CA's subject.");
  section.text("ca", &files.ca, "Certificate of the CA (PEM or DER); its renewed ones, with the same name and key, may stand in the same file.");
  section.text("signer", &o.signer.files.certificate, "Certificate of the delegated OCSP signer. Empty: the CA signs by itself. Several signers: `[[responder.issuer.signer]]` instead.");
  bind_key(section, o.signer);
  section.text("index", &files.index, "index.txt of the CA (openssl ca, easy-rsa). It lists every certificate issued.");
  section.text("crl", &files.crl, "CRL of the CA (PEM or DER). Needs `unlisted`. Without index and crl the store itself is the source (muster store).");
  section.custom("unlisted", "\"good\", \"unknown\" or \"unauthorized\"", "none: must be decided for a CRL",
                 [&files](std::string_view word) { return set_unlisted(word, files.policy); },
                 "Answer for serials a CRL does not name: it cannot tell whether they were issued.");
  section.choice("unissued", texts(kUnissued), 0,
                 [&files](std::size_t i) { files.policy.unissued = kUnissued.at(i).value; },
                 "Answer for serials that index.txt or the store does not know. Never good. \"revoked\" is the answer of RFC 6960 section 2.2 (certificateHold since 1970, with extended-revoked).");
  section.duration("validity", &files.policy.validity, Seconds(60), Seconds(366 * 86400),
                   "From thisUpdate to nextUpdate, both ends counted: 7d puts 604799 seconds between them. Never beyond the CRL's nextUpdate or the end of signer and CA.");
  section.duration("refresh", &files.policy.refresh, Seconds(1), Seconds(366 * 86400),
                   "Age at which a remembered answer is signed anew. Default: half of validity.");
  section.choice("responder_id", {"key", "name"}, 0,
                 [&files](std::size_t i) { files.policy.responder_id = static_cast<responder::ResponderIdForm>(i); },
                 "How answers name their signer. \"name\" is for clients that do not know the key form.");
  section.choice("profile", {"general", "web"}, 0,
                 [&files](std::size_t i) { files.policy.profile = static_cast<responder::Profile>(i); },
                 "\"web\" adds the rules of the CA/Browser Forum and the root programs.");
  section.flag("locally_trusted_signer", &o.signer.locally_trusted,
               "The signer was not certified by this CA; clients are configured to trust it (RFC 6960 section 2.2).");
  section.tables("signer", &o.signers, bind_signer,
                 "Signers of the issuer in order of preference, at most 8: instead of, or after, the one its own keys name. A client's preferred signature algorithms choose among them (RFC 6960 section 4.4.7).");
  section.custom("compromised_at", "time", "none", [&files](std::string_view text) -> std::string {
    files.policy.compromised_at = parse_iso8601(text);
    return files.policy.compromised_at ? "" : "must be a time such as \"2026-11-24T10:00:00Z\"";
  }, "The CA's key is lost: every certificate of it is answered as revoked (cACompromise) since then.");
}

}  // namespace

void bind(config::Section& section, ResponderOptions& o) {
  section.texts("listen", &o.listen, "Addresses to answer on: \"127.0.0.1:8888\", \"[::1]:8888\", \"*:80\", \"unix:/path\". Port 0 picks one.");
  section.integer("loops", &o.loops, 0, 1024, "Threads that answer. 0: one a core.");
  section.text("store", &o.store, "Directory of the status database. Empty: a temporary one, removed at the end.");
  section.text("prefix", &o.prefix, "URL path below which GET requests are answered. POST is answered on every path.");
  section.choice("nonce", texts(kNonce), 0, [&o](std::size_t i) { o.policy.nonce = kNonce.at(i).value; },
                 "Which nonces are repeated: all of 1..128 octets, only 16..32 octets, or none (answers can then always be remembered ones).");
  section.flag("sha1", &o.sha1, "Whether CertIDs made with SHA-1 are answered; false refuses them as unauthorized.");
  section.integer("max_certificates", &o.max_certificates, 1, 256, "Certificates in one request; more is malformed.");
  section.integer("ready_answers", &o.ready_answers, 0, 1 << 24, "Signed answers remembered by each loop (about 1.5 KiB each). 0: every answer is signed anew.");
  section.integer("signatures_per_second", &o.signatures_per_second, 0, 1'000'000, "Most signatures a loop makes in one second; beyond it requests that need one are answered tryLater. 0: no limit.");
  section.duration("max_clock_error", &o.max_clock_error, Seconds(1), Seconds(3600), "Nothing is signed (tryLater) while the kernel says the clock may be wrong by more, or is not synchronised. Default: not asked.");
  section.duration("check_interval", &o.check_interval, Seconds(1), Seconds(3600), "How often index.txt and CRL files are looked at for changes.");
  section.milliseconds("grace", &o.grace, Milliseconds(0), Milliseconds(600'000), "How long requests in flight may take when stopping.");
  section.integer("max_connections", &o.max_connections, 1, 1'000'000, "Open connections a loop.");
  section.size("max_request", &o.max_request, 256, 1 << 20, "Longest request body; more is refused with HTTP 413.");
  section.size("max_header", &o.max_header, 1024, 1 << 20, "Longest request line and headers together; more is refused with HTTP 414 or 431.");
  section.milliseconds("header_timeout", &o.limits.header_timeout, Milliseconds(100), Milliseconds(600'000), "From the first octet of a request to the end of its headers.");
  section.milliseconds("body_timeout", &o.limits.body_timeout, Milliseconds(100), Milliseconds(600'000), "For the body of a request.");
  section.milliseconds("idle_timeout", &o.limits.idle_timeout, Milliseconds(100), Milliseconds(3'600'000), "Between requests on one connection.");
  section.milliseconds("write_timeout", &o.limits.write_timeout, Milliseconds(100), Milliseconds(600'000), "Without progress in sending.");
  section.tables("issuer", &o.issuers, bind_issuer, "One for each CA key answered for.");
}

responder::Policy policy_of(const ResponderOptions& o) {
  responder::Policy policy = o.policy;
  policy.sha1 = o.sha1 ? responder::Sha1CertIds::kAnswered : responder::Sha1CertIds::kRefused;
  policy.max_clock_error = o.max_clock_error;
  policy.max_certificates = static_cast<std::size_t>(o.max_certificates);
  policy.ready_answers = static_cast<std::size_t>(o.ready_answers);
  policy.signatures_per_second = static_cast<std::size_t>(o.signatures_per_second);
  return policy;
}

responder::ServiceOptions service_of(const ResponderOptions& o) {
  responder::ServiceOptions service;
  service.listen = o.listen;
  service.loops = static_cast<unsigned>(o.loops);
  service.limits = o.limits;
  service.limits.max_connections = static_cast<std::size_t>(o.max_connections);
  service.limits.max_body_bytes = o.max_request.bytes;
  service.limits.max_header_bytes = o.max_header.bytes;
  service.limits.max_target_bytes = o.max_header.bytes;
  service.handler.prefix = o.prefix;
  service.handler.max_request_bytes = o.max_request.bytes;
  service.grace = o.grace;
  return service;
}

namespace {

responder::SignerFiles files_of(const SignerOptions& o) {
  responder::SignerFiles files = o.files;
  files.locally_trusted = o.locally_trusted ? responder::LocallyTrusted::kYes : responder::LocallyTrusted::kNo;
  files.role = o.standby ? responder::SignerRole::kStandby : responder::SignerRole::kActive;
  if (!o.key_pass.empty()) {
    files.passphrase = [source = o.key_pass] { return read_passphrase(source); };
  }
  return files;
}

}  // namespace

responder::IssuerFiles files_of(const IssuerOptions& o) {
  responder::IssuerFiles files = o.files;
  if (!o.signer.files.key.empty() || !o.signer.files.certificate.empty()) {
    files.signers.push_back(files_of(o.signer));
  }
  for (const SignerOptions& signer : o.signers) {
    files.signers.push_back(files_of(signer));
  }
  return files;
}

std::string set_unlisted(std::string_view word, IssuerPolicy& policy) {
  return choose(word, kUnlisted, [&policy](UnlistedAnswer answer) { policy.unlisted = answer; });
}
std::string set_unissued(std::string_view word, IssuerPolicy& policy) {
  return choose(word, kUnissued, [&policy](UnissuedAnswer answer) { policy.unissued = answer; });
}
std::string set_nonce(std::string_view word, responder::Policy& policy) {
  return choose(word, kNonce, [&policy](NoncePolicy nonce) { policy.nonce = nonce; });
}
std::string set_scheme(std::string_view word, responder::SignerFiles& files) {
  return choose(word, kSchemes, [&files](SignatureScheme scheme) { files.scheme = scheme; });
}
std::string check_key_pass(std::string_view text) {
  const bool known = (text.starts_with("file:") && text.size() > 5) || (text.starts_with("env:") && text.size() > 4);
  return known || text.empty() ? "" : "must be \"file:PATH\" or \"env:NAME\" (a passphrase itself does not belong here)";
}

}  // namespace muster::app
