#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tls_pair.h"

// Mutual TLS: who may come in, and who is said to be there.
namespace muster::tls {
namespace {

using muster::testing::CertificateSpec;
using muster::testing::Identity;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ClientCertificate : public ::testing::Test {
 protected:
  // OpenSSL judges validity by the machine's clock.
  const UnixSeconds now_ = SystemClock().now();
  const muster::testing::TestPki pki_ = muster::testing::make_pki(now_);

  CertificateSpec client_spec() {
    CertificateSpec spec = muster::testing::leaf_spec("CA.example");
    spec.at = now_;
    spec.extended_key_usage = {*der::oid_from_string("1.3.6.1.5.5.7.3.2")};
    spec.ip_addresses = {"192.0.2.7"};
    return spec;
  }
  /// The server's view after a handshake; nothing when it refused.
  std::optional<PeerIdentity> connect(const Identity* client, int version = TLS1_3_VERSION) {
    ServerOptions options;
    options.clients.anchors = {pki_.intermediate.certificate};
    const auto context =
        ServerContext::make({{{pki_.leaf.certificate}, pki_.leaf.key}}, source_, options);
    EXPECT_TRUE(context);
    TlsPair pair;
    pair.start_client({.version = version, .asks_status = false, .identity = client});
    Session session(*context, pair.server_fd());
    Io last = Io::kWantRead;
    pair.run([&] { return last = last == Io::kDone ? last : session.handshake(); });
    error_ = session.error();
    return last == Io::kDone ? session.peer() : std::nullopt;
  }
  FakeSource source_;
  std::string error_;
};

TEST_F(ClientCertificate, TellsWhoIsThere) {
  const Identity client = issue(pki_.intermediate, client_spec());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto peer = connect(&client, version);
    ASSERT_TRUE(peer) << error_;
    EXPECT_EQ(peer->certificate, client.certificate);
    EXPECT_THAT(peer->names, ElementsAre("dns:ca.example", "ip:192.0.2.7"));
  }
}

TEST_F(ClientCertificate, RefusesStrangers) {
  EXPECT_FALSE(connect(nullptr));
  EXPECT_THAT(error_, HasSubstr("peer did not return a certificate"));
  const Identity foreign = muster::testing::make_self_signed(client_spec());
  EXPECT_FALSE(connect(&foreign)) << "not certified";
  const Identity by_root = issue(pki_.root, client_spec());
  EXPECT_FALSE(connect(&by_root)) << "certified by another CA than the one configured";
}

TEST_F(ClientCertificate, RefusesCertificatesForOtherPurposesOrTimes) {
  CertificateSpec spec = client_spec();
  spec.extended_key_usage = {*der::oid_from_string("1.3.6.1.5.5.7.3.1")};
  const Identity server = issue(pki_.intermediate, spec);
  EXPECT_FALSE(connect(&server)) << "serverAuth alone";
  spec = client_spec();
  spec.not_after = now_ - Seconds(60);
  const Identity old = issue(pki_.intermediate, spec);
  EXPECT_FALSE(connect(&old)) << "expired";
}

TEST_F(ClientCertificate, NobodyIsThereUnlessAskedFor) {
  const auto context = ServerContext::make({{{pki_.leaf.certificate}, pki_.leaf.key}}, source_, {});
  ASSERT_TRUE(context);
  const Identity client = issue(pki_.intermediate, client_spec());
  TlsPair pair;
  pair.start_client({.asks_status = false, .identity = &client});
  Session session(*context, pair.server_fd());
  Io last = Io::kWantRead;
  pair.run([&] { return last = last == Io::kDone ? last : session.handshake(); });
  EXPECT_EQ(last, Io::kDone);
  EXPECT_FALSE(session.peer());
}

}  // namespace
}  // namespace muster::tls
