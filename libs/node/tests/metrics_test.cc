#include "metrics.h"

#include <map>
#include <regex>
#include <set>

#include "metric_families.h"
#include "muster/base/file.h"
#include "muster/testing/process.h"
#include "node_fixture.h"

namespace muster::node {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Every family with something to show.
MetricsInput full_input() {
  MetricsInput in;
  in.now = kTestNow;
  in.started = kTestNow - Seconds(60);
  in.version = "1.2.3";
  in.revision = "abc";
  in.is_ready = true;
  in.totals.good = 5;
  in.totals.refused[static_cast<std::size_t>(responder::Cause::kUnissued)] = 3;
  in.signers = {{"ca \"one\"\\", "CN=ocsp", kTestNow + Seconds(3 * 86400 + 5), true},
                {"two", "CN=old", kTestNow - Seconds(5), false}};
  in.signer_operations = {{"two", "CN=old", {31, 32}}};
  in.revoked_signers = {{"two", "CN=old", "01", kTestNow, false}};
  in.totals.cert_id_hashes[static_cast<std::size_t>(HashAlgorithm::kSha1)] = 77;
  store::IssuerState state;
  state.records = 7;
  state.revoked = 2;
  state.this_update = kTestNow - Seconds(100);
  state.next_update = kTestNow - Seconds(40);
  responder::IssuerTotals totals;
  totals.unissued = 6;
  in.issuers = {{"ca \"one\"\\", state, totals}, {"two", store::IssuerState{}, {}}};
  in.keys = {{"two", "pkcs11:token=t;object=o", false, 9, 8, 7, 6, 5, 4}};
  in.desk = {21, 22, 23, 24, 25};
  in.delegates = {{"two", {"a.pem", signers::DelegateState::kRefused, "", {}, {}, "why", false}},
                  {"two", {"b.pem", signers::DelegateState::kRefused, "", {}, {}, "why", false}}};
  source::SourceStatus source;
  source.label = "two";
  source.path = "/srv/ca/index.txt";
  source.checked = true;
  source.last_success = kTestNow - Seconds(9);
  source.failing_since = kTestNow - Seconds(4);
  source.kept_good = 31;
  source.propagation = Seconds(12);
  source.error = source::SourceError{source::SourceErrc::kUnreadable, "gone"};
  source::PartStatus list;
  list.kind = source::PartStatus::Kind::kIssuedList;
  list.this_update = kTestNow - Seconds(8);
  source.parts = {list};
  in.sources = {source};
  in.totals.durations.add(kAnswerBounds, Milliseconds(2));
  in.totals.durations.add(kAnswerBounds, std::chrono::microseconds(2100));
  in.totals.durations.add(kAnswerBounds, Seconds(60));
  in.totals.propagation.add(kPropagationBounds, Milliseconds(20));
  in.store = store::StoreFigures{};
  ControlStats control;
  control.denied = 4;
  in.listeners = {figures_of("ocsp", responder::HttpTotals{}), figures_of("admin", control)};
  in.push = push::ApiStats{1, 2, 3, 4, 5};
  in.push_refusals.fill(17);
  in.batch = BatchFigures{51, 52, 53, 54, 55, 56, 57};
  publish::SeriesStatus series;
  series.label = "all";
  series.next_update = kTestNow + Seconds(600);
  in.crls = {series};
  return in;
}

// req: OCSP-RESP-036
TEST(Metrics, SaysWhatItWasTold) {
  const std::string text = render_metrics(full_input());
  for (const char* line : {
           "muster_build_info{version=\"1.2.3\",revision=\"abc\"} 1\n",
           "muster_responder_cert_id_hashes_total{hash=\"sha1\"} 77\n",
           "muster_signer_operations_total{issuer=\"two\",signer=\"CN=old\",result=\"ok\"} 31\n",
           "muster_signer_operations_total{issuer=\"two\",signer=\"CN=old\",result=\"failed\"} "
           "32\n",
           "muster_signer_revoked{issuer=\"two\",signer=\"CN=old\"} 1\n",
           "muster_ready 1\n",
           "muster_responder_answers_total{status=\"good\"} 5\n",
           "muster_responder_refusals_total{cause=\"unissued\",answer=\"unauthorized\"} 3\n",
           "muster_signer_remaining_seconds{issuer=\"ca \\\"one\\\"\\\\\",signer=\"CN=ocsp\"} "
           "259205\n",
           "muster_signer_remaining_seconds{issuer=\"two\",signer=\"CN=old\"} -5\n",
           "muster_key_up{issuer=\"two\",key=\"pkcs11:token=t;object=o\"} 0\n",
           "muster_key_operations_total{issuer=\"two\",key=\"pkcs11:token=t;object=o\",result="
           "\"timeout\"} 7\n",
           "muster_signing_orders_total{result=\"full\"} 23\n",
           "muster_signing_in_flight 25\n",
           "muster_signer_directory_delegates{issuer=\"two\",state=\"refused\"} 2\n",
           "muster_signer_up{issuer=\"two\",signer=\"CN=old\"} 0\n",
           "muster_issuer_records{issuer=\"ca \\\"one\\\"\\\\\",state=\"revoked\"} 2\n",
           "muster_responder_unissued_requests_total{issuer=\"ca \\\"one\\\"\\\\\"} 6\n",
           "muster_crl_age_seconds{issuer=\"ca \\\"one\\\"\\\\\"} 100\n",
           "muster_crl_lag_seconds{issuer=\"ca \\\"one\\\"\\\\\"} 40\n",
           "muster_source_up{issuer=\"two\",source=\"/srv/ca/index.txt\"} 0\n",
           "muster_source_age_seconds{issuer=\"two\",source=\"/srv/ca/index.txt\"} 9\n",
           "muster_source_lag_seconds{issuer=\"two\",source=\"/srv/ca/index.txt\"} 4\n",
           "muster_source_kept_good_records{issuer=\"two\",source=\"/srv/ca/index.txt\"} 31\n",
           "muster_source_propagation_seconds{issuer=\"two\",source=\"/srv/ca/index.txt\"} 12\n",
           "muster_http_limits_total{listener=\"admin\",limit=\"denied\"} 4\n",
           "muster_push_operations_total{result=\"conflict\"} 3\n",
           "# TYPE muster_responder_request_duration_seconds histogram\n",
           "muster_responder_request_duration_seconds_bucket{le=\"0.00001\"} 0\n",
           "muster_responder_request_duration_seconds_bucket{le=\"0.0025\"} 2\n",
           "muster_responder_request_duration_seconds_bucket{le=\"30\"} 2\n",
           "muster_responder_request_duration_seconds_bucket{le=\"+Inf\"} 3\n",
           "muster_responder_request_duration_seconds_sum 60.0041\n",
           "muster_responder_request_duration_seconds_count 3\n",
           "muster_revocation_propagation_seconds_bucket{to=\"answer\",le=\"0.05\"} 1\n",
           "muster_push_refusals_total{cause=\"store_full\"} 17\n",
           "muster_batch_calls_total{result=\"late\"} 54\n",
           "muster_batch_certificates_total{result=\"unchanged\"} 56\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("muster_crl_this_update_timestamp_seconds{issuer=\"two\"}")))
      << "absent is never zero";
}

/// The exposition format: HELP and TYPE once and first, samples of one family together, no sample
/// twice, counters end in _total.
TEST(Metrics, KeepsTheFormat) {
  const std::string text = render_metrics(full_input());
  const std::regex sample(
      R"(([a-z_]+)(\{[a-z_]+="([^"\\\n]|\\["\\n])*"(,[a-z_]+="([^"\\\n]|\\["\\n])*")*\})? (-?[0-9]+(\.[0-9]+)?))");
  const std::regex comment("# (HELP|TYPE) ([a-z_]+) (.+)");
  std::set<std::string> families;
  std::set<std::string> samples;
  std::string family;
  bool is_histogram = false;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_match(line, match, comment)) {
      if (match[1] == "HELP") {
        EXPECT_TRUE(families.insert(match[2]).second) << line;
        family = match[2];
      } else {
        EXPECT_EQ(match[2], family);
        EXPECT_EQ(match[3] == "counter", family.ends_with("_total")) << line;
        is_histogram = match[3] == "histogram";
      }
      continue;
    }
    ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
    const std::string name = match[1];
    const bool is_of_histogram =
        is_histogram &&
        (name == family + "_bucket" || name == family + "_sum" || name == family + "_count");
    EXPECT_TRUE(is_of_histogram || (!is_histogram && name == family)) << line;
    EXPECT_TRUE(samples.insert(std::string(match[1]) + std::string(match[2])).second) << line;
    EXPECT_TRUE(family.starts_with("muster_")) << line;
  }
  EXPECT_GT(families.size(), 35U);
  EXPECT_EQ(text.back(), '\n');
}

/// What operators read is what a scrape shows.
TEST(Metrics, TheTableOfDecision033IsTheScrape) {
  EXPECT_EQ(differences_to_table(render_metrics(full_input()), MUSTER_METRICS_TABLE, "muster_",
                                 {"muster_check_", "muster_edge_", "muster_export_",
                                  "muster_relay_", "muster_stapler_"}),
            "");
}

TEST(Metrics, PromtoolAccepts) {
  if (!testing::find_program("promtool")) {
    GTEST_SKIP() << "promtool is not installed (Debian package prometheus)";
  }
  const auto result = testing::run_process({"promtool", "check", "metrics"},
                                           {.input = render_metrics(full_input())});
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.err, "");
}

}  // namespace
}  // namespace muster::node
