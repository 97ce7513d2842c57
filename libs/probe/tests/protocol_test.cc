#include "muster/probe/protocol.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "muster/base/text.h"

namespace muster::probe {
namespace {

TEST(Protocol, EachHasANameThatIsFoundAgainAndAPort) {
  std::set<std::string> names;
  for (const Protocol protocol : all_protocols()) {
    const std::string name(to_string(protocol));
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
    EXPECT_EQ(protocol_from_name(name), protocol) << name;
    EXPECT_NE(default_port(protocol), 0) << name;
    EXPECT_FALSE(display_name(protocol).empty()) << name;
  }
}

TEST(Protocol, PortsAndTheWayTlsBegins) {
  struct Row {
    std::string_view name;
    std::uint16_t port;
    bool starttls;
  };
  for (const Row& row : {Row{"tls", 443, false},      {"https", 443, false},
                         {"smtps", 465, false},       {"submissions", 465, false},
                         {"imaps", 993, false},       {"pop3s", 995, false},
                         {"ftps", 990, false},        {"ldaps", 636, false},
                         {"xmpps", 5223, false},      {"postgres-direct", 5432, false},
                         {"smtp", 25, true},          {"SMTP", 25, true},
                         {"submission", 587, true},   {"imap", 143, true},
                         {"pop3", 110, true},         {"ftp", 21, true},
                         {"ldap", 389, true},         {"xmpp", 5222, true},
                         {"xmpp-client", 5222, true}, {"xmpp-server", 5269, true},
                         {"postgres", 5432, true},    {"postgresql", 5432, true},
                         {"mysql", 3306, true},       {"mariadb", 3306, true},
                         {"sieve", 4190, true},       {"managesieve", 4190, true}}) {
    const auto protocol = protocol_from_name(row.name);
    ASSERT_TRUE(protocol) << row.name;
    EXPECT_EQ(default_port(*protocol), row.port) << row.name;
    EXPECT_EQ(has_starttls(*protocol), row.starttls) << row.name;
  }
}

TEST(Protocol, OthersAreNone) {
  for (const std::string_view name : {"", "telnet", "smtp ", "smt", "smtp-", "starttls"}) {
    EXPECT_FALSE(protocol_from_name(name)) << name;
  }
}

}  // namespace
}  // namespace muster::probe
