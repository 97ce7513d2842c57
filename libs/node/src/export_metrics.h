#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "muster/node/export_node.h"

// What the last run of an exporter did, for Prometheus. Names: decision 042.
namespace muster::node {

struct ExportMetricsInput {
  UnixSeconds ended;
  Milliseconds duration{0};
  const ExportOutcome* outcome = nullptr;  ///< null: the run failed
  /// Of the last run that did not; nothing: there is none.
  std::optional<UnixSeconds> last_success{};
  /// What lies in the export since then.
  std::uint64_t number = 0;
  std::size_t files = 0;
  UnixSeconds first_end{};
};

std::string render_export_metrics(const ExportMetricsInput& input);
/// What render_export_metrics() wrote about the last success, so that one run can say what another
/// process did. Nothing: `text` tells of none.
std::optional<ExportMetricsInput> last_success_of(std::string_view text);

}  // namespace muster::node
