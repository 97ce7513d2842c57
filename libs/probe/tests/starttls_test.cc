#include "starttls.h"

#include <gmock/gmock.h>

#include "starttls_dialogues.h"

namespace muster::probe {
namespace {

using ::testing::HasSubstr;

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
