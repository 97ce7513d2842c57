#include <netdb.h>

#include <latch>

#include "muster/base/turns.h"
#include "peers.h"

namespace muster::probe {
namespace {

using testing::Daemon;
using testing::TempDir;

class ProbeEachVersion : public ::testing::TestWithParam<TlsVersion> {};
INSTANTIATE_TEST_SUITE_P(Versions, ProbeEachVersion,
                         ::testing::Values(TlsVersion::kTls12, TlsVersion::kTls13),
                         [](const auto& param) {
                           return param.param == TlsVersion::kTls12 ? "Tls12" : "Tls13";
                         });

TEST_P(ProbeEachVersion, BringsChainAndStapleAsSent) {  // req: OCSP-TLS-027
  const testing::TestPki& pki = testing::standard_pki();
  OpensslServer server;
  ProbeRequest request = request_to(server.port);
  request.version = GetParam();
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->version, GetParam());
  ASSERT_EQ(result->chain.size(), 2u);
  EXPECT_EQ(result->chain[0], to_buffer(pki.leaf.certificate.der()));
  EXPECT_EQ(result->chain[1], to_buffer(pki.intermediate.certificate.der()));
  ASSERT_EQ(result->certificates.size(), 2u);
  EXPECT_EQ(*result->certificates[0], pki.leaf.certificate);
  EXPECT_EQ(*result->certificates[1], pki.intermediate.certificate);
  EXPECT_EQ(result->staple, server.staple);
  EXPECT_EQ(result->staples, (std::vector<std::optional<Buffer>>{server.staple, std::nullopt}));
  EXPECT_FALSE(result->resumed);
  EXPECT_EQ(result->peer_address, "127.0.0.1:" + std::to_string(server.port));
}

TEST_P(ProbeEachVersion, SaysWhenNothingIsStapled) {
  OpensslServer server({}, false);
  ProbeRequest request = request_to(server.port);
  request.version = GetParam();
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->staple, std::nullopt);
  EXPECT_EQ(result->staples.size(), 2u);
}

TEST_P(ProbeEachVersion, GetsNoStapleUnasked) {  // req: OCSP-TLS-003
  OpensslServer server;
  ProbeRequest request = request_to(server.port);
  request.version = GetParam();
  request.ask_status = AskStatus::kNo;
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->staple, std::nullopt);
}

TEST_P(ProbeEachVersion, ResumesAndSaysSo) {  // req: OCSP-TLS-009 OCSP-TLS-024
  OpensslServer server;
  ProbeRequest request = request_to(server.port);
  request.version = GetParam();
  request.keep_session = true;
  const auto first = probe(request);
  ASSERT_TRUE(first) << first.error().detail;
  ASSERT_NE(first->session, nullptr);
  request.resume = first->session;
  const auto second = probe(request);
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_TRUE(second->resumed);
  EXPECT_EQ(second->staple, std::nullopt);
  EXPECT_EQ(second->chain, first->chain);
}

TEST_P(ProbeEachVersion,
       ChoosesTheCertificateByKeyKind) {  // read-back of servers with two certificates
  const testing::TestPki& pki = testing::standard_pki();
  testing::CertificateSpec spec = testing::leaf_spec("leaf.example");
  spec.use_key = testing::cached_key(testing::KeyKind::kRsa2048);
  const testing::Identity rsa = testing::issue(pki.intermediate, spec);
  const TempDir dir;
  rsa.write(dir, "rsa");
  OpensslServer server({"-dcert", dir.file("rsa.pem"), "-dkey", dir.file("rsa.key")});
  ProbeRequest request = request_to(server.port);
  request.version = GetParam();
  for (const auto& [preference, expected] :
       {std::pair(KeyPreference::kRsa, rsa.certificate),
        std::pair(KeyPreference::kEcdsa, pki.leaf.certificate)}) {
    request.key_preference = preference;
    const auto result = probe(request);
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->chain.at(0), to_buffer(expected.der()));
  }
}

TEST_P(ProbeEachVersion, PresentsAClientCertificate) {
  const testing::TestPki& pki = testing::standard_pki();
  const TempDir dir;
  testing::CertificateSpec spec = testing::leaf_spec("client");
  spec.extended_key_usage = {to_buffer(oid::kKpClientAuth)};
  const testing::Identity client = testing::issue(pki.intermediate, spec);
  OpensslServer server({"-nameopt", "RFC2253", "-Verify", "3", "-verify_return_error",
                        "-partial_chain", "-attime", std::to_string(to_int(testing::kTestNow)),
                        "-CAfile", pki.intermediate.write(dir, "ca")});
  ProbeRequest request = request_to(server.port);
  request.version = GetParam();
  request.client_certificate = ClientCertificate{{client.certificate}, client.key};
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_TRUE(server.daemon->wait_for("CN=client")) << server.daemon->output();
}

