#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "starttls.h"

// Dialogues before TLS, and how a machine is led through them.
namespace muster::probe {

using namespace std::string_literals;

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

inline const std::string kTlsBegins = "TLS";
inline const std::string kXmppOpen =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' to='mail.example' version='1.0'>";
inline const std::string kXmppServerOpen =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:server' "
    "xmlns:stream='http://etherx.jabber.org/streams' to='mail.example' version='1.0'>";
inline const std::string kXmppAsk = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
inline const std::string kStreamHeader =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' from='mail.example' "
    "xmlns:stream='http://etherx.jabber.org/streams' id=\"a>b\" xml:lang='en' version='1.0'>";
inline const std::string kLdapAsk =
    "\x30\x1d\x02\x01\x01\x77\x18\x80\x16"s + "1.3.6.1.4.1.1466.20037";
inline const std::string kPostgresAsk = "\x00\x00\x00\x08\x04\xd2\x16\x2f"s;
/// Capabilities with CLIENT_SSL (0x0800) in their lower half, or without.
inline std::string mysql_greeting(std::string_view capabilities) {
  const std::string payload = "\x0a" + "10.11.6-MariaDB"s + '\0' + "\x07\x00\x00\x00"s +
                              "12345678" + '\0' + std::string(capabilities) +
                              "\x2d\x02\x00\xff\x81\x15"s + std::string(10, '\0') + "abcdefghijkl" +
                              '\0' + "mysql_native_password" + '\0';
  return std::string(1, static_cast<char>(payload.size())) + "\x00\x00\x00"s + payload;
}
inline const std::string kMysqlAsk =
    "\x20\x00\x00\x01\x00\x8a\x08\x00\x00\x00\x00\x01\x2d"s + std::string(23, '\0');

inline std::vector<Dialogue> good_dialogues() {
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

inline std::unique_ptr<StartTls> machine_for(Protocol protocol) {
  return make_starttls(protocol, {"mail.example", "[192.0.2.1]"});
}

/// The client's words as Exchange::client has them.
inline std::string words(const StartTlsStep& step) {
  return step.send + (step.ready ? kTlsBegins : "");
}

/// Feeds the exchanges whose index is below `upto`, whole.
inline std::unique_ptr<StartTls> advanced(const Dialogue& dialogue, std::size_t upto) {
  auto machine = machine_for(dialogue.protocol);
  EXPECT_EQ(machine->begin(), dialogue.begin);
  for (std::size_t i = 0; i < upto; ++i) {
    const auto step = machine->take(as_bytes(dialogue.exchanges[i].server));
    EXPECT_TRUE(step) << step.error().detail;
  }
  return machine;
}

}  // namespace muster::probe
