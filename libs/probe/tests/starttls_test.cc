#include "starttls.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace muster::probe {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

// What the servers of tests/interop/starttls say, and what others may.

struct Exchange {
  std::string server;
  std::string client;  ///< the answer, which is due with the last octet; "TLS": TLS begins
};
struct Dialogue {
  std::string name;
  Protocol protocol;
  std::string begin;  ///< what the client says unasked
  std::vector<Exchange> exchanges;
};

const std::string kTlsBegins = "TLS";
const std::string kXmppOpen =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' to='mail.example' version='1.0'>";
const std::string kXmppServerOpen =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:server' "
    "xmlns:stream='http://etherx.jabber.org/streams' to='mail.example' version='1.0'>";
const std::string kXmppAsk = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const std::string kStreamHeader =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' from='mail.example' "
    "xmlns:stream='http://etherx.jabber.org/streams' id=\"a>b\" xml:lang='en' version='1.0'>";
const std::string kLdapAsk = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"s + "1.3.6.1.4.1.1466.20037";
const std::string kPostgresAsk = "\x00\x00\x00\x08\x04\xd2\x16\x2f"s;
/// Capabilities with CLIENT_SSL (0x0800) in their lower half, or without.
std::string mysql_greeting(std::string_view capabilities) {
  const std::string payload = "\x0a" + "10.11.6-MariaDB"s + '\0' + "\x07\x00\x00\x00"s +
                              "12345678" + '\0' + std::string(capabilities) +
                              "\x2d\x02\x00\xff\x81\x15"s + std::string(10, '\0') + "abcdefghijkl" +
                              '\0' + "mysql_native_password" + '\0';
  return std::string(1, static_cast<char>(payload.size())) + "\x00\x00\x00"s + payload;
}
const std::string kMysqlAsk =
    "\x20\x00\x00\x01\x00\x8a\x08\x00\x00\x00\x00\x01\x2d"s + std::string(23, '\0');

std::vector<Dialogue> good_dialogues() {
  return {
      {"smtp",
       Protocol::kSmtp,
       "",
       {{"220 mail.example ESMTP\r\n", "EHLO [192.0.2.1]\r\n"},
        {"250-mail.example\r\n250-SIZE 1\r\n250-STARTTLS\r\n250 HELP\r\n", "STARTTLS\r\n"},
        {"220 Ready\r\n", kTlsBegins}}},
      {"smtp in other letters, bare line feeds, no texts",
       Protocol::kSubmission,
       "",
       {{"220-hello\n220\n", "EHLO [192.0.2.1]\r\n"},
        {"250-\n250 starttls now\n", "STARTTLS\r\n"},
        {"220\n", kTlsBegins}}},
      {"imap",
       Protocol::kImap,
       "",
       {{"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", "a1 CAPABILITY\r\n"},
        {"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK done\r\n", "a2 STARTTLS\r\n"},
        {"a2 OK Begin TLS negotiation now.\r\n", kTlsBegins}}},
      {"imap that talks",
       Protocol::kImap,
       "",
       {{"* ok hello {1}\r\n\r\n", "a1 CAPABILITY\r\n"},
        {"* OK still here {4}\r\na1 O behind a literal\r\n* capability starttls\r\n* 0 EXISTS\r\n"
         "A1 OK x\r\n",
         ""}}},
      {"pop3",
       Protocol::kPop3,
       "",
       {{"+OK ready <1.2@x>\r\n", "CAPA\r\n"},
        {"+OK\r\nTOP\r\nSTLS\r\nSASL PLAIN\r\n.\r\n", "STLS\r\n"},
        {"+OK Begin\r\n", kTlsBegins}}},
      {"pop3 without capa",
       Protocol::kPop3,
       "",
       {{"+OK\r\n", "CAPA\r\n"}, {"-ERR what?\r\n", "STLS\r\n"}, {"+OK\r\n", kTlsBegins}}},
      {"ftp",
       Protocol::kFtp,
       "",
       {{"220 (vsFTPd 3.0.3)\r\n", "AUTH TLS\r\n"}, {"234 Proceed.\r\n", kTlsBegins}}},
      {"ftp that waits and has much to say",
       Protocol::kFtp,
       "",
       {{"120 soon\r\n220-Welcome\r\n 220 is our number\r\n230 no\r\n220-more\r\n220 go\r\n",
         "AUTH TLS\r\n"},
        {"234-x\r\nanything\r\n234 y\r\n", kTlsBegins}}},
      {"ldap",
       Protocol::kLdap,
       kLdapAsk,
       {{"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"s, kTlsBegins}}},
      {"ldap as active directory says it",
       Protocol::kLdap,
       kLdapAsk,
       {{"\x30\x84\x00\x00\x00\x28\x02\x01\x01\x78\x84\x00\x00\x00\x1f\x0a\x01\x00\x04\x00\x04\x00"s +
             "\x8a\x16" + "1.3.6.1.4.1.1466.20037",
         kTlsBegins}}},
      {"xmpp",
       Protocol::kXmpp,
       kXmppOpen,
       {{kStreamHeader +
             "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/>"
             "</starttls><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes>"
             "</limits></stream:features>",
         kXmppAsk},
        {"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", kTlsBegins}}},
      {"xmpp with a prefix of its own",
       Protocol::kXmppServer,
       kXmppServerOpen,
       {{"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:server' "
         "xmlns:t='urn:ietf:params:xml:ns:xmpp-tls' version='1.0'>\r\n"
         "<s:features ><t:starttls /></s:features >",
         kXmppAsk},
        {"<t:proceed></t:proceed>", kTlsBegins}}},
      {"postgres", Protocol::kPostgres, kPostgresAsk, {{"S", kTlsBegins}}},
      {"mysql", Protocol::kMysql, "", {{mysql_greeting("\xfe\xff"), kMysqlAsk + kTlsBegins}}},
      {"sieve",
       Protocol::kSieve,
       "",
       {{"\"IMPLEMENTATION\" \"Dovecot\"\r\n\"SIEVE\" \"fileinto\"\r\n\"STARTTLS\"\r\nOK "
         "\"hi\"\r\n",
         "STARTTLS\r\n"},
        {"OK \"Begin TLS negotiation now.\"\r\n", kTlsBegins}}},
      {"sieve with literals",
       Protocol::kSieve,
       "",
       {{"\"NOTIFY\" {9}\r\nx\r\nNO y\r\n \"z\"\r\n{8+}\r\nstarttls\r\nok (WARNINGS) "
         "{4}\r\nBYE!\r\n",
         "STARTTLS\r\n"},
        {"OK\r\n", kTlsBegins}}},
  };
}

