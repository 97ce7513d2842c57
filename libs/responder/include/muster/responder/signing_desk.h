#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "muster/base/mutex.h"
#include "muster/responder/setup.h"

namespace muster::responder {

/// What a remote key was asked to sign, and what became of it.
struct DeskResult {
  std::shared_ptr<const Setup>
      setup;  ///< under which it was drafted: positions below are of this one
  std::size_t issuer = 0, signer = 0;
  UnixSeconds now;  ///< as of which it was drafted
  Buffer tbs;
  std::optional<Buffer> signature;  ///< nothing: the key could not
};

struct DeskCounters {
  std::atomic<std::uint64_t> jobs{0}, joined{0}, full{0}, failures{0};
  std::atomic<std::uint64_t> in_flight{0};
};

/// Where loops leave what a remote key (HSM) is to sign, and go on. Bounded: one job too many is
/// refused at once. Loops that want the same at the same time share one signature. What comes back
/// is delivered to each loop by its own means, never inside a call. Threads: any.
class SigningDesk : public std::enable_shared_from_this<SigningDesk> {
 public:
  /// \param max_jobs     signatures under way; the token's own queue has its own bound
  /// \param max_waiting  requests waiting for them, over all loops
  SigningDesk(std::size_t max_jobs, std::size_t max_waiting)
      : max_jobs_(max_jobs), max_waiting_(max_waiting) {}

  using Ticket = std::uint64_t;
  /// Hands a result to a loop: must not block, and must not call the desk.
  using Deliver = std::function<void(Ticket, std::shared_ptr<const DeskResult>)>;
  using Seat = std::uint64_t;
  Seat take_seat(Deliver deliver);
  /// Nothing is delivered to the seat any more when this returns.
  void leave_seat(Seat seat);

  enum class Taken : std::uint8_t { kTaken, kFull };
  /// Asks for a signature over `order.tbs`. Requests with the same `key` share one while it is
  /// under way, whatever their tbs: each must compare before it uses the result. An empty key
  /// shares nothing. \param signer  of the calling loop; used during the call only
  Taken order(Seat seat, Ticket ticket, Buffer key, DeskResult order, pki::Signer& signer);
  /// What order() would say to one with this key.
  [[nodiscard]] Taken would_take(const Buffer& key, const Setup* setup) const;
  [[nodiscard]] const DeskCounters& counters() const { return counters_; }

 private:
  struct Job {
    std::shared_ptr<DeskResult> result;
    std::vector<std::pair<Seat, Ticket>> waiting;
  };
  using JobId = std::uint64_t;
  [[nodiscard]] std::optional<JobId> find_same(const Buffer& key, const Setup* setup) const
      MUSTER_REQUIRES(mutex_);
  void finish(JobId id, pki::PkiResult<Buffer> signature);

  const std::size_t max_jobs_, max_waiting_;
  DeskCounters counters_;
  mutable Mutex mutex_;
  std::map<Seat, Deliver> seats_ MUSTER_GUARDED_BY(mutex_);
  std::map<JobId, Job> jobs_ MUSTER_GUARDED_BY(mutex_);
  std::map<Buffer, JobId> by_key_ MUSTER_GUARDED_BY(mutex_);
  std::size_t waiting_ MUSTER_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_ MUSTER_GUARDED_BY(mutex_) = 0;
};

}  // namespace muster::responder
