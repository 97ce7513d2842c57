// Delegates picked up from a directory while the node runs, and keys in a token that misbehaves.
#include <filesystem>

#include "net_testing.h"
#include "node_fixture.h"
#include "token_site.h"

namespace muster::node {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Seconds kDay = std::chrono::hours(24);

testing::Identity delegate(const char* name, UnixSeconds from = kTestNow - kDay,
                           UnixSeconds to = kTestNow + 30 * kDay) {
  auto spec = testing::ocsp_signer_spec(name);
  spec.not_before = from;
  spec.not_after = to;
  return testing::issue(standard_pki().intermediate, spec);
}

/// A site whose signers come from a directory; looked at often.
struct DelegateSite : Site {
  [[nodiscard]] NodeOptions options() const {
    NodeOptions out = Site::options();
    out.issuers[0].signers.clear();
    out.issuers[0].signer_directory = directory.path();
    out.watch.poll = Milliseconds(5);
    return out;
  }
  /// The key first, each by rename: the node looks at the directory while this goes on.
  void put(const testing::Identity& identity, const std::string& name) const {
    put_file(name + ".key", identity.key_pem);
    put_file(name + ".pem", identity.certificate_pem());
  }
  void put_file(const std::string& name, const std::string& content) const {
    const std::string fresh = directory.write(".new", content);
    ASSERT_EQ(std::rename(fresh.c_str(), directory.file(name).c_str()), 0);
  }
  testing::TempDir directory;
};

std::string active(const RunningNode& running) {
  return running.node->setup()->issuers()[0].signers[0].certificate.subject_text();
}
bool becomes_active(const RunningNode& running, const char* name) {
  return net::eventually([&] { return active(running).find(name) != std::string::npos; });
}

// req: OCSP-RESP-040
TEST(SignerDirectory, ARenewedDelegateIsTakenWithoutAReload) {
  const DelegateSite site;
  site.put(delegate("first"), "first");
  RunningNode running(site.options());
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "good");
  EXPECT_THAT(active(running), HasSubstr("first"));
  site.put(delegate("second", kTestNow - Seconds(60), kTestNow + 60 * kDay), "second");
  ASSERT_TRUE(becomes_active(running, "second"));
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "good");
  const auto setup = running.node->setup();
  ASSERT_EQ(setup->issuers()[0].signers.size(), 2u);
  EXPECT_EQ(setup->issuers()[0].signers[1].role, responder::SignerRole::kStandby);
  EXPECT_THAT(running.logger.text(), HasSubstr("signer.activated"));
  ASSERT_EQ(running.node->delegates().size(), 2u);
  EXPECT_EQ(running.node->delegates()[1].status.state, signers::DelegateState::kActive);
}

// req: OCSP-RESP-017 OCSP-RESP-018
TEST(SignerDirectory, WrongDelegatesAreRefusedOnceWithTheReason) {
  const DelegateSite site;
  site.put(delegate("first"), "first");
  RunningNode running(site.options());
  const auto refuses = [&](const testing::Identity& identity, const char* name,
                           const char* reason) {
    site.put(identity, name);
    const std::string told = std::string("delegate=") + name + ".pem";
    EXPECT_TRUE(net::eventually([&] {
      return running.logger.text().find(told) != std::string::npos;
    })) << name;
    EXPECT_THAT(running.logger.text(), HasSubstr(reason)) << name;
  };
  refuses(testing::issue(standard_pki().root, testing::ocsp_signer_spec("other CA")), "a", "not");
  auto no_eku = testing::ocsp_signer_spec("no EKU");
  no_eku.extended_key_usage.clear();
  refuses(testing::issue(standard_pki().intermediate, no_eku), "b", "OCSPSigning");
  refuses(delegate("expired", kTestNow - 9 * kDay, kTestNow - kDay), "c", "renew it");
  site.put_file("d.key", standard_pki().leaf.key_pem);
  site.put_file("d.pem", delegate("wrong key").certificate_pem());
  EXPECT_TRUE(net::eventually(
      [&] { return running.logger.text().find("belongs to none") != std::string::npos; }));
  EXPECT_THAT(active(running), HasSubstr("first"));
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "good");
  for (const IssuerDelegate& one : running.node->delegates()) {
    EXPECT_EQ(one.status.state == signers::DelegateState::kRefused, one.status.name != "first.pem")
        << one.status.name;
  }
  // Each once, however often the directory was looked at.
  const std::string log = running.logger.text();
  EXPECT_EQ(log.find("delegate=b.pem"), log.rfind("delegate=b.pem"));
}

