#include "muster/node/node.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include "muster/testing/crl_builder.h"
#include "net_testing.h"
#include "node_fixture.h"

namespace muster::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const pki::Certificate& leaf() { return standard_pki().leaf.certificate; }

TEST(Node, AnswersFromItsSource) {
  const Site site;
  const RunningNode running(site.options());
  EXPECT_EQ(running.status_of(leaf()), "good");
  EXPECT_EQ(running.node->totals().good, 1U);
  ASSERT_EQ(running.node->sources().size(), 1U);
  EXPECT_EQ(running.node->sources()[0].records, 1U);
  EXPECT_THAT(running.logger.text(), HasSubstr("responder.issuer answers for"));
}

TEST(Node, SaysWhyItCannotStart) {
  const Site site;
  NodeOptions options = site.options();
  options.issuers[0].index = site.dir.file("absent");
  EXPECT_EQ(why_not_started(options).code, NodeErrc::kInput);
  EXPECT_THAT(why_not_started(options).detail, HasSubstr("absent"));
  options = site.options();
  options.issuers[0].signers[0].key = "";
  EXPECT_EQ(why_not_started(options).code, NodeErrc::kUsage);
  options = site.options();
  options.store = site.dir.write("file", "x");
  EXPECT_EQ(why_not_started(options).code, NodeErrc::kInput);
  EXPECT_THAT(why_not_started(options).detail, HasSubstr("not a directory"));
  options = site.options();
  options.service.listen = {"nowhere"};
  options.store = site.dir.file("untouched");
  EXPECT_EQ(why_not_started(options).code, NodeErrc::kUsage);
  EXPECT_FALSE(std::filesystem::exists(options.store)) << "sources are not read before it is said";
  options = site.options();
  options.publication.service.listen = {"nowhere"};
  EXPECT_EQ(why_not_started(options).code, NodeErrc::kUsage);
  options = site.options();
  const RunningNode running(site.options());
  options.service.listen = running.node->addresses();
  EXPECT_EQ(why_not_started(options).code, NodeErrc::kAddress);
}

// req: OCSP-RESP-019
TEST(Node, ReloadTakesNewKeysAndRefusesWrongOnes) {
  const Site site;
  RunningNode running(site.options());
  testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec("second"))
      .write(site.dir, "ocsp");
  EXPECT_TRUE(running.node->reload());
  EXPECT_THAT(running.node->setup()->issuers()[0].signers[0].certificate.subject_text(),
              HasSubstr("second"));
  site.dir.write("ocsp.key", standard_pki().leaf.key_pem);
  const auto refused = running.node->reload();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("does not belong"));
  EXPECT_THAT(running.logger.text(), HasSubstr("responder.reload_failed"));
  EXPECT_EQ(running.status_of(leaf()), "good");
}

TEST(Node, AnUnreadableConfigurationChangesNothing) {
  const Site site;
  RunningNode running(site.options());
  running.unreadable = "muster.toml:3:1: unknown key";
  const auto refused = running.node->reload();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, running.unreadable);
  EXPECT_EQ(running.status_of(leaf()), "good");
}

/// The old source is watched again, and what it says later counts.
TEST(Node, ANewSourceThatCannotBeReadKeepsTheOldOne) {
  const Site site;
  RunningNode running(site.options());
  running.options.issuers[0].index = site.dir.file("absent");
  const auto refused = running.node->reload();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("absent"));
  EXPECT_EQ(running.status_of(leaf()), "good");
  ASSERT_EQ(running.node->sources().size(), 1U);
  EXPECT_THAT(running.node->sources()[0].path, HasSubstr("index.txt"));
  site.write_index(testing::index_line(leaf(), kTestNow - Seconds(60)));
  EXPECT_TRUE(net::eventually([&] { return running.status_of(leaf()) == "revoked"; }));
}

/// The site with the root as a second issuer.
NodeOptions with_second_issuer(const Site& site) {
  NodeOptions options = site.options();
  site.add_root(options);
  return options;
}

/// One issuer's new source is fine, the other's is not there: neither counts.
TEST(Node, AFailedReloadWritesNothing) {
  const Site site;
  RunningNode running(with_second_issuer(site));
  running.options.issuers[0].index =
      site.dir.write("wrong.txt", testing::index_line(leaf(), kTestNow - Seconds(60)));
  running.options.issuers[1].index = site.dir.file("absent");
  const auto refused = running.node->reload();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("absent"));
  EXPECT_EQ(running.status_of(leaf()), "good");
  EXPECT_FALSE(std::filesystem::exists(running.options.store + "/trial"));
  running.options.issuers[1].index = site.dir.file("root.txt");
  EXPECT_TRUE(running.node->reload());
  EXPECT_EQ(running.status_of(leaf()), "revoked");
}

