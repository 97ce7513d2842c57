#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// One structured field. Keys are literals; values are made printable by the sink.
struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, long long v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, unsigned long long v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, int v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, unsigned v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, long v) : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, unsigned long v) : key(k), value(std::to_string(v)) {}
  std::string_view key;
  std::string value;
};

/// Where libraries report events; they never print. Secrets must not reach it. Threads: any thread.
class Logger {
 public:
  virtual ~Logger() = default;
  /// \param event    Stable identifier, lower-case words joined by '.': "source.reload_failed".
  /// \param message  One sentence for people: what, where, what to do.
  virtual void log(LogLevel level, std::string_view event, std::string_view message,
                   std::initializer_list<LogField> fields) = 0;
  void log(LogLevel level, std::string_view event, std::string_view message) {
    log(level, event, message, {});
  }
};

enum class LogFormat : std::uint8_t { kText, kJson };

/// Writes one line an event to `fd` (not owned), dropping those below `least`.
std::unique_ptr<Logger> make_fd_logger(int fd, LogFormat format, LogLevel least);
/// Drops everything.
Logger& null_logger();

}  // namespace muster
