#include "muster/stapler/metrics.h"

#include "muster/base/prometheus.h"

namespace muster::stapler {
namespace {

using Kind = PrometheusText::Kind;

void write_certificates(PrometheusText& out,
                        const std::vector<keeper::CertificateStatus>& certificates) {
  out.family("muster_stapler_certificate_state", Kind::kGauge,
             "1 for the state a certificate is in.");
  for (const auto& c : certificates) {
    out.sample(1, {{"certificate", c.name}, {"state", to_string(c.state)}});
  }
  const auto times = [&](std::string_view name, std::string_view help, auto time_of) {
    out.family(name, Kind::kGauge, help);
    for (const auto& c : certificates) {
      if (const std::optional<UnixSeconds> at = time_of(c)) {
        out.sample(*at, {{"certificate", c.name}});
      }
    }
  };
  times(
      "muster_stapler_this_update_timestamp_seconds", "thisUpdate of the response held.",
      [](const auto& c) { return c.staple ? std::optional(c.staple->this_update) : std::nullopt; });
  times("muster_stapler_expiry_timestamp_seconds", "When the response held ends.",
        [](const auto& c) { return c.staple ? std::optional(c.staple->expires) : std::nullopt; });
  times("muster_stapler_last_success_timestamp_seconds", "Last good answer of a responder.",
        [](const auto& c) { return c.last_success; });
  times("muster_stapler_next_attempt_timestamp_seconds", "When the next fetch is due.",
        [](const auto& c) { return c.next_due; });
  out.family("muster_stapler_consecutive_failures", Kind::kGauge,
             "Rounds over all responders that failed in a row.");
  for (const auto& c : certificates) {
    out.sample(c.failures, {{"certificate", c.name}});
  }
}

void write_targets(PrometheusText& out, const std::vector<TargetStatus>& targets) {
  const auto each = [&](std::string_view name, std::string_view help, auto write) {
    out.family(name, Kind::kGauge, help);
    for (const TargetStatus& t : targets) {
      write(t, PrometheusText::Labels{{"target", t.target}, {"certificate", t.certificate}});
    }
  };
  each("muster_stapler_target_severity", "1 for how bad the state of a target is.",
       [&](const TargetStatus& t, PrometheusText::Labels labels) {
         labels.emplace_back("severity", to_string(t.severity));
         out.sample(1, labels);
       });
  each("muster_stapler_target_delivery", "1 for how the last delivery went.",
       [&](const TargetStatus& t, PrometheusText::Labels labels) {
         labels.emplace_back("state", to_string(t.delivery));
         out.sample(1, labels);
       });
  each("muster_stapler_target_served", "1 for what an address was last seen to serve.",
       [&](const TargetStatus& t, const PrometheusText::Labels& labels) {
         for (const PortStatus& port : t.ports) {
           PrometheusText::Labels more = labels;
           more.emplace_back("address", port.address);
           more.emplace_back("state", to_string(port.state));
           out.sample(1, more);
         }
       });
  each("muster_stapler_target_wanted_generation", "Of what is to be served.",
       [&](const TargetStatus& t, const PrometheusText::Labels& labels) {
         out.sample(t.wanted_generation, labels);
       });
  each("muster_stapler_target_pushed_generation", "Of what the target took.",
       [&](const TargetStatus& t, const PrometheusText::Labels& labels) {
         out.sample(t.pushed_generation, labels);
       });
  each("muster_stapler_target_observed_generation",
       "Of what every address of it serves; absent when nobody looks.",
       [&](const TargetStatus& t, const PrometheusText::Labels& labels) {
         if (!t.ports.empty()) {
           out.sample(t.observed_generation, labels);
         }
       });
}

}  // namespace

std::string render_metrics(const StatusReport& report) {
  PrometheusText out;
  out.family("muster_stapler_report_timestamp_seconds", Kind::kGauge,
             "When the stapler last reported: long ago means that it stopped or hangs.");
  out.sample(report.written);
  write_certificates(out, report.certificates);
  write_targets(out, report.targets);
  return out.take();
}

}  // namespace muster::stapler
