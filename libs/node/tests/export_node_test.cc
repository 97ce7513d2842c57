#include "muster/node/export_node.h"

#include <filesystem>
#include <thread>

#include "export_metrics.h"
#include "metric_families.h"
#include "muster/edge/paths.h"
#include "muster/http/base64.h"
#include "muster/source/load.h"
#include "muster/testing/eventually.h"
#include "muster/testing/process.h"
#include "node_fixture.h"

namespace muster::node {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Milliseconds kPatience{60'000};

/// A store that somebody else keeps, and an exporter of it.
struct Exporting {
  Exporting() {
    const NodeOptions options = site.options();
    store = *store::Store::open(options.store);
    issuer = *store->ensure_issuer(source::make_issuer_key(standard_pki().intermediate.certificate),
                                   "test CA");
    store::IssuerState facts;
    facts.knows_issued = store::KnowsIssued::kYes;
    facts.loaded_at = clock.now();
    EXPECT_TRUE(store->touch(issuer, facts));
    set(store::Status{});
    input.node = options;
    input.how.directory = site.dir.file("out");
    input.how.interval = Seconds(86'400);
    input.how.hashes = {HashAlgorithm::kSha256};
    input.metrics_file = site.dir.file("export.prom");
    make();
  }
  /// As after a restart.
  void make() {
    auto made = ExportNode::make(
        [this]() -> NodeResult<ExportInput> {
          if (!unreadable.empty()) {
            return Err{NodeError{NodeErrc::kUsage, unreadable}};
          }
          return input;
        },
        clock, logger);
    ASSERT_TRUE(made);
    node = *std::move(made);
  }
  void set(const store::Status& status) {
    const store::Change change{standard_pki().leaf.certificate.serial(), status};
    EXPECT_TRUE(store->apply(issuer, {&change, 1}));
  }
  void revoke() {
    store::Status status;
    status.state = store::State::kRevoked;
    status.revoked_at = kTestNow - Seconds(5);
    set(status);
  }
  /// What the file says.
  [[nodiscard]] std::string says() const {
    ocsp::Request request;
    request.requests.push_back(
        {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().intermediate.certificate,
                           standard_pki().leaf.certificate.serial()),
         {}});
    const auto content = read_file(
        input.how.directory + "/tree/" + edge::file_path(ocsp::encode_request(request)), 1 << 20);
    const auto parsed = content ? ocsp::parse_response(*content) : ocsp::parse_response(Bytes());
    return parsed && parsed->basic
               ? std::string(ocsp::to_string((*parsed->basic->responses.begin()).status))
               : "none";
  }
  [[nodiscard]] std::string metrics() const {
    return std::filesystem::exists(input.metrics_file) ? testing::read_text(input.metrics_file)
                                                       : "";
  }
  [[nodiscard]] bool shows(const std::string& sample) const {
    return ("\n" + metrics()).find("\n" + sample + "\n") != std::string::npos;
  }

  Site site;
  testing::FakeClock clock;
  MemoryLogger logger;
  std::unique_ptr<store::Store> store;
  store::IssuerId issuer{};
  ExportInput input;
  std::string unreadable;
  std::unique_ptr<ExportNode> node;
};

/// Runs follow() on a thread as long as it lives.
struct Following {
  explicit Following(Exporting& world)
      : world_(world),
        thread_([this](const std::stop_token& stop) { world_.node->follow(stop); }) {}
  /// Waits until the log holds it so often.
  [[nodiscard]] bool logs(const std::string& event, std::size_t times = 1) const {
    return comes([&] {
      const std::string text = world_.logger.text();
      std::size_t count = 0;
      for (std::size_t at = text.find(event); at != std::string::npos;
           at = text.find(event, at + 1)) {
        ++count;
      }
      return count >= times;
    });
  }
  template <class Condition>
  [[nodiscard]] bool comes(Condition is_so) const {
    const bool came = testing::eventually(is_so, kPatience);
    EXPECT_TRUE(came) << world_.logger.text();
    return came;
  }

