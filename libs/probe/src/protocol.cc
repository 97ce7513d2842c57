#include "muster/probe/protocol.h"

#include <array>
#include <utility>

#include "muster/base/assert.h"
#include "muster/base/text.h"

namespace muster::probe {
namespace {

struct Row {
  Protocol protocol;
  std::string_view name;
  std::string_view display_name;
  std::uint16_t port;
  std::string_view alpn;
};

/// Ports: the IANA service name and port registry. Rows in the order of the enumeration.
constexpr std::array kRows{
    Row{Protocol::kTls, "tls", "TLS", 443, ""},
    Row{Protocol::kSmtps, "smtps", "SMTP over TLS", 465, ""},
    Row{Protocol::kImaps, "imaps", "IMAP over TLS", 993, ""},
    Row{Protocol::kPop3s, "pop3s", "POP3 over TLS", 995, ""},
    Row{Protocol::kFtps, "ftps", "FTP over TLS", 990, ""},
    Row{Protocol::kLdaps, "ldaps", "LDAP over TLS", 636, ""},
    Row{Protocol::kXmpps, "xmpps", "XMPP over TLS", 5223, "xmpp-client"},
    Row{Protocol::kPostgresDirect, "postgres-direct", "PostgreSQL over TLS", 5432, "postgresql"},
    Row{Protocol::kSmtp, "smtp", "SMTP", 25, ""},
    Row{Protocol::kSubmission, "submission", "SMTP submission", 587, ""},
    Row{Protocol::kImap, "imap", "IMAP", 143, ""},
    Row{Protocol::kPop3, "pop3", "POP3", 110, ""},
    Row{Protocol::kFtp, "ftp", "FTP", 21, ""},
    Row{Protocol::kLdap, "ldap", "LDAP", 389, ""},
    Row{Protocol::kXmpp, "xmpp", "XMPP", 5222, ""},
    Row{Protocol::kXmppServer, "xmpp-server", "XMPP", 5269, ""},
    Row{Protocol::kPostgres, "postgres", "PostgreSQL", 5432, "postgresql"},
    Row{Protocol::kMysql, "mysql", "MySQL", 3306, ""},
    Row{Protocol::kSieve, "sieve", "ManageSieve", 4190, ""},
};

constexpr std::array<std::pair<std::string_view, Protocol>, 6> kOtherNames{{
    {"https", Protocol::kTls},
    {"submissions", Protocol::kSmtps},
    {"xmpp-client", Protocol::kXmpp},
    {"postgresql", Protocol::kPostgres},
    {"mariadb", Protocol::kMysql},
    {"managesieve", Protocol::kSieve},
}};

constexpr auto kProtocols = [] {
  std::array<Protocol, kRows.size()> all{};
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    all[i] = kRows[i].protocol;
  }
  return all;
}();

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].protocol) != i) {
      return false;
    }
  }
  return kRows.back().protocol == Protocol::kSieve;
}
static_assert(rows_are_in_order());

const Row& row_of(Protocol protocol) { return kRows.at(static_cast<std::size_t>(protocol)); }

}  // namespace

std::span<const Protocol> all_protocols() { return kProtocols; }
std::string_view to_string(Protocol protocol) { return row_of(protocol).name; }
std::string_view display_name(Protocol protocol) { return row_of(protocol).display_name; }
std::uint16_t default_port(Protocol protocol) { return row_of(protocol).port; }
bool has_starttls(Protocol protocol) { return protocol >= Protocol::kSmtp; }
std::string_view alpn_of(Protocol protocol) { return row_of(protocol).alpn; }

std::optional<Protocol> protocol_from_name(std::string_view name) {
  for (const Row& row : kRows) {
    if (iequals(row.name, name)) {
      return row.protocol;
    }
  }
  for (const auto& [other, protocol] : kOtherNames) {
    if (iequals(other, name)) {
      return protocol;
    }
  }
  return std::nullopt;
}

}  // namespace muster::probe
