#include <gmock/gmock.h>

#include "peers.h"
#include "starttls.h"
#include "starttls_talk.h"

namespace muster::probe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Reads until `end` has come; the whole of it.
std::string hear(int fd, std::string_view end) {
  std::string heard;
  char octet = 0;
  while (!heard.ends_with(end) && ::read(fd, &octet, 1) == 1) {
    heard += octet;
  }
  return heard;
}

ProbeRequest smtp_request(std::uint16_t port) {
  ProbeRequest request = request_to(port);
  request.protocol = Protocol::kSmtp;
  return request;
}

TEST(ProbeStartTls, AsksThenShakesHands) {
  for (const TlsVersion version : {TlsVersion::kTls12, TlsVersion::kTls13}) {
    OpensslServer tls;
    std::string ehlo;
    FakePeer peer([&](int fd) {
      send_text(fd, "220 x\r\n");
      ehlo = hear(fd, "\r\n");
      send_text(fd, "250-x\r\n250 STARTTLS\r\n");
      hear(fd, "\r\n");
      send_text(fd, "220 go\r\n");
      relay(fd, tls.port);
    });
    ProbeRequest request = smtp_request(peer.port);
    request.version = version;
    const auto result = probe(request);
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->protocol, Protocol::kSmtp);
    EXPECT_EQ(result->version, version);
    EXPECT_EQ(result->chain.size(), 2u);
    EXPECT_EQ(result->staple, tls.staple);
    EXPECT_EQ(result->peer_address, "127.0.0.1:" + std::to_string(peer.port));
    EXPECT_EQ(ehlo, "EHLO [127.0.0.1]\r\n") << "no name of this machine leaves it";
  }
}

TEST(ProbeStartTls, TlsBeginsBehindOurRequestWhereThereIsNoGoAhead) {
  OpensslServer tls;
  FakePeer peer([&](int fd) {
    send_text(fd, std::string_view("\x20\x00\x00\x00\x0a"
                                   "5.7\x00"
                                   "1234"
                                   "12345678\x00\xff\xff\x2d\x02\x00\xff\x81\x15\x00",
                                   33));
    send_text(fd, "abc");
    char request[36];
    MUSTER_ASSERT(::recv(fd, request, sizeof request, MSG_WAITALL) == sizeof request);
    relay(fd, tls.port);
  });
  ProbeRequest request = request_to(peer.port);
  request.protocol = Protocol::kMysql;
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->chain.size(), 2u);
}

TEST(ProbeStartTls, PlaintextThatComesBehindTheGoAheadInAnotherReadIsRefusedToo) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd server(ends[1]);
  // One read of ours takes exactly the go-ahead, which fills its room; the rest stays behind.
  constexpr std::size_t kRoom = 4096;
  std::string go_ahead = "234-\r\n";
  while (go_ahead.size() < kRoom - 100) {
    go_ahead += std::string(60, 'x') + "\r\n";
  }
  go_ahead += "234 " + std::string(kRoom - go_ahead.size() - 6, 'y') + "\r\n";
  ASSERT_EQ(go_ahead.size(), kRoom);
  const Connection connection{UniqueFd(ends[0]), "here"};
  std::jthread speaks([&] {
    send_text(server.get(), "220 x\r\n");
    hear(server.get(), "\r\n");
    send_text(server.get(), go_ahead + "230 You are in\r\n");
    wait_for_end(server.get());
  });
  const auto asked =
      ask_for_tls(Protocol::kFtp, "", connection, std::chrono::steady_clock::now() + Seconds(20));
  ::shutdown(ends[0], SHUT_RDWR);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code, ProbeErrc::kInjected) << asked.error().detail;
  EXPECT_THAT(asked.error().detail, HasSubstr("here: FTP: plaintext behind the word"));
}

TEST(ProbeStartTls, InjectedPlaintextIsRefused) {
  FakePeer peer([](int fd) {
    send_text(fd, "220 x\r\n");
    hear(fd, "\r\n");
    send_text(fd, "250 STARTTLS\r\n");
    hear(fd, "\r\n");
    send_text(fd, "220 go\r\n250 x\r\n");
    wait_for_end(fd);
  });
  const auto result = probe(smtp_request(peer.port));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kInjected) << result.error().detail;
}

TEST(ProbeStartTls, TheStepAndThePeerAreTold) {
  struct Row {
    std::function<void(int)> behave;
    ProbeErrc code;
    std::string says;
  };
  for (const Row& row : {
           Row{wait_for_end, ProbeErrc::kTimeout,
               "SMTP: timed out where the greeting was due; the server said nothing at all"},
           Row{[](int fd) {
                 send_text(fd, "220 x\r\n");
                 wait_for_end(fd);
               },
               ProbeErrc::kTimeout, "SMTP: timed out where the answer to EHLO was due"},
           Row{[](int fd) {
                 while (::send(fd, "2", 1, MSG_NOSIGNAL) == 1) {
                   ::usleep(5000);
                 }
               },
               ProbeErrc::kTimeout, "SMTP: timed out where the greeting was due"},
           Row{[](int fd) {
                 send_text(fd, "220 x\r\n");
                 hear(fd, "\r\n");
               },
               ProbeErrc::kClosed, "closed the connection where the answer to EHLO was due"},
           Row{[](int fd) {
                 send_text(fd, "220 x\r\n");
                 hear(fd, "\r\n");
                 send_text(fd, "250 x\r\n");
                 wait_for_end(fd);
               },
               ProbeErrc::kNoStartTls, "the answer to EHLO does not offer STARTTLS"},
           Row{[](int fd) {
                 while (::send(fd, "220-x\r\n", 7, MSG_NOSIGNAL) == 7) {
                 }
               },
               ProbeErrc::kTooLarge, "does not come to an end"},
       }) {
    FakePeer peer(row.behave);
    ProbeRequest request = smtp_request(peer.port);
    request.timeout = Milliseconds(row.code == ProbeErrc::kTimeout ? 1'000 : 20'000);
    const auto result = probe(request);
    ASSERT_FALSE(result) << row.says;
    EXPECT_EQ(result.error().code, row.code) << result.error().detail;
    EXPECT_THAT(result.error().detail, HasSubstr(row.says));
    EXPECT_THAT(result.error().detail, HasSubstr("127.0.0.1:" + std::to_string(peer.port) + ": "));
  }
}

