#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "muster/edge/exporter.h"
#include "muster/net/control_fetch.h"
#include "muster/node/offline.h"

// The exporter as a process without a process: runs once, or stays and runs whenever it is time
// (decision 042).
namespace muster::node {

/// What an exporter is told.
struct ExportInput {
  NodeOptions node;                        ///< whose answers
  ExplainFrom from = ExplainFrom::kStore;  ///< where records come from; node.store
  std::shared_ptr<const void> keeps{};     ///< kept as long as node.store is used
  edge::ExportOptions how;
  /// A running responder's batch listener that answers are taken from; nothing: they are signed
  /// here.
  std::optional<net::ControlAccess> batch{};
  std::vector<pki::Certificate> locally_trusted{};  ///< edge::BatchOptions
  /// Written after each run, for node_exporter's textfile collector. Empty: none.
  std::string metrics_file{};
};
/// Reads the configuration: at the start, and when an exporter that stays is told to.
using ExportReader = std::function<NodeResult<ExportInput>()>;

struct ExportOutcome {
  edge::ExportReport report;
  edge::Missed missed;
  /// Empty: all was done. Else what was not, and what becomes of it.
  [[nodiscard]] std::string left_undone() const;
};

/// Threads: request_reload() from any; all else from one.
/// Logged events: export.check, .interval, .done, .undone, .failed, .reloaded, .reload_failed,
/// .not_reread, .metrics_failed; those of edge::run_export().
class ExportNode {
 public:
  /// Reads the configuration. `clock` and `logger` outlive it. Errors: those of `reader`.
  static NodeResult<std::unique_ptr<ExportNode>> make(ExportReader reader, const Clock& clock,
                                                      Logger& logger);
  ~ExportNode();
  ExportNode(const ExportNode&) = delete;
  ExportNode& operator=(const ExportNode&) = delete;

  /// One run. Certificates, keys and store are opened anew; where that fails, those of the run
  /// before are used, since a revocation must not wait for a certificate that cannot be read.
  /// Blocks. Errors: kUsage, kInput, kSystem; the metrics file tells of them too.
  NodeResult<ExportOutcome> run(std::stop_token stop = {});

  /// Runs now; then every `how.interval`; at each request_reload(); and as soon as the store has
  /// moved, but so that at most half of the time is spent running. A run that failed, or left
  /// something undone, is made up for after kRetry. Returns when `stop` is requested; a run under
  /// way asks for no more answers then, and finishes with what it has. Errors are logged.
  void follow(const std::stop_token& stop);
  /// Between runs, by the configuration in use.
  [[nodiscard]] Seconds interval() const;
  /// Has the configuration read again before the next run, which comes now. On an error the former
  /// stays.
  void request_reload();

  /// How often the store is looked at.
  static constexpr Milliseconds kLook{1'000};
  static constexpr Seconds kRetry{30};

 private:
  struct Impl;
  explicit ExportNode(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::node
