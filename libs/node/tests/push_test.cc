#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "muster/crl/crl.h"
#include "muster/store/mark.h"
#include "muster/testing/crl_builder.h"
#include "net_testing.h"
#include "node_fixture.h"

// The push API over its unix socket, and what OCSP says at once.
namespace muster::node {
namespace {

using ::testing::HasSubstr;

NodeOptions with_push(const Site& site) {
  NodeOptions options = site.options();
  options.issuers[0].index.clear();
  options.push.listen = {"unix:" + site.dir.file("push.sock")};
  push::Client client;
  client.name = "ca";
  client.uids = {::getuid()};
  client.issuers = {"test CA"};
  options.push.clients = {client};
  return options;
}

struct PushNode : RunningNode {
  explicit PushNode(const NodeOptions& with) : RunningNode(with) {}
  /// Status and JSON of one operation.
  [[nodiscard]] std::pair<unsigned, nlohmann::json> push(const std::string& verb,
                                                         const std::string& body,
                                                         const std::string& headers = "") const {
    net::RawClient client(node->push_addresses()[0]);
    client.send("POST /v1/issuers/test%20CA/" + verb +
                " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    const std::string text = client.read_to_end();
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) {
      ADD_FAILURE() << verb << ": " << text;
      return {};
    }
    return {std::stoul(text.substr(9, 3)),
            nlohmann::json::parse(text.substr(end + 4), nullptr, false)};
  }
};

const Serial& leaf() { return standard_pki().leaf.certificate.serial(); }
std::string leaf_json(const std::string& more = "") {
  return R"({"serial":")" + leaf().to_hex() + "\"" + more + "}";
}

// req: OCSP-RESP-061 OCSP-RESP-085 OCSP-CRL-051
TEST(Push, WhatIsAcknowledgedIsAnsweredAtOnce) {
  const Site site;
  const PushNode running(with_push(site));
  EXPECT_EQ(running.status_of(leaf()), "unknown") << "never issued";
  const auto [status, json] = running.push("issue", leaf_json());
  EXPECT_EQ(status, 200U);
  EXPECT_EQ(json["result"], "changed");
  EXPECT_EQ(running.status_of(leaf()), "good");
  EXPECT_EQ(running.push("hold", leaf_json()).first, 200U);
  EXPECT_EQ(running.status_of(leaf()), "revoked");
  EXPECT_EQ(running.push("unhold", leaf_json()).first, 200U);
  EXPECT_EQ(running.status_of(leaf()), "good");
  EXPECT_EQ(running.push("revoke", leaf_json(R"(,"reason":"keyCompromise")")).first, 200U);
  EXPECT_EQ(running.status_of(leaf()), "revoked");
  EXPECT_EQ(running.push("unhold", leaf_json()).first, 409U);
  EXPECT_EQ(running.status_of(leaf()), "revoked");
}

/// One sample a change, whichever loop was first.
TEST(Push, HowLongAChangeTakesToShowIsCounted) {
  const Site site;
  const PushNode running(with_push(site));
  const auto samples = [&] {
    const auto counts = running.node->totals().propagation.counts;
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  };
  EXPECT_EQ(running.push("issue", leaf_json()).first, 200U);
  EXPECT_EQ(running.status_of(leaf()), "good");
  EXPECT_EQ(samples(), 0U) << "issuing alone is no news of a revocation";
  EXPECT_EQ(running.push("revoke", leaf_json()).first, 200U);
  EXPECT_EQ(running.status_of(leaf()), "revoked");
  EXPECT_EQ(running.status_of(leaf()), "revoked");
  EXPECT_TRUE(net::eventually([&] { return samples() == 1; }));
}

TEST(Push, LeavesATraceInTheLog) {
  const Site site;
  const PushNode running(with_push(site));
  EXPECT_EQ(running.push("revoke", leaf_json()).first, 200U);
  EXPECT_EQ(running.push("unhold", leaf_json()).first, 409U);
  EXPECT_THAT(running.logger.text(),
              AllOf(HasSubstr("push.changed a client changed a record client=ca issuer=test CA "
                              "operation=revoke serial=" +
                              leaf().to_hex()),
                    HasSubstr("push.refused"), HasSubstr("cause=conflict")));
}

TEST(Push, StreamsBulkRequests) {
  const Site site;
  const PushNode running(with_push(site));
  net::RawClient client(running.node->push_addresses()[0]);
  client.send(
      "POST /v1/issuers/test%20CA/bulk HTTP/1.1\r\nHost: x\r\nConnection: "
      "close\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::string line;
  for (int i = 1; i <= 2500; ++i) {
    line = R"({"op":"issue","serial":")" + std::to_string(i) + "\"}\n";
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", line.size());
    ASSERT_TRUE(client.send(size + line + "\r\n"));
  }
  ASSERT_TRUE(client.send("0\r\n\r\n"));
  const std::string text = client.read_to_end();
  EXPECT_THAT(text, HasSubstr("application/x-ndjson"));
  EXPECT_THAT(text,
              HasSubstr(R"({"summary":{"lines":2500,"changed":2500,"unchanged":0,"failed":0,)"));
  EXPECT_EQ(running.status_of(testing::make_serial(0x2500)), "good");
  const auto [status, json] =
      running.push("bulk?atomic=true",
                   "{\"op\":\"issue\",\"serial\":\"AA\"}\n{\"op\":\"unhold\",\"serial\":\"BB\"}\n");
  EXPECT_EQ(status, 409U);
  EXPECT_EQ(running.status_of(testing::make_serial(0xAA)), "unknown");
}

TEST(Push, AnAtomicRequestThatBreaksOffDoesNothing) {
  const Site site;
  NodeOptions options = with_push(site);
  options.push.limits.body_timeout = Milliseconds(100);
  const PushNode running(options);
  const std::string line = "{\"op\":\"issue\",\"serial\":\"AA\"}\n";
  for (const char* query : {"?atomic=true", ""}) {
    net::RawClient client(running.node->push_addresses()[0]);
    client.send("POST /v1/issuers/test%20CA/bulk" + std::string(query) +
                " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + line);
    EXPECT_THAT(client.read_to_end(),
                ::testing::AnyOf(HasSubstr("did not arrive"), HasSubstr("broke off")));
  }
  EXPECT_EQ(running.status_of(testing::make_serial(0xAA)), "unknown");
}

TEST(Push, StrangersAndBrowsersAreRefused) {
  const Site site;
  NodeOptions options = with_push(site);
  {
    const PushNode running(options);
    EXPECT_EQ(running.push("issue", leaf_json(), "Origin: https://evil.example\r\n").first, 403U);
    EXPECT_EQ(running.push("issue", std::string(70'000, ' ')).first, 413U);
    EXPECT_EQ(running.status_of(leaf()), "unknown");
  }
  options.push.clients[0].uids = {::getuid() + 1};
  const PushNode running(options);
  const auto [status, json] = running.push("issue", leaf_json());
  EXPECT_EQ(status, 403U);
  EXPECT_THAT(json["detail"].get<std::string>(),
              HasSubstr("you are uid " + std::to_string(::getuid())));
  EXPECT_EQ(running.status_of(leaf()), "unknown");
  EXPECT_THAT(running.logger.text(), HasSubstr("push.denied"));
}

TEST(Push, AnIssuerHasOneSource) {
  const Site site;
  NodeOptions options = with_push(site);
  options.issuers[0].index = site.dir.file("index.txt");
  EXPECT_THAT(
      why_not_started(options).detail,
      AllOf(HasSubstr("'test CA'"), HasSubstr("by a file or by the push API, not by both")));
  options = with_push(site);
  options.push.clients[0].issuers = {"another"};
  EXPECT_THAT(why_not_started(options).detail, HasSubstr("none of ours"));
}

TEST(Push, AReloadChangesWhoMayPush) {
  const Site site;
  PushNode running(with_push(site));
  EXPECT_EQ(running.push("issue", leaf_json()).first, 200U);
  running.options.push.clients[0].may = {push::OperationKind::kIssue};
  ASSERT_TRUE(running.node->reload());
  EXPECT_EQ(running.push("revoke", leaf_json()).first, 403U);
  running.options.push.clients[0].may = {push::OperationKind::kRevoke};
  ASSERT_TRUE(running.node->reload());
  EXPECT_EQ(running.push("revoke", leaf_json()).first, 200U);
  EXPECT_EQ(running.status_of(leaf()), "revoked");
}

/// Complete CRLs of the site's CA.
publish::SpecFiles series_of(const Site& site) {
  publish::SpecFiles series;
  series.cas = {site.dir.file("ca.pem")};
  series.key = site.dir.file("ca.key");
  series.out = site.dir.file("ca.crl");
  return series;
}

/// Nothing but the push makes it: the clock stands, and the series would look only in an hour.
// req: OCSP-CRL-040
TEST(Push, ARevocationReachesTheCrlAtOnce) {
  const Site site;
  NodeOptions options = with_push(site);
  publish::SpecFiles series = series_of(site);
  series.terms.reaction = Seconds(7200);
  options.publication.series = {series};
  options.publication.service.longest_wait = std::chrono::hours(1);
  const PushNode running(options);
  const auto published = [&](std::uint64_t count) {
    return net::eventually(
        [&] { return running.node->publications().at(0).publications >= count; });
  };
  ASSERT_TRUE(published(1));
  EXPECT_EQ(running.push("issue", leaf_json()).first, 200U);
  EXPECT_EQ(running.push("revoke", leaf_json()).first, 200U);
  ASSERT_TRUE(published(2));
  const Buffer der = testing::read_octets(site.dir.file("ca.crl"));
  const auto crl = crl::parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_TRUE(crl::find_entry(*crl, leaf().octets(), crl->issuer));
}

/// A CRL under this profile could not say it, and while OCSP said so there would be no CRL at all.
// req: OCSP-CRL-042
TEST(Push, AHoldIsRefusedWhereTheCrlCouldNotSayIt) {
  const Site site;
  NodeOptions options = with_push(site);
  publish::SpecFiles series = series_of(site);
  series.terms.profile = publish::find_profile("cabf");
  options.publication.series = {series};
  PushNode running(options);
  EXPECT_EQ(running.push("issue", leaf_json()).first, 200U);
  const auto refused = running.push("hold", leaf_json());
  EXPECT_EQ(refused.first, 409U);
  EXPECT_EQ(refused.second["error"], "hold_forbidden");
  EXPECT_EQ(running.status_of(leaf()), "good");

  running.options.publication.series[0].terms.profile = publish::find_profile("rfc5280");
  running.options.issuers[0].policy.hold = responder::HoldForm::kRevoked;
  ASSERT_TRUE(running.node->reload());
  EXPECT_EQ(running.push("hold", leaf_json()).first, 409U)
      << "shown as revoked, it could never be lifted from the CRL";
  running.options.issuers[0].policy.hold = responder::HoldForm::kHold;
  ASSERT_TRUE(running.node->reload());
  EXPECT_EQ(running.push("hold", leaf_json()).first, 200U);
}

/// With `unlisted` the CA tells revocations alone.
TEST(Push, ACaMayTellRevocationsAlone) {
  const Site site;
  NodeOptions options = with_push(site);
  options.issuers[0].policy.unlisted = responder::UnlistedAnswer::kGood;
  const PushNode running(options);
  EXPECT_EQ(running.push("revoke", R"({"serial":"AA"})").first, 200U);
  EXPECT_EQ(running.status_of(leaf()), "good");
  EXPECT_EQ(running.push("revoke", leaf_json()).first, 200U);
  EXPECT_EQ(running.status_of(leaf()), "revoked");
}

std::string readiness(const RunningNode& running) {
  net::RawClient client(running.node->admin_addresses().at(0));
  client.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  return client.read_to_end();
}

// A store that is new may be one that was lost with its revocations: it calls nothing good before
// somebody has told it something.
// req: OCSP-RESP-068
TEST(Push, AStoreThatWasLostCallsNothingGood) {
  const Site site;
  NodeOptions options = with_push(site);
  options.issuers[0].policy.unlisted = responder::UnlistedAnswer::kGood;
  options.admin.listen = {"unix:" + site.dir.file("admin.sock")};
  options.service.clock_error = [] { return Milliseconds(1); };
  {
    const PushNode running(options);
    ASSERT_EQ(running.push("revoke", leaf_json()).first, 200U);
  }
  {
    const PushNode again(options);
    EXPECT_EQ(again.status_of(testing::make_serial(5)), "good") << "it was told before";
    EXPECT_THAT(readiness(again), Not(HasSubstr("told")));
  }
  for (const char* const file : {"/data.mdb", "/lock.mdb"}) {
    ASSERT_TRUE(std::filesystem::remove(options.store + file));
  }
  for (int starts = 0; starts < 2; ++starts) {
    const PushNode running(options);
    EXPECT_EQ(running.status_of(leaf()), "tryLater") << "a restart is no news";
    EXPECT_THAT(readiness(running), AllOf(HasSubstr("not ready"), HasSubstr("new or was lost")));
    EXPECT_THAT(running.logger.text(), HasSubstr("responder.told_nothing"));
  }
  const PushNode running(options);
  ASSERT_EQ(running.push("revoke", leaf_json()).first, 200U);
  EXPECT_EQ(running.status_of(leaf()), "revoked");
  EXPECT_EQ(running.status_of(testing::make_serial(5)), "good");
  EXPECT_THAT(readiness(running), Not(HasSubstr("not ready")));
}

/// What was pushed after the backup is gone, and nothing in the store tells: the mark beside it
/// does.
TEST(Push, AStoreRestoredFromAnOlderBackupCallsNothingGoodUntilSomebodySaysSo) {
  const Site site;
  NodeOptions options = with_push(site);
  options.admin.listen = {"unix:" + site.dir.file("admin.sock")};
  options.service.clock_error = [] { return Milliseconds(1); };
  const std::string backup = site.dir.file("backup");
  const auto restore = [&] {
    std::filesystem::remove_all(options.store);
    std::filesystem::copy(backup, options.store, std::filesystem::copy_options::recursive);
  };
  {
    const PushNode running(options);
    ASSERT_EQ(running.push("issue", leaf_json()).first, 200U);
    ASSERT_EQ(running.push("revoke", R"({"serial":"0777"})").first, 200U);
  }
  std::filesystem::copy(options.store, backup, std::filesystem::copy_options::recursive);
  {
    const PushNode again(options);
    EXPECT_EQ(again.status_of(leaf()), "good") << "a restart is no news";
    ASSERT_EQ(again.push("revoke", leaf_json()).first, 200U);
  }
  restore();
  for (int starts = 0; starts < 2; ++starts) {
    const PushNode running(options);
    EXPECT_EQ(running.status_of(leaf()), "tryLater") << "it was revoked, and that is lost";
    EXPECT_EQ(running.status_of(testing::make_serial(5)), "tryLater") << "perhaps it was issued";
    EXPECT_EQ(running.status_of(*Serial::from_hex("0777")), "revoked") << "that is known";
    EXPECT_THAT(readiness(running), AllOf(HasSubstr("not ready"), HasSubstr("older backup")));
    EXPECT_THAT(running.logger.text(), HasSubstr("responder.held_back"));
    EXPECT_EQ(starts == 0,
              running.logger.text().find("responder.store_behind") != std::string::npos);
    ASSERT_EQ(running.push("issue", R"({"serial":"0778"})").first, 200U);
    EXPECT_EQ(running.status_of(leaf()), "tryLater") << "one push does not bring the others back";
  }
  const PushNode running(options);
  ASSERT_EQ(running.push("revoke", leaf_json()).first, 200U);
  store::IssuerState facts = running.node->store().issuers().at(0).second;
  store::set_complete(facts);  // what 'muster store issuer' does
  ASSERT_TRUE(running.node->store().touch(running.node->store().issuers().at(0).first, facts));
  EXPECT_EQ(running.status_of(leaf()), "revoked");
  EXPECT_EQ(running.status_of(*Serial::from_hex("0778")), "good");
  EXPECT_THAT(readiness(running), Not(HasSubstr("not ready")));
}

// The source of an issuer becomes a CRL, which knows nothing of what was pushed.
// req: OCSP-RESP-068 OCSP-CRL-051 OCSP-CRL-056
TEST(Push, WhatWasAcknowledgedStaysRevokedUnderACrl) {
  const Site site;
  NodeOptions options = with_push(site);
  options.issuers[0].policy.unlisted = responder::UnlistedAnswer::kGood;
  PushNode running(options);
  ASSERT_EQ(running.push("revoke", leaf_json(R"(,"reason":"keyCompromise")")).first, 200U);
  EXPECT_EQ(running.status_of(leaf()), "revoked");
  testing::CrlSpec crl;
  crl.number = 1;
  crl.entries.push_back(testing::revoked_entry(testing::make_serial(5)));
  site.dir.write("ca.crl", testing::build_crl(standard_pki().intermediate, crl));
  running.options.issuers[0].crls.sources = {site.dir.file("ca.crl")};
  running.options.push = {};
  ASSERT_TRUE(running.node->reload());
  while (running.status_of(testing::make_serial(5)) != "revoked") {  // until the CRL is loaded
    ASSERT_NE(running.status_of(leaf()), "good");
    std::this_thread::yield();
  }
  EXPECT_EQ(running.status_of(leaf()), "revoked");
  while (running.logger.text().find("source.revocation_kept") == std::string::npos) {
    std::this_thread::yield();  // it is told behind the commit, by the watcher's thread
  }
}

}  // namespace
}  // namespace muster::node
