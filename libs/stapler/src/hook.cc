#include "muster/stapler/hook.h"

#include <optional>
#include <set>

#include "command.h"

namespace muster::stapler {
namespace {

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
  Impl(net::Loop& l, Logger& g, HookOptions o)
      : loop(l), logger(g), options(std::move(o)), command(l, options.command, options.timeout) {}

  net::Loop& loop;
  Logger& logger;
  const HookOptions options;
  Command command;
  std::set<std::string> certificates, files;  ///< changed since the last run began
  std::optional<net::TimerId> timer;
  std::function<void()> idle;
  Counters counters;
  std::string failure;

  void run_later() {
    timer = loop.after(options.gather, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->timer.reset();
        self->run();
      }
    });
  }

  void run() {
    const std::string certificate_list =
        "MUSTER_CERTIFICATES=" + lines(std::exchange(certificates, {}));
    const std::string file_list = "MUSTER_FILES=" + lines(std::exchange(files, {}));
    ++counters.runs;
    command.run({certificate_list, file_list}, -1, [this](const CommandEnd& end) { ended(end); });
  }

  void ended(const CommandEnd& end) {
    failure.clear();
    if (end.how != CommandEnd::How::kDone) {
      const bool late = end.how == CommandEnd::How::kTimeout;
      ++(late ? counters.timeouts : counters.failures);
      const std::string why = "the on_update command " + end.why;
      logger.log(LogLevel::kError,
                 late                                      ? "hook.timeout"
                 : end.how == CommandEnd::How::kNotStarted ? "hook.not_started"
                                                           : "hook.failed",
                 why, {{"command", command.program()}});
      failure = command.program() + ": " + why;
    }
    if (!files.empty()) {
      run_later();
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
}

void Hook::changed(const std::string& certificate, const std::string& file) {
  if (impl_->options.command.empty()) {
    return;
  }
  impl_->certificates.insert(certificate);
  impl_->files.insert(file);
  if (!busy()) {
    impl_->run_later();
  }
}

bool Hook::busy() const { return impl_->command.running() || impl_->timer.has_value(); }

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
