#pragma once

#include <memory>
#include <shared_mutex>

#include "muster/base/log.h"
#include "muster/store/update.h"

namespace muster::node {

/// What a thread that reads sources may use of a node: its store, clock and logger, until the lease
/// ends. A thread that hangs in a file system cannot be joined; when it comes back it must neither
/// write what nobody wants any more nor touch what is gone. Threads: any.
class Lease final : public store::Store,
                    public store::ConditionalWriter,
                    public Clock,
                    public Logger {
 public:
  Lease(std::shared_ptr<store::Store> store, const Clock& clock, Logger& logger)
      : store_(std::move(store)), clock_(&clock), logger_(&logger) {}

  /// Waits for a write under way. From here on writes are refused (kBusy), nothing is logged, the
  /// clock stands still; the store can still be read. Idempotent.
  void end();

  store::StoreResult<store::IssuerId> ensure_issuer(const store::IssuerKey& key,
                                                    std::string_view label) override;
  [[nodiscard]] std::optional<store::IssuerId> find_issuer(
      const store::IssuerKey& key) const override;
  [[nodiscard]] std::vector<std::pair<store::IssuerId, store::IssuerState>> issuers()
      const override;
  store::StoreResult<std::uint64_t> apply(store::IssuerId issuer,
                                          std::span<const store::Change> changes) override;
  store::StoreResult<std::uint64_t> apply(store::IssuerId issuer,
                                          std::span<const store::Change> changes,
                                          const store::IssuerState& facts) override;
  store::StoreResult<std::uint64_t> apply_if_unchanged(
      store::IssuerId issuer, std::uint64_t expected,
      std::span<const store::Change> changes) override;
  store::StoreResult<std::uint64_t> apply_if_unchanged(store::IssuerId issuer,
                                                       std::uint64_t expected,
                                                       std::span<const store::Change> changes,
                                                       const store::IssuerState& facts) override;
  store::StoreResult<std::uint64_t> touch(store::IssuerId issuer,
                                          const store::IssuerState& facts) override;
  store::StoreResult<std::unique_ptr<store::Replacement>> begin_replacement(
      store::IssuerId issuer, store::ReplacementOptions options) override;
  [[nodiscard]] std::unique_ptr<store::Reader> reader() const override;
  [[nodiscard]] std::uint64_t epoch() const override;
  store::StoreResult<Unit> for_each(
      store::IssuerId issuer,
      const std::function<void(const Serial&, const store::Status&)>& visit) const override;
  [[nodiscard]] store::StoreResult<Unit> verify(store::IssuerId issuer) const override;
  [[nodiscard]] store::StoreResult<store::StoreFigures> figures() const override;
  store::StoreResult<Unit> check_in_place() override;

  [[nodiscard]] UnixSeconds now() const override;
  [[nodiscard]] MonotonicTime monotonic() const override;

  void log(LogLevel level, std::string_view event, std::string_view message,
           std::initializer_list<LogField> fields) override;

  /// Calls `write` unless the lease has ended, and before end() returns.
  template <class F>
  auto while_it_lasts(F&& write) -> decltype(write()) {
    const std::shared_lock lock(gate_);
    if (clock_ == nullptr) {
      return Err{store::StoreError{store::StoreErrc::kBusy, "the source is not followed any more"}};
    }
    return write();
  }

 private:
  const std::shared_ptr<store::Store> store_;
  mutable std::shared_mutex gate_;
  const Clock* clock_;  ///< under gate_, as the rest: null when the lease has ended
  Logger* logger_;
  UnixSeconds last_now_{};
  MonotonicTime last_monotonic_{};
};

}  // namespace muster::node
