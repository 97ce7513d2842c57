#include "signer_revocation.h"

#include "net_testing.h"
#include "node_fixture.h"

// Delegates that our own source calls revoked.
namespace muster::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// A site whose index says what it is told of its delegates.
struct RevokedSite : Site {
  RevokedSite() { second.write(dir, "second"); }
  void say_revoked(std::initializer_list<const testing::Identity*> delegates) const {
    std::string lines = testing::index_line(standard_pki().leaf.certificate);
    for (const testing::Identity* one : delegates) {
      lines += testing::index_line(one->certificate, kTestNow - Seconds(60));
    }
    write_index(lines);
  }
  [[nodiscard]] NodeOptions options(int signers) const {
    NodeOptions out = Site::options();
    if (signers == 2) {
      out.issuers[0].signers.push_back(out.issuers[0].signers[0]);
      out.issuers[0].signers[1].certificate = dir.file("second.pem");
      out.issuers[0].signers[1].key = dir.file("second.key");
    }
    out.watch.poll = Milliseconds(5);
    out.watch.settle = Milliseconds(1);
    out.admin.listen = {"127.0.0.1:0"};
    return out;
  }
  const testing::Identity& first = standard_pki().ocsp_signer;
  const testing::Identity second =
      testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec("second"));
};

std::vector<std::string> signers(const RunningNode& running) {
  std::vector<std::string> out;
  for (const responder::IssuerSigner& one : running.node->setup()->issuers()[0].signers) {
    out.push_back(one.certificate.serial().to_hex());
  }
  return out;
}
std::string readyz(const RunningNode& running) {
  net::RawClient client(running.node->admin_addresses()[0]);
  client.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  return client.read_to_end();
}

// req: OCSP-RESP-017
TEST(SignerRevocation, ARevokedDelegateIsLeftOutAtTheStart) {
  const RevokedSite site;
  site.say_revoked({&site.first});
  const RunningNode running(site.options(2));
  EXPECT_EQ(signers(running), std::vector{site.second.certificate.serial().to_hex()});
  EXPECT_EQ(running.status_of(site.first.certificate), "revoked");
  EXPECT_THAT(running.logger.text(),
              AllOf(HasSubstr("signer.revoked"), HasSubstr("another signer signs in its place")));
  EXPECT_THAT(readyz(running), AllOf(HasSubstr("200"), HasSubstr("note: signer (test CA)"),
                                     HasSubstr(site.first.certificate.serial().to_hex())));
}

TEST(SignerRevocation, ARevocationWhileRunningTakesItOutAndItsEndPutsItBack) {
  const RevokedSite site;
  RunningNode running(site.options(2));
  ASSERT_EQ(signers(running).size(), 2U);
  site.say_revoked({&site.first});
  ASSERT_TRUE(net::eventually([&] { return signers(running).size() == 1; }));
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "good");
  const std::string once = running.logger.text();
  ASSERT_TRUE(running.node->reload());
  EXPECT_EQ(signers(running).size(), 1U) << "a reload brings it back no more";
  EXPECT_EQ(running.logger.text().find("signer.revoked", once.size()), std::string::npos);
}

TEST(SignerRevocation, TheOnlyOneSignsOnWithAnAlarm) {
  const RevokedSite site;
  site.say_revoked({&site.first});
  const RunningNode running(site.options(1));
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "good");
  EXPECT_THAT(running.logger.text(), HasSubstr("it signs on, since nobody else can"));
  EXPECT_THAT(readyz(running),
              AllOf(HasSubstr("503"), HasSubstr("signer (test CA)"), HasSubstr("renew it")));
}

TEST(SignerRevocation, AllRevokedSignOn) {
  const RevokedSite site;
  site.say_revoked({&site.first, &site.second});
  const RunningNode running(site.options(2));
  EXPECT_EQ(signers(running).size(), 2U);
  EXPECT_THAT(readyz(running), HasSubstr("503"));
}

TEST(SignerRevocation, DelegatesOfADirectoryAreLookedAtToo) {
  const RevokedSite site;
  const testing::TempDir directory;
  site.first.write(directory, "a");
  site.second.write(directory, "b");
  NodeOptions options = site.options(1);
  options.issuers[0].signers.clear();
  options.issuers[0].signer_directory = directory.path();
  RunningNode running(options);
  ASSERT_EQ(signers(running).size(), 2U);
  site.say_revoked({&site.second});
  ASSERT_TRUE(net::eventually([&] { return signers(running).size() == 1; }));
  EXPECT_EQ(signers(running)[0], site.first.certificate.serial().to_hex());
}

}  // namespace
}  // namespace muster::node