TEST(Probe, ReportsTheAlertOfAServerThatWantsAnotherVersion) {
  OpensslServer server({"-tls1_2"});
  ProbeRequest request = request_to(server.port);
  request.version = TlsVersion::kTls13;
  const auto result = probe(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kAlert) << result.error().detail;
  EXPECT_EQ(result.error().alert, 70);
  EXPECT_NE(result.error().detail.find("protocol version"), std::string::npos)
      << result.error().detail;
}

TEST(Probe, SendsTheServerName) {
  const testing::TestPki& pki = testing::standard_pki();
  const TempDir dir;
  pki.other_leaf.write(dir, "other");
  OpensslServer server({"-servername", "other.example", "-cert2", dir.file("other.pem"), "-key2",
                        dir.file("other.key")});
  ProbeRequest request = request_to(server.port);
  request.host = "other.example";
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->chain.at(0), to_buffer(pki.other_leaf.certificate.der()));
}

TEST(Probe, ConnectsByIpv6Literal) {
  const testing::TestPki& pki = testing::standard_pki();
  const TempDir dir;
  pki.leaf.write(dir, "leaf");
  Daemon server({"openssl", "s_server", "-accept", "[::1]:0", "-cert", dir.file("leaf.pem"), "-key",
                 dir.file("leaf.key")});
  const auto port = server.wait_for_port("ACCEPT");
  if (!port) {
    GTEST_SKIP() << "no IPv6 on this machine: " << server.output();
  }
  ProbeRequest request;
  request.host = "[::1]";
  request.port = *port;
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->peer_address, "[::1]:" + std::to_string(*port));
}

TEST(Probe, LooksNamesUp) {
  addrinfo* found = nullptr;
  if (::getaddrinfo("localhost", nullptr, nullptr, &found) != 0) {
    GTEST_SKIP() << "this machine does not know 'localhost' (a bare tree has no /etc/hosts)";
  }
  ::freeaddrinfo(found);
  OpensslServer server;
  ProbeRequest request = request_to(server.port);
  request.connect_to = "localhost";
  const auto result = probe(request);
  ASSERT_TRUE(result) << result.error().detail;
}

TEST(Probe, AgreesWithGnutlsAboutStaples) {  // req: OCSP-TLS-018
  if (!testing::find_program("gnutls-serv")) {
    GTEST_SKIP() << "gnutls-serv is not installed (apt-get install gnutls-bin)";
  }
  const testing::TestPki pki =
      testing::make_pki(SystemClock().now());  // gnutls-serv refuses staples that are not current
  const TempDir dir;
  pki.leaf.write(dir, "leaf", {pki.intermediate.certificate});
  testing::ResponseSpec spec;
  spec.entries = {testing::entry_for(pki.leaf.certificate, pki.intermediate.certificate)};
  spec.entries[0].this_update = SystemClock().now() - Seconds(60);
  spec.entries[0].next_update = SystemClock().now() + Seconds(3600);
  spec.produced_at = spec.entries[0].this_update;
  const Buffer staple = testing::build_response(pki.ocsp_signer, spec);
  const std::uint16_t port = testing::unused_port();
  Daemon server({"gnutls-serv", "--port", std::to_string(port), "--x509certfile",
                 dir.file("leaf.pem"), "--x509keyfile", dir.file("leaf.key"), "--ocsp-response",
                 dir.write("staple.der", staple), "--ignore-ocsp-response-errors"});
  ASSERT_TRUE(server.wait_for("done")) << server.output();
  for (const TlsVersion version : {TlsVersion::kTls12, TlsVersion::kTls13}) {
    ProbeRequest request = request_to(port);
    request.version = version;
    const auto result = probe(request);
    ASSERT_TRUE(result) << result.error().detail << server.output();
    EXPECT_EQ(result->staple, staple);
    EXPECT_EQ(result->chain.size(), 2u);
  }
}

// ---- peers that do not behave
// ----------------------------------------------------------------------------------

TEST(Probe, GivesUpOnASilentPeerAtTheDeadline) {
  FakePeer peer(wait_for_end);
  ProbeRequest request = request_to(peer.port);
  request.timeout = Milliseconds(100);
  const auto start = std::chrono::steady_clock::now();
  const auto result = probe(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kTimeout);
  EXPECT_NE(result.error().detail.find("said nothing"), std::string::npos) << result.error().detail;
  EXPECT_LT(std::chrono::steady_clock::now() - start, Seconds(5));
}

