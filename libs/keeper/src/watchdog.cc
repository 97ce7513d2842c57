#include "muster/keeper/watchdog.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace muster::keeper {

std::optional<Milliseconds> StallJudge::look(std::uint64_t count, MonotonicTime now) {
  const MonotonicTime before = std::exchange(looked_, now);
  if (count_ == count && now - before > limit_) {
    moved_ += now - before;
  }
  if (count_ != count) {
    count_ = count;
    moved_ = now;
    return std::exchange(told_, 0U) != 0 ? std::optional(Milliseconds(0)) : std::nullopt;
  }
  const Milliseconds still = std::chrono::duration_cast<Milliseconds>(now - moved_);
  if (still < limit_ * (told_ + 1)) {
    return std::nullopt;
  }
  told_ = static_cast<unsigned>(still / limit_);
  return still;
}

struct Watchdog::Impl {
  Impl(std::function<std::uint64_t()> c, Milliseconds l, std::function<void(Milliseconds)> s)
      : count(std::move(c)), limit(l), stalled(std::move(s)) {}

  void run() {
    StallJudge judge(limit);
    const Milliseconds pause = std::max(limit / 8, Milliseconds(1));
    std::unique_lock lock(mutex);
    while (!stopping) {
      lock.unlock();
      if (const auto news = judge.look(count(), std::chrono::steady_clock::now())) {
        stalled(*news);
      }
      lock.lock();
      wake.wait_for(lock, pause, [this] { return stopping; });
    }
  }

  const std::function<std::uint64_t()> count;
  const Milliseconds limit;
  const std::function<void(Milliseconds)> stalled;
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  std::thread thread;
};

Watchdog::Watchdog(std::function<std::uint64_t()> count, Milliseconds limit,
                   std::function<void(Milliseconds)> stalled)
    : impl_(std::make_unique<Impl>(std::move(count), limit, std::move(stalled))) {
  impl_->thread = std::thread([raw = impl_.get()] { raw->run(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  impl_->thread.join();
}

}  // namespace muster::keeper
