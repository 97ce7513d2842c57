#include "muster/net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <limits>
#include <thread>
#include <unordered_map>
#include <vector>

#include "muster/base/assert.h"
#include "muster/base/mutex.h"

namespace muster::net {
namespace {

constexpr std::uint64_t kWakeToken = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kEventsPerTurn = 256;
/// Cancelled timers stay in the heap until they outnumber the live ones.
constexpr std::size_t kMinHeapForCompaction = 64;

struct HeapEntry {
  MonotonicTime when;
  TimerId id;
};
bool later(const HeapEntry& a, const HeapEntry& b) {
  return a.when > b.when || (a.when == b.when && a.id > b.id);
}

}  // namespace

struct Loop::Impl {
  struct Watch {
    FdHandler* handler = nullptr;
    std::uint32_t generation =
        0;  // moves when the descriptor is removed: events fetched before are stale
  };

  // Constant after construction.
  UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  UniqueFd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

  // Own synchronisation.
  std::atomic<bool> stopping{false};

  // Loop's thread.
  std::vector<Watch> watches;  // by descriptor
  std::vector<HeapEntry> heap;
  std::unordered_map<TimerId, std::function<void()>> timers;
  TimerId next_timer = 1;
  MonotonicTime turn_time;
  MonotonicTime ready_since;
  std::size_t watched = 0;
  std::deque<MonotonicTime> full_looks;  ///< in a row, the newest last; as many as see all watched
  bool is_running = false;
  bool is_behind = false;

  // Guarded.
  Mutex mutex;
  std::vector<std::function<void()>> posted MUSTER_GUARDED_BY(mutex);
  std::thread::id runner MUSTER_GUARDED_BY(mutex);  ///< inside run(); else nobody's

  std::uint64_t token(int fd) const {
    const auto index = static_cast<std::size_t>(fd);
    return (std::uint64_t{watches[index].generation} << 32) | static_cast<std::uint32_t>(fd);
  }

  void wake_up() const {
    const std::uint64_t one = 1;
    // Full counter (EAGAIN) means it is awake already.
    while (::write(wake.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
  }

  int timeout_ms() {
    while (!heap.empty() && !timers.contains(heap.front().id)) {
      std::pop_heap(heap.begin(), heap.end(), later);
      heap.pop_back();
    }
    if (heap.empty()) {
      return -1;
    }
    const auto left =
        std::chrono::ceil<Milliseconds>(heap.front().when - std::chrono::steady_clock::now())
            .count();
    return static_cast<int>(std::clamp<long long>(left, 0, std::numeric_limits<int>::max()));
  }

  /// What is ready, if need be after waiting for it; how many. Begins a turn.
  int look(std::array<epoll_event, kEventsPerTurn>& events) {
    const auto ask = [&](int timeout) {
      const int count =
          ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), timeout);
      MUSTER_ASSERT(count >= 0 || errno == EINTR);
      return count;
    };
    int count = ask(0);
    const bool was_idle = count == 0;
    if (was_idle && !has_posted()) {
      count = ask(timeout_ms());
    }
    const MonotonicTime now = std::chrono::steady_clock::now();
    if (was_idle) {
      ready_since = now;
    } else if (!is_behind) {
      ready_since = turn_time;  // the look before saw all there was
    } else {
      note_full_look();
    }
    if (was_idle || !is_behind) {
      full_looks.clear();
    }
    turn_time = now;
    is_behind = count == static_cast<int>(events.size());
    return count;
  }

  /// The look before was full. The kernel hands out what is ready in turn: what was there before so
  /// many looks has been seen.
  void note_full_look() {
    full_looks.push_back(turn_time);
    while (full_looks.size() > watched / kEventsPerTurn + 2) {
      full_looks.pop_front();
      ready_since = full_looks.front();
    }
  }

  void dispatch(const epoll_event& event) {
    if (event.data.u64 == kWakeToken) {
      std::uint64_t count = 0;
      while (::read(wake.get(), &count, sizeof count) < 0 && errno == EINTR) {
      }
      return;
    }
    const auto fd = static_cast<std::size_t>(event.data.u64 & 0xffffffffU);
    const auto generation = static_cast<std::uint32_t>(event.data.u64 >> 32);
    const Watch watch = watches[fd];
    if (watch.handler != nullptr && watch.generation == generation) {
      watch.handler->on_ready(event.events);
    }
  }

  void run_due_timers() {
    while (!heap.empty() && heap.front().when <= turn_time) {
      const TimerId id = heap.front().id;
      std::pop_heap(heap.begin(), heap.end(), later);
      heap.pop_back();
      if (auto node = timers.extract(id)) {
        node.mapped()();
      }
    }
  }

