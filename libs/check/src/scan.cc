#include "muster/check/scan.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "muster/base/turns.h"

namespace muster::check {
namespace {

using Reports = std::vector<client::TargetReport>;

/// How often the pool looks whether somebody has become slow.
constexpr Milliseconds kLook{50};
/// Targets whose cost must be known before more than kFirstJobs are begun.
constexpr std::int64_t kFewToGoBy = 8;
/// What part of the patience with peers may go by while threads wait for their turns: one of these.
constexpr std::int64_t kQueueShare = 2;
constexpr unsigned kTurnsPerCore = 2;
/// Descriptors of a target (connections to its addresses, a question), and all others.
constexpr rlim_t kDescriptorsEach = 2;
constexpr rlim_t kOtherDescriptors = 128;

MonotonicTime now() { return std::chrono::steady_clock::now(); }

/// As many of kMaxUnderWay as the process may have descriptors for.
std::size_t targets_that_fit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return kMaxUnderWay;
  }
  const rlim_t others = std::min(limit.rlim_cur / 4, kOtherDescriptors);
  const rlim_t fit = (limit.rlim_cur - others) / kDescriptorsEach;  // RLIM_INFINITY is the greatest
  return static_cast<std::size_t>(std::clamp<rlim_t>(fit, 1, kMaxUnderWay));
}

unsigned turns_of(const ScanOptions& options) {
  const unsigned wanted = options.turns != 0
                              ? options.turns
                              : kTurnsPerCore * std::max(1U, std::thread::hardware_concurrency());
  return std::min(wanted, kMaxUnderWay);
}

class Scan {
 public:
  Scan(std::size_t count, const CheckOne& check_one, const ScanOptions& options,
       const Deliver& deliver)
      : count_(count),
        check_one_(check_one),
        options_(options),
        most_(targets_that_fit()),
        at_a_time_(turns_of(options)),
        deliver_(deliver),
        begun_(now()),
        turns_(at_a_time_) {}

  void run() {
    tell(now());
    std::unique_lock lock(mutex_);
    while (handed_over_ < count_) {
      enlist();
      join_retired(lock);
      if (hand_over(lock) || work_alone(lock)) {
        continue;
      }
      changed_.wait_for(lock, kLook);
      turns_.pass_over(options_.slow_after);
      if (options_.progress && now() >= next_told_ && done_ < count_) {
        lock.unlock();
        tell(now());
        lock.lock();
      }
    }
    lock.unlock();
    for (std::jthread& worker : workers_) {
      worker.join();
    }
    tell(now());
  }

 private:
  using Worker = std::list<std::jthread>::iterator;

  /// Targets that may be under way now, beside those that only wait for slow peers. Holds the lock.
  [[nodiscard]] std::size_t jobs() const {
    if (options_.jobs) {
      return std::clamp(*options_.jobs, 1U, kMaxJobs);
    }
    if (measured_ < kFewToGoBy) {
      return kFirstJobs;
    }
    // All turns together work off one in cost / turns. What is begun now waits for its turn until
    // those begun before it are through, and its peer must not seem slow by that.
    const auto most_in_queue = std::chrono::nanoseconds(options_.patience) / kQueueShare;
    const auto cost = std::max(cost_ / measured_, std::chrono::nanoseconds(1));
    return static_cast<std::size_t>(
        std::clamp<std::int64_t>(most_in_queue / cost * at_a_time_, at_a_time_, kMaxUnderWay));
  }

  /// Whether one more may be under way. Holds the lock.
  [[nodiscard]] bool has_room() {
    const std::size_t most = jobs();
    return under_way_ < most_ &&
           (under_way_ < most || under_way_ - turns_.pass_over(options_.slow_after) < most);
  }

  /// Begins workers while there is something to do and room for it. Holds the lock.
  void enlist() {
    while (next_ < count_ && has_room()) {
      const std::size_t mine = next_++;
      ++under_way_;
      const Worker worker = workers_.emplace(workers_.end());
      try {
        *worker = std::jthread([this, mine, worker] { work(mine, worker); });
      } catch (const std::system_error&) {  // no more threads now: those there go on
        workers_.erase(worker);
        --under_way_;
        --next_;
        return;
      }
    }
  }

