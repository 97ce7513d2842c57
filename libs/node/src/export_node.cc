#include "muster/node/export_node.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "export_metrics.h"
#include "muster/base/file.h"
#include "muster/edge/answers.h"
#include "muster/responder/service.h"

namespace muster::node {
namespace {

constexpr std::size_t kMaxMetricsBytes = 64 * 1024;

NodeError error_of(const edge::ExportError& error) {
  switch (error.code) {
    case edge::ExportErrc::kInput:
    case edge::ExportErrc::kAnswers:
      return {NodeErrc::kInput, error.detail};
    case edge::ExportErrc::kStopped:
      return {NodeErrc::kStopped, error.detail};
    case edge::ExportErrc::kBusy:
    case edge::ExportErrc::kIo:
      break;
  }
  return {NodeErrc::kSystem, error.detail};
}

MonotonicTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

std::string ExportOutcome::left_undone() const {
  if (!report.purge.not_purged.empty()) {
    return "the export is done, but caches were not told of all changes; the next export tries "
           "again";
  }
  if (missed.count != 0) {
    return "the export is done, but " + std::to_string(missed.count) +
           " answers could not be had now; what stands of before stays until it ends, and the next "
           "export tries again; the first: " +
           missed.why;
  }
  return "";
}

struct ExportNode::Impl {
  Impl(ExportReader r, ExportInput first, const Clock& c, Logger& l)
      : reader(std::move(r)), input(std::move(first)), clock(c), logger(l) {
    recall();
  }

  [[nodiscard]] bool signs() const { return !input.batch; }

  /// What the metrics file tells of runs before us.
  void recall() {
    if (input.metrics_file.empty()) {
      return;
    }
    const auto text = read_file(input.metrics_file, kMaxMetricsBytes);
    const auto known = text ? last_success_of(as_text(*text)) : std::nullopt;
    figures = known.value_or(ExportMetricsInput{});
  }

  /// Certificates, keys and store as they are now.
  NodeResult<Unit> open() {
    auto opened =
        open_offline(input.node, input.from, clock, logger,
                     signs() ? responder::SignerKeys::kLoaded : responder::SignerKeys::kLeftOut);
    if (!opened) {
      if (!offline) {
        return Err{opened.error()};
      }
      logger.log(LogLevel::kError, "export.not_reread",
                 "going on with the certificates, keys and records in use",
                 {{"why", opened.error().detail}});
      return Unit{};
    }
    offline = *std::move(opened);
    for (const std::string& warning : offline->warnings) {
      logger.log(LogLevel::kWarning, "export.check", warning);
    }
    for (const std::string& fault : edge::interval_faults(*offline->setup, input.how.interval)) {
      logger.log(LogLevel::kWarning, "export.interval", fault);
    }
    return Unit{};
  }

  NodeResult<ExportOutcome> try_run(const std::stop_token& stop) {
    MUSTER_CHECK(open());
    look();  // what moves from here on is for the next run
    const auto answers =
        signs() ? edge::make_local_answers(offline->setup, *offline->store,
                                           responder::kernel_clock_error())
                : edge::make_batch_answers(
                      edge::call_batch(*input.batch), offline->setup,
                      {.directory = input.how.directory, .locally_trusted = input.locally_trusted});
    edge::ExportOptions how = input.how;
    how.stop = stop;
    const auto report =
        edge::run_export(how, *offline->setup, *offline->store, *answers, clock, logger);
    if (!report) {
      return Err{error_of(report.error())};
    }
    return ExportOutcome{*report, answers->missed()};
  }

  NodeResult<ExportOutcome> run(const std::stop_token& stop) {
    const MonotonicTime began = now();
    auto outcome = try_run(stop);
    figures.ended = clock.now();
    figures.duration = std::chrono::ceil<Milliseconds>(now() - began);
    figures.outcome = outcome ? &*outcome : nullptr;
    if (outcome && outcome->left_undone().empty()) {
      figures.last_success = figures.ended;
    }
    if (outcome && figures.last_success) {
      figures.number = outcome->report.number;
      figures.files = outcome->report.files;
      figures.first_end = outcome->report.until;
    }
    write_metrics();
    figures.outcome = nullptr;  // it is the caller's from here on
    return outcome;
  }

