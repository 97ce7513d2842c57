#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "muster/keeper/keeper.h"
#include "muster/stapler/hook.h"
#include "muster/stapler/inventory.h"
#include "muster/stapler/status.h"
#include "muster/stapler/targets.h"

// The stapler service: inventory in, staples out, on one loop.
namespace muster::stapler {

struct StaplerOptions {
  std::string shelf;  ///< directory; empty: memory only
  std::vector<CertificateSource> certificates;
  InventoryOptions inventory;
  keeper::ShelfPolicy policy;
  keeper::KeeperOptions keeper;
  HookOptions hook;
  std::vector<TargetOptions> targets;  ///< check_targets() found nothing wrong with them
  TellUnchanged tell_unchanged = TellUnchanged::kYes;
  /// Whether changes in the files of the inventory are noticed and taken up by themselves.
  bool watch = true;
  /// How long it must be quiet before they are, where a file is not whole at once: others follow.
  Milliseconds settle{250};
  std::uint64_t history_bytes = 16 << 20;  ///< of the record of what happened; 0: none
};

/// What the first round brought: "ready: N certificates, M fresh".
struct Readiness {
  std::size_t certificates = 0;
  std::size_t covered = 0;  ///< a valid good staple is on offer
  std::size_t not_needed = 0;
};

/// All methods and callbacks on the loop's thread. With a shelf, its owner can tell it what to do
/// by a socket in there (control.h, decision 053).
class Stapler {
 public:
  /// Opens the shelf and loads the inventory. Files of the inventory that cannot be used are
  /// problems(), not errors. Errors: those of Shelf::open.
  static Result<std::unique_ptr<Stapler>, keeper::ShelfError> make(
      net::Loop& loop, net::FetchService& fetcher, const Clock& clock, Logger& logger,
      StaplerOptions options, std::uint64_t seed);
  ~Stapler();
  Stapler(const Stapler&) = delete;
  Stapler& operator=(const Stapler&) = delete;

  /// `ready` is called once, when the first round is over.
  void start(keeper::Keeper::FirstFetch first, std::function<void(Readiness)> ready);
  /// Reads the inventory again (SIGHUP): staples of certificates that are new, or that others are
  /// to be asked about now, are fetched; those that stay are kept, and refreshed in their turn.
  /// When `options` is given, its sources, inventory options and targets replace the old ones, and
  /// what the targets ask of plan and shelf (plan_for(), shelf_for()) is in force at once; the rest
  /// needs a restart.
  void reload(const StaplerOptions* options);
  /// Calls once, when every target has what it is to have and was read back, or had its time.
  void when_settled(std::function<void()> action);
  /// Called with each report, after it was written: at least every kStatusHeartbeat.
  void on_report(std::function<void(const StatusReport&)> listener);
  /// Stops fetching; `done` is called when a running hook ended or was killed. Idempotent.
  void stop(std::function<void()> done);

  [[nodiscard]] const std::vector<std::string>& problems() const;
  [[nodiscard]] StatusReport status() const;
  [[nodiscard]] const keeper::Shelf& shelf() const;
  /// Of the keeper, for a keeper::Watchdog. Any thread.
  [[nodiscard]] std::uint64_t turns() const;

 private:
  struct Impl;
  explicit Stapler(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::stapler
