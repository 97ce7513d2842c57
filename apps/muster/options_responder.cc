#include "options_responder.h"

#include <cstdlib>

#include "muster/base/assert.h"
#include "muster/base/spawn.h"
#include "muster/base/text.h"
#include "options_words.h"

namespace muster::app {
namespace {

using pki::SignatureScheme;

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
  section.text("key", &o.files.key,
               "Private key of the signer: a file (PEM, DER or PKCS#12, which brings its "
               "certificate along), or a key in a token by its PKCS#11 URI: "
               "\"pkcs11:token=LABEL;object=NAME?module-path=/PATH&pin-source=file:/PATH\".");
  section.custom(
      "key_pass", "text", "",
      [&o](std::string_view text) {
        o.key_pass = std::string(text);
        return check_key_pass(text);
      },
      "Where the passphrase of an encrypted key (or the PIN of a token) is: \"file:PATH\" (first "
      "line) or \"env:NAME\".");
  section.custom(
      "signature", "text", "\"auto\"",
      [&o](std::string_view word) { return set_scheme(word, o.files.scheme); },
      "Signature scheme: \"auto\" (by key), \"rsa-sha256\", \"rsa-pss-sha256\", "
      "\"ecdsa-sha384\"...");
}

void bind_signer(config::Section& section, SignerOptions& o) {
  section.text("label", &o.files.label,
               "Name in logs and metrics. Empty: the certificate's subject.");
  section.text("certificate", &o.files.certificate,
               "Certificate of the delegated OCSP signer. Empty: the CA signs by itself.");
  bind_key(section, o);
  section.flag(
      "locally_trusted", &o.locally_trusted,
      "Not certified by this CA; clients are configured to trust it (RFC 6960 section 2.2).");
  section.flag("standby", &o.standby,
               "Signs only while no other signer can: expired, or its key fails.");
}

void bind_issuer(config::Section& section, IssuerOptions& o) {
  responder::IssuerFiles& files = o.files;
  section.text("label", &files.label, "Name in logs and metrics. Empty: the CA's subject.");
  section.text("ca", &files.ca,
               "Certificate of the CA (PEM or DER); its renewed ones, with the same name and key, "
               "may stand in the same file.");
  section.text("signer", &o.signer.files.certificate,
               "Certificate of the delegated OCSP signer. Empty: the CA signs by itself. Several "
               "signers: `[[responder.issuer.signer]]` instead.");
  bind_key(section, o.signer);
  section.text("index", &files.index,
               "index.txt of the CA (openssl ca, easy-rsa). It lists every certificate issued.");
  section.text(
      "crl", &o.crl,
      "CRL of the CA: a file (PEM or DER), a directory or a URL, as in `crls.sources`. Needs "
      "`unlisted`. Without index and CRLs the store itself is the source (muster store).");
  bind(section.table("crls", "More than one CRL, and lists of what was issued."), o.crls);
  bind_policy(section, o.rules);
  section.text("requestor_anchors", &files.requestor_anchors,
               "Certificates that vouch for those who sign requests (PEM). Needed unless "
               "request_signatures is \"ignored\".");
  section.text("issued", &files.issued,
               "Directory of the certificates this CA issued (PEM or DER), read at the start and "
               "at each reload: answers for them carry CertHash (Common PKI). Empty: none do.");
  section.flag("locally_trusted_signer", &o.signer.locally_trusted,
               "The signer was not certified by this CA; clients are configured to trust it (RFC "
               "6960 section 2.2).");
  section.text(
      "signer_directory", &files.signer_directory,
      "Directory where renewed delegates appear: NAME.p12, or NAME.pem with NAME.key or NAME.uri "
      "(a PKCS#11 URI). The latest issued signs, the others stand by. key_pass counts here, too.");
  section.tables("signer", &o.signers, bind_signer,
                 "Signers of the issuer in order of preference, at most 8: instead of, or after, "
                 "the one its own keys name. A client's preferred signature algorithms choose "
                 "among them (RFC 6960 section 4.4.7).");
}

void bind_route(config::Section& section, RouteOptions& o) {
  section.text("url", &o.files.url, "Where to: \"http://ocsp.example/\".");
  section.text("ca", &o.files.ca,
               "Certificates of the CAs whose certificates are asked about there (PEM or DER).");
  section.flag("service_locator", &o.service_locator,
               "Whether requests take this route whose service locator (RFC 6960 section 4.4.6) "
               "names exactly this URL.");
}

}  // namespace