  /// Its own thread wakes nobody up when it posts: asked before each wait.
  bool has_posted() {
    MutexLock lock(mutex);
    return !posted.empty();
  }

  void set_runner(std::thread::id id) {
    MutexLock lock(mutex);
    runner = id;
  }

  void run_posted() {
    std::vector<std::function<void()>> batch;
    {
      MutexLock lock(mutex);
      batch.swap(posted);
    }
    for (auto& action : batch) {
      action();
    }
  }
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {
  MUSTER_ASSERT(impl_->epoll && impl_->wake);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeToken;
  MUSTER_ASSERT(::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_ADD, impl_->wake.get(), &event) == 0);
}

Loop::~Loop() = default;

WatchResult Loop::add(int fd, std::uint32_t events, FdHandler& handler) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= impl_->watches.size()) {
    impl_->watches.resize(index + index / 2 + 16);
  }
  MUSTER_ASSERT(impl_->watches[index].handler == nullptr);
  epoll_event event{};
  event.events = events;
  event.data.u64 = impl_->token(fd);
  if (::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    MUSTER_ASSERT(errno == ENOSPC || errno == ENOMEM);
    return WatchResult::kNoRoom;
  }
  impl_->watches[index].handler = &handler;
  ++impl_->watched;
  return WatchResult::kWatched;
}

void Loop::modify(int fd, std::uint32_t events, FdHandler& handler) {
  const auto index = static_cast<std::size_t>(fd);
  MUSTER_ASSERT(index < impl_->watches.size() && impl_->watches[index].handler != nullptr);
  impl_->watches[index].handler = &handler;
  epoll_event event{};
  event.events = events;
  event.data.u64 = impl_->token(fd);
  MUSTER_ASSERT(::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void Loop::remove(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= impl_->watches.size() || impl_->watches[index].handler == nullptr) {
    return;
  }
  impl_->watches[index].handler = nullptr;
  ++impl_->watches[index].generation;
  --impl_->watched;
  epoll_event ignored{};
  ::epoll_ctl(impl_->epoll.get(), EPOLL_CTL_DEL, fd, &ignored);
}

TimerId Loop::at(MonotonicTime when, std::function<void()> action) {
  const TimerId id = impl_->next_timer++;
  impl_->timers.emplace(id, std::move(action));
  impl_->heap.push_back({when, id});
  std::push_heap(impl_->heap.begin(), impl_->heap.end(), later);
  return id;
}

TimerId Loop::after(Milliseconds delay, std::function<void()> action) {
  return at(std::chrono::steady_clock::now() + delay, std::move(action));
}

void Loop::cancel(TimerId id) {
  Impl& impl = *impl_;
  impl.timers.erase(id);
  if (impl.heap.size() > kMinHeapForCompaction && impl.heap.size() > 2 * impl.timers.size()) {
    std::erase_if(impl.heap,
                  [&](const HeapEntry& entry) { return !impl.timers.contains(entry.id); });
    std::make_heap(impl.heap.begin(), impl.heap.end(), later);
  }
}

void Loop::post(std::function<void()> action) {
  bool is_first_of_others = false;
  {
    MutexLock lock(impl_->mutex);
    is_first_of_others = impl_->posted.empty() && impl_->runner != std::this_thread::get_id();
    impl_->posted.push_back(std::move(action));
  }
  if (is_first_of_others) {
    impl_->wake_up();
  }
}

void Loop::run() {
  Impl& impl = *impl_;
  std::array<epoll_event, kEventsPerTurn> events;
  impl.is_running = true;
  impl.set_runner(std::this_thread::get_id());
  impl.turn_time = std::chrono::steady_clock::now();
  while (!impl.stopping.load(std::memory_order_acquire)) {
    const int count = impl.look(events);
    for (int i = 0; i < count; ++i) {
      impl.dispatch(events[static_cast<std::size_t>(i)]);
    }
    impl.run_due_timers();
    impl.run_posted();
  }
  impl.set_runner({});
  impl.is_running = false;
  impl.stopping.store(false, std::memory_order_release);
}

void Loop::stop() {
  impl_->stopping.store(true, std::memory_order_release);
  impl_->wake_up();
}

MonotonicTime Loop::now() const {
  return impl_->is_running ? impl_->turn_time : std::chrono::steady_clock::now();
}

bool Loop::is_behind() const { return impl_->is_behind; }

MonotonicTime Loop::ready_since() const { return impl_->ready_since; }

}  // namespace muster::net
