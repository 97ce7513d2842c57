#include "muster/stapler/metrics.h"

#include "muster/base/prometheus.h"

namespace muster::stapler {
namespace {

using Kind = PrometheusText::Kind;

void write_certificates(PrometheusText& out,
                        const std::vector<keeper::CertificateStatus>& certificates,
                        UnixSeconds now) {
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
  out.family("muster_stapler_must_staple", Kind::kGauge,
             "1 for a certificate whose clients demand a staple.");
  for (const auto& c : certificates) {
    if (c.must_staple) {
      out.sample(1, {{"certificate", c.name}});
    }
  }
  out.family("muster_stapler_certificates_below", Kind::kGauge,
             "Certificates of the inventory in whose chains an intermediate stands; absent for "
             "those that are not watched as one.");
  for (const auto& c : certificates) {
    if (c.below != 0) {
      out.sample(c.below, {{"certificate", c.name}});
    }
  }
  out.family("muster_stapler_response_status", Kind::kGauge,
             "1 for what the response that is on offer says; absent where there is none.");
  for (const auto& c : certificates) {
    if (const auto* shown = c.shown(); shown != nullptr && shown->usable_at(now)) {
      out.sample(1, {{"certificate", c.name}, {"status", to_string(shown->status)}});
    }
  }
  out.family("muster_stapler_window_used", Kind::kGauge,
             "Share of its validity that has passed; absent where there is no response.");
  for (const auto& c : certificates) {
    const auto left = c.shown() != nullptr
                          ? client::share_left(c.shown()->this_update, c.shown()->expires, now)
                          : std::nullopt;
    if (left) {
      out.sample_ratio(1 - *left, {{"certificate", c.name}});
    }
  }
  out.family("muster_stapler_held_up", Kind::kGauge,
             "1 for a certificate that an operator pinned a response for, or paused.");
  for (const auto& c : certificates) {
    if (c.pin) {
      out.sample(1, {{"certificate", c.name}, {"by", "pin"}});
    }
    if (c.paused) {
      out.sample(1, {{"certificate", c.name}, {"by", "pause"}});
    }
  }
  times("muster_stapler_this_update_timestamp_seconds", "thisUpdate of the response on offer.",
        [](const auto& c) {
          return c.shown() != nullptr ? std::optional(c.shown()->this_update) : std::nullopt;
        });
  times("muster_stapler_expiry_timestamp_seconds", "When the response on offer ends.",
        [](const auto& c) {
          return c.shown() != nullptr ? std::optional(c.shown()->expires) : std::nullopt;
        });
  times("muster_stapler_last_attempt_timestamp_seconds", "When a responder was last asked.",
        [](const auto& c) { return c.last_attempt; });
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

std::string render_metrics(const StatusReport& report, UnixSeconds now) {
  PrometheusText out;
  out.family("muster_stapler_report_timestamp_seconds", Kind::kGauge,
             "When the stapler last reported: long ago means that it stopped or hangs.");
  out.sample(report.written);
  out.single("muster_stapler_problems", Kind::kGauge,
             "Files of the inventory that cannot be used, files that cannot be written, a hook "
             "that failed.",
             report.problems.size() + report.target_errors.size() +
                 (report.disk_error.empty() ? 0 : 1) + (report.hook_error.empty() ? 0 : 1));
  out.family("muster_stapler_answers_total", Kind::kCounter,
             "Questions to responders, by what became of them.");
  for (std::size_t i = 0; i < report.answers.size(); ++i) {
    out.sample(report.answers.at(i), {{"outcome", to_string(static_cast<keeper::OutcomeKind>(i))}});
  }
  write_certificates(out, report.certificates, now);
  write_targets(out, report.targets);
  return out.take();
}

}  // namespace muster::stapler
