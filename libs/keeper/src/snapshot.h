#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "muster/base/mutex.h"
#include "muster/keeper/shelf.h"

namespace muster::keeper {

/// What is on offer, published by one writer to every thread. Immutable pieces: a change copies one
/// shard of 1/256 of the certificates and the table of shards, so that 100,000 certificates cost a
/// few microseconds a change. Readers keep the snapshot they saw last per thread and compare an
/// epoch: no lock and no contended reference count on the handshake path.
class Offers {
 public:
  Offers();
  /// Any thread. Null when nothing is published for the certificate.
  [[nodiscard]] StaplePointer find(const Fingerprint& certificate) const;
  [[nodiscard]] std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  /// Writing thread. A null staple withdraws.
  void publish(const Fingerprint& certificate, StaplePointer staple);
  /// Writing thread. As long as one lives, nothing of what is published is seen; then all of it at
  /// once: a hundred thousand changes copy each shard once instead of each time.
  class Hold {
   public:
    explicit Hold(Offers& offers) : offers_(offers) { ++offers_.holds_; }
    ~Hold() {
      if (--offers_.holds_ == 0) {
        offers_.release();
      }
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Offers& offers_;
  };

 private:
  struct Entry {
    Fingerprint certificate;
    StaplePointer staple;
  };
  using Shard = std::vector<Entry>;  // ordered by certificate
  using Snapshot = std::array<std::shared_ptr<const Shard>, 256>;
  struct View;
  /// This thread's snapshot, brought up to date.
  const Snapshot& view() const;
  /// What was published last.
  std::shared_ptr<const Snapshot> current() const;
  void release();

  // Writing thread: copies of shards with what is not seen yet.
  std::array<std::shared_ptr<Shard>, 256> changed_;
  int holds_ = 0;

  const std::uint64_t
      id_;  ///< never reused, so that a thread's cached view cannot belong to another object
  std::atomic<std::uint64_t> epoch_{1};
  mutable Mutex mutex_;
  std::shared_ptr<const Snapshot> current_ MUSTER_GUARDED_BY(mutex_);
};

}  // namespace muster::keeper
