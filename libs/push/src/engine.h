#pragma once

#include <atomic>
#include <functional>

#include "json.h"

// Reads, decides, writes: the one place where pushed operations meet the store.
namespace muster::push {

enum class Together : std::uint8_t {
  kEach,       ///< each operation by itself
  kAllOrNone,  ///< none, unless none is refused
};

/// What a transaction did.
struct Applied {
  std::vector<Decision> decisions;  ///< one for each operation, in order
  std::uint64_t sequence =
      0;  ///< under which all that changed is durable; of an earlier change when nothing did
  bool is_refused = false;  ///< kAllOrNone: nothing was written
};

/// Threads: any; one batch at a time.
class Engine {
 public:
  /// \param keep_revoked  see decide()
  /// \param told          see Api
  /// \param committed     see Api
  Engine(store::Store& store, Seconds keep_revoked, std::function<void()> told,
         std::function<void(std::uint64_t)> committed)
      : store_(store),
        keep_revoked_(keep_revoked),
        told_(std::move(told)),
        committed_(std::move(committed)) {}

  /// Decides the operations one after the other, each seeing what those before it came to, and
  /// commits what they change in one transaction. Nobody else's change is overwritten unseen.
  /// Durable when it returns. Errors: the store's.
  store::StoreResult<Applied> apply(store::IssuerId issuer, std::span<const Operation> operations,
                                    Together together, UnixSeconds now);
  store::StoreResult<std::optional<store::Status>> find(store::IssuerId issuer,
                                                        const Serial& serial);
  store::StoreResult<store::IssuerState> state(store::IssuerId issuer);

 private:
  store::StoreResult<Unit> renew();
  store::StoreResult<Applied> decide_all(store::IssuerId issuer,
                                         std::span<const Operation> operations, UnixSeconds now,
                                         std::vector<store::Change>& changes,
                                         store::IssuerState& seen);
  store::Store& store_;
  const Seconds keep_revoked_;
  const std::function<void()> told_;
  const std::function<void(std::uint64_t)> committed_;
  std::mutex mutex_;
  std::unique_ptr<store::Reader> reader_;  // under mutex_
};

}  // namespace muster::push
