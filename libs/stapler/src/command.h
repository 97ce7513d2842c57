#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "muster/net/loop.h"

namespace muster::stapler {

/// How an operator's command ended.
struct CommandEnd {
  enum class How : std::uint8_t { kDone, kNotStarted, kFailed, kTimeout };
  How how = How::kDone;
  std::string why{};  ///< "failed with exit code 3"; empty when done
};

/// Runs an operator's command without a shell, one run at a time, never longer than its time limit;
/// then it is killed with its children. Loop's thread.
class Command {
 public:
  Command(net::Loop& loop, std::vector<std::string> words, Milliseconds timeout);
  ~Command();  ///< kills what still runs; `done` is not called
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// Precondition: not running(). `done` is called later, once. `standard_input`: a descriptor that
  /// may be closed as soon as this returns; -1: none.
  void run(const std::vector<std::string>& environment, int standard_input,
           std::function<void(const CommandEnd&)> done);
  [[nodiscard]] bool running() const;
  [[nodiscard]] const std::string& program() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::stapler
