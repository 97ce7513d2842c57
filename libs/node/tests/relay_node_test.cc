#include "muster/node/relay_node.h"

#include "metric_families.h"
#include "muster/testing/fault_responder.h"
#include "net_testing.h"
#include "node_fixture.h"

namespace muster::node {
namespace {

using testing::Fault;
using testing::FaultResponder;
using ::testing::HasSubstr;

std::string ask(const std::string& address, const std::string& method, const std::string& target) {
  net::RawClient client(address);
  client.send(method + " " + target +
              " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  return client.read_to_end();
}

/// A relay with one configured certificate. Real time.
struct RunningRelay {
  RunningRelay() {
    pki.intermediate.write(dir, "ca");
    pki.leaf.write(dir, "leaf", {pki.intermediate.certificate});
    how.issuers.push_back({dir.file("ca.pem"), "", {upstream.url()}});
    how.certificates.push_back({dir.file("leaf.pem"), "", "web", "", {}});
    how.relay.listen = {"127.0.0.1:0"};
    how.relay.loops = 1;
    how.relay.directory = dir.file("relay");
    how.admin.listen = {"127.0.0.1:0"};
  }
  void start() {
    auto started = RelayNode::start(
        how, [this]() -> NodeResult<RelayNodeOptions> { return how; }, clock, logger);
    ASSERT_TRUE(started) << started.error().detail;
    node = *std::move(started);
    admin = node->admin_addresses().at(0);
  }

  testing::TestPki pki = testing::make_pki(SystemClock().now());
  FaultResponder upstream{pki.ocsp_signer, pki.intermediate.certificate};
  testing::TempDir dir;
  SystemClock clock;
  MemoryLogger logger;
  RelayNodeOptions how;
  std::unique_ptr<RelayNode> node;
  std::string admin;
};

TEST(RelayNode, IsReadyOnceItHasSomethingToAnswer) {
  RunningRelay relay;
  relay.upstream.set(Fault::kHttp503);
  relay.start();
  EXPECT_THAT(ask(relay.admin, "GET", "/livez"), HasSubstr("200 OK"));
  ASSERT_TRUE(net::eventually([&] {
    return ask(relay.admin, "GET", "/readyz").find("no answer about 1 of 1") != std::string::npos;
  })) << ask(relay.admin, "GET", "/readyz");
  EXPECT_THAT(ask(relay.admin, "GET", "/readyz"), HasSubstr("503"));
  relay.upstream.set(Fault::kNone);
  EXPECT_TRUE(net::eventually(
      [&] { return ask(relay.admin, "GET", "/readyz").find("200 OK") != std::string::npos; }));
}

TEST(RelayNode, AnIssuerThatIsNoCaIsToldOf) {
  RunningRelay relay;
  relay.how.issuers.push_back({relay.dir.file("leaf.pem"), "", {relay.upstream.url()}});
  relay.start();
  EXPECT_THAT(relay.logger.text(),
              HasSubstr(relay.pki.leaf.certificate.subject_text() + " is not a CA certificate"));
}

TEST(RelayNode, ItsMetricsAreThoseOfTheTable) {
  RunningRelay relay;
  relay.how.relay.limits.max_connections = 10;
  relay.start();
  std::string page;
  ASSERT_TRUE(net::eventually([&] {
    page = ask(relay.admin, "GET", "/metrics");
    return page.find("state=\"fresh\"} 1\n") != std::string::npos;
  })) << page;
  EXPECT_EQ(differences_to_table(page, MUSTER_RELAY_METRICS_TABLE, "muster_relay_"), "");
  EXPECT_THAT(page, HasSubstr("muster_relay_certificate_state{certificate=\"web\",hash=\"sha1\","
                              "state=\"fresh\"} 1"));
  EXPECT_THAT(page, HasSubstr("muster_relay_fetches_total{outcome=\"taken\"} 1"));
  for (const char* const ending : {"unauthorized", "unavailable", "late", "busy", "loop",
                                   "not_allowed", "malformed", "unsupported", "too_many"}) {
    EXPECT_THAT(
        page, HasSubstr("muster_relay_answers_total{ending=\"" + std::string(ending) + "\"} 0\n"));
  }
  EXPECT_THAT(page, HasSubstr("muster_http_max_connections{listener=\"ocsp\"} 10"));
  EXPECT_THAT(page, HasSubstr("muster_ready 1"));
}

TEST(RelayNode, AReloadTakesIssuersAndSaysWhatWaits) {
  RunningRelay relay;
  relay.start();
  relay.pki.root.write(relay.dir, "root");
  relay.how.issuers.push_back({relay.dir.file("root.pem"), "root", {relay.upstream.url()}});
  relay.how.relay.loops = 2;
  const auto report = relay.node->reload();
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_THAT(report->restart_needed, ::testing::ElementsAre("loops"));
  relay.how.issuers[0].certificate = relay.dir.file("gone.pem");
  EXPECT_FALSE(relay.node->reload());
  EXPECT_THAT(relay.logger.text(), HasSubstr("relay.reload_failed"));
  relay.node->drain();
  EXPECT_THAT(ask(relay.admin, "GET", "/readyz"), HasSubstr("asked to drain"));
  EXPECT_FALSE(relay.node->reload());
}

}  // namespace
}  // namespace muster::node