  void write_metrics() {
    if (input.metrics_file.empty()) {
      return;
    }
    const std::string text = render_export_metrics(figures);
    if (const auto written = write_file_atomically(input.metrics_file, as_bytes(text)); !written) {
      logger.log(LogLevel::kError, "export.metrics_failed", to_string(written.error()));
    }
  }

  /// The store's sequence as of now. Whether it has moved since the last look.
  bool look() {
    const auto reader_of_store = offline->store->reader();
    return std::exchange(sequence, reader_of_store->renew()) != sequence;
  }

  void reload() {
    auto fresh = reader();
    if (!fresh) {
      logger.log(LogLevel::kError, "export.reload_failed", "going on with the configuration in use",
                 {{"why", fresh.error().detail}});
      return;
    }
    input = *std::move(fresh);
    recall();
    logger.log(LogLevel::kInfo, "export.reloaded", "the configuration was read again");
  }

  /// Whether it is all done.
  bool run_and_tell(const std::stop_token& stop) {
    const auto outcome = run(stop);
    if (!outcome) {
      const bool is_asked = outcome.error().code == NodeErrc::kStopped;
      logger.log(is_asked ? LogLevel::kInfo : LogLevel::kError, "export.failed",
                 outcome.error().detail);
      return false;
    }
    const edge::ExportReport& report = outcome->report;
    const bool has_news = report.written + report.removed != 0;
    logger.log(has_news ? LogLevel::kInfo : LogLevel::kDebug, "export.done",
               "the files are what the records say",
               {{"number", report.number},
                {"answers", report.files},
                {"written", report.written},
                {"kept", report.kept},
                {"removed", report.removed},
                {"changed", report.changed},
                {"left_out", report.left_out},
                {"purged", report.purge.purged}});
    const std::string undone = outcome->left_undone();
    if (!undone.empty()) {
      logger.log(LogLevel::kError, "export.undone", undone);
    }
    return undone.empty();
  }

  void follow(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const MonotonicTime began = now();
      const bool is_well = run_and_tell(stop);
      const MonotonicTime ended = now();
      const MonotonicTime due =
          is_well ? began + input.how.interval : ended + std::min(input.how.interval, kRetry);
      const MonotonicTime earliest = ended + (ended - began);  // not more than half of the time
      std::unique_lock lock(mutex);
      bool is_wanted = false;
      bool has_moved = false;
      while (!stop.stop_requested() && !is_wanted && now() < due &&
             !(has_moved && now() >= earliest)) {
        moved.wait_for(lock, stop, kLook, [this] { return is_reload_wanted; });
        is_wanted = std::exchange(is_reload_wanted, false);
        has_moved = has_moved || (offline && look());
      }
      lock.unlock();
      if (is_wanted) {
        reload();
      }
    }
  }

  const ExportReader reader;
  ExportInput input;
  const Clock& clock;
  Logger& logger;
  std::optional<Offline> offline{};  ///< as of the last run that could open them
  std::uint64_t sequence = 0;        ///< of its store when it was looked at last
  ExportMetricsInput figures{};
  std::mutex mutex;
  std::condition_variable_any moved;
  bool is_reload_wanted = false;  ///< under mutex
};

ExportNode::ExportNode(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ExportNode::~ExportNode() = default;

NodeResult<std::unique_ptr<ExportNode>> ExportNode::make(ExportReader reader, const Clock& clock,
                                                         Logger& logger) {
  MUSTER_TRY(ExportInput first, reader());
  return std::unique_ptr<ExportNode>(
      new ExportNode(std::make_unique<Impl>(std::move(reader), std::move(first), clock, logger)));
}

NodeResult<ExportOutcome> ExportNode::run(std::stop_token stop) { return impl_->run(stop); }
Seconds ExportNode::interval() const { return impl_->input.how.interval; }
void ExportNode::follow(const std::stop_token& stop) { impl_->follow(stop); }

void ExportNode::request_reload() {
  const std::lock_guard lock(impl_->mutex);
  impl_->is_reload_wanted = true;
  impl_->moved.notify_all();
}

}  // namespace muster::node
