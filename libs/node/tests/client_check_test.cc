#include "client_check.h"

#include "muster/der/pkix.h"
#include "muster/testing/process.h"
#include "node_fixture.h"

namespace muster::node {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

testing::CertificateSpec client_spec(const std::string& name) {
  testing::CertificateSpec spec = testing::leaf_spec(name);
  spec.extended_key_usage = {to_buffer(Bytes(oid::kKpClientAuth))};
  return spec;
}

struct ClientCheck : ::testing::Test {
  [[nodiscard]] std::string refuse(const RunningNode& running,
                                   const pki::Certificate& client) const {
    return refuse_client(client, *running.node->setup(), running.node->store());
  }
  Site site;
};

TEST_F(ClientCheck, WantsClientAuthByItself) {
  const RunningNode running(site.options());
  const testing::Identity& root = standard_pki().root;  // not answered for here
  EXPECT_THAT(refuse(running, testing::issue(root, client_spec("ca")).certificate), IsEmpty());
  testing::CertificateSpec spec = client_spec("ca");
  spec.extended_key_usage.clear();
  EXPECT_THAT(refuse(running, testing::issue(root, spec).certificate), HasSubstr("clientAuth"));
  spec.extended_key_usage = {to_buffer(Bytes(oid::kKpServerAuth))};
  EXPECT_THAT(refuse(running, testing::issue(root, spec).certificate), HasSubstr("clientAuth"));
  spec.extended_key_usage = {to_buffer(Bytes(oid::kAnyExtendedKeyUsage))};
  EXPECT_THAT(refuse(running, testing::issue(root, spec).certificate), HasSubstr("clientAuth"));
}

TEST_F(ClientCheck, LooksUpCertificatesOfCasAnsweredFor) {
  const testing::Identity client =
      testing::issue(standard_pki().intermediate, client_spec("ca.example"));
  const auto index = [&](std::optional<UnixSeconds> revoked) {
    return testing::index_line(standard_pki().leaf.certificate) +
           (revoked ? testing::index_line(client.certificate, *revoked)
                    : testing::index_line(client.certificate));
  };
  {
    const RunningNode running(site.options());
    EXPECT_THAT(refuse(running, client.certificate), HasSubstr("not known to have been issued"));
  }
  site.write_index(index(std::nullopt));
  {
    const RunningNode running(site.options());
    EXPECT_THAT(refuse(running, client.certificate), IsEmpty());
  }
  site.write_index(index(kTestNow - Seconds(60)));
  NodeOptions options = site.options();
  {
    const RunningNode running(options);
    EXPECT_THAT(refuse(running, client.certificate), HasSubstr("is revoked since 2026-"));
  }
  site.write_index(index(kTestNow - Seconds(60)));
  options.issuers[0].policy.compromised_at = kTestNow - Seconds(600);
  const RunningNode lost(options);
  EXPECT_THAT(refuse(lost, standard_pki().leaf.certificate), HasSubstr("clientAuth"));
  EXPECT_THAT(
      refuse(lost, testing::issue(standard_pki().intermediate, client_spec("new")).certificate),
      HasSubstr("is revoked since"));
}

/// Where only revocations are told, `unlisted` decides, as for everybody.
TEST_F(ClientCheck, OfACaThatTellsRevocationsAloneUnlistedDecides) {
  const testing::Identity client =
      testing::issue(standard_pki().intermediate, client_spec("ca.example"));
  NodeOptions options = site.options();
  options.issuers[0].index.clear();
  options.push.listen = {"unix:" + site.dir.file("push.sock")};
  push::Client pusher;
  pusher.name = "ca";
  pusher.uids = {::getuid()};
  pusher.issuers = {"test CA"};
  options.push.clients = {pusher};
  options.issuers[0].policy.unlisted = responder::UnlistedAnswer::kGood;
  {
    const RunningNode running(options);
    EXPECT_THAT(refuse(running, client.certificate), IsEmpty());
  }
  options.issuers[0].policy.unlisted = responder::UnlistedAnswer::kUnknown;
  const RunningNode running(options);
  EXPECT_THAT(refuse(running, client.certificate), HasSubstr("unlisted"));
}

/// Over the wire: refused, logged, counted, and from the moment of the revocation on.
TEST_F(ClientCheck, ARevokedClientPushesNoMore) {
  const testing::Identity& ca = standard_pki().intermediate;
  testing::CertificateSpec server = testing::leaf_spec("push.example");
  server.at = SystemClock().now();
  server.ip_addresses = {"127.0.0.1"};
  testing::CertificateSpec client = client_spec("ca.example");
  client.at = SystemClock().now();
  const testing::Identity pusher = testing::issue(ca, client);
  testing::issue(ca, server).write(site.dir, "server");
  pusher.write(site.dir, "pusher");
  // The CA of the client is itself fed by the push API, by another way.
  NodeOptions options = site.options();
  options.issuers[0].index.clear();
  options.push.listen = {"127.0.0.1:0", "unix:" + site.dir.file("push.sock")};
  options.push.tls = {site.dir.file("server.pem"), site.dir.file("server.key"),
                      site.dir.file("ca.pem")};
  push::Client local;
  local.name = "local";
  local.uids = {::getuid()};
  local.issuers = {"test CA"};
  push::Client remote;
  remote.name = "remote";
  remote.certificates = {"dns:ca.example"};
  remote.issuers = {"test CA"};
  options.push.clients = {local, remote};
  const RunningNode running(options);
  const auto curl = [&](std::vector<std::string> how, const std::string& verb,
                        const std::string& serial) {
    std::vector<std::string> all{
        "curl", "-s", "-k", "-w", "%{http_code}", "-d", "{\"serial\":\"" + serial + "\"}"};
    all.insert(all.end(), how.begin(), how.end());
    all.back() += "/v1/issuers/test%20CA/" + verb;
    return testing::run_process(all).out;
  };
  const std::vector<std::string> by_tls{"--cert", site.dir.file("pusher.pem"), "--key",
                                        site.dir.file("pusher.key"),
                                        "https://" + running.node->push_addresses()[0]};
  const std::vector<std::string> by_socket{"--unix-socket", site.dir.file("push.sock"),
                                           "http://localhost"};
  const std::string serial = pusher.certificate.serial().to_hex();
  EXPECT_THAT(curl(by_tls, "issue", "4A19"), HasSubstr("not known to have been issued"));
  EXPECT_THAT(curl(by_socket, "issue", serial), HasSubstr("200"));
  EXPECT_THAT(curl(by_tls, "issue", "4A19"), HasSubstr("200"));
  EXPECT_THAT(curl(by_socket, "revoke", serial), HasSubstr("200"));
  EXPECT_THAT(curl(by_tls, "revoke", "4A19"),
              AllOf(HasSubstr("is revoked since"), HasSubstr("403")));
  EXPECT_EQ(running.status_of(testing::make_serial(0x4A19)), "good");
  EXPECT_THAT(running.logger.text(), HasSubstr("push.denied certificate " + serial));
}

}  // namespace
}  // namespace muster::node