TEST(ProbeStartTls, APlaintextServerIsQuotedWhereTlsIsSpokenAtOnce) {
  FakePeer peer([](int fd) {
    send_text(fd, "220 mail.example ESMTP\r\n");
    wait_for_end(fd);
  });
  const auto result = probe(request_to(peer.port));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kNotTls);
  EXPECT_THAT(result.error().detail, HasSubstr("it says '220 mail.example ESMTP"));
}

TEST(ProbeAlpn, DirectTlsOfPostgresqlNamesItsProtocol) {
  OpensslServer server({"-alpn", "postgresql"});
  ProbeRequest request = request_to(server.port);
  request.protocol = Protocol::kPostgresDirect;
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_TRUE(server.daemon->wait_for("ALPN protocols advertised by the client: postgresql"))
      << server.daemon->output();
}

// ---- servers that want a client certificate

struct ClientAuth {
  const testing::TestPki& pki = testing::standard_pki();
  testing::TempDir dir;
  OpensslServer server{{"-Verify", "3", "-verify_return_error", "-partial_chain", "-attime",
                        std::to_string(to_int(testing::kTestNow)), "-CAfile",
                        pki.intermediate.write(dir, "ca")}};
  static testing::Identity client(const testing::Identity& issuer) {
    testing::CertificateSpec spec = testing::leaf_spec("client");
    spec.extended_key_usage = {to_buffer(oid::kKpClientAuth)};
    return testing::issue(issuer, spec);
  }
};

TEST(ProbeClientAuth, ACertificateThatIsWantedAndAbsentIsToldInWords) {
  const ClientAuth world;
  ProbeRequest request = request_to(world.server.port);
  request.version = TlsVersion::kTls13;
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->chain.size(), 2u) << "what the server sent can be judged all the same";
  EXPECT_EQ(result->staple, world.server.staple);
  EXPECT_TRUE(result->certificate_requested);
  ASSERT_TRUE(result->refusal);
  EXPECT_EQ(result->refusal->code, ProbeErrc::kAlert);
  EXPECT_EQ(result->refusal->alert, 116);
  EXPECT_THAT(result->refusal->detail,
              HasSubstr("alert 116, certificate required; it asks for a client certificate, and "
                        "none was given"));

  request.version = TlsVersion::kTls12;
  const auto older = probe(request);
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, ProbeErrc::kAlert) << older.error().detail;
  EXPECT_THAT(older.error().detail,
              HasSubstr("handshake failure; it asks for a client certificate"));
}

TEST(ProbeClientAuth, ACertificateOfAnotherIssuerIsRefused) {
  const ClientAuth world;
  const testing::TestPki strangers = testing::make_pki();
  const testing::Identity client = ClientAuth::client(strangers.intermediate);
  ProbeRequest request = request_to(world.server.port);
  request.client_certificate = ClientCertificate{{client.certificate}, client.key};
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  ASSERT_TRUE(result->refusal);
  EXPECT_EQ(result->refusal->alert, 48) << result->refusal->detail;
  EXPECT_THAT(result->refusal->detail, HasSubstr("unknown CA"));
  EXPECT_THAT(result->refusal->detail, Not(HasSubstr("none was given")));
}

TEST(ProbeClientAuth, TheRightOneIsTaken) {
  const ClientAuth world;
  const testing::Identity client = ClientAuth::client(world.pki.intermediate);
  ProbeRequest request = request_to(world.server.port);
  request.client_certificate = ClientCertificate{{client.certificate}, client.key};
  for (const TlsVersion version : {TlsVersion::kTls12, TlsVersion::kTls13}) {
    request.version = version;
    const auto result = probe(request);
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_TRUE(result->certificate_requested);
    EXPECT_FALSE(result->refusal) << result->refusal->detail;
  }
}

TEST(ProbeClientAuth, NobodyAsksNobodyRefuses) {
  const OpensslServer server;
  const auto result = probe(request_to(server.port));
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_FALSE(result->certificate_requested);
  EXPECT_FALSE(result->refusal);
}

TEST(Alerts, HaveTheNamesOfTheRegistry) {
  EXPECT_EQ(alert_name(116), "certificate required");
  EXPECT_EQ(alert_name(40), "handshake failure");
  EXPECT_EQ(alert_name(44), "certificate revoked");
  EXPECT_EQ(alert_name(113), "bad certificate status response");
  EXPECT_EQ(alert_name(1), "unknown alert");
}

}  // namespace
}  // namespace muster::probe
