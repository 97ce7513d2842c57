#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

// What is spoken on a port before TLS begins: names, default ports, and whether a peer must first
// be asked to begin.
namespace muster::probe {

enum class Protocol : std::uint8_t {
  kTls,  ///< TLS from the first octet: https and whatever else has a port of its own for TLS
  kSmtps,
  kImaps,
  kPop3s,
  kFtps,
  kLdaps,
  kXmpps,           ///< XEP-0368
  kPostgresDirect,  ///< PostgreSQL 17: TLS from the first octet, ALPN "postgresql"
  // From here on TLS begins in the middle of the protocol.
  kSmtp,        ///< RFC 3207
  kSubmission,  ///< the same at the port where mail is handed in (RFC 6409)
  kImap,        ///< RFC 9051 section 6.2.1
  kPop3,        ///< RFC 2595 section 4
  kFtp,         ///< AUTH TLS, RFC 4217
  kLdap,        ///< RFC 4511 section 4.14
  kXmpp,        ///< RFC 6120 section 5, client to server
  kXmppServer,  ///< the same, server to server
  kPostgres,    ///< SSLRequest
  kMysql,       ///< CLIENT_SSL in the handshake response
  kSieve,       ///< ManageSieve, RFC 5804 section 2.2
};

/// All of them, in the order of the enumeration.
std::span<const Protocol> all_protocols();
/// "tls", "smtp", "xmpp-server": what users write.
std::string_view to_string(Protocol protocol);
/// What people say in sentences: "SMTP", "PostgreSQL".
std::string_view display_name(Protocol protocol);
/// A name as to_string gives it, or another that is in use ("https", "postgresql", "mariadb",
/// "managesieve", "xmpp-client", "submissions"), in any case. Nothing for others.
std::optional<Protocol> protocol_from_name(std::string_view name);
/// The registered one (IANA); for kTls that of https, 443.
std::uint16_t default_port(Protocol protocol);
/// Whether TLS is asked for inside the protocol (STARTTLS and its kin).
bool has_starttls(Protocol protocol);
/// What ALPN must offer for TLS to be accepted on such a port; empty for none.
std::string_view alpn_of(Protocol protocol);

}  // namespace muster::probe
