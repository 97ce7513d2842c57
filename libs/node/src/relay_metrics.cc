#include "relay_metrics.h"

#include <algorithm>

#include "muster/base/prometheus.h"

namespace muster::node {
namespace {

using Kind = PrometheusText::Kind;
using keeper::CertificateState;
using keeper::OutcomeKind;
using relay::Ending;

void add_requests(PrometheusText& out, const relay::HandlerTotals& t) {
  out.family("muster_relay_requests_total", Kind::kCounter, "OCSP requests by HTTP method.");
  out.sample(t.get, {{"method", "get"}});
  out.sample(t.post, {{"method", "post"}});
  out.family(
      "muster_relay_answers_total", Kind::kCounter,
      "How requests ended: held, fetched, passed and unknown carry an upstream's answer; "
      "unavailable, late, busy and loop were told tryLater; not_allowed, unsupported, too_many "
      "and (by an upstream) unauthorized were told unauthorized, malformed that it is.");
  for (std::size_t i = 0; i < relay::kEndings; ++i) {
    out.sample(t.endings.at(i), {{"ending", to_string(static_cast<Ending>(i))}});
  }
  out.single("muster_relay_not_modified_total", Kind::kCounter,
             "Of these: told 304, since the client had the answer already.", t.not_modified);
  out.single("muster_relay_nonces_left_out_total", Kind::kCounter,
             "Requests with a nonce that were answered from what is held.", t.nonces_left_out);
  out.single("muster_relay_other_requests_total", Kind::kCounter, "Other methods and paths.",
             t.other);
}

void add_engine(PrometheusText& out, const RelayMetricsInput& in) {
  const relay::EngineCounters& c = *in.counters;
  out.family("muster_relay_fetches_total", Kind::kCounter,
             "Questions to upstreams, by what became of them.");
  for (std::size_t i = 0; i < c.fetches.size(); ++i) {
    out.sample(c.fetches.at(i), {{"outcome", to_string(static_cast<OutcomeKind>(i))}});
  }
  out.single("muster_relay_given_up_total", Kind::kCounter,
             "Of the unreachable: no answer within the deadline.", c.given_up);
  out.single("muster_relay_joined_total", Kind::kCounter,
             "Requests that waited for the fetch of another.", c.joined);
  out.single("muster_relay_remembered_total", Kind::kCounter,
             "Requests told of a failure that was remembered, without asking again.", c.remembered);
  out.single("muster_relay_other_form_total", Kind::kCounter,
             "Answers refused, since their CertID is made with another hash than was asked with.",
             c.other_form);
  out.single("muster_relay_evicted_total", Kind::kCounter, "Answers that made room for others.",
             c.evicted);
  out.single("muster_relay_forgotten_total", Kind::kCounter,
             "Answers dropped because nobody asked for them any more.", c.forgotten);
  out.single("muster_relay_passed_total", Kind::kCounter,
             "Requests passed through to an upstream and answered by it.", c.passed);
  out.single("muster_relay_pass_failures_total", Kind::kCounter, "Requests passed through in vain.",
             c.pass_failures);
  out.single("muster_relay_long_answers_total", Kind::kCounter,
             "Answers taken whose base64 is longer than the limit that was set (OCPP: 5,500).",
             c.long_base64);
}

void add_held(PrometheusText& out, const RelayMetricsInput& in) {
  const relay::EngineFigures& f = in.engine;
  out.family("muster_relay_entries", Kind::kGauge,
             "CertIDs that are held or asked for, by the state of their answer.");
  for (std::size_t i = 0; i < f.states.size(); ++i) {
    out.sample(f.states.at(i), {{"state", to_string(static_cast<CertificateState>(i))}});
  }
  out.single("muster_relay_held_answers", Kind::kGauge, "Answers that are handed out now.",
             f.answers);
  out.single("muster_relay_held_bytes", Kind::kGauge, "Octets of the answers held.", f.held_bytes);
  out.single("muster_relay_pending", Kind::kGauge, "CertIDs asked for that have no answer yet.",
             f.pending);
  out.single("muster_relay_waiting", Kind::kGauge, "Requests that wait for an upstream.",
             f.waiting);
  out.single("muster_relay_in_flight", Kind::kGauge, "Questions to upstreams under way.",
             f.in_flight);
  out.single("muster_relay_unsaved", Kind::kGauge,
             "Answers that could not be written to disk yet. Not 0 for long: alert.", f.unsaved);
  out.family("muster_relay_engine_age_seconds", Kind::kGauge,
             "Since the engine last had a turn; it has one a second. Beyond 30: it stands still.");
  out.sample(std::chrono::duration_cast<Seconds>(std::max(in.now - f.turned, {})));
}

/// Of configured certificates: bounded by the configuration.
void add_certificates(PrometheusText& out, const RelayMetricsInput& in) {
  const auto& all = in.engine.certificates;
  const auto labels = [](const relay::CertificateFigures& c) {
    return PrometheusText::Labels{{"certificate", c.name}, {"hash", to_string(c.hash)}};
  };
  const auto times = [&](std::string_view name, std::string_view help, auto time) {
    out.family(name, Kind::kGauge, help);
    for (const relay::CertificateFigures& c : all) {
      if (const std::optional<UnixSeconds> t = time(c)) {
        out.sample(*t, labels(c));
      }
    }
  };
  out.family("muster_relay_certificate_state", Kind::kGauge,
             "1 for the state the answer about a configured certificate is in.");
  for (const relay::CertificateFigures& c : all) {
    out.sample(
        std::uint64_t{1},
        {{"certificate", c.name}, {"hash", to_string(c.hash)}, {"state", to_string(c.state)}});
  }
  out.family("muster_relay_certificate_window_used", Kind::kGauge,
             "Share of its answer's validity that has passed; absent where there is none.");
  for (const relay::CertificateFigures& c : all) {
    const auto left = c.held
                          ? client::share_left(c.held->this_update, c.held->expires, in.process.now)
                          : std::nullopt;
    if (left) {
      out.sample_ratio(1 - *left, labels(c));
    }
  }
  times("muster_relay_certificate_expires_timestamp_seconds", "When its answer ends.",
        [](const auto& c) { return c.held ? std::optional(c.held->expires) : std::nullopt; });
  times("muster_relay_certificate_last_success_timestamp_seconds",
        "When an upstream last gave an answer that holds.",
        [](const auto& c) { return c.last_success; });
  times("muster_relay_certificate_next_attempt_timestamp_seconds", "When it is asked for next.",
        [](const auto& c) { return c.next_due; });
  out.family("muster_relay_certificate_failures", Kind::kGauge, "Failed rounds in a row.");
  for (const relay::CertificateFigures& c : all) {
    out.sample(std::uint64_t{c.failures}, labels(c));
  }
}

}  // namespace

std::string render_relay_metrics(const RelayMetricsInput& in) {
  PrometheusText out;
  add_process(out, in.process);
  add_requests(out, in.totals);
  add_engine(out, in);
  add_held(out, in);
  add_certificates(out, in);
  add_listeners(out, in.process);
  return out.take();
}

}  // namespace muster::node
