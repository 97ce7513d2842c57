#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "muster/testing/eventually.h"

namespace muster::node {

/// A file system of which some paths do not answer until it is mended, at its end at the latest.
/// Its end waits for the threads that may use it: they must not run while the process ends.
class HangingFiles {
 public:
  HangingFiles() = default;
  ~HangingFiles() {
    mend();
    // Each of them has a copy of the hook for as long as it reads.
    testing::eventually([this] { return state_.use_count() <= 1; });
  }
  HangingFiles(const HangingFiles&) = delete;
  HangingFiles& operator=(const HangingFiles&) = delete;

  /// For source::LoadOptions::before_open_for_test.
  [[nodiscard]] std::function<void(const std::string&)> hook() const {
    return [state = state_](const std::string& path) { state->open(path); };
  }
  void hang(const std::string& path) {
    const std::lock_guard lock(state_->mutex);
    state_->hanging.insert(path);
  }
  void mend() {
    const std::lock_guard lock(state_->mutex);
    state_->hanging.clear();
    state_->moved.notify_all();
  }
  int hanging() {
    const std::lock_guard lock(state_->mutex);
    return state_->now_hanging;
  }
  /// Until `count` threads hang; false when they do not within half a minute.
  bool wait_for_hanging(int count = 1) {
    std::unique_lock lock(state_->mutex);
    return state_->moved.wait_for(lock, std::chrono::seconds(30),
                                  [&] { return state_->now_hanging >= count; });
  }

 private:
  struct State {
    void open(const std::string& path) {
      std::unique_lock lock(mutex);
      ++now_hanging;
      moved.notify_all();
      moved.wait(lock, [&] { return !hanging.contains(path); });
      --now_hanging;
      moved.notify_all();
    }
    std::mutex mutex;
    std::condition_variable moved;
    std::set<std::string> hanging;
    int now_hanging = 0;
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace muster::node
