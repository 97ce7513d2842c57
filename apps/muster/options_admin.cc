#include "options_admin.h"

namespace muster::app {

void bind_limits(config::Section& section, node::ControlLimits& limits,
                 ConnectionNumbers& numbers) {
  section.integer("max_connections", &numbers.all, 1, 10'000,
                  "Open connections; more are told 503.");
  section.integer("max_peer_connections", &numbers.of_peer, 1, 10'000,
                  "Of these for one peer: a user at a unix socket, the subject of a client "
                  "certificate, else an address. More are told 503.");
  section.milliseconds(
      "header_timeout", &limits.header_timeout, Milliseconds(100), Milliseconds(600'000),
      "For the TLS handshake, and from the first octet of a request to the end of its headers.");
  section.milliseconds("body_timeout", &limits.body_timeout, Milliseconds(100),
                       Milliseconds(600'000),
                       "For the body of a request; for one that is streamed, without progress.");
  section.milliseconds("idle_timeout", &limits.idle_timeout, Milliseconds(100),
                       Milliseconds(3'600'000), "Between requests on one connection.");
  section.milliseconds("write_timeout", &limits.write_timeout, Milliseconds(100),
                       Milliseconds(600'000), "Without progress in sending.");
}

void take_over(const ConnectionNumbers& numbers, node::ControlLimits& limits) {
  limits.max_connections = static_cast<std::size_t>(numbers.all);
  limits.max_peer_connections = static_cast<std::size_t>(numbers.of_peer);
}

void bind_tls(config::Section& section, node::TlsFiles& files) {
  section.text(
      "certificate", &files.certificate,
      "Our certificate for mutual TLS (PEM, its chain behind). Needs `key` and `client_ca`.");
  section.text("key", &files.key, "Its private key (PEM).");
  section.text("client_ca", &files.client_ca,
               "Certificates of the CAs that certify clients (clientAuth).");
}

void bind_admin(config::Section& section, AdminSettings& s) {
  node::AdminOptions& o = s.admin;
  section.texts(
      "listen", &o.listen,
      "Addresses for probes, metrics, reload and drain: \"8889\" (loopback), "
      "\"127.0.0.1:8889\", \"unix:/path\". Others than loopback need mutual TLS. Empty: none.");
  section.texts("hosts", &o.hosts,
                "Host names by which it may be asked, besides localhost and addresses; requests "
                "under other names are refused (DNS rebinding).");
  bind_tls(section, o.tls);
  section.flag("insecurely_allow_remote", &o.insecurely_allow_remote,
               "Listen beyond loopback without mutual TLS: whoever reaches the address can reload "
               "and drain.");
  section.milliseconds("drain_delay", &o.drain_delay, Milliseconds(0), Milliseconds(600'000),
                       "Between /readyz failing and the end of accepting when drained, for load "
                       "balancers to notice.");
  bind_limits(section, o.limits, s.connections);
}

void bind(config::Section& section, AdminSettings& s) {
  bind_admin(section, s);
  section.size("max_request", &s.max_request, 256, 1 << 20,
               "Longest OCSP request to explain; more is refused with HTTP 413.");
}

node::AdminOptions admin_of(const AdminSettings& settings) {
  node::AdminOptions admin = settings.admin;
  admin.max_body_bytes = settings.max_request.bytes;
  take_over(settings.connections, admin.limits);
  return admin;
}

}  // namespace muster::app
