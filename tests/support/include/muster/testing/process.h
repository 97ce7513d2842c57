#pragma once

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "muster/base/time.h"

// Runs other programs from tests: always with a deadline, output captured, nothing left running.
namespace muster::testing {

struct ProcessOptions {
  std::string input{};  ///< for standard input, which is closed behind it
  std::vector<std::pair<std::string, std::string>> environment{};  ///< added to ours
  std::string directory{};       ///< working directory; ours when empty
  Milliseconds timeout{30'000};  ///< then the child is killed
};

struct ProcessResult {
  int exit_code = -1;  ///< -1 when killed by a signal, timed out or not started; 127 when not found
  int signal = 0;      ///< that ended it, if any
  bool timed_out = false;
  std::string out;
  std::string err;
  /// "exit 1\n--- out ...": for failure messages.
  [[nodiscard]] std::string describe() const;
};

/// Runs a program to its end. `arguments[0]` is looked up in PATH.
ProcessResult run_process(const std::vector<std::string>& arguments,
                          const ProcessOptions& options = {});

/// Full path of a program in PATH (and /usr/sbin); nothing when it is not installed.
std::optional<std::string> find_program(std::string_view name);

/// A TCP port of 127.0.0.1 that was free a moment ago: only for programs of others that cannot take
/// port 0.
std::uint16_t unused_port();

/// A child that keeps running until stop() or the end of this object. Its output (both streams, as
/// they come) is read all the time, so it never blocks. It dies with the test program. Threads:
/// one.
class Daemon {
 public:
  explicit Daemon(const std::vector<std::string>& arguments, const ProcessOptions& options = {});
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  [[nodiscard]] int pid() const;
  /// Waits for an output line containing `text` and returns it; nothing when the time is up or the
  /// child ended first. Searches from the start of the output, or behind the line found last when
  /// `behind_last`.
  enum class From : std::uint8_t { kStart, kBehindLast };
  std::optional<std::string> wait_for(std::string_view text,
                                      Milliseconds timeout = Milliseconds(60'000),
                                      From from = From::kStart);
  /// The port number behind the last ':' of the line that contains `text`.
  std::optional<std::uint16_t> wait_for_port(std::string_view text,
                                             Milliseconds timeout = Milliseconds(60'000));
  [[nodiscard]] std::string output() const;
  void send_signal(int signal) const;
  /// Sends a line to its standard input.
  void write_line(std::string_view line);
  /// Asks it to end, waits up to `grace`, then kills it. Returns what it ended with; the same when
  /// called again.
  ProcessResult stop(int signal = SIGTERM, Milliseconds grace = Milliseconds(30'000));
  /// Waits for it to end by itself; nothing when the time is up.
  std::optional<ProcessResult> wait(Milliseconds timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::testing
