#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "muster/base/assert.h"
#include "muster/net/loop.h"

namespace muster::net {

struct SignalWatch::Impl final : FdHandler {
  explicit Impl(Loop& l) : loop(l) {}

  void on_ready(std::uint32_t) noexcept override {
    signalfd_siginfo info{};
    while (::read(fd.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      action(static_cast<int>(info.ssi_signo));
    }
  }

  Loop& loop;
  UniqueFd fd;
  sigset_t previous{};
  std::function<void(int)> action;
};

SignalWatch::SignalWatch(Loop& loop, std::initializer_list<int> signals,
                         std::function<void(int)> action)
    : impl_(std::make_unique<Impl>(loop)) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) {
    sigaddset(&set, signal);
  }
  MUSTER_ASSERT(::pthread_sigmask(SIG_BLOCK, &set, &impl_->previous) == 0);
  impl_->action = std::move(action);
  impl_->fd.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  MUSTER_ASSERT(impl_->fd);
  MUSTER_ASSERT(loop.add(impl_->fd.get(), EPOLLIN, *impl_) == WatchResult::kWatched);
}

SignalWatch::~SignalWatch() {
  impl_->loop.remove(impl_->fd.get());
  ::pthread_sigmask(SIG_SETMASK, &impl_->previous, nullptr);
}

}  // namespace muster::net