/// An index without records must not take the place of one with records by another name either.
TEST(Node, ANewSourceThatIsEmptyFailsTheReloadBeforeAnythingIsWritten) {
  const Site site;
  RunningNode running(with_second_issuer(site));
  running.options.issuers[0].index =
      site.dir.write("wrong.txt", testing::index_line(leaf(), kTestNow - Seconds(60)));
  running.options.issuers[1].index = site.dir.write("empty.txt", "");
  const auto refused = running.node->reload();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("empty.txt"));
  EXPECT_EQ(running.status_of(leaf()), "good");
}

/// A CRL drops what it does not list, unless its expiry is known: only once the reload is sure to
/// succeed.
TEST(Node, AnIssuerOfTheStoreKeepsItsRevocationsWhereItsFirstSourceComesWithABadOne) {
  const Site site;
  NodeOptions options = with_second_issuer(site);
  options.issuers[0].index.clear();
  RunningNode running(options);
  const store::IssuerId id = running.node->setup()->issuers()[0].store_id;
  store::Status revoked;
  revoked.state = store::State::kRevoked;
  revoked.revoked_at = kTestNow - Seconds(60);
  ASSERT_TRUE(
      running.node->store().apply(id, std::vector<store::Change>{{leaf().serial(), revoked}}));
  ASSERT_EQ(running.status_of(leaf()), "revoked");
  const Buffer crl = testing::build_crl(standard_pki().intermediate, {});
  running.options.issuers[0].policy.unlisted = responder::UnlistedAnswer::kGood;
  running.options.issuers[0].crls.sources = {
      site.dir.write("ca.crl", std::string(crl.begin(), crl.end()))};
  running.options.issuers[1].index = site.dir.file("absent");
  const auto refused = running.node->reload();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("absent"));
  EXPECT_EQ(running.status_of(leaf()), "revoked");
}

TEST(Node, ReloadMovesToAnotherSource) {
  const Site site;
  RunningNode running(site.options());
  running.options.issuers[0].index =
      site.dir.write("other.txt", testing::index_line(leaf(), kTestNow - Seconds(60)));
  ASSERT_TRUE(running.node->reload());
  EXPECT_EQ(running.status_of(leaf()), "revoked");
}

TEST(Node, SaysWhatNeedsARestart) {
  const Site site;
  RunningNode running(site.options());
  running.options.service.listen = {"127.0.0.1:1"};
  running.options.service.handler.prefix = "/ocsp";
  const auto report = running.node->reload();
  ASSERT_TRUE(report);
  EXPECT_THAT(report->restart_needed, ElementsAre("listen", "prefix"));
  EXPECT_THAT(running.logger.text(), HasSubstr("responder.restart_needed"));
  EXPECT_EQ(running.status_of(leaf()), "good");
}

