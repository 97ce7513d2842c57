#include "options_relay.h"

#include <algorithm>

namespace muster::app {
namespace {

constexpr Seconds kYear{365 * 86400};

void bind_issuer(config::Section& section, node::RelayIssuer& issuer) {
  section.text("certificate", &issuer.certificate, "File with its certificate (PEM or DER).");
  section.text("label", &issuer.label, "Its name in logs and errors; the subject when empty.");
  section.texts(
      "responders", &issuer.responders,
      "URLs of its responders, or of other relays, asked in this order. Empty: those that "
      "certificates of [[relay.certificate]] name.");
}

void bind_certificate(config::Section& section, stapler::CertificateSource& certificate) {
  section.text("certificate", &certificate.path,
               "File with the certificate and its chain, or a directory of such files.");
  section.text("issuer", &certificate.issuer,
               "File with its issuer, when the chain is not in the same file.");
  section.text("name", &certificate.name,
               "Its name in logs and metrics; made from the path when empty.");
  section.texts("responders", &certificate.responders,
                "URLs asked instead of those in the certificate.");
}

void bind_limits(config::Section& section, RelaySettings& s) {
  relay::EngineLimits& limits = s.relay.relay.engine.limits;
  section.integer("max_answers", &s.max_answers, 1, 10'000'000,
                  "CertIDs held or asked for; beyond, those go that nobody asked for longest.");
  section.size("max_held", &s.max_held, 1 << 16, std::uint64_t{1} << 40,
               "Octets of answers held; beyond, likewise.");
  section.size("max_response", &s.max_response, 1024, 1 << 20,
               "Longest answer that is read from an upstream.");
  section.integer(
      "max_pending", &s.max_pending, 1, 100'000,
      "CertIDs without an answer that are asked for at a time; more are told tryLater.");
  section.integer("max_waiting", &s.max_waiting, 1, 1'000'000,
                  "Requests that wait for upstreams; more are told tryLater.");
  section.integer("max_passing", &s.max_passing, 1, 10'000,
                  "Requests passed through at a time; more are told tryLater.");
  section.integer("max_cert_ids", &s.max_cert_ids, 1, 256,
                  "CertIDs in one request; a request with more is told unauthorized.");
  section.integer("per_host", &s.per_host, 1, 64, "Questions at a time to one upstream host.");
  section.milliseconds("max_wait", &limits.max_wait, Milliseconds(100), Milliseconds(25'000),
                       "How long a request waits for upstreams; then tryLater, while the question "
                       "goes on.");
  section.duration("refused_for", &limits.refused_for, Seconds(0), Seconds(86400),
                   "How long an upstream's \"unauthorized\" or \"unknown\" stands.");
  section.duration("failed_for", &limits.failed_for, Seconds(0), Seconds(3600),
                   "How long after a failure nobody is asked about a CertID again.");
}

}  // namespace

void bind(config::Section& section, RelaySettings& s) {
  node::RelayNodeOptions& o = s.relay;
  relay::RelayOptions& r = o.relay;
  r.engine.transport.max_body_bytes = s.max_response.bytes;
  section.texts("listen", &r.listen,
                "Addresses to answer on: \"8888\" (loopback), \"127.0.0.1:8888\", \"*:80\", "
                "\"unix:/path\".");
  section.text("prefix", &r.handler.prefix,
               "URL path below which GET requests are answered. POST is answered on every path.");
  section.integer("loops", &s.loops, 0, 1024, "Threads that answer. 0: one a core.");
  section.integer("max_connections", &s.max_connections, 1, 1'000'000,
                  "Open connections a loop, at each address. One more takes the place of the one "
                  "that has waited for its client for longest; where none has waited for half a "
                  "second, it is told 503. Never more than there are descriptors for.");
  section.text("directory", &r.directory,
               "Where answers are kept over restarts, each verified again when it is read.");
  section.tables<node::RelayIssuer>("issuer", &o.issuers, bind_issuer,
                                    "A CA whose certificates may be asked about.");
  section.tables<stapler::CertificateSource>(
      "certificate", &o.certificates, bind_certificate,
      "A certificate (or a directory of them) whose answer is fetched before anybody asks. Its "
      "issuer may be asked about too.");
  section.texts(
      "hashes", &s.forms,
      "CertID hashes that certificates are fetched ahead with: \"sha1\" (what TLS servers "
      "and clients ask with), \"sha256\", \"sha384\", \"sha512\" (OCPP). Others are "
      "fetched when asked for.");
  section.choice(
      "nonce", {"leave-out", "pass"}, 0,
      [&r](std::size_t i) {
        r.engine.nonce = i == 0 ? relay::NonceUse::kLeaveOut : relay::NonceUse::kPass;
      },
      "A request with a nonce is answered from what is held, without the nonce, or passed to the "
      "upstream each time.");
  section.duration("keep_asked", &r.engine.keep_asked, Seconds(60), kYear,
                   "How long after it was asked for last an answer is kept fresh.");
  section.duration("cache_for", &r.handler.cache_for, Seconds(0), kYear,
                   "Longest max-age that HTTP caches are told; never beyond the answer's end.");
  section.integer("base64_limit", &s.base64_limit, 100, 1'000'000,
                  "Answers longer than this many characters of base64 are counted and logged (OCPP "
                  "has room for 5500).");
  section.integer("refresh_percent", &s.refresh_percent, 10, 75,
                  "An answer is refreshed before this share of its validity has passed.");
  section.duration("refresh", &r.engine.plan.max_refresh, Seconds(1), kYear,
                   "Longest time between two questions about a CertID, however long its answer is "
                   "valid.");
  section.duration("max_age", &r.shelf.max_age, Seconds(60), kYear,
                   "No answer is used longer than this after its thisUpdate (charging stations: "
                   "7d).");
  section.duration(
      "future_skew", &r.shelf.verify.future_skew, Seconds(0), Seconds(86400),
      "How far thisUpdate may lie ahead: until then the answer is held back, beyond it "
      "is refused.");
  section.duration("expiry_margin", &r.shelf.expiry_margin, Seconds(1), Seconds(86400),
                   "Answers are no longer handed out so long before their end: for servers that "
                   "keep them a while (Apache's SSLStaplingStandardCacheTimeout).");
  section.duration("life_without_next_update", &r.shelf.life_without_next_update, Seconds(10),
                   Seconds(86400),
                   "How long an answer without nextUpdate is used after it was received.");
  section.milliseconds("connect_timeout", &r.engine.transport.connect_timeout, Milliseconds(10),
                       Milliseconds(60'000), "Longest time to connect to an upstream.");
  section.milliseconds("timeout", &r.engine.transport.total_timeout, Milliseconds(10),
                       Milliseconds(120'000), "Longest time for one exchange with an upstream.");
  section.text("proxy", &r.engine.transport.proxy,
               "HTTP proxy for asking upstreams, such as http://proxy:3128.");
  bind_limits(section, s);
  bind_admin(section.table("admin",
                           "Probes, metrics, reload and drain, apart from OCSP "
                           "(docs/howto/relay.md)."),
             s.admin);
}

Result<node::RelayNodeOptions, std::string> wire(const RelaySettings& s) {
  node::RelayNodeOptions out = s.relay;
  relay::EngineOptions& engine = out.relay.engine;
  out.relay.loops = static_cast<unsigned>(s.loops);
  out.relay.limits.max_connections = static_cast<std::size_t>(s.max_connections);
  out.relay.handler.max_cert_ids = static_cast<std::size_t>(s.max_cert_ids);
  engine.limits.max_answers = static_cast<std::size_t>(s.max_answers);
  engine.limits.max_held_bytes = s.max_held.bytes;
  engine.limits.max_pending = static_cast<std::size_t>(s.max_pending);
  engine.limits.max_waiting = static_cast<std::size_t>(s.max_waiting);
  engine.limits.max_passing = static_cast<std::size_t>(s.max_passing);
  engine.base64_limit = static_cast<std::size_t>(s.base64_limit);
  engine.transport.max_body_bytes = s.max_response.bytes;
  engine.plan.per_host = static_cast<unsigned>(s.per_host);
  engine.plan.refresh_at = static_cast<double>(s.refresh_percent) / 100;
  engine.plan.refresh_jitter = engine.plan.refresh_at / 5;
  // Asking past a cache is an exchange of its own.
  engine.plan.fetch_deadline = std::chrono::ceil<Seconds>(2 * engine.transport.total_timeout);
  out.forms.clear();
  for (const std::string& word : s.forms) {
    const auto* const hash =
        std::find_if(kAllHashAlgorithms.begin(), kAllHashAlgorithms.end(),
                     [&word](HashAlgorithm h) { return to_string(h) == word; });
    if (hash == kAllHashAlgorithms.end()) {
      return Err{"[relay] hashes: '" + word +
                 "' is none of \"sha1\", \"sha256\", \"sha384\", \"sha512\""};
    }
    out.forms.push_back(*hash);
  }
  out.admin = admin_of(s.admin);
  return out;
}

}  // namespace muster::app
