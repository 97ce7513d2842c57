#include "muster/node/edge_node.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "edge_metrics.h"
#include "edge_world.h"
#include "metric_families.h"
#include "muster/testing/process.h"
#include "node_fixture.h"

namespace muster::node {
namespace {

using edge::serial_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Seconds kLong{86'400};  ///< no second pull comes by itself

struct Page {
  unsigned status = 0;
  std::string body;
};
Page ask(const std::string& address, const std::string& method, const std::string& target) {
  net::RawClient client(address);
  client.send(method + " " + target +
              " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  const std::string text = client.read_to_end();
  const std::size_t end = text.find("\r\n\r\n");
  return end == std::string::npos
             ? Page{}
             : Page{static_cast<unsigned>(std::stoul(text.substr(9, 3))), text.substr(end + 4)};
}

/// An edge over an export of the edge library's tests.
struct RunningEdge : edge::EdgeWorld {
  RunningEdge() {
    mirror.reset();  // the node has its own
    standard_pki().leaf.write(dir, "manifest");
    how.url = origin.url;
    how.manifest_signer = dir.file("manifest.pem");
    how.interval = kLong;
    how.mirror.directory = dir.file("edge");
    how.service.listen = {"127.0.0.1:0"};
    how.service.loops = 2;
    how.admin.listen = {"127.0.0.1:0"};
  }
  void start() {
    auto started = EdgeNode::start(
        how,
        [this]() -> NodeResult<EdgeOptions> {
          if (!unreadable.empty()) {
            return Err{NodeError{NodeErrc::kUsage, unreadable}};
          }
          return how;
        },
        clock, logger);
    ASSERT_TRUE(started) << started.error().detail;
    node = *std::move(started);
  }
  [[nodiscard]] NodeError why_not_started() const {
    testing::FakeClock other;
    const auto started = EdgeNode::start(
        how, [this] { return how; }, other, null_logger());
    EXPECT_FALSE(started);
    return started ? NodeError{NodeErrc::kStopped, ""} : started.error();
  }
  [[nodiscard]] Page admin(const std::string& method, const std::string& target) const {
    return ask(node->admin_addresses().at(0), method, target);
  }
  [[nodiscard]] bool shows(const std::string& sample) const {
    return ("\n" + admin("GET", "/metrics").body).find("\n" + sample + "\n") != std::string::npos;
  }
  /// Of the metrics; zero: it is not there.
  [[nodiscard]] std::uint64_t value_of(const std::string& sample) const {
    const std::string text = "\n" + admin("GET", "/metrics").body;
    const std::size_t at = text.find("\n" + sample + " ");
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + sample.size() + 2));
  }
  /// Waits until it is at least so much.
  [[nodiscard]] bool comes_to(const std::string& sample, std::uint64_t least) const {
    const MonotonicTime deadline = std::chrono::steady_clock::now() + net::kPatience;
    while (value_of(sample) < least) {
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << sample << " is not in:\n" << admin("GET", "/metrics").body;
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] Buffer post(const Buffer& body) const {
    net::FetchRequest fetch;
    fetch.url = "http://" + node->addresses().at(0) + "/";
    fetch.post_body = body;
    const auto got = net::fetch(fetch);
    return got ? got->body : Buffer();
  }
  EdgeOptions how;
  std::string unreadable;
  MemoryLogger logger;
  std::unique_ptr<EdgeNode> node;
};

TEST(EdgeNode, IsReadyOnceItHasAnswersAndTellsOfThem) {
  RunningEdge edge;
  edge.how.service.limits.max_connections = 10;
  edge.origin.go_down();
  edge.start();
  ASSERT_TRUE(edge.comes_to("muster_edge_pulls_total{result=\"unreachable\"}", 1));
  EXPECT_EQ(edge.admin("GET", "/livez").body, "ok\n");
  const Page early = edge.admin("GET", "/readyz");
  EXPECT_EQ(early.status, 503U);
  EXPECT_THAT(early.body, HasSubstr("nothing was pulled yet: " + edge.origin.url));
  EXPECT_THAT(edge.admin("GET", "/metrics").body, Not(HasSubstr("muster_edge_manifest")));
  edge.origin.tell_the_truth();
  ASSERT_TRUE(edge.comes_to("muster_edge_pulls_total{result=\"ok\"}", 1));
  EXPECT_EQ(edge.admin("GET", "/readyz").body, "ready\n");
  const Buffer request = edge.request(serial_of(1), HashAlgorithm::kSha256);
  EXPECT_EQ(edge.post(request), edge.file(serial_of(1)));
  EXPECT_FALSE(edge.post(edge.request(serial_of(77), HashAlgorithm::kSha256)).empty());
  const edge::Manifest manifest = edge.manifest();
  for (const char* const sample :
       {"muster_ready 1", "muster_edge_held_answers 6", "muster_edge_fetched_files_total 6",
        "muster_edge_manifest_age_seconds 0", "muster_edge_last_pull_age_seconds 0",
        "muster_edge_pull_failing_seconds 0", "muster_edge_requests_total{method=\"post\"} 2",
        "muster_edge_answers_total{result=\"answered\"} 1",
        "muster_edge_answers_total{result=\"unknown\"} 1",
        "muster_http_requests_total{listener=\"ocsp\"} 2",
        "muster_http_max_connections{listener=\"ocsp\"} 20"}) {
    EXPECT_TRUE(edge.shows(sample)) << sample;
  }
  EXPECT_TRUE(edge.shows("muster_edge_manifest_number " + std::to_string(manifest.number)));
  EXPECT_TRUE(edge.shows("muster_edge_first_end_timestamp_seconds " +
                         std::to_string(to_int(manifest.until))));
}

TEST(EdgeNode, IsNotReadyWhenEveryAnswerHasEnded) {
  RunningEdge edge;
  edge.start();
  ASSERT_TRUE(edge.comes_to("muster_edge_pulls_total{result=\"ok\"}", 1));
  edge.clock.jump_to(edge.manifest().until - Seconds(1));
  EXPECT_EQ(edge.admin("GET", "/readyz").status, 200U);
  edge.clock.jump_to(edge.manifest().until);
  const Page over = edge.admin("GET", "/readyz");
  EXPECT_EQ(over.status, 503U);
  EXPECT_THAT(over.body, HasSubstr("the last of the answers ended"));
}

TEST(EdgeNode, ReloadsAllButWhatWaitsForARestart) {
  RunningEdge edge;
  edge.start();
  ASSERT_TRUE(edge.comes_to("muster_edge_pulls_total{result=\"ok\"}", 1));
  edge::Origin moved(edge.options.directory);
  edge.origin.go_down();
  edge.revoke(serial_of(1));
  edge.export_again();
  edge.how.url = moved.url;
  edge.how.service.loops = 3;
  const Page reloaded = edge.admin("POST", "/reload");
  EXPECT_EQ(reloaded.status, 200U) << reloaded.body;
  EXPECT_THAT(reloaded.body, HasSubstr("\"restart_needed\":[\"loops\"]"));
  ASSERT_TRUE(edge.comes_to("muster_edge_pulls_total{result=\"ok\"}", 2));  // at once
  EXPECT_EQ(edge.post(edge.request(serial_of(1), HashAlgorithm::kSha256)), edge.file(serial_of(1)));
  EXPECT_THAT(edge.logger.text(), HasSubstr("edge.restart_needed"));
}

TEST(EdgeNode, AReloadThatCannotBeChangesNothing) {
  RunningEdge edge;
  edge.start();
  ASSERT_TRUE(edge.comes_to("muster_edge_pulls_total{result=\"ok\"}", 1));
  edge.unreadable = "line 3: unknown key 'ulr'";
  EXPECT_THAT(edge.admin("POST", "/reload").body, HasSubstr("unknown key 'ulr'"));
  edge.unreadable.clear();
  standard_pki().ocsp_signer.write(edge.dir, "stranger");
  edge.how.manifest_signer = edge.dir.file("stranger.pem");
  const Page refused = edge.admin("POST", "/reload");
  EXPECT_EQ(refused.status, 422U);
  EXPECT_THAT(refused.body, HasSubstr("name both"));
  EXPECT_TRUE(edge.shows("muster_config_reloads_total{result=\"failed\"} 2"));
  EXPECT_TRUE(edge.shows("muster_config_last_reload_successful 0"));
  edge.export_again();  // by the key of before: still followed
  edge.how.manifest_signer = edge.dir.file("manifest.pem");
  ASSERT_TRUE(edge.node->reload());
  EXPECT_TRUE(edge.comes_to("muster_edge_manifest_number", edge.manifest().number));
}

TEST(EdgeNode, DrainsAndStaysToBeAsked) {
  RunningEdge edge;
  edge.start();
  ASSERT_TRUE(edge.comes_to("muster_edge_pulls_total{result=\"ok\"}", 1));
  EXPECT_THAT(edge.admin("POST", "/drain").body, HasSubstr("drained"));
  EXPECT_THAT(edge.admin("GET", "/readyz").body, HasSubstr("not ready"));
  EXPECT_TRUE(edge.post(edge.request(serial_of(1), HashAlgorithm::kSha256)).empty());
  EXPECT_EQ(edge.admin("POST", "/reload").status, 409U);
  edge.node->stop();
  edge.node->stop();
}

TEST(EdgeNode, HasNoPageForWhatItDoesNotDo) {
  RunningEdge edge;
  edge.start();
  EXPECT_EQ(edge.admin("POST", "/explain").status, 405U);
  EXPECT_EQ(edge.admin("GET", "/explain/MEI=").status, 404U);
  const Page pages = edge.admin("GET", "/");
  EXPECT_THAT(pages.body, HasSubstr("muster edge: admin"));
  EXPECT_THAT(pages.body, Not(HasSubstr("explain")));
}

TEST(EdgeNode, SaysWhyItDoesNotStart) {
  RunningEdge edge;
  edge.how.admin.listen = {"0.0.0.0:0"};
  EXPECT_THAT(edge.why_not_started().detail, HasSubstr("[edge.admin] listen"));
  edge.how.admin.listen.clear();
  edge.how.manifest_signer = edge.dir.file("absent.pem");
  EXPECT_EQ(edge.why_not_started().code, NodeErrc::kInput);
  edge.how.manifest_signer = edge.dir.file("manifest.pem");
  const auto taken = net::Listener::open("127.0.0.1:0", 1);
  edge.how.service.listen = {taken->address()};
  EXPECT_EQ(edge.why_not_started().code, NodeErrc::kAddress);
  edge.how.service.listen = {"nowhere"};
  EXPECT_EQ(edge.why_not_started().code, NodeErrc::kUsage);
  edge.how.url.clear();
  EXPECT_EQ(edge.why_not_started().code, NodeErrc::kUsage);
}

EdgeMetricsInput full_input() {
  EdgeMetricsInput in;
  in.process.now = kTestNow;
  in.process.version = "1";
  in.process.revision = "r";
  in.process.listeners = {figures_of("admin", ControlStats())};
  in.mirror = {7, kTestNow - Seconds(60), 3, kTestNow + Seconds(1), kTestNow + Seconds(2)};
  in.pulls.last_success = kTestNow - Seconds(5);
  return in;
}

TEST(EdgeMetrics, TheTableOfDecision042IsTheScrape) {
  EXPECT_EQ(differences_to_table(render_edge_metrics(full_input()), MUSTER_EDGE_METRICS_TABLE,
                                 "muster_edge_"),
            "");
}

TEST(EdgeMetrics, PromtoolAccepts) {
  if (!testing::find_program("promtool")) {
    GTEST_SKIP() << "promtool is not installed (Debian package prometheus)";
  }
  const auto result = testing::run_process({"promtool", "check", "metrics"},
                                           {.input = render_edge_metrics(full_input())});
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.err, "");
}

}  // namespace
}  // namespace muster::node