TEST(SignerDirectory, TheStandbyTakesOverWhenTheActiveOneEnds) {
  const DelegateSite site;
  site.put(delegate("long", kTestNow - 20 * kDay, kTestNow + 90 * kDay), "long");
  site.put(delegate("short", kTestNow - kDay, kTestNow + 2 * kDay), "short");
  RunningNode running(site.options());
  ASSERT_TRUE(becomes_active(running, "short"));
  running.clock.advance(std::chrono::hours(49));
  EXPECT_TRUE(becomes_active(running, "long"));
}

TEST(SignerDirectory, AnEmptyOneIsRefusedAtTheStartWithTheReason) {
  const DelegateSite site;
  testing::FakeClock clock;
  const auto start = [&] {
    return Node::start(
        site.options(), [] { return NodeOptions(); }, clock, null_logger());
  };
  const auto empty = start();
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().detail, HasSubstr("nothing is there"));
  site.put(testing::issue(standard_pki().root, testing::ocsp_signer_spec("other CA")), "wrong");
  const auto wrong = start();
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().detail, HasSubstr("may not answer for"));
}

TEST(SignerDirectory, AReloadKeepsWhatWasAccepted) {
  const DelegateSite site;
  site.put(delegate("first"), "ocsp");
  RunningNode running(site.options());
  site.directory.write("ocsp.pem", "half a certif");
  ASSERT_TRUE(net::eventually(
      [&] { return running.logger.text().find("signer.refused") != std::string::npos; }));
  EXPECT_TRUE(running.node->reload());
  EXPECT_THAT(active(running), HasSubstr("first"));
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "good");
}

const pki::Certificate& leaf() { return standard_pki().leaf.certificate; }

// req: OCSP-OPS-007
TEST(TokenKeys, SessionsThatDieAreNotNoticed) {
  const TokenSite site;
  RunningNode running(site.options());
  EXPECT_EQ(running.status_of(leaf()), "good");
  site.token.kill_sessions();
  EXPECT_EQ(running.status_of(standard_pki().other_leaf.certificate), "unknown");
  EXPECT_EQ(running.status_of(leaf()), "good");
  EXPECT_THAT(running.logger.text(), Not(HasSubstr("1234")));
}

TEST(TokenKeys, AHangingTokenHoldsUpNobodyElse) {
  const TokenSite site;
  NodeOptions options = site.options();
  options.issuers[0].signers[0].token.deadline = Milliseconds(1'000);
  options.service.loops = 1;
  RunningNode running(options);
  ASSERT_EQ(running.status_of(leaf()), "good");
  site.token.set_hanging(true);
  std::string slow;
  std::thread waiting([&] { slow = running.status_of(standard_pki().other_leaf.certificate); });
  ASSERT_TRUE(site.token.wait_for_hanging(1));
  EXPECT_EQ(running.status_of(leaf()), "good")
      << "remembered answers are given while the token hangs";
  waiting.join();
  EXPECT_EQ(slow, "tryLater");
  site.token.set_hanging(false);
}

TEST(TokenKeys, AStandbySignsWhileTheTokenIsAway) {
  const TokenSite site;
  NodeOptions options = site.options();
  delegate("standby").write(site.dir, "standby");
  options.issuers[0].signers.push_back(options.issuers[0].signers[0]);
  options.issuers[0].signers[1].key = site.dir.file("standby.key");
  options.issuers[0].signers[1].certificate = site.dir.file("standby.pem");
  options.issuers[0].signers[1].role = responder::SignerRole::kStandby;
  RunningNode running(options);
  site.token.set_removed(true);
  EXPECT_EQ(running.status_of(leaf()), "good");
  // Read again while it is away: what can be had is taken, and the rest said.
  const auto report = running.node->reload();
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_THAT(running.logger.text(), HasSubstr("until it"));
  EXPECT_EQ(running.status_of(leaf()), "good");
}

TEST(TokenKeys, AReloadWhileTheOnlyTokenIsAwayKeepsEverything) {
  const TokenSite site;
  RunningNode running(site.options());
  ASSERT_EQ(running.status_of(leaf()), "good");
  site.token.set_removed(true);
  EXPECT_FALSE(running.node->reload());
  EXPECT_EQ(running.status_of(leaf()), "good") << "remembered";
  site.token.set_removed(false);
  EXPECT_TRUE(running.node->reload());
  EXPECT_EQ(running.status_of(leaf()), "good");
}

}  // namespace
}  // namespace muster::node
