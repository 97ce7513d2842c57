#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/base/log.h"
#include "muster/net/loop.h"

namespace muster::stapler {

struct HookOptions {
  std::vector<std::string> command;  ///< program and arguments, run without a shell; empty: none
  Milliseconds timeout{60'000};      ///< then it is killed with its children
  Milliseconds gather{200};          ///< changes this close together make one run
};

/// Runs the operator's command after files changed, for example to reload a server. One run at a
/// time; what changes meanwhile makes one more run. The command finds the changed files in the
/// environment: MUSTER_FILES, one path a line, and MUSTER_CERTIFICATES, one name a line. Loop's
/// thread.
class Hook {
 public:
  Hook(net::Loop& loop, Logger& logger, HookOptions options);
  ~Hook();  ///< kills a command that still runs
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

  void changed(const std::string& certificate, const std::string& file);
  [[nodiscard]] bool busy() const;  ///< running, or about to
  /// Calls once, when nothing runs or is about to.
  void when_idle(std::function<void()> action);
  /// Why the last run failed; empty: it did not, or there was none.
  [[nodiscard]] const std::string& failure() const;
  struct Counters {
    std::uint64_t runs = 0, failures = 0, timeouts = 0;
  };
  [[nodiscard]] const Counters& counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::stapler
