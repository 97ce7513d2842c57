#include "muster/check/scan.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

namespace muster::check {
namespace {

using Reports = std::vector<client::TargetReport>;

/// How often the pool looks whether somebody has become slow.
constexpr Milliseconds kLook{50};

MonotonicTime now() { return std::chrono::steady_clock::now(); }

class Scan {
 public:
  Scan(std::size_t count, const CheckOne& check_one, const ScanOptions& options,
       const Deliver& deliver)
      : count_(count),
        check_one_(check_one),
        options_(options),
        jobs_(std::clamp(options.jobs, 1U, kMaxJobs)),
        deliver_(deliver),
        begun_(now()) {}

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

  /// Targets that move: begun not longer than slow_after ago.
  [[nodiscard]] unsigned moving(MonotonicTime at) const {
    return static_cast<unsigned>(std::count_if(
        under_way_.begin(), under_way_.end(),
        [&](const auto& target) { return at - target.second < options_.slow_after; }));
  }

  /// Begins workers while there is something to do and room for it. Holds the lock.
  void enlist() {
    const MonotonicTime at = now();
    const unsigned moving_now = moving(at);
    for (unsigned begun = moving_now;
         begun < jobs_ && next_ < count_ && under_way_.size() < kMaxUnderWay; ++begun) {
      const std::size_t mine = next_++;
      under_way_[mine] = at;
      const Worker worker = workers_.emplace(workers_.end());
      try {
        *worker = std::jthread([this, mine, worker] { work(mine, worker); });
      } catch (const std::system_error&) {  // no more threads now: those there go on
        workers_.erase(worker);
        under_way_.erase(mine);
        --next_;
        return;
      }
    }
  }

  /// Where not a single thread is to be had the calling one does the work. Holds the lock.
  bool work_alone(std::unique_lock<std::mutex>& lock) {
    if (!under_way_.empty() || next_ == count_) {
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
      Reports reports = check_one_(mine);
      const std::lock_guard lock(mutex_);
      under_way_.erase(mine);
      ready_.emplace(mine, std::move(reports));
      ++done_;
      changed_.notify_one();
      // Whoever comes back from a slow target finds its place taken.
      if (next_ == count_ || moving(now()) >= jobs_) {
        retired_.push_back(self);
        return;
      }
      mine = next_++;
      under_way_[mine] = now();
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
  const unsigned jobs_;
  const Deliver& deliver_;
  const MonotonicTime begun_;
  MonotonicTime next_told_{};  // the calling thread's alone

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::size_t next_ = 0, done_ = 0, handed_over_ = 0;
  std::map<std::size_t, MonotonicTime> under_way_;  // when each was begun
  std::map<std::size_t, Reports> ready_;
  std::list<std::jthread> workers_;
  std::vector<Worker> retired_;
};

}  // namespace

void scan(std::size_t count, const CheckOne& check_one, const ScanOptions& options,
          const Deliver& deliver) {
  Scan(count, check_one, options, deliver).run();
}

Reports check_all(const std::vector<Unit>& units, const Plan& plan, const Clock& clock,
                  const ScanOptions& options) {
  const TargetCheck check(plan, clock);
  Reports all;
  scan(
      units.size(), [&](std::size_t index) { return check.run(units[index]); }, options,
      [&](std::size_t, Reports reports) {
        std::move(reports.begin(), reports.end(), std::back_inserter(all));
      });
  return all;
}

}  // namespace muster::check