 private:
  Exporting& world_;
  std::jthread thread_;
};

TEST(ExportNode, RunsOnceAndWritesWhatItDid) {
  Exporting world;
  const auto outcome = world.node->run();
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_EQ(outcome->report.written, 1U);
  EXPECT_EQ(outcome->left_undone(), "");
  EXPECT_EQ(world.says(), "good");
  for (const std::string& sample :
       {std::string("muster_export_up 1"), std::string("muster_export_files 1"),
        std::string("muster_export_last_run_files{result=\"written\"} 1"),
        "muster_export_manifest_number " + std::to_string(outcome->report.number),
        "muster_export_first_end_timestamp_seconds " +
            std::to_string(to_int(outcome->report.until)),
        "muster_export_last_success_timestamp_seconds " + std::to_string(to_int(kTestNow))}) {
    EXPECT_TRUE(world.shows(sample)) << sample << "\n" << world.metrics();
  }
}

// What the last run that succeeded did is told by those that do not, of other processes too.
TEST(ExportNode, ARunThatFailsTellsWhenOneDidNot) {
  Exporting world;
  const auto first = world.node->run();
  ASSERT_TRUE(first);
  world.make();
  world.clock.advance(Milliseconds(60'000));
  world.input.how.directory = "/dev/null/nowhere";
  world.make();
  EXPECT_FALSE(world.node->run());
  for (const std::string& sample :
       {std::string("muster_export_up 0"),
        "muster_export_last_run_timestamp_seconds " + std::to_string(to_int(world.clock.now())),
        "muster_export_last_success_timestamp_seconds " + std::to_string(to_int(kTestNow)),
        "muster_export_manifest_number " + std::to_string(first->report.number)}) {
    EXPECT_TRUE(world.shows(sample)) << sample << "\n" << world.metrics();
  }
  EXPECT_THAT(world.metrics(), Not(HasSubstr("last_run_files")));
}

TEST(ExportNode, ARevocationIsExportedWithoutWaitingForTheInterval) {
  Exporting world;
  const Following following(world);
  ASSERT_TRUE(following.logs("export.done"));
  EXPECT_EQ(world.says(), "good");
  world.revoke();
  ASSERT_TRUE(following.comes([&] { return world.says() == "revoked"; }));
}

TEST(ExportNode, AReloadReadsTheConfigurationAndRunsAtOnce) {
  Exporting world;
  const Following following(world);
  ASSERT_TRUE(following.logs("export.done"));
  world.input.how.hashes.push_back(HashAlgorithm::kSha1);
  world.node->request_reload();
  ASSERT_TRUE(following.logs("export.done", 2));
  EXPECT_THAT(world.logger.text(), HasSubstr("answers=2"));
  ASSERT_TRUE(following.comes([&] { return world.shows("muster_export_files 2"); }));
  world.unreadable = "line 7";
  world.node->request_reload();
  ASSERT_TRUE(following.logs("export.reload_failed"));
}

// A certificate that cannot be read must not hold a revocation up.
TEST(ExportNode, WhatCannotBeReadAgainIsUsedOn) {
  Exporting world;
  ASSERT_TRUE(world.node->run());
  std::filesystem::remove(world.site.dir.file("ocsp.pem"));
  world.revoke();
  const auto outcome = world.node->run();
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_EQ(world.says(), "revoked");
  EXPECT_THAT(world.logger.text(), HasSubstr("export.not_reread"));
  world.make();  // who begins has nothing to use
  EXPECT_FALSE(world.node->run());
}

TEST(ExportNode, ARunThatIsStoppedSignsNothingMore) {
  Exporting world;
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = world.node->run(stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, NodeErrc::kStopped);
  EXPECT_EQ(world.says(), "none");
  ASSERT_TRUE(world.node->run());
  EXPECT_EQ(world.says(), "good");
}

ExportMetricsInput full_input(const ExportOutcome& outcome) {
  ExportMetricsInput in;
  in.ended = kTestNow;
  in.duration = Milliseconds(1'500);
  in.outcome = &outcome;
  in.last_success = kTestNow - Seconds(3);
  in.number = 17;
  in.files = 4;
  in.first_end = kTestNow + Seconds(600);
  return in;
}

TEST(ExportMetrics, TheTableOfDecision042IsTheFile) {
  const ExportOutcome outcome;
  EXPECT_EQ(differences_to_table(render_export_metrics(full_input(outcome)),
                                 MUSTER_EDGE_METRICS_TABLE, "muster_export_"),
            "");
}

TEST(ExportMetrics, TheLastSuccessIsReadAgain) {
  const ExportOutcome outcome;
  const auto read = last_success_of(render_export_metrics(full_input(outcome)));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->last_success, kTestNow - Seconds(3));
  EXPECT_EQ(read->number, 17U);
  EXPECT_EQ(read->files, 4U);
  EXPECT_EQ(read->first_end, kTestNow + Seconds(600));
  EXPECT_FALSE(last_success_of(render_export_metrics({})));
  EXPECT_FALSE(last_success_of("somebody's own text"));
}

TEST(ExportMetrics, WhatWasLeftUndoneIsNotUp) {
  ExportOutcome outcome;
  outcome.missed = {2, "tryLater"};
  EXPECT_THAT(outcome.left_undone(), HasSubstr("tryLater"));
  const std::string text = render_export_metrics(full_input(outcome));
  EXPECT_THAT(text, HasSubstr("\nmuster_export_up 0\n"));
  EXPECT_THAT(text, HasSubstr("\nmuster_export_last_run_files{result=\"missed\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nmuster_export_last_run_duration_seconds 2\n"));
}

TEST(ExportMetrics, PromtoolAccepts) {
  if (!testing::find_program("promtool")) {
    GTEST_SKIP() << "promtool is not installed (Debian package prometheus)";
  }
  const ExportOutcome outcome;
  const auto result = testing::run_process({"promtool", "check", "metrics"},
                                           {.input = render_export_metrics(full_input(outcome))});
  EXPECT_EQ(result.exit_code, 0) << result.describe();
}

}  // namespace
}  // namespace muster::node
