#include "edge_metrics.h"

#include "muster/base/prometheus.h"

namespace muster::node {
namespace {

using Kind = PrometheusText::Kind;

void add_manifest(PrometheusText& out, const EdgeMetricsInput& in) {
  if (in.mirror.number == 0) {
    return;  // there is none yet
  }
  out.single("muster_edge_manifest_number", Kind::kGauge, "Number of the manifest in use.",
             in.mirror.number);
  out.family("muster_edge_manifest_made_timestamp_seconds", Kind::kGauge, "When the core made it.");
  out.sample(in.mirror.made);
  out.family("muster_edge_manifest_age_seconds", Kind::kGauge,
             "Since then. Beyond the interval of the core's export: alert.");
  out.sample(in.process.now - in.mirror.made);
  out.single("muster_edge_held_answers", Kind::kGauge, "Answers it names, all of them here.",
             in.mirror.answers);
  out.family("muster_edge_first_end_timestamp_seconds", Kind::kGauge,
             "When the first of them ends (nextUpdate). Near: alert.");
  out.sample(in.mirror.first_end);
  out.family("muster_edge_last_end_timestamp_seconds", Kind::kGauge,
             "When the last of them ends; from then on nothing is answered.");
  out.sample(in.mirror.last_end);
}

void add_pulls(PrometheusText& out, const EdgeMetricsInput& in) {
  out.family("muster_edge_pulls_total", Kind::kCounter,
             "Looks at the core's manifest, by what became of them.");
  out.sample(in.pulls.succeeded, {{"result", "ok"}});
  for (const edge::MirrorErrc code : edge::kMirrorErrors) {
    out.sample(in.pulls.failed.at(static_cast<std::size_t>(code)),
               {{"result", edge::to_string(code)}});
  }
  if (in.pulls.last_success) {
    out.family("muster_edge_last_pull_timestamp_seconds", Kind::kGauge,
               "When a pull succeeded last, with news or without.");
    out.sample(*in.pulls.last_success);
    out.family("muster_edge_last_pull_age_seconds", Kind::kGauge, "Since then.");
    out.sample(in.process.now - *in.pulls.last_success);
  }
  out.family("muster_edge_pull_failing_seconds", Kind::kGauge,
             "How long pulls have been failing; 0 while they are not.");
  out.sample(in.pulls.failing_since ? std::max(Seconds(0), in.process.now - *in.pulls.failing_since)
                                    : Seconds(0));
  out.single("muster_edge_fetched_files_total", Kind::kCounter, "Answers fetched.",
             in.pulls.fetched);
}

void add_requests(PrometheusText& out, const edge::EdgeTotals& t) {
  out.family("muster_edge_requests_total", Kind::kCounter, "OCSP requests by HTTP method.");
  out.sample(t.get, {{"method", "get"}});
  out.sample(t.post, {{"method", "post"}});
  out.family("muster_edge_answers_total", Kind::kCounter,
             "What requests were told: an answer that is held; unauthorized (unknown); tryLater, "
             "since the answer has ended, or since its file is damaged (it is fetched again); "
             "malformedRequest; other methods and paths.");
  out.sample(t.answered, {{"result", "answered"}});
  out.sample(t.unknown, {{"result", "unknown"}});
  out.sample(t.over, {{"result", "over"}});
  out.sample(t.damaged, {{"result", "damaged"}});
  out.sample(t.malformed, {{"result", "malformed"}});
  out.sample(t.other, {{"result", "other"}});
}

}  // namespace

std::string render_edge_metrics(const EdgeMetricsInput& in) {
  PrometheusText out;
  add_process(out, in.process);
  add_manifest(out, in);
  add_pulls(out, in);
  add_requests(out, in.totals);
  add_listeners(out, in.process);
  return out.take();
}

}  // namespace muster::node
