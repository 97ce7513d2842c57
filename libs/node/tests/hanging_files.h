#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>

namespace muster::node {

/// A file system of which some paths do not answer until it is mended.
class HangingFiles {
 public:
  /// For source::LoadOptions::before_open_for_test.
  [[nodiscard]] std::function<void(const std::string&)> hook() {
    return [this](const std::string& path) { open(path); };
  }
  void hang(const std::string& path) {
    const std::lock_guard lock(mutex_);
    hanging_.insert(path);
  }
  void mend() {
    const std::lock_guard lock(mutex_);
    hanging_.clear();
    moved_.notify_all();
  }
  int hanging() {
    const std::lock_guard lock(mutex_);
    return now_hanging_;
  }
  /// Until `count` threads hang; false when they do not within half a minute.
  bool wait_for_hanging(int count = 1) {
    std::unique_lock lock(mutex_);
    return moved_.wait_for(lock, std::chrono::seconds(30), [&] { return now_hanging_ >= count; });
  }

 private:
  void open(const std::string& path) {
    std::unique_lock lock(mutex_);
    ++now_hanging_;
    moved_.notify_all();
    moved_.wait(lock, [&] { return !hanging_.contains(path); });
    --now_hanging_;
    moved_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable moved_;
  std::set<std::string> hanging_;
  int now_hanging_ = 0;
};

}  // namespace muster::node