std::unique_ptr<StartTls> machine_for(Protocol protocol) {
  return make_starttls(protocol, {"mail.example", "[192.0.2.1]"});
}

/// The client's words as Exchange::client has them.
std::string words(const StartTlsStep& step) { return step.send + (step.ready ? kTlsBegins : ""); }

/// Feeds the exchanges whose index is below `upto`, whole.
std::unique_ptr<StartTls> advanced(const Dialogue& dialogue, std::size_t upto) {
  auto machine = machine_for(dialogue.protocol);
  EXPECT_EQ(machine->begin(), dialogue.begin);
  for (std::size_t i = 0; i < upto; ++i) {
    const auto step = machine->take(as_bytes(dialogue.exchanges[i].server));
    EXPECT_TRUE(step) << step.error().detail;
  }
  return machine;
}

TEST(StartTls, GoodDialoguesEndInTlsHoweverTheyAreCut) {
  for (const Dialogue& dialogue : good_dialogues()) {
    for (std::size_t i = 0; i < dialogue.exchanges.size(); ++i) {
      const auto& [server, client] = dialogue.exchanges[i];
      if (client.empty()) {
        continue;
      }
      for (std::size_t cut = 0; cut < server.size(); ++cut) {
        const auto machine = advanced(dialogue, i);
        const auto before = machine->take(as_bytes(server).first(cut));
        ASSERT_TRUE(before) << dialogue.name << " cut at " << cut << ": " << before.error().detail;
        EXPECT_EQ(words(*before), "") << dialogue.name << " cut at " << cut;
        const auto step = machine->take(as_bytes(server).subspan(cut));
        ASSERT_TRUE(step) << dialogue.name << " cut at " << cut << ": " << step.error().detail;
        EXPECT_EQ(words(*step), client) << dialogue.name << " cut at " << cut;
      }
      const auto machine = advanced(dialogue, i);
      std::string said;
      for (const char& octet : server) {
        EXPECT_EQ(said, "") << dialogue.name;
        const auto step = machine->take(as_bytes(std::string_view(&octet, 1)));
        ASSERT_TRUE(step) << dialogue.name << ": " << step.error().detail;
        said += words(*step);
      }
      EXPECT_EQ(said, client) << dialogue.name << ", octet by octet";
    }
  }
}

TEST(StartTls, TheFirstWordsAreTheClientsWhereTheProtocolHasItSo) {
  for (const Dialogue& dialogue : good_dialogues()) {
    EXPECT_EQ(machine_for(dialogue.protocol)->begin(), dialogue.begin) << dialogue.name;
  }
}

