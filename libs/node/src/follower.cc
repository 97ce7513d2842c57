#include "follower.h"

#include "muster/base/assert.h"

namespace muster::node {
namespace {

constexpr Milliseconds kAfterAWrite{200};

}  // namespace

struct Follower::Shared {
  Shared(std::shared_ptr<store::Store> store, const Clock& clock, Logger& logger, LeftBehind count)
      : lease(std::move(store), clock, logger), left_behind(std::move(count)) {}

  Lease lease;
  const LeftBehind left_behind;
  std::unique_ptr<source::SourceWatcher> watcher;  ///< the ending thread's once the end has begun
  std::mutex mutex;
  std::condition_variable moved;
  bool has_ended = false, is_left_behind = false;  ///< under mutex
};

Follower::Follower(std::shared_ptr<store::Store> store, source::SourceSpec spec,
                   const source::WatchOptions& options, const Clock& clock, Logger& logger,
                   LeftBehind left_behind)
    : spec_(std::move(spec)),
      shared_(std::make_shared<Shared>(std::move(store), clock, logger, std::move(left_behind))) {
  Lease& lease = shared_->lease;
  shared_->watcher = std::make_unique<source::SourceWatcher>(
      lease, std::vector<source::SourceSpec>{spec_}, options, lease, lease);
}

Follower::~Follower() {
  begin_end();
  end(std::chrono::steady_clock::now() + kLettingGo);
}

source::SourceStatus Follower::status() const {
  MUSTER_ASSERT(!has_begun_to_end_);
  return shared_->watcher->status().front();
}

std::optional<source::SourceStatus> Follower::wait_until_checked(Milliseconds timeout) const {
  MUSTER_ASSERT(!has_begun_to_end_);
  const auto states = shared_->watcher->wait_until_checked(timeout);
  return states ? std::optional(states->front()) : std::nullopt;
}

void Follower::look_now() {
  MUSTER_ASSERT(!has_begun_to_end_);
  shared_->watcher->look_now();
}

void Follower::begin_end() {
  if (std::exchange(has_begun_to_end_, true)) {
    return;
  }
  // A thread of its own, since it waits for one that may be in open() of a file system that is
  // gone. What both use is theirs too.
  ender_ = std::thread([shared = shared_] {
    shared->watcher.reset();
    const std::lock_guard lock(shared->mutex);
    shared->has_ended = true;
    if (shared->is_left_behind) {
      --*shared->left_behind;
    }
    shared->moved.notify_all();
  });
}

Follower::End Follower::end(MonotonicTime deadline) {
  MUSTER_ASSERT(has_begun_to_end_);
  const auto ended = [this] { return shared_->has_ended; };
  std::unique_lock lock(shared_->mutex);
  if (!std::exchange(has_ended_, true) && !shared_->moved.wait_until(lock, deadline, ended)) {
    lock.unlock();
    shared_->lease.end();  // a large commit under way may be all that was waited for
    lock.lock();
    if (!shared_->moved.wait_for(lock, kAfterAWrite, ended)) {
      shared_->is_left_behind = true;
      ++*shared_->left_behind;
    }
  }
  const End end = shared_->is_left_behind ? End::kLeftBehind : End::kEnded;
  lock.unlock();
  if (ender_.joinable()) {
    // One that ended is gone for good before we return: it must not run into the process's end.
    if (end == End::kEnded) {
      ender_.join();
    } else {
      ender_.detach();
    }
  }
  shared_->lease.end();
  return end;
}

void end_all(const Followers& followers, Logger& logger, Milliseconds patience) {
  for (const auto& one : followers) {
    one->begin_end();
  }
  const MonotonicTime deadline = std::chrono::steady_clock::now() + patience;
  for (const auto& one : followers) {
    if (one->end(deadline) == Follower::End::kLeftBehind) {
      logger.log(LogLevel::kError, "source.left_behind",
                 "the file system does not answer; the thread that waits for it is left there and "
                 "will write nothing (look after the mount)",
                 {{"issuer", one->spec().label}, {"path", one->spec().path}});
    }
  }
}

}  // namespace muster::node
