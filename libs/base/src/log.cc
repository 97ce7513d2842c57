#include "muster/base/log.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "muster/base/text.h"
#include "muster/base/time.h"

namespace muster {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  out += '"';
}

class FdLogger final : public Logger {
 public:
  FdLogger(int fd, LogFormat format, LogLevel least) : fd_(fd), format_(format), least_(least) {}

  void log(LogLevel level, std::string_view event, std::string_view message,
           std::initializer_list<LogField> fields) override {
    if (level < least_) {
      return;
    }
    std::string line;
    const std::string time = format_iso8601(SystemClock().now());
    const std::string_view name = kLevelNames[static_cast<std::size_t>(level)];
    if (format_ == LogFormat::kJson) {
      line = "{\"time\":\"" + time + "\",\"level\":\"" + std::string(name) + "\",\"event\":";
      append_json_string(line, event);
      line += ",\"message\":";
      append_json_string(line, message);
      for (const LogField& field : fields) {
        line += ',';
        append_json_string(line, field.key);
        line += ':';
        append_json_string(line, field.value);
      }
      line += "}\n";
    } else {
      line = time + ' ' + std::string(name) + ' ' + std::string(event) + ": " + printable(message);
      for (const LogField& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        const std::string value = printable(field.value);
        if (value.find(' ') == std::string::npos && !value.empty()) {
          line += value;
        } else {
          append_json_string(line, field.value);
        }
      }
      line += '\n';
    }
    // One write keeps lines whole; a log that cannot be written must not stop the service.
    while (::write(fd_, line.data(), line.size()) < 0 && errno == EINTR) {
    }
  }

 private:
  const int fd_;
  const LogFormat format_;
  const LogLevel least_;
};

class NullLogger final : public Logger {
 public:
  void log(LogLevel, std::string_view, std::string_view, std::initializer_list<LogField>) override {
  }
};

}  // namespace

std::unique_ptr<Logger> make_fd_logger(int fd, LogFormat format, LogLevel least) {
  return std::make_unique<FdLogger>(fd, format, least);
}

Logger& null_logger() {
  static NullLogger& logger = *new NullLogger();  // never destroyed: some threads outlive main()
  return logger;
}

}  // namespace muster