  /// Where not a single thread is to be had the calling one does the work. Holds the lock.
  bool work_alone(std::unique_lock<std::mutex>& lock) {
    if (under_way_ != 0 || next_ == count_) {
      return false;
    }
    const std::size_t mine = next_++;
    lock.unlock();
    Reports reports = check_one_(mine);
    lock.lock();
    ready_.emplace(mine, std::move(reports));
    ++done_;
    return true;
  }

  void work(std::size_t mine, Worker self) {
    for (;;) {
      Reports reports;
      std::chrono::nanoseconds cost{0};
      {
        Turn turn(turns_);
        reports = check_one_(mine);
        cost = turn.held();
      }
      const std::lock_guard lock(mutex_);
      --under_way_;
      ready_.emplace(mine, std::move(reports));
      ++done_;
      cost_ += cost;
      ++measured_;
      changed_.notify_one();
      // Whoever comes back from a slow target finds its place taken.
      if (next_ == count_ || !has_room()) {
        retired_.push_back(self);
        return;
      }
      mine = next_++;
      ++under_way_;
    }
  }

  void join_retired(std::unique_lock<std::mutex>& lock) {
    while (!retired_.empty()) {
      const Worker worker = retired_.back();
      retired_.pop_back();
      std::jthread ended = std::move(*worker);
      workers_.erase(worker);
      lock.unlock();
      ended.join();
      lock.lock();
    }
  }

  /// Hands over what is ready and due; whether there was anything.
  bool hand_over(std::unique_lock<std::mutex>& lock) {
    const auto first = ready_.begin();
    if (first == ready_.end() ||
        (options_.order == ScanOptions::Order::kAsNamed && first->first != handed_over_)) {
      return false;
    }
    auto next = ready_.extract(first);
    ++handed_over_;
    lock.unlock();
    deliver_(next.key(), std::move(next.mapped()));
    lock.lock();
    return true;
  }

  void tell(MonotonicTime at) {
    if (!options_.progress) {
      return;
    }
    Progress progress;
    {
      const std::lock_guard lock(mutex_);
      progress.done = done_;
    }
    progress.total = count_;
    progress.elapsed = std::chrono::round<Milliseconds>(at - begun_);
    if (progress.done > 0) {
      progress.left = Milliseconds(progress.elapsed.count() *
                                   static_cast<std::int64_t>(count_ - progress.done) /
                                   static_cast<std::int64_t>(progress.done));
    }
    next_told_ = at + options_.progress_interval;
    options_.progress(progress);
  }

  const std::size_t count_;
  const CheckOne& check_one_;
  const ScanOptions& options_;
  const std::size_t most_;  // for which there are descriptors
  const unsigned at_a_time_;
  const Deliver& deliver_;
  const MonotonicTime begun_;
  MonotonicTime next_told_{};  // the calling thread's alone

  Turns turns_;  // locked after mutex_, never before
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::size_t next_ = 0, done_ = 0, handed_over_ = 0, under_way_ = 0;
  std::chrono::nanoseconds cost_{0};  // of measured_ targets together, in time that turns were held
  std::int64_t measured_ = 0;
  std::map<std::size_t, Reports> ready_;
  std::list<std::jthread> workers_;
  std::vector<Worker> retired_;
};

}  // namespace

void scan(std::size_t count, const CheckOne& check_one, const ScanOptions& options,
          const Deliver& deliver) {
  Scan(count, check_one, options, deliver).run();
}

void allow_descriptors() {
  constexpr rlim_t kWanted = kMaxUnderWay * kDescriptorsEach + kOtherDescriptors;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < kWanted) {
    limit.rlim_cur = std::min(limit.rlim_max, kWanted);
    ::setrlimit(RLIMIT_NOFILE, &limit);  // what it may have decides how many targets are begun
  }
}

Reports check_all(const std::vector<Unit>& units, const Plan& plan, const Clock& clock,
                  const ScanOptions& options) {
  const TargetCheck check(plan, clock, units.size() == 1 ? Targets::kOne : Targets::kMany);
  Reports all;
  scan(
      units.size(), [&](std::size_t index) { return check.run(units[index]); }, options,
      [&](std::size_t, Reports reports) {
        std::move(reports.begin(), reports.end(), std::back_inserter(all));
      });
  return all;
}

}  // namespace muster::check
