#include "muster/stapler/hook.h"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <set>

#include "muster/base/spawn.h"

namespace muster::stapler {
namespace {

constexpr Milliseconds kFirstLook{5};
constexpr Milliseconds kLastLook{200};
/// The kernel takes 128 KiB in one environment string; beyond this the list ends with "...".
constexpr std::size_t kMaxListBytes = 64 * 1024;

std::string lines(const std::set<std::string>& items) {
  std::string out;
  for (const std::string& item : items) {
    if (out.size() + item.size() > kMaxListBytes) {
      return out + "...\n";
    }
    out += item + '\n';
  }
  return out;
}

}  // namespace

struct Hook::Impl : std::enable_shared_from_this<Hook::Impl> {
  Impl(net::Loop& l, Logger& g, HookOptions o) : loop(l), logger(g), options(std::move(o)) {}

  net::Loop& loop;
  Logger& logger;
  const HookOptions options;
  std::set<std::string> certificates, files;  ///< changed since the last run began
  std::optional<net::TimerId> timer;
  ::pid_t child = 0;
  MonotonicTime deadline{};
  Milliseconds look = kFirstLook;
  std::function<void()> idle;
  Counters counters;
  std::string failure;

  void later(Milliseconds delay, void (Impl::*step)()) {
    timer = loop.after(delay, [weak = weak_from_this(), step] {
      if (const auto self = weak.lock()) {
        self->timer.reset();
        (self.get()->*step)();
      }
    });
  }

  void run() {
    const std::string certificate_list =
        "MUSTER_CERTIFICATES=" + lines(std::exchange(certificates, {}));
    const std::string file_list = "MUSTER_FILES=" + lines(std::exchange(files, {}));
    const auto started = spawn_command(options.command, {certificate_list, file_list});
    ++counters.runs;
    if (!started) {
      ++counters.failures;
      char text[128];
      failed("hook.not_started", std::string("cannot run the on_update command: ") +
                                     ::strerror_r(started.error(), text, sizeof text) +
                                     " (check its path and permissions)");
      return;
    }
    child = *started;
    deadline = loop.now() + options.timeout;
    look = kFirstLook;
    later(look, &Impl::look_after);
  }

  void look_after() {
    int status = 0;
    const ::pid_t done = ::waitpid(child, &status, WNOHANG);
    if (done == 0 || (done < 0 && errno == EINTR)) {
      if (loop.now() < deadline) {
        look = std::min(look * 2, kLastLook);
        later(look, &Impl::look_after);
        return;
      }
      kill_child();
      ++counters.timeouts;
      failed("hook.timeout", "the on_update command took longer than " +
                                 std::to_string(options.timeout.count()) + " ms and was killed");
      return;
    }
    child = 0;
    if (done < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      ++counters.failures;
      failed(
          "hook.failed",
          "the on_update command " +
              (done < 0            ? std::string("ended nobody knows how: its exit code is gone")
               : WIFEXITED(status) ? "failed with exit code " + std::to_string(WEXITSTATUS(status))
                                   : std::string("was ended by a signal")));
      return;
    }
    failure.clear();
    ended();
  }

  void failed(std::string_view event, std::string why) {
    logger.log(LogLevel::kError, event, why, {{"command", options.command.front()}});
    failure = options.command.front() + ": " + std::move(why);
    ended();
  }

  void kill_child() {
    ::kill(-child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    child = 0;
  }

  void ended() {
    if (!files.empty()) {
      later(options.gather, &Impl::run);
    } else if (auto action = std::exchange(idle, {})) {
      action();
    }
  }
};

Hook::Hook(net::Loop& loop, Logger& logger, HookOptions options)
    : impl_(std::make_shared<Impl>(loop, logger, std::move(options))) {}

Hook::~Hook() {
  if (impl_->timer) {
    impl_->loop.cancel(*impl_->timer);
  }
  if (impl_->child > 0) {
    impl_->kill_child();
  }
}

void Hook::changed(const std::string& certificate, const std::string& file) {
  if (impl_->options.command.empty()) {
    return;
  }
  impl_->certificates.insert(certificate);
  impl_->files.insert(file);
  if (!busy()) {
    impl_->later(impl_->options.gather, &Impl::run);
  }
}

bool Hook::busy() const { return impl_->child > 0 || impl_->timer.has_value(); }

void Hook::when_idle(std::function<void()> action) {
  if (!busy()) {
    action();
  } else {
    impl_->idle = std::move(action);
  }
}

const std::string& Hook::failure() const { return impl_->failure; }
const Hook::Counters& Hook::counters() const { return impl_->counters; }

}  // namespace muster::stapler
