#include "export_metrics.h"

#include <charconv>

#include "muster/base/prometheus.h"

namespace muster::node {
namespace {

using Kind = PrometheusText::Kind;

constexpr std::string_view kLastSuccess = "muster_export_last_success_timestamp_seconds";
constexpr std::string_view kNumber = "muster_export_manifest_number";
constexpr std::string_view kFiles = "muster_export_files";
constexpr std::string_view kFirstEnd = "muster_export_first_end_timestamp_seconds";

/// The sample of a family without labels.
template <class T>
std::optional<T> sample_of(std::string_view text, std::string_view name) {
  const std::string line = "\n" + std::string(name) + " ";
  const std::size_t at = text.find(line);
  T value{};
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const char* const begin = text.data() + at + line.size();
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
  return error == std::errc() && end != begin ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string render_export_metrics(const ExportMetricsInput& in) {
  PrometheusText out;
  out.family("muster_export_up", Kind::kGauge, "Whether the last run did all it had to: 0: alert.");
  out.sample_flag(in.outcome != nullptr && in.outcome->left_undone().empty());
  out.family("muster_export_last_run_timestamp_seconds", Kind::kGauge, "When it ended.");
  out.sample(in.ended);
  out.single("muster_export_last_run_duration_seconds", Kind::kGauge,
             "How long it took, rounded up.",
             static_cast<std::uint64_t>(std::chrono::ceil<Seconds>(in.duration).count()));
  if (in.last_success) {
    out.family(kLastSuccess, Kind::kGauge,
               "When a run brought the files up to date last. Older than the interval: alert.");
    out.sample(*in.last_success);
    out.single(kNumber, Kind::kGauge, "Number of the manifest it wrote.", in.number);
    out.single(kFiles, Kind::kGauge, "Answers in it.", in.files);
    out.family(kFirstEnd, Kind::kGauge, "When the first of them ends (nextUpdate). Near: alert.");
    out.sample(in.first_end);
  }
  if (in.outcome == nullptr) {
    return out.take();
  }
  const edge::ExportReport& report = in.outcome->report;
  out.family("muster_export_last_run_files", Kind::kGauge,
             "What the last run did: files written, kept and removed; left out, since there is no "
             "answer for everybody; missed, since it could not be had now.");
  out.sample(report.written, {{"result", "written"}});
  out.sample(report.kept, {{"result", "kept"}});
  out.sample(report.removed, {{"result", "removed"}});
  out.sample(report.left_out, {{"result", "left_out"}});
  out.sample(in.outcome->missed.count, {{"result", "missed"}});
  out.single("muster_export_closed_issuers", Kind::kGauge,
             "Issuers left out since not everybody may ask about them.",
             report.closed_issuers.size());
  out.single("muster_export_purge_waiting", Kind::kGauge,
             "Requests that caches could not be told to forget. Above 0: alert.",
             report.purge.not_purged.size());
  return out.take();
}

std::optional<ExportMetricsInput> last_success_of(std::string_view text) {
  const auto when = sample_of<std::int64_t>(text, kLastSuccess);
  const auto number = sample_of<std::uint64_t>(text, kNumber);
  const auto files = sample_of<std::size_t>(text, kFiles);
  const auto first_end = sample_of<std::int64_t>(text, kFirstEnd);
  if (!when || !number || !files || !first_end) {
    return std::nullopt;
  }
  ExportMetricsInput out;
  out.last_success = unix_seconds(*when);
  out.number = *number;
  out.files = *files;
  out.first_end = unix_seconds(*first_end);
  return out;
}

}  // namespace muster::node
