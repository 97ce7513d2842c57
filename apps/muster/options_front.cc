#include "options_front.h"

#include <array>

namespace muster::app {
namespace {

constexpr Milliseconds kMostTime{86'400'000};

void bind_certificate(config::Section& section, front::CertificateFiles& files) {
  section.text("certificate", &files.cert,
               "PEM file: the server's certificate first, its chain behind.");
  section.text("key", &files.key, "Its private key (PEM, not encrypted). Empty: in the same file.");
  section.text("issuer", &files.issuer,
               "File with the issuer's certificate, when the chain does not have it.");
}

}  // namespace

void bind(config::Section& section, FrontOptions& o) {
  section.texts(
      "listen", &o.listen,
      "Addresses for TLS: \"8443\" (loopback), \"127.0.0.1:8443\", \"[::1]:8443\", \"*:443\", "
      "\"unix:/path\". Port 0 picks one.");
  section.text("upstream", &o.upstream,
               "Where plain octets go: \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/path\".");
  section.texts("issuers", &o.issuers,
                "Files in which issuers of the certificates are also looked for.");
  section.text("shelf", &o.shelf,
               "Directory of staples: the one `muster stapler` writes, or with `keep` our own. "
               "Empty: keep in memory only.");
  section.flag(
      "keep", &o.keep,
      "Fetch staples in this process instead of following a stapler's shelf; how, [stapler] says.");
  section.choice(
      "must_staple", {"serve", "hold"}, 0, [&o](std::size_t i) { o.hold = i == 1; },
      "A must-staple certificate without valid staple: \"serve\" it all the same, or \"hold\": "
      "refuse handshakes that ask for one.");
  section.choice(
      "min_tls", {"1.2", "1.3"}, 0,
      [&o](std::size_t i) { o.tls.least = static_cast<tls::TlsVersion>(i); },
      "Oldest TLS version.");
  section.text("ciphers", &o.tls.ciphers12,
               "OpenSSL cipher list for TLS 1.2. Empty: AEAD with forward secrecy.");
  section.texts("alpn", &o.tls.alpn,
                "Protocols to agree on, best first, such as [\"http/1.1\"]. Empty: clients' offers "
                "are ignored.");
  section.choice(
      "unknown_name", {"default", "refuse"}, 0,
      [&o](std::size_t i) { o.tls.unknown_name = static_cast<tls::UnknownName>(i); },
      "A server name (SNI) that no certificate has: serve the first certificate, or refuse.");
  section.choice(
      "proxy_protocol", {"none", "v1", "v2"}, 0,
      [&o](std::size_t i) { o.proxy_protocol = static_cast<front::ProxyProtocol>(i); },
      "Tell the upstream the client's address by HAProxy's PROXY protocol.");
  section.choice(
      "connect", {"at-once", "with-first-octets"}, 0,
      [&o](std::size_t i) { o.connect = static_cast<front::ConnectUpstream>(i); },
      "When a client's connection to the upstream is opened: \"at-once\" after the handshake, "
      "which protocols need where the server speaks first (SMTP, IMAP, MySQL), or "
      "\"with-first-octets\" of the client: port scanners and idle handshakes never reach the "
      "upstream.");
  section.integer("loops", &o.loops, 0, 1024, "Threads that serve. 0: one a core.");
  section.integer("max_connections", &o.max_connections, 1, 10'000'000,
                  "Connections at a time; more are closed at once. Never more than there are "
                  "descriptors for, two each.");
  section.milliseconds("handshake_timeout", &o.limits.handshake_timeout, Milliseconds(1), kMostTime,
                       "Time for the TLS handshake.");
  section.milliseconds("connect_timeout", &o.limits.connect_timeout, Milliseconds(1), kMostTime,
                       "Time to connect to the upstream.");
  section.milliseconds("idle_timeout", &o.limits.idle_timeout, Milliseconds(1), kMostTime,
                       "Silence in both directions that ends a connection.");
  section.milliseconds("start_wait", &o.start_wait, Milliseconds(0), kMostTime,
                       "Longest wait for staples before listening, and before a reload puts new "
                       "certificates in force.");
  section.milliseconds("grace", &o.grace, Milliseconds(0), kMostTime,
                       "Time for open connections to finish at the end.");
  section.tables<front::CertificateFiles>("certificate", &o.certificates, bind_certificate,
                                          "A certificate to serve. Those with a common name are "
                                          "chosen among by the client's algorithms (RSA, ECDSA).");
}

front::FrontOptions wire(const FrontOptions& from) {
  front::FrontOptions to;
  to.listen = from.listen;
  to.upstream = from.upstream;
  to.certificates = from.certificates;
  to.issuers = from.issuers;
  to.shelf = from.shelf;
  to.staples_from =
      from.keep || from.shelf.empty() ? front::StaplesFrom::kKeep : front::StaplesFrom::kFollow;
  to.tls = from.tls;
  to.tls.staple.must_staple =
      from.hold ? tls::MustStaplePolicy::kHold : tls::MustStaplePolicy::kServe;
  to.proxy_protocol = from.proxy_protocol;
  to.connect = from.connect;
  to.limits = from.limits;
  to.limits.max_connections = static_cast<std::size_t>(from.max_connections);
  to.loops = static_cast<unsigned>(from.loops);
  to.start_wait = from.start_wait;
  to.grace = from.grace;
  return to;
}

}  // namespace muster::app
