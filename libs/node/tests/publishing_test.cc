#include <chrono>
#include <functional>
#include <thread>

#include "muster/crl/crl.h"
#include "node_fixture.h"

// CRLs that a node keeps published beside its answers.
namespace muster::node {
namespace {

using ::testing::HasSubstr;

const pki::Certificate& leaf() { return standard_pki().leaf.certificate; }

NodeOptions publishing(const Site& site) {
  NodeOptions options = site.options();
  publish::SpecFiles series;
  series.label = "ca.crl";
  series.cas = {site.dir.file("ca.pem")};
  series.key = site.dir.file("ca.key");
  series.out = site.dir.file("ca.crl");
  series.terms.reaction = Seconds(2);
  options.publication.series = {series};
  options.publication.service.listen = {"127.0.0.1:0"};
  options.publication.service.longest_wait = Milliseconds(100);
  return options;
}
bool lists(const std::string& crl_file, const Serial& serial) {
  const Buffer der = testing::read_octets(crl_file);
  const auto crl = crl::parse_crl(der);
  EXPECT_TRUE(crl);
  return crl && crl::find_entry(*crl, serial.octets(), crl->issuer).has_value();
}
/// Waits for something; the clock of the node runs on meanwhile, ten times as fast as ours.
bool wait_for(RunningNode& running, const std::function<bool()>& what) {
  const auto start = std::chrono::steady_clock::now();
  auto before = start;
  while (!what()) {
    const auto now = std::chrono::steady_clock::now();
    if (now > start + std::chrono::seconds(60)) {
      return false;
    }
    const auto passed = std::chrono::duration_cast<Milliseconds>(now - before);
    running.clock.advance(10 * passed);
    before += passed;
    std::this_thread::yield();
  }
  return true;
}
bool wait_for_first(RunningNode& running) {
  return wait_for(running, [&] { return running.node->publications().at(0).publications >= 1; });
}
Buffer fetched(const RunningNode& running) {
  net::FetchRequest fetch;
  fetch.url = "http://" + running.node->crl_addresses().at(0) + "/ca.crl";
  fetch.total_timeout = Milliseconds(30'000);
  const auto got = net::fetch(fetch);
  return got && got->http_status == 200 ? to_buffer(got->body) : Buffer();
}

// req: OCSP-CRL-040
// req: OCSP-OPS-004
TEST(Publishing, ARevocationReachesTheCrlAsItReachesTheAnswer) {
  const Site site;
  RunningNode running(publishing(site));
  ASSERT_TRUE(wait_for_first(running));
  EXPECT_FALSE(lists(site.dir.file("ca.crl"), leaf().serial()));
  site.write_index(testing::index_line(leaf(), testing::kTestNow - Seconds(60), "keyCompromise"));
  ASSERT_TRUE(wait_for(running, [&] { return lists(site.dir.file("ca.crl"), leaf().serial()); }));
  EXPECT_EQ(running.status_of(leaf()), "revoked");
  EXPECT_THAT(running.logger.text(), HasSubstr("crl.published"));
}

TEST(Publishing, AReloadTakesOtherSeriesOrKeepsThose) {
  const Site site;
  RunningNode running(publishing(site));
  ASSERT_TRUE(wait_for_first(running));
  const std::string address = running.node->crl_addresses().at(0);
  running.options.publication.series[0].key = site.dir.file("absent.key");
  const auto refused = running.node->reload();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("absent.key"));
  EXPECT_EQ(running.node->publications().size(), 1U);
  running.options = publishing(site);
  running.options.publication.series[0].out = site.dir.file("moved.crl");
  ASSERT_TRUE(running.node->reload());
  EXPECT_FALSE(lists(site.dir.file("moved.crl"), leaf().serial()));
  EXPECT_EQ(running.node->crl_addresses().at(0), address);
  running.options.publication.series.clear();
  ASSERT_TRUE(running.node->reload());
  EXPECT_TRUE(running.node->publications().empty());
}

// req: OCSP-CRL-022
TEST(Publishing, ServesWhatItPublished) {
  const Site site;
  RunningNode running(publishing(site));
  ASSERT_TRUE(wait_for_first(running));
  const Buffer published = testing::read_octets(site.dir.file("ca.crl"));
  EXPECT_TRUE(wait_for(
      running, [&] { return fetched(running) == published; }));  // the loop gets it a moment later
}

TEST(Publishing, AMistakeStopsTheStart) {
  const Site site;
  testing::FakeClock clock;
  NodeOptions options = publishing(site);
  options.publication.series[0].terms.profile = publish::find_profile("cabf");
  options.publication.series[0].terms.overlap = Seconds(30 * 86400);
  const auto started = Node::start(
      options, [] { return NodeOptions(); }, clock, null_logger());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, NodeErrc::kUsage);
  EXPECT_THAT(started.error().detail, HasSubstr("[[publish.crl]]"));
}

}  // namespace
}  // namespace muster::node