TEST(Probe, GivesUpOnAPeerThatDripsOctets) {
  FakePeer peer([](int fd) {
    // A TLS 1.2 record of 16 KiB announced, one octet every few milliseconds until the other side
    // has had enough.
    send_text(fd, std::string_view("\x16\x03\x03\x40\x00", 5));
    while (::send(fd, "\x02", 1, MSG_NOSIGNAL) == 1) {
      ::usleep(5000);
    }
  });
  ProbeRequest request = request_to(peer.port);
  request.timeout = Milliseconds(150);
  const auto result = probe(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kTimeout) << result.error().detail;
}

TEST(Probe, TellsAPlainHttpServerFromTls) {
  FakePeer peer([](int fd) {
    send_text(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
    wait_for_end(fd);
  });
  const auto result = probe(request_to(peer.port));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kNotTls) << result.error().detail;
}

TEST(Probe, TellsAPeerThatHangsUp) {
  FakePeer peer([](int) {});
  const auto result = probe(request_to(peer.port));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kClosed) << result.error().detail;
}

TEST(Probe, SurvivesGarbageInRecords) {
  FakePeer peer([](int fd) {
    std::string record("\x16\x03\x03\x00\x30\x02\x00\x00\x2c", 9);
    record.append(44, '\xee');
    send_text(fd, record);
    wait_for_end(fd);
  });
  const auto result = probe(request_to(peer.port));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kProtocol) << result.error().detail;
}

TEST(Probe, RefusesAMessageAnnouncedBeyondAllLimits) {
  FakePeer peer([](int fd) {
    std::string record("\x16\x03\x03\x40\x00\x02\xff\xff\xff", 9);  // a ServerHello of 16 MiB
    record.append(16380, '\0');
    while (::send(fd, record.data(), record.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  const auto result = probe(request_to(peer.port));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kTooLarge) << result.error().detail;
}

TEST(Probe, RefusesAHugeChain) {
  const testing::TestPki& pki = testing::standard_pki();
  const TempDir dir;
  std::vector<pki::Certificate> many(60, pki.intermediate.certificate);
  const std::string chain = dir.write("chain.pem", testing::to_pem(many));
  OpensslServer server({"-cert_chain", chain});
  ProbeRequest request = request_to(server.port);
  ASSERT_TRUE(probe(request));
  request.max_chain_bytes = 8192;
  const auto result = probe(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kTooLarge) << result.error().detail;
}

TEST(Probe, SaysWhichAddressRefused) {
  const std::uint16_t port = testing::unused_port();
  const auto result = probe(request_to(port));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kConnect);
  EXPECT_NE(
      result.error().detail.find("127.0.0.1:" + std::to_string(port) + ": Connection refused"),
      std::string::npos)
      << result.error().detail;
}

TEST(Probe, SaysThatANameHasNoAddress) {
  ProbeRequest request = request_to(443);
  request.connect_to = "no-such-host.invalid";  // RFC 6761: never exists
  const auto result = probe(request);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ProbeErrc::kResolve) << result.error().detail;
}

TEST(Probe, RefusesWhatIsNoHost) {
  for (const std::string host : {"", "a b", "a/b", "x\n", "[]"}) {
    ProbeRequest request;
    request.host = host;
    request.timeout = Milliseconds(2000);
    const auto result = probe(request);
    ASSERT_FALSE(result) << host;
    EXPECT_NE(result.error().code, ProbeErrc::kTimeout) << host;
  }
  ProbeRequest request;
  request.host = "127.0.0.1";
  request.port = 0;
  EXPECT_EQ(probe(request).error().code, ProbeErrc::kBadRequest);
}

TEST(Probe, GivesItsTurnUpWhileThePeerIsSilent) {
  Turns turns(1);
  std::latch asked(1), leaves(1);
  FakePeer peer([&](int fd) {
    char octet = 0;
    EXPECT_EQ(::read(fd, &octet, 1), 1);  // of the ClientHello
    asked.count_down();
    leaves.wait();
  });
  ProbeRequest request = request_to(peer.port);
  request.timeout = Seconds(30);
  std::optional<ProbeErrc> how;
  std::jthread prober([&] {
    Turn turn(turns);
    const auto result = probe(request);
    how = result ? std::nullopt : std::optional(result.error().code);
  });
  asked.wait();
  {
    Turn mine(turns);  // only behind the timeout, if the prober kept its own
    leaves.count_down();
  }
  prober.join();
  EXPECT_EQ(how, ProbeErrc::kClosed);
}

}  // namespace
}  // namespace muster::probe
