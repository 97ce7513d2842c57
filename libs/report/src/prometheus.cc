#include "muster/report/prometheus.h"

#include <array>
#include <map>

#include "muster/base/prometheus.h"

namespace muster::report {
namespace {

/// A row and its labels.
struct Series {
  const Row& row;
  std::string certificate;
  [[nodiscard]] PrometheusText::Labels labels() const {
    return {{"target", row.target}, {"certificate", certificate}};
  }
};

class Exposition {
 public:
  Exposition(std::span<const Row> rows, UnixSeconds now) : now_(now) {
    std::map<std::string_view, std::size_t> seen;
    for (const Row& row : rows) {
      series_.push_back({row, std::to_string(seen[row.target]++)});
    }
  }

  std::string write() {
    write_outcomes();
    optional("muster_check_answer_remaining_seconds",
             "Time until nextUpdate of the answer or CRL that told the status; negative: passed.",
             [this](const Row& row) {
               return row.next_update ? std::optional(*row.next_update - now_) : std::nullopt;
             });
    optional("muster_check_answer_share_left",
             "Share of the life of that answer or CRL that is left, 0 to 1.",
             [](const Row& row) { return row.share_left; });
    optional("muster_check_this_update_timestamp_seconds", "thisUpdate of that answer or CRL.",
             [](const Row& row) { return row.this_update; });
    optional("muster_check_next_update_timestamp_seconds", "nextUpdate of that answer or CRL.",
             [](const Row& row) { return row.next_update; });
    optional("muster_check_certificate_not_after_timestamp_seconds", "When the certificate ends.",
             [](const Row& row) { return row.not_after; });
    out_.family("muster_check_last_run_timestamp_seconds", PrometheusText::Kind::kGauge,
                "When this check was made.");
    out_.sample(now_);
    return out_.take();
  }

 private:
  void write_outcomes() {
    out_.family("muster_check_outcome", PrometheusText::Kind::kGauge,
                "1 for the outcome of the check, 0 for the others.");
    for (const Series& series : series_) {
      for (const client::Outcome outcome : kOutcomes) {
        PrometheusText::Labels labels = series.labels();
        labels.emplace_back("outcome", client::to_string(outcome));
        out_.sample_flag(series.row.outcome == outcome, labels);
      }
    }
    std::array<std::uint64_t, kOutcomes.size()> counts{};
    for (const Series& series : series_) {
      ++counts[static_cast<std::size_t>(series.row.outcome)];
    }
    out_.family("muster_check_certificates", PrometheusText::Kind::kGauge,
                "Certificates checked, by outcome.");
    for (const client::Outcome outcome : kOutcomes) {
      out_.sample(counts[static_cast<std::size_t>(outcome)],
                  {{"outcome", client::to_string(outcome)}});
    }
  }

  void put(double value, const PrometheusText::Labels& labels) { out_.sample_ratio(value, labels); }
  void put(UnixSeconds value, const PrometheusText::Labels& labels) { out_.sample(value, labels); }
  void put(Seconds value, const PrometheusText::Labels& labels) { out_.sample(value, labels); }

  /// Absent is never 0: a row without the value has no sample, a family without samples is not
  /// there.
  void optional(std::string_view name, std::string_view help, const auto& value_of) {
    bool begun = false;
    for (const Series& series : series_) {
      if (const auto value = value_of(series.row)) {
        if (!begun) {
          out_.family(name, PrometheusText::Kind::kGauge, help);
          begun = true;
        }
        put(*value, series.labels());
      }
    }
  }

  UnixSeconds now_;
  std::vector<Series> series_;
  PrometheusText out_;
};

}  // namespace

std::string format_prometheus(std::span<const Row> rows, UnixSeconds now) {
  return Exposition(rows, now).write();
}

}  // namespace muster::report
