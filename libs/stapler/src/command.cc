#include "command.h"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "muster/base/spawn.h"

namespace muster::stapler {
namespace {

constexpr Milliseconds kFirstLook{5};
constexpr Milliseconds kLastLook{200};

std::string os_text(int error) {
  char text[128];
  return ::strerror_r(error, text, sizeof text);
}

CommandEnd end_of(::pid_t waited, int status) {
  if (waited < 0) {
    return {CommandEnd::How::kFailed, "ended nobody knows how: its exit code is gone"};
  }
  if (!WIFEXITED(status)) {
    return {CommandEnd::How::kFailed, "was ended by a signal"};
  }
  if (WEXITSTATUS(status) != 0) {
    return {CommandEnd::How::kFailed,
            "failed with exit code " + std::to_string(WEXITSTATUS(status))};
  }
  return {};
}

/// Takes in a child that was killed, whenever it ends: one that hangs in a disk or a file system
/// does not hold up the loop.
void reap(net::Loop& loop, ::pid_t child, Milliseconds pause) {
  const ::pid_t waited = ::waitpid(child, nullptr, WNOHANG);
  if (waited == 0 || (waited < 0 && errno == EINTR)) {
    loop.after(pause, [&loop, child, pause] { reap(loop, child, std::min(pause * 2, kLastLook)); });
  }
}

}  // namespace

struct Command::Impl : std::enable_shared_from_this<Command::Impl> {
  Impl(net::Loop& l, std::vector<std::string> w, Milliseconds t)
      : loop(l), words(std::move(w)), timeout(t) {}

  net::Loop& loop;
  const std::vector<std::string> words;
  const Milliseconds timeout;
  std::function<void(const CommandEnd&)> done;  ///< set while it runs
  ::pid_t child = 0;
  MonotonicTime deadline{};
  Milliseconds look = kFirstLook;
  std::optional<net::TimerId> timer;

  void later() {
    timer = loop.after(look, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->timer.reset();
        self->look_after();
      }
    });
  }

  void look_after() {
    if (child == 0) {  // it could not be started
      finish({CommandEnd::How::kNotStarted, start_failure});
      return;
    }
    int status = 0;
    const ::pid_t waited = ::waitpid(child, &status, WNOHANG);
    if (waited == 0 || (waited < 0 && errno == EINTR)) {
      if (loop.now() < deadline) {
        look = std::min(look * 2, kLastLook);
        later();
        return;
      }
      kill_child();
      finish({CommandEnd::How::kTimeout,
              "took longer than " + std::to_string(timeout.count()) + " ms and was killed"});
      return;
    }
    child = 0;
    finish(end_of(waited, status));
  }

  void finish(const CommandEnd& end) {
    const auto action = std::exchange(done, {});
    action(end);
  }

  void kill_child() {
    ::kill(-child, SIGKILL);
    reap(loop, child, kFirstLook);
    child = 0;
  }

  std::string start_failure;
};

Command::Command(net::Loop& loop, std::vector<std::string> words, Milliseconds timeout)
    : impl_(std::make_shared<Impl>(loop, std::move(words), timeout)) {}

Command::~Command() {
  if (impl_->timer) {
    impl_->loop.cancel(*impl_->timer);
  }
  if (impl_->child > 0) {
    impl_->kill_child();
  }
}

void Command::run(const std::vector<std::string>& environment, int standard_input,
                  std::function<void(const CommandEnd&)> done) {
  impl_->done = std::move(done);
  impl_->look = kFirstLook;
  impl_->deadline = impl_->loop.now() + impl_->timeout;
  const auto started = spawn_command(impl_->words, environment, standard_input);
  impl_->child = started ? *started : 0;
  if (!started) {
    impl_->start_failure =
        "cannot be run: " + os_text(started.error()) + " (check its path and permissions)";
  }
  impl_->later();
}

bool Command::running() const { return static_cast<bool>(impl_->done); }
const std::string& Command::program() const { return impl_->words.front(); }

}  // namespace muster::stapler
