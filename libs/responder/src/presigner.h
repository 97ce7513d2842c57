#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "ahead_signer.h"
#include "muster/base/log.h"
#include "muster/responder/presign.h"

namespace muster::responder {

/// Threads that keep the answers of whole issuers signed: one looks at all serials, others sign
/// what it found. Threads: all methods from one, totals() and wake() from any.
class Presigner {
 public:
  /// Serials that wait to be signed for.
  static constexpr std::size_t kQueue = std::size_t{1} << 18U;
  /// References outlive it. \param clock_error  as ServiceOptions::clock_error
  Presigner(PresignOptions options, const store::Store& store, const Clock& clock, Logger& logger,
            std::function<std::optional<Milliseconds>()> clock_error, std::size_t queue = kQueue);
  ~Presigner() { stop(); }
  Presigner(const Presigner&) = delete;
  Presigner& operator=(const Presigner&) = delete;

  /// Signs for `setup` into `exchange` from now on; what was signed before and still holds is taken
  /// over. Threads start with the first setup that wants something signed ahead.
  void adopt(std::shared_ptr<const Setup> setup, std::shared_ptr<AnswerExchange> exchange);
  /// The store changed.
  void wake();
  /// Writes the file and ends the threads. Idempotent.
  void stop();
  [[nodiscard]] PresignTotals totals() const;

 private:
  /// What is signed for.
  struct Task {
    std::uint64_t number = 0;  ///< counts adopt()
    std::shared_ptr<const Setup> setup;
    std::shared_ptr<AnswerExchange> exchange;
  };
  /// Where a look that filled the queue goes on.
  struct Resume {
    std::size_t issuer = 0;
    std::optional<Serial> after;
    std::uint64_t answers = 0;  ///< up to there
  };
  struct Found {
    PresignItem item;
    PresignUrgency urgency;
    std::uint64_t answers;  ///< as Resume::answers
  };
  /// One look at all serials, or as many as the queue takes.
  struct Look {
    const Task& task;
    Resume handed;  ///< the last one the queue took
    std::vector<Found> found;
    bool is_full, is_stopped;
    [[nodiscard]] bool is_over() const { return is_full || is_stopped; }
  };
  void look_on();
  void sign_on();
  void sign(AheadSigner& signer, const Task& task, const std::vector<PresignItem>& items);
  void look(AheadSigner& signer, const Task& task, std::uint64_t sequence);
  /// Puts what was found into the queue.
  void hand_over(Look& look);
  void restore(AheadSigner& signer, const Task& task, const Task& before);
  void save(const Task& task);
  [[nodiscard]] bool is_over(const Task& task) const;
  [[nodiscard]] std::unique_ptr<AheadSigner> signer_for(const Task& task) const;
  /// Sleeps so that this thread stays within its share of a core.
  void rest();

  const PresignOptions options_;
  const store::Store& store_;
  const Clock& clock_;
  Logger& logger_;
  const std::function<std::optional<Milliseconds>()> clock_error_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Task task_;  ///< under mutex_, as the four below
  PresignQueue queue_;
  const std::size_t few_;  ///< in the queue: time to find more
  SignatureBudget budget_;
  bool woken_ = false;
  /// Written under mutex_, too.
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> task_number_{0};  ///< that of task_

  std::atomic<std::uint64_t> signatures_{0}, flips_{0}, failures_{0}, shed_{0}, looks_{0},
      restored_{0}, discarded_{0}, saves_{0}, save_failures_{0};

  // of the thread that looks
  LookSchedule schedule_;
  Resume resume_;
  std::uint64_t saved_signatures_ = 0;

  std::vector<std::thread> threads_;  ///< last: they use all of the above
};

}  // namespace muster::responder
