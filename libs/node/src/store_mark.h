#pragma once

#include "loading.h"
#include "muster/store/mark.h"

namespace muster::node {

/// The mark that a push-fed store must not fall behind (store::Mark), and what is done about one
/// that does. Threads: note() any, the rest as said.
class StoreMark {
 public:
  /// Compares the store with its mark, before anything is written to it. A mark that cannot be made
  /// (no right to write beside the store) is a warning, and then nothing is found out; one that is
  /// damaged an error.
  static NodeResult<std::shared_ptr<StoreMark>> open(const NodeOptions& options,
                                                     const store::Store& store, Logger& logger);

  /// Whether the store lacks what was acknowledged, so that issuers fed by push may call nothing
  /// good.
  [[nodiscard]] bool is_behind() const {
    return standing_ == store::Mark::Standing::kBehind ||
           standing_ == store::Mark::Standing::kAnother;
  }
  /// The issuers are held now if they must be: the store counts again from here.
  void settle(const store::Store& store);
  /// A push was committed. A mark that cannot be written is told, once until it can be again: the
  /// change itself is durable.
  void note(const store::Store& store, std::uint64_t sequence);

 private:
  StoreMark(std::unique_ptr<store::Mark> mark, store::Mark::Standing standing, Logger& logger)
      : mark_(std::move(mark)), standing_(standing), logger_(logger) {}
  const std::unique_ptr<store::Mark> mark_;  // null: none can be kept
  store::Mark::Standing standing_;           // before settle()
  Logger& logger_;
  std::atomic<bool> is_failing_{false};
};

inline constexpr std::string_view kStoreIsBehind =
    "the store lacks changes that were acknowledged: it was restored from an older backup, or "
    "replaced. Nothing of this issuer is called good or never issued (restore the newest backup, "
    "or "
    "push all revocations again; then say so with 'muster store issuer')";

}  // namespace muster::node
