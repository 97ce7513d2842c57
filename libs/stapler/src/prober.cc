#include "prober.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "muster/base/thread.h"

namespace muster::stapler {

struct Prober::Impl {
  explicit Impl(net::Loop& l) : loop(l) {}

  struct Job {
    probe::ProbeRequest request;
    std::function<void(const Seen&)> done;
  };

  net::Loop& loop;
  std::size_t in_flight = 0;  // loop's thread

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> queue;  // guarded by mutex
  bool ending = false;    // guarded by mutex
  std::vector<std::jthread> threads;
};

Prober::Prober(net::Loop& loop) : impl_(std::make_shared<Impl>(loop)) {}

Prober::~Prober() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
    impl_->queue.clear();
  }
  impl_->wake.notify_all();
  impl_->threads.clear();  // joins
}

std::size_t Prober::in_flight() const { return impl_->in_flight; }

void Prober::ask(probe::ProbeRequest request, std::function<void(const Seen&)> done) {
  ++impl_->in_flight;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->queue.push_back({std::move(request), std::move(done)});
  }
  if (impl_->threads.size() < std::min(kThreads, impl_->in_flight)) {
    impl_->threads.emplace_back([impl = impl_.get(), weak = std::weak_ptr<Impl>(impl_)] {
      give_way();
      for (;;) {
        Impl::Job job;
        {
          std::unique_lock lock(impl->mutex);
          impl->wake.wait(lock, [impl] { return impl->ending || !impl->queue.empty(); });
          if (impl->ending) {
            return;
          }
          job = std::move(impl->queue.front());
          impl->queue.pop_front();
        }
        auto seen = std::make_shared<Seen>(probe::probe(job.request));
        impl->loop.post([weak, seen = std::move(seen), done = std::move(job.done)] {
          if (const auto self = weak.lock()) {
            --self->in_flight;
            done(*seen);
          }
        });
      }
    });
  }
  impl_->wake.notify_one();
}

}  // namespace muster::stapler
