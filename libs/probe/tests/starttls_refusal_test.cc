#include <gmock/gmock.h>

#include <algorithm>

#include "starttls.h"
#include "starttls_dialogues.h"

// What servers say that must not lead to TLS.
namespace muster::probe {
namespace {

using ::testing::HasSubstr;

struct Refusal {
  std::string name;
  Protocol protocol;
  std::vector<std::string> server;
  ProbeErrc code;
  std::string says;
};

std::string ldap_result(char id, char result, const std::string& text,
                        const std::string& rest = {}) {
  const std::string body =
      "\x0a\x01"s + result + "\x04\x00\x04"s + static_cast<char>(text.size()) + text + rest;
  const std::string message = "\x02\x01"s + id + "\x78" + static_cast<char>(body.size()) + body;
  return "\x30"s + static_cast<char>(message.size()) + message;
}

std::vector<Refusal> refusals() {
  const std::string tls_alert = "\x15\x03\x01\x00\x02\x02\x46"s;
  const std::string features_end = "</stream:features>";
  const std::string offer = kStreamHeader +
                            "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" +
                            features_end;
  using P = Protocol;
  using E = ProbeErrc;
  return {
      // not offered, refused
      {"smtp",
       P::kSmtp,
       {"220 x\r\n", "250-x\r\n250 XSTARTTLS\r\n"},
       E::kNoStartTls,
       "SMTP: the answer to EHLO does not offer STARTTLS"},
      {"smtp keyword in the greeting only",
       P::kSmtp,
       {"220-x\r\n220 STARTTLS\r\n", "250 x\r\n"},
       E::kNoStartTls,
       "does not offer"},
      {"smtp 454",
       P::kSmtp,
       {"220 x\r\n", "250 STARTTLS\r\n", "454 TLS not available\r\n"},
       E::kNoStartTls,
       "refuses STARTTLS: '454 TLS not available'"},
      {"smtp 554",
       P::kSubmission,
       {"554 go away\r\n"},
       E::kNoStartTls,
       "SMTP submission: the server refuses service"},
      {"smtp without ehlo",
       P::kSmtp,
       {"220 x\r\n", "502 what\r\n"},
       E::kNoStartTls,
       "refuses EHLO"},
      {"imap",
       P::kImap,
       {"* OK x\r\n", "* CAPABILITY IMAP4rev1\r\na1 OK x\r\n"},
       E::kNoStartTls,
       "IMAP: the answer to CAPABILITY does not offer STARTTLS"},
      {"imap preauth", P::kImap, {"* PREAUTH x\r\n"}, E::kNoStartTls, "logged in already"},
      {"imap bye", P::kImap, {"* BYE too many\r\n"}, E::kNoStartTls, "refuses service"},
      {"imap bye later", P::kImap, {"* OK\r\n", "* BYE\r\n"}, E::kNoStartTls, "refuses service"},
      {"imap no",
       P::kImap,
       {"* OK\r\n", "* CAPABILITY STARTTLS\r\na1 OK\r\n", "a2 NO busy\r\n"},
       E::kNoStartTls,
       "refuses STARTTLS: 'a2 NO busy'"},
      {"imap bad", P::kImap, {"* OK\r\n", "a1 BAD what\r\n"}, E::kNoStartTls, "refuses CAPABILITY"},
      {"pop3",
       P::kPop3,
       {"+OK\r\n", "+OK\r\nUSER\r\n.\r\n"},
       E::kNoStartTls,
       "POP3: the answer to CAPA does not offer STLS"},
      {"pop3 down", P::kPop3, {"-ERR down\r\n"}, E::kNoStartTls, "refuses service"},
      {"pop3 no stls",
       P::kPop3,
       {"+OK\r\n", "-ERR\r\n", "-ERR no\r\n"},
       E::kNoStartTls,
       "refuses STLS"},
      {"ftp",
       P::kFtp,
       {"220 x\r\n", "530 Please login\r\n"},
       E::kNoStartTls,
       "FTP: the server refuses AUTH TLS: '530 Please login'"},
      {"ftp 334", P::kFtp, {"220 x\r\n", "334 x\r\n"}, E::kNoStartTls, "refuses AUTH TLS"},
      {"ftp down", P::kFtp, {"421-x\r\n421 y\r\n"}, E::kNoStartTls, "refuses service"},
      {"ldap",
       P::kLdap,
       {ldap_result(1, 2, "unsupported")},
       E::kNoStartTls,
       "LDAP: the server refuses StartTLS: protocolError (2), 'unsupported'"},
      {"ldap result without a name",
       P::kLdap,
       {ldap_result(1, 100, "")},
       E::kNoStartTls,
       "result 100"},
      {"ldap disconnection",
       P::kLdap,
       {ldap_result(0, 52, "down", "\x8a\x16"s + "1.3.6.1.4.1.1466.20036")},
       E::kNoStartTls,
       "ends the session: unavailable (52), 'down'"},
      {"xmpp",
       P::kXmpp,
       {kStreamHeader + "<stream:features><bind xmlns='b'/>" + features_end},
       E::kNoStartTls,
       "XMPP: the stream's features do not offer starttls"},
      {"xmpp starttls of another namespace",
       P::kXmpp,
       {kStreamHeader + "<stream:features><starttls xmlns='b'/>" + features_end},
       E::kNoStartTls,
       "do not offer"},
      {"xmpp starttls too deep",
       P::kXmpp,
       {kStreamHeader +
        "<stream:features><x xmlns='b'><starttls "
        "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></x>" +
        features_end},
       E::kNoStartTls,
       "do not offer"},
      {"xmpp failure",
       P::kXmpp,
       {offer, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
       E::kNoStartTls,
       "refuses starttls"},
      {"xmpp error",
       P::kXmpp,
       {kStreamHeader + "<stream:error><host-unknown xmlns='e'/></stream:error>"},
       E::kNoStartTls,
       "ends the stream: 'host-unknown'"},
      {"xmpp empty error",
       P::kXmpp,
       {kStreamHeader + "<stream:error/>"},
       E::kNoStartTls,
       "ends the stream by an error"},
      {"xmpp end",
       P::kXmpp,
       {kStreamHeader + "</stream:stream>"},
       E::kNoStartTls,
       "ends the stream"},
      {"xmpp 0.9",
       P::kXmpp,
       {"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"},
       E::kNoStartTls,
       "before XMPP 1.0"},
      {"postgres",
       P::kPostgres,
       {"N"},
       E::kNoStartTls,
       "PostgreSQL: the server does not offer TLS"},
      {"postgres error", P::kPostgres, {"E\0\0\0\x20"s}, E::kNoStartTls, "with an error"},
      {"mysql",
       P::kMysql,
       {mysql_greeting("\xfe\xf7")},
       E::kNoStartTls,
       "MySQL: the greeting does not offer TLS"},
      {"mysql blocked",
       P::kMysql,
       {"\x0d\x00\x00\x00\xff\x69\x04#HY000Host"s},
       E::kNoStartTls,
       "error 1129, 'Host'"},
      {"mysql error of nothing", P::kMysql, {"\x01\x00\x00\x00\xff"s}, E::kNoStartTls, "error 0"},
      {"sieve",
       P::kSieve,
       {"\"IMPLEMENTATION\" \"STARTTLS\"\r\nOK\r\n"},
       E::kNoStartTls,
       "ManageSieve: the greeting does not offer STARTTLS"},
      {"sieve down", P::kSieve, {"BYE \"no\"\r\n"}, E::kNoStartTls, "refuses service"},
      {"sieve no",
       P::kSieve,
       {"\"STARTTLS\"\r\nOK\r\n", "NO \"x\"\r\n"},
       E::kNoStartTls,
       "refuses STARTTLS"},
      // something else listens there
      {"smtp to http",
       P::kSmtp,
       {"HTTP/1.1 400 Bad Request\r\n"},
       E::kNotProtocol,
       "the greeting is due, but the server says 'HTTP/1.1 400 Bad Request'"},
      {"smtp to tls", P::kSmtp, {tls_alert}, E::kNotProtocol, "speaks TLS at once"},
      {"smtp to mysql", P::kSmtp, {mysql_greeting("\xfe\xff")}, E::kNotProtocol, "says"},
      {"smtp codes that differ", P::kSmtp, {"220-x\r\n221 y\r\n"}, E::kNotProtocol, "221 y"},
      {"smtp code 6xx", P::kSmtp, {"620 x\r\n"}, E::kNotProtocol, "620"},
      {"smtp 2200", P::kSmtp, {"2200 x\r\n"}, E::kNotProtocol, "2200"},
      {"imap to pop3", P::kImap, {"+OK\r\n"}, E::kNotProtocol, "IMAP: the greeting is due"},
      {"imap tag",
       P::kImap,
       {"* OK\r\n", "a2 OK\r\n"},
       E::kNotProtocol,
       "the answer to CAPABILITY is due"},
      {"imap tagged word", P::kImap, {"* OK\r\n", "a1 YES\r\n"}, E::kNotProtocol, "a1 YES"},
      {"imap greeting word", P::kImap, {"* CAPABILITY STARTTLS\r\n"}, E::kNotProtocol, "greeting"},
      {"imap star alone", P::kImap, {"*\r\n"}, E::kNotProtocol, "'*'"},
      {"pop3 to imap", P::kPop3, {"* OK\r\n"}, E::kNotProtocol, "POP3: the greeting is due"},
      {"ftp to ssh", P::kFtp, {"SSH-2.0-OpenSSH_9.2\r\n"}, E::kNotProtocol, "SSH-2.0"},
      {"ldap to tls", P::kLdap, {tls_alert}, E::kNotProtocol, "speaks TLS at once"},
      {"ldap indefinite length", P::kLdap, {"\x30\x80"s}, E::kNotProtocol, "is due"},
      {"ldap bind response",
       P::kLdap,
       {"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"s},
       E::kNotProtocol,
       "is due"},
      {"ldap answer to another question",
       P::kLdap,
       {ldap_result(2, 0, "")},
       E::kNotProtocol,
       "what was not asked"},
      {"ldap answer of another operation",
       P::kLdap,
       {ldap_result(1, 0, "", "\x8a\x03"s + "1.2")},
       E::kNotProtocol,
       "what was not asked"},
      {"ldap rubbish behind",
       P::kLdap,
       {ldap_result(1, 0, "", "\x8a\x7f"s)},
       E::kNotProtocol,
       "is due"},
      {"xmpp to http",
       P::kXmpp,
       {"HTTP/1.1 400 Bad Request\r\n\r\n<html>"},
       E::kNotProtocol,
       "HTTP"},
      {"xmpp html", P::kXmpp, {"<html>"}, E::kNotProtocol, "<html>"},
      {"xmpp document type", P::kXmpp, {"<!DOCTYPE x>"}, E::kNotProtocol, "DOCTYPE"},
      {"xmpp comment", P::kXmpp, {kStreamHeader + "<!-- x -->"}, E::kNotProtocol, "<!--"},
      {"xmpp text", P::kXmpp, {kStreamHeader + "x"}, E::kNotProtocol, "features is due"},
      {"xmpp two declarations",
       P::kXmpp,
       {"<?xml version='1.0'?><?xml version='1.0'?>"},
       E::kNotProtocol,
       "<?xml"},
      {"xmpp processing instruction", P::kXmpp, {"<?php x='y'?>"}, E::kNotProtocol, "<?php"},
      {"xmpp wrong stream namespace",
       P::kXmpp,
       {"<stream:stream xmlns:stream='x' version='1.0'>"},
       E::kNotProtocol,
       "stream"},
      {"xmpp prefix of nothing",
       P::kXmpp,
       {"<stream:stream version='1.0'>"},
       E::kNotProtocol,
       "stream"},
      {"xmpp tags that cross",
       P::kXmpp,
       {kStreamHeader + "<stream:features><a></stream:features>"},
       E::kNotProtocol,
       "features"},
      {"xmpp attribute twice quoted",
       P::kXmpp,
       {"<stream:stream a='b''c'>"},
       E::kNotProtocol,
       "stream"},
      {"xmpp attribute without value", P::kXmpp, {"<stream:stream a>"}, E::kNotProtocol, "stream"},
      {"xmpp proceed unasked",
       P::kXmpp,
       {kStreamHeader + "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
       E::kNotProtocol,
       "proceed"},
      {"xmpp proceed of another namespace",
       P::kXmpp,
       {offer, "<proceed/>"},
       E::kNotProtocol,
       "proceed"},
      {"postgres to tls", P::kPostgres, {tls_alert}, E::kNotProtocol, "speaks TLS at once"},
      {"postgres to smtp", P::kPostgres, {"220 x\r\n"}, E::kNotProtocol, "220 x"},
      {"mysql to smtp", P::kMysql, {"220 x\r\n"}, E::kNotProtocol, "220 x"},
      {"mysql protocol 9",
       P::kMysql,
       {"\x05\x00\x00\x00\x09"s + "abcd"},
       E::kNotProtocol,
       "is due"},
      {"mysql cut greeting",
       P::kMysql,
       {"\x04\x00\x00\x00\x0a"s + "5.\0"s},
       E::kNotProtocol,
       "is due"},
      {"sieve to smtp",
       P::kSieve,
       {"220 x\r\n"},
       E::kNotProtocol,
       "ManageSieve: the greeting is due"},
      {"sieve capability where OK is due",
       P::kSieve,
       {"\"STARTTLS\"\r\nOK\r\n", "\"STARTTLS\"\r\n"},
       E::kNotProtocol,
       "the answer to STARTTLS is due"},
      // floods
      {"a line without end",
       P::kSmtp,
       {"220 " + std::string(9000, 'x')},
       E::kTooLarge,
       "SMTP: a line of more than 8192 octets where the greeting is due"},
      {"a literal without end", P::kImap, {"* OK {9000}\r\n"}, E::kTooLarge, "a line of more than"},
      {"a literal beyond numbers",
       P::kSieve,
       {"\"X\" {99999999999999999999}\r\n"},
       E::kTooLarge,
       "a line of more than"},
      {"an ldap message", P::kLdap, {"\x30\x82\x40\x00"s}, E::kTooLarge, "a message of more than"},
      {"a mysql packet",
       P::kMysql,
       {"\xff\xff\x00\x00\x0a"s},
       E::kTooLarge,
       "a packet of more than"},
      {"an xml tag",
       P::kXmpp,
       {"<stream:stream a='" + std::string(9000, 'x')},
       E::kTooLarge,
       "a tag of more than"},
      {"an xml tag with its end",
       P::kXmpp,
       {"<stream:stream a='" + std::string(9000, 'x') + "'>"},
       E::kTooLarge,
       "a tag of more than"},
  };
}

TEST(StartTls, RefusalsTellTheStepHoweverTheyAreCut) {
  for (const Refusal& row : refusals()) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20}) {
      const auto machine = machine_for(row.protocol);
      machine->begin();
      std::optional<ProbeError> error;
      for (std::size_t i = 0; i < row.server.size() && !error; ++i) {
        Bytes rest = as_bytes(row.server[i]);
        while (!rest.empty() && !error) {
          const Bytes now = rest.first(std::min(piece, rest.size()));
          const auto step = machine->take(now);
          if (!step) {
            EXPECT_EQ(i + 1, row.server.size()) << row.name << ": " << step.error().detail;
            error = step.error();
          } else {
            EXPECT_FALSE(step->ready) << row.name;
          }
          rest = rest.subspan(now.size());
        }
      }
      ASSERT_TRUE(error) << row.name << " in pieces of " << piece;
      EXPECT_EQ(error->code, row.code) << row.name << ": " << error->detail;
      // In pieces less of what the server said may be known.
      if (piece > 7 || row.code != ProbeErrc::kNotProtocol) {
        EXPECT_THAT(error->detail, HasSubstr(row.says)) << row.name;
      }
      EXPECT_LE(error->detail.size(), 1000u) << row.name;
    }
  }
}

TEST(StartTls, EachProtocolIsAmongTheTables) {
  const auto good = good_dialogues();
  const auto bad = refusals();
  for (const Protocol protocol : all_protocols()) {
    if (has_starttls(protocol)) {
      const auto mine = [&](const auto& row) { return row.protocol == protocol; };
      EXPECT_TRUE(std::any_of(good.begin(), good.end(), mine)) << to_string(protocol);
      EXPECT_TRUE(protocol == Protocol::kXmppServer || std::any_of(bad.begin(), bad.end(), mine))
          << to_string(protocol);
    }
  }
}

}  // namespace
}  // namespace muster::probe
