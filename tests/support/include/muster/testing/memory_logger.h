#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/log.h"

namespace muster::testing {

/// Keeps what is logged. Threads: any.
class MemoryLogger final : public Logger {
 public:
  using Logger::log;
  void log(LogLevel level, std::string_view event, std::string_view message,
           std::initializer_list<LogField> fields) override {
    std::string line = std::string(event) + " " + std::string(message);
    for (const LogField& field : fields) {
      line += " " + std::string(field.key) + "=" + field.value;
    }
    const std::lock_guard lock(mutex_);
    entries_.push_back({level, std::string(event), std::move(line)});
  }
  /// Each as "event message key=value".
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const Entry& entry : entries_) {
      out.push_back(entry.line);
    }
    return out;
  }
  /// The lines, each with its end.
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const std::string& line : lines()) {
      out += line + "\n";
    }
    return out;
  }
  /// Their names, in order.
  [[nodiscard]] std::vector<std::string> events() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const Entry& entry : entries_) {
      out.push_back(entry.event);
    }
    return out;
  }
  /// Lines that begin so: with an event, or with the beginning of its message too.
  [[nodiscard]] std::size_t count(std::string_view begin) const {
    return count_if([begin](const Entry& entry) { return entry.line.starts_with(begin); });
  }
  /// Warnings and errors.
  [[nodiscard]] std::size_t warnings() const {
    return count_if([](const Entry& entry) { return entry.level >= LogLevel::kWarning; });
  }

 private:
  struct Entry {
    LogLevel level;
    std::string event, line;
  };
  template <class Predicate>
  [[nodiscard]] std::size_t count_if(Predicate predicate) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), predicate));
  }

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace muster::testing
