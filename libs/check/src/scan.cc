#include "muster/check/scan.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace muster::check {
namespace {

using Reports = std::vector<client::TargetReport>;

constexpr std::size_t kWorkers = 8;

MonotonicTime now() { return std::chrono::steady_clock::now(); }

class Scan {
 public:
  Scan(std::size_t count, const CheckOne& check_one, const ScanOptions& options)
      : count_(count), check_one_(check_one), options_(options) {}

  void run(const Deliver& deliver) {
    tell(0);
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min(kWorkers, count_); ++i) {
      workers.emplace_back([this] { work(); });
    }
    std::unique_lock lock(mutex_);
    for (std::size_t handed_over = 0; handed_over < count_;) {
      const auto first = ready_.begin();
      if (first != ready_.end() &&
          (options_.order == ScanOptions::Order::kAsReady || first->first == handed_over)) {
        auto next = ready_.extract(first);
        ++handed_over;
        lock.unlock();
        deliver(next.key(), std::move(next.mapped()));
        lock.lock();
        continue;
      }
      changed_.wait_for(lock, options_.progress_interval);
      const std::size_t done = done_;
      if (done < count_ && now() >= next_told_) {
        lock.unlock();
        tell(done);
        lock.lock();
      }
    }
    lock.unlock();
    tell(count_);
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (next_ < count_) {
      const std::size_t mine = next_++;
      lock.unlock();
      Reports reports = check_one_(mine);
      lock.lock();
      ready_.emplace(mine, std::move(reports));
      ++done_;
      changed_.notify_one();
    }
  }

  void tell(std::size_t done) {
    if (!options_.progress) {
      return;
    }
    Progress progress{done, count_, std::chrono::round<Milliseconds>(now() - begun_), {}};
    if (done > 0) {
      progress.left = progress.elapsed * static_cast<std::int64_t>(count_ - done) /
                      static_cast<std::int64_t>(done);
    }
    next_told_ = now() + options_.progress_interval;
    options_.progress(progress);
  }

  const std::size_t count_;
  const CheckOne& check_one_;
  const ScanOptions& options_;
  const MonotonicTime begun_ = now();
  MonotonicTime next_told_{};  // the calling thread's alone
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::size_t next_ = 0, done_ = 0;
  std::map<std::size_t, Reports> ready_;
};

}  // namespace

void scan(std::size_t count, const CheckOne& check_one, const ScanOptions& options,
          const Deliver& deliver) {
  Scan(count, check_one, options).run(deliver);
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