// RFC 3207 section 6, CVE-2011-0411, CVE-2021-23222: what stands behind the last octet that the
// server may say would be taken for an answer that came through TLS, or for one not yet asked for.
TEST(StartTls, PlaintextBehindAnAnswerIsRefused) {
  for (const Dialogue& dialogue : good_dialogues()) {
    for (std::size_t i = 0; i < dialogue.exchanges.size(); ++i) {
      const auto& [server, client] = dialogue.exchanges[i];
      if (client.empty()) {
        continue;
      }
      for (const std::string& more :
           {"\r"s, "\n"s, "\0"s, " "s, "S"s, "250 ok\r\n"s, "a2 OK\r\n"s, "\x16\x03\x03"s}) {
        const auto step = advanced(dialogue, i)->take(as_bytes(server + more));
        ASSERT_FALSE(step) << dialogue.name << " and " << in_quotes(more);
        EXPECT_EQ(step.error().code, ProbeErrc::kInjected) << step.error().detail;
        EXPECT_THAT(step.error().detail,
                    HasSubstr(std::to_string(more.size()) + " octets of plaintext"));
      }
    }
  }
}

TEST(StartTls, ImapMayTellThingsAtAnyTimeButNotBehindTheGoAhead) {
  const auto machine = machine_for(Protocol::kImap);
  EXPECT_EQ(words(*machine->take(as_bytes("* OK x\r\n* 1 EX"))), "a1 CAPABILITY\r\n");
  EXPECT_EQ(words(*machine->take(as_bytes("ISTS\r\n* CAPABILITY STARTTLS\r\na1 OK\r\n* X\r\n"))),
            "a2 STARTTLS\r\n");
  const auto step = machine->take(as_bytes("* Y\r\na2 OK\r\n* Z\r\n"));
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, ProbeErrc::kInjected);
}

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

// Small units do not reach the bound of octets: their number has one of its own.
TEST(StartTls, FloodsOfSmallUnitsEnd) {
  struct Row {
    Protocol protocol;
    std::string first, again;
  };
  for (const Row& row : {Row{Protocol::kSmtp, "", "220-x\r\n"},
                         {Protocol::kFtp, "220-x\r\n", "x\r\n"},
                         {Protocol::kFtp, "", "120 wait\r\n"},
                         {Protocol::kImap, "* OK\r\n", "* x\r\n"},
                         {Protocol::kPop3, "+OK\r\n", "+OK\r\n"},
                         {Protocol::kSieve, "", "\"X\"\r\n"},
                         {Protocol::kXmpp, kStreamHeader + "<stream:features>", "<a/>"}}) {
    const auto machine = machine_for(row.protocol);
    machine->begin();
    ASSERT_TRUE(machine->take(as_bytes(row.first)));
    for (std::size_t units = 0;; ++units) {
      ASSERT_LE(units, kMaxStartTlsUnits) << to_string(row.protocol);
      const auto step = machine->take(as_bytes(row.again));
      if (!step) {
        EXPECT_GE(units, kMaxStartTlsUnits - 4) << step.error().detail;
        EXPECT_EQ(step.error().code, ProbeErrc::kTooLarge);
        EXPECT_THAT(step.error().detail, HasSubstr("does not come to an end"));
        break;
      }
    }
  }
}

TEST(StartTls, XmlIsBoundedInDepth) {
  const auto machine = machine_for(Protocol::kXmpp);
  machine->begin();
  ASSERT_TRUE(machine->take(as_bytes(kStreamHeader + "<stream:features>")));
  std::size_t depth = 2;
  while (machine->take(as_bytes("<a>"))) {
    ASSERT_LE(++depth, 16u);
  }
  EXPECT_EQ(depth, 16u);
}

TEST(StartTls, OctetsAreBoundedWhateverTheyAre) {
  // Text inside an element is passed over in pieces: neither a line nor a tag is too long.
  const auto machine = machine_for(Protocol::kXmpp);
  machine->begin();
  ASSERT_TRUE(machine->take(as_bytes(kStreamHeader + "<stream:features><x>")));
  const std::string text(8000, 'x');
  std::size_t octets = 0;
  for (;;) {
    const auto step = machine->take(as_bytes(text));
    if (!step) {
      EXPECT_EQ(step.error().code, ProbeErrc::kTooLarge);
      EXPECT_THAT(step.error().detail, HasSubstr("more than 65536 octets"));
      break;
    }
    octets += text.size();
    ASSERT_LE(octets, kMaxStartTlsOctets);
  }
  EXPECT_GE(octets, kMaxStartTlsOctets - 2 * text.size());
}

TEST(StartTls, TheDomainIsEscaped) {
  const auto machine = make_starttls(Protocol::kXmpp, {"a'/><b>&", ""});
  EXPECT_THAT(machine->begin(), HasSubstr(" to='a&apos;/>&lt;b>&amp;' "));
  EXPECT_EQ(make_starttls(Protocol::kXmpp, {})->begin().find(" to="), std::string::npos);
}

TEST(StartTls, WhatAServerSaysIsQuotedWithoutItsControls) {
  const auto step = machine_for(Protocol::kSmtp)->take(as_bytes("\x1b[31mred\r\n"));
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().detail.find('\x1b'), std::string::npos);
  EXPECT_THAT(in_quotes(std::string(1000, 'x')), HasSubstr("xx...'"));
}

}  // namespace
}  // namespace muster::probe