/// A key that a reload can neither take over nor name would look as if it were in force.
TEST(Node, NamesEveryKeyThatAReloadCannotTakeOver) {
  const Site site;
  RunningNode running(site.options());
  const NodeOptions at_start = running.options;
  const auto needs_after = [&](const auto& change) {
    running.options = at_start;
    change(running.options);
    const auto report = running.node->reload();
    EXPECT_TRUE(report) << (report ? "" : report.error().detail);
    return report ? report->restart_needed : std::vector<std::string>{"failed"};
  };
  const auto later = [](Milliseconds& time) { time += Milliseconds(1); };
  EXPECT_THAT(needs_after([](NodeOptions&) {}), ElementsAre());
  EXPECT_THAT(needs_after([](NodeOptions& o) {
                o.service.handler.trusted_proxies.push_back(*IpNetwork::parse("192.0.2.0/24"));
              }),
              ElementsAre("trusted_proxies"));
  EXPECT_THAT(needs_after([](NodeOptions& o) { ++o.service.loops; }), ElementsAre("loops"));
  EXPECT_THAT(needs_after([](NodeOptions& o) { ++o.service.signing_jobs; }),
              ElementsAre("signing_jobs"));
  EXPECT_THAT(needs_after([](NodeOptions& o) { ++o.service.limits.max_connections; }),
              ElementsAre("max_connections"));
  EXPECT_THAT(needs_after([](NodeOptions& o) { ++o.service.limits.max_body_bytes; }),
              ElementsAre("max_request"));
  EXPECT_THAT(needs_after([](NodeOptions& o) { ++o.service.handler.max_request_bytes; }),
              ElementsAre("max_request"));
  EXPECT_THAT(needs_after([](NodeOptions& o) { ++o.service.limits.max_header_bytes; }),
              ElementsAre("max_header"));
  EXPECT_THAT(needs_after([](NodeOptions& o) { ++o.service.limits.max_target_bytes; }),
              ElementsAre("max_header"));
  EXPECT_THAT(needs_after([&](NodeOptions& o) { later(o.service.grace); }), ElementsAre("grace"));
  EXPECT_THAT(needs_after([&](NodeOptions& o) { later(o.service.limits.header_timeout); }),
              ElementsAre("header_timeout"));
  EXPECT_THAT(needs_after([&](NodeOptions& o) { later(o.service.limits.body_timeout); }),
              ElementsAre("body_timeout"));
  EXPECT_THAT(needs_after([&](NodeOptions& o) { later(o.service.limits.idle_timeout); }),
              ElementsAre("idle_timeout"));
  EXPECT_THAT(needs_after([&](NodeOptions& o) { later(o.service.limits.write_timeout); }),
              ElementsAre("write_timeout"));
  EXPECT_THAT(needs_after([&](NodeOptions& o) { later(o.service.limits.reply_timeout); }),
              ElementsAre("reply_timeout"));
  EXPECT_THAT(needs_after([&](NodeOptions& o) { later(o.admin.drain_delay); }),
              ElementsAre("admin.drain_delay"));
  EXPECT_THAT(needs_after([](NodeOptions& o) { ++o.admin.max_body_bytes; }),
              ElementsAre("admin.max_request"));
  EXPECT_THAT(needs_after([](NodeOptions& o) { ++o.push.limits.max_connections; }),
              ElementsAre("push.max_connections"));
  EXPECT_THAT(needs_after([](NodeOptions& o) { ++o.push.limits.max_peer_connections; }),
              ElementsAre("push.max_peer_connections"));
}

/// An index that lost all records is refused, until the configuration allows it: the same file,
/// watched in another way.
TEST(Node, ReloadTakesOverHowSourcesAreWatched) {
  const Site site;
  RunningNode running(site.options());
  site.write_index("");
  running.options.watch.load.missing = source::LoadOptions::Missing::kGivenUp;
  ASSERT_TRUE(running.node->reload());
  ASSERT_EQ(running.node->sources().size(), 1U);
  EXPECT_EQ(running.node->sources()[0].error, std::nullopt);
  EXPECT_EQ(running.node->sources()[0].records, 0U);
}

/// Requests all the time, reloads all the time, good and bad ones: every request is answered.
TEST(Node, NothingInFlightIsLostInManyReloads) {
  const Site site;
  RunningNode running(site.options());
  const std::string second = site.dir.write("second.txt", testing::index_line(leaf()));
  std::atomic<bool> over{false};
  std::atomic<int> answers{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      while (!over) {
        const std::string status = running.status_of(leaf());
        if (status != "good") {
          ADD_FAILURE() << status;
          ++wrong;
        }
        ++answers;
      }
    });
  }
  for (int i = 0; i < 60 && wrong == 0; ++i) {
    {
      const std::lock_guard lock(running.mutex);
      running.unreadable = i % 5 == 4 ? "broken on purpose" : "";
      running.options.issuers[0].index = i % 6 < 3 ? site.dir.file("index.txt") : second;
      running.options.issuers[0].policy.nonce =
          i % 2 == 0 ? responder::NoncePolicy::kEcho : responder::NoncePolicy::kIgnore;
    }
    EXPECT_EQ(static_cast<bool>(running.node->reload()), i % 5 != 4);
    const int seen = answers;
    while (answers < seen + 5 && wrong == 0) {
      std::this_thread::yield();
    }
  }
  over = true;
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(answers, 300);
}

TEST(Node, WarnsOfReloadsItWasAskedFor) {
  const Site site;
  RunningNode running(site.options());
  running.node->request_reload();
  running.node->request_reload();
  EXPECT_TRUE(net::eventually(
      [&] { return running.logger.text().find("responder.reloaded") != std::string::npos; }));
}

TEST(Node, DrainsAndStays) {
  const Site site;
  const RunningNode running(site.options());
  EXPECT_EQ(running.status_of(leaf()), "good");
  running.node->drain();
  EXPECT_TRUE(running.node->is_draining());
  EXPECT_THAT(running.status_of(leaf()), Not("good"));
  EXPECT_EQ(running.node->totals().good, 1U);
  EXPECT_FALSE(running.node->reload());
  running.node->drain();
  running.node->stop();
  running.node->stop();
  EXPECT_THAT(running.logger.text(), HasSubstr("responder.stopped stopped good=1"));
}

}  // namespace
}  // namespace muster::node