namespace {

void bind_presign(config::Section& section, PresignSettings& o) {
  section.integer("threads", &o.threads, 0, 256, "Threads that sign ahead. 0: one a core.");
  section.integer("signatures_per_second", &o.signatures_per_second, 0, 10'000'000,
                  "Most signatures a second ahead of time, all threads together: what an HSM can "
                  "spare. 0: no limit.");
  section.integer("core_percent", &o.core_percent, 1, 100,
                  "Percent of a core that each of the threads may use.");
  section.integer("max_answers", &o.max_answers, 1, 1 << 27,
                  "Answers kept (about 160 octets each, and 24 for each that may be); for more "
                  "certificates they are signed when asked for.");
  section.duration("save_interval", &o.save_interval, Seconds(1), Seconds(366 * 86400),
                   "How often the answers are written to the file answers-ahead in the store's "
                   "directory, which the next start reads and verifies; also when it ends. None is "
                   "written where `store` is not set.");
}

}  // namespace

void bind(config::Section& section, ResponderOptions& o) {
  section.texts("listen", &o.listen,
                "Addresses to answer on: \"8888\" (loopback), \"127.0.0.1:8888\", \"[::1]:8888\", "
                "\"*:80\", \"unix:/path\". Port 0 picks one.");
  section.integer("loops", &o.loops, 0, 1024, "Threads that answer. 0: one a core.");
  section.text("store", &o.store,
               "Directory of the status database. Empty: a temporary one, removed at the end, and "
               "with it what no source can tell again: revocations kept against a source that "
               "dropped them, the guard against rolled-back CRLs, the CRLs and lists fetched. "
               "Required where the store is the source (push, muster store) and for [publish].");
  section.text("prefix", &o.prefix,
               "URL path below which GET requests are answered. POST is answered on every path.");
  section.custom(
      "nonce", std::string("one of ") + std::string(kNonceWords), "(as the profile)",
      [&o](std::string_view word) { return set_nonce(word, o.nonce); },
      "For issuers that say nothing themselves: as an issuer's `nonce`.");
  section.flag("sha1", &o.sha1,
               "Whether CertIDs made with SHA-1 are answered; false refuses them as unauthorized.");
  section.integer("max_certificates", &o.max_certificates, 1, 256,
                  "Certificates in one request; more is malformed.");
  section.integer("ready_answers", &o.ready_answers, 0, 1 << 24,
                  "Signed answers remembered by each loop (about 180 octets each with "
                  "ECDSA, 370 with RSA-2048; loops share what they have signed). 0: every answer "
                  "is signed anew.");
  section.choice(
      "nonce_overload", {"try-later", "without-nonce"}, 0,
      [&o](std::size_t i) {
        o.nonce_overload =
            i == 0 ? responder::NonceOverload::kTryLater : responder::NonceOverload::kWithoutNonce;
      },
      "Requests with a nonce while signatures_per_second, signing_jobs or signing_wait is used up: "
      "tryLater, or the remembered answer, without nonce, where there is one. Never where nonces "
      "are required.");
  section.integer("signatures_per_second", &o.signatures_per_second, 0, 1'000'000,
                  "Most signatures a loop makes in one second; beyond it requests that need one "
                  "are answered tryLater. 0: no limit.");
  section.integer("request_checks_per_second", &o.request_checks_per_second, 0, 1'000'000,
                  "Most signatures a loop verifies in one second for signed requests, where an "
                  "issuer wants that (three for most requests, more where certificates come "
                  "along); beyond it they are answered tryLater. 0: no limit.");
  section.integer("requests_per_second", &o.requests_per_second, 0, 10'000'000,
                  "Most requests a loop answers in one second (it may save up five seconds' "
                  "worth); beyond it they are answered tryLater. 0: no limit.");
  section.integer("requests_per_source", &o.requests_per_source, 0, 10'000'000,
                  "The same for one client: an IPv4 address or an IPv6 /64. 0: no limit.");
  section.texts("unlimited_clients", &o.unlimited_clients,
                "Networks that requests_per_source does not bind: proxies, monitors.");
  section.texts("trusted_proxies", &o.trusted_proxies,
                "Networks of reverse proxies: behind one, the client is the last address in "
                "X-Forwarded-For that is not such a proxy itself.");
  section.integer("token_sessions", &o.token_sessions, 1, 64,
                  "Sessions with each PKCS#11 token: signatures it makes at the same time.");
  section.integer("token_queue", &o.token_queue, 1, 65536,
                  "Signatures waiting for a session of a token; one more is refused at once, and "
                  "its request answered tryLater.");
  section.milliseconds("token_deadline", &o.token_deadline, Milliseconds(10), Milliseconds(60'000),
                       "For one signature by a token, waiting included; then a standby signs, or "
                       "the request is answered tryLater.");
  section.integer("token_failures", &o.token_failures, 1, 1000,
                  "Failures in a row after which a key in a token is left alone for a second, "
                  "doubling to a minute; a standby signs meanwhile.");
  section.integer("signing_jobs", &o.signing_jobs, 1, 65536,
                  "Signatures by tokens under way, all loops together; one more: tryLater.");
  section.integer("signing_waiting", &o.signing_waiting, 1, 1'000'000,
                  "Requests that wait for them, and at most so many on each loop for signatures by "
                  "other keys; one more: tryLater.");
  section.milliseconds("signing_wait", &o.line.wait, Milliseconds(1), Milliseconds(10'000),
                       "Longest wait for a signature by a key that is in no token, when more "
                       "requests need one than a loop has time for; beyond: tryLater.");
  section.milliseconds("signing_wait_busy", &o.line.wait_busy, Milliseconds(1),
                       Milliseconds(10'000),
                       "The same once somebody has been waiting all the time for signing_wait: a "
                       "longer queue would not sign more.");
  section.duration("max_clock_error", &o.max_clock_error, Seconds(1), Seconds(3600),
                   "Nothing is signed (tryLater) while the kernel says the clock may be wrong by "
                   "more, or is not synchronised. Default: not asked.");
  section.duration("check_interval", &o.check_interval, Seconds(1), Seconds(3600),
                   "How often index.txt and CRL files are looked at for changes.");
  section.duration("reload_timeout", &o.reload_timeout, Seconds(1), Seconds(86400),
                   "How long a reload waits for the first look at new or changed sources; then it "
                   "fails, and what was in force stays.");
  section.milliseconds("grace", &o.grace, Milliseconds(0), Milliseconds(600'000),
                       "How long requests in flight may take when stopping.");
  section.integer("max_connections", &o.max_connections, 1, 1'000'000,
                  "Open connections a loop, at each address. One more takes the place of the one "
                  "that has waited for its client for longest; where none has waited for half a "
                  "second, it is told 503. Never more than there are descriptors for.");
  section.size("max_buffered", &o.max_buffered, std::uint64_t{1} << 20, std::uint64_t{1} << 40,
               "What all connections of a loop may keep of unfinished requests and of answers that "
               "clients do not take; beyond, those that have waited for longest are ended.");
  section.size("max_request", &o.max_request, 256, 1 << 20,
               "Longest request body; more is refused with HTTP 413.");
  section.size("max_header", &o.max_header, 1024, 1 << 20,
               "Longest request line and headers together; more is refused with HTTP 414 or 431.");
  section.milliseconds("header_timeout", &o.limits.header_timeout, Milliseconds(100),
                       Milliseconds(600'000),
                       "From the first octet of a request to the end of its headers.");
  section.milliseconds("body_timeout", &o.limits.body_timeout, Milliseconds(100),
                       Milliseconds(600'000), "For the body of a request.");
  section.milliseconds("idle_timeout", &o.limits.idle_timeout, Milliseconds(100),
                       Milliseconds(3'600'000), "Between requests on one connection.");
  section.milliseconds("write_timeout", &o.limits.write_timeout, Milliseconds(100),
                       Milliseconds(600'000), "Without progress in sending.");
  bind_presign(
      section.table("presign", "Answers signed before anybody asks, for issuers with `presign`."),
      o.presign);
  section.tables("issuer", &o.issuers, bind_issuer, "One for each CA key answered for.");
  section.tables("route", &o.routes, bind_route,
                 "Other responders, which get the requests nobody here answers; their answers are "
                 "handed back unchanged. Nothing but these URLs is contacted.");
}

namespace {

/// Precondition: check_lists() found nothing.
std::vector<IpNetwork> networks_of(const std::vector<std::string>& texts) {
  auto networks = parse_networks(texts, "");
  MUSTER_ASSERT(networks);
  return *std::move(networks);
}

}  // namespace

responder::Policy policy_of(const ResponderOptions& o) {
  responder::Policy policy;
  policy.sha1 = o.sha1 ? responder::Sha1CertIds::kAnswered : responder::Sha1CertIds::kRefused;
  policy.max_clock_error = o.max_clock_error;
  policy.max_certificates = static_cast<std::size_t>(o.max_certificates);
  policy.ready_answers = static_cast<std::size_t>(o.ready_answers);
  policy.nonce_overload = o.nonce_overload;
  policy.signatures_per_second = static_cast<std::size_t>(o.signatures_per_second);
  policy.request_checks_per_second = static_cast<std::size_t>(o.request_checks_per_second);
  policy.requests_per_second = static_cast<std::size_t>(o.requests_per_second);
  policy.requests_per_source = static_cast<std::size_t>(o.requests_per_source);
  policy.unlimited_clients = networks_of(o.unlimited_clients);
  return policy;
}

responder::ServiceOptions service_of(const ResponderOptions& o) {
  responder::ServiceOptions service;
  service.listen = o.listen;
  service.loops = static_cast<unsigned>(o.loops);
  service.limits = o.limits;
  service.limits.max_connections = static_cast<std::size_t>(o.max_connections);
  service.limits.max_buffered_bytes = o.max_buffered.bytes;
  service.limits.max_body_bytes = o.max_request.bytes;
  service.limits.max_header_bytes = o.max_header.bytes;
  service.limits.max_target_bytes = o.max_header.bytes;
  service.handler.prefix = o.prefix;
  service.handler.max_request_bytes = o.max_request.bytes;
  service.handler.trusted_proxies = networks_of(o.trusted_proxies);
  service.grace = o.grace;
  service.presign.threads = static_cast<unsigned>(o.presign.threads);
  service.presign.signatures_per_second = static_cast<std::size_t>(o.presign.signatures_per_second);
  service.presign.core_percent = static_cast<unsigned>(o.presign.core_percent);
  service.presign.max_answers = static_cast<std::size_t>(o.presign.max_answers);
  service.presign.save_interval = o.presign.save_interval;
  service.presign.file = o.store.empty() ? "" : o.store + "/answers-ahead";
  service.signing_jobs = static_cast<std::size_t>(o.signing_jobs);
  service.signing_waiting = static_cast<std::size_t>(o.signing_waiting);
  service.line = o.line;
  service.line.most = service.signing_waiting;
  return service;
}

namespace {

/// A variable that is not set would show as a wrong passphrase, or as none, somewhere far away.
std::string check_environment(const std::string& key_pass) {
  return key_pass.starts_with("env:") && std::getenv(key_pass.c_str() + 4) == nullptr
             ? "key_pass names the environment variable " + printable(key_pass.substr(4)) +
                   ", which is not set"
             : "";
}

token::TokenOptions token_of(const ResponderOptions& o) {
  token::TokenOptions token;
  token.sessions = static_cast<unsigned>(o.token_sessions);
  token.max_waiting = static_cast<std::size_t>(o.token_queue);
  token.deadline = o.token_deadline;
  token.failures_to_pause = static_cast<unsigned>(o.token_failures);
  return token;
}

responder::SignerFiles files_of(const SignerOptions& o, const token::TokenOptions& token) {
  responder::SignerFiles files = o.files;
  files.token = token;
  files.locally_trusted =
      o.locally_trusted ? responder::LocallyTrusted::kYes : responder::LocallyTrusted::kNo;
  files.role = o.standby ? responder::SignerRole::kStandby : responder::SignerRole::kActive;
  files.passphrase = passphrase_of(o.key_pass);
  return files;
}

}  // namespace

std::string name_of(const ResponderOptions& options, std::size_t index) {
  const responder::IssuerFiles& files = options.issuers[index].files;
  const std::string& name = files.label.empty() ? files.ca : files.label;
  return name.empty() ? "issuer number " + std::to_string(index + 1)
                      : "issuer '" + printable(name) + "'";
}

Result<responder::IssuerFiles, std::string> files_of(const ResponderOptions& all,
                                                     std::size_t index) {
  const IssuerOptions& o = all.issuers[index];
  responder::IssuerFiles files = o.files;
  const std::string name = name_of(all, index);
  if (files.label.empty() && files.ca.empty()) {
    files.label = name;  // it will be refused, by this name
  }
  if (std::string problem = check_environment(o.signer.key_pass); !problem.empty()) {
    return Err{name + ": " + problem};
  }
  for (const SignerOptions& signer : o.signers) {
    if (std::string problem = check_environment(signer.key_pass); !problem.empty()) {
      return Err{name + ": " + problem};
    }
  }
  const token::TokenOptions token = token_of(all);
  files.directory_token = token;
  files.directory_passphrase = passphrase_of(o.signer.key_pass);
  if (!o.signer.files.key.empty() || !o.signer.files.certificate.empty()) {
    files.signers.push_back(files_of(o.signer, token));
  }
  for (const SignerOptions& signer : o.signers) {
    files.signers.push_back(files_of(signer, token));
  }
  files.crls = crl_set_of(o.crls, o.crl);
  auto policy = resolve_policy(o.rules, all.nonce);
  if (!policy) {
    return Err{name + ": " + policy.error().detail};
  }
  files.policy = *std::move(policy);
  return files;
}

std::vector<responder::RouteFiles> routes_of(const ResponderOptions& o) {
  std::vector<responder::RouteFiles> out;
  for (const RouteOptions& route : o.routes) {
    out.push_back(route.files);
    out.back().locator = route.service_locator ? responder::ServiceLocator::kFollowed
                                               : responder::ServiceLocator::kIgnored;
  }
  return out;
}

std::string check_lists(const ResponderOptions& o) {
  for (const auto& [list, key] : {std::pair{&o.unlimited_clients, "unlimited_clients"},
                                  {&o.trusted_proxies, "trusted_proxies"}}) {
    if (const auto networks = parse_networks(*list, key); !networks) {
      return networks.error().detail;
    }
  }
  return "";
}

std::string set_scheme(std::string_view word, SignatureScheme& scheme) {
  return choose(word, kSchemes, [&scheme](SignatureScheme chosen) { scheme = chosen; });
}
std::string check_key_pass(std::string_view text) {
  const bool known = (text.starts_with("file:") && text.size() > 5) ||
                     (text.starts_with("env:") && text.size() > 4);
  if (known && text.starts_with("env:")) {
    withhold_from_commands(text.substr(4));
  }
  return known || text.empty()
             ? ""
             : "must be \"file:PATH\" or \"env:NAME\" (a passphrase itself does not belong here)";
}

std::function<std::optional<std::string>()> passphrase_of(const std::string& source) {
  if (source.empty()) {
    return {};
  }
  return [source] { return read_passphrase(source); };
}

}  // namespace muster::app
