#include "check_output.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <thread>

#include "commands.h"
#include "muster/base/file.h"
#include "muster/base/text.h"
#include "muster/net/loop.h"
#include "muster/report/json.h"
#include "muster/report/watch.h"

namespace muster::app {
namespace {

using Reports = std::vector<client::TargetReport>;

/// Checks that take no longer need no progress.
constexpr Milliseconds kPatience{700};

/// A line on standard error that is drawn over and goes away.
class ProgressLine {
 public:
  explicit ProgressLine(const CheckOutput& output)
      : wanted_(!output.quiet && is_terminal(STDERR_FILENO)),
        begun_(std::chrono::steady_clock::now()) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  [[nodiscard]] bool wanted() const { return wanted_; }
  void show(const std::string& text) {
    if (std::chrono::steady_clock::now() - begun_ >= kPatience) {
      std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
      std::fflush(stderr);
      shown_ = true;
    }
  }
  void clear() {
    if (std::exchange(shown_, false)) {
      std::fputs("\r\x1b[K", stderr);
      std::fflush(stderr);
    }
  }

 private:
  const bool wanted_;
  const MonotonicTime begun_;
  bool shown_ = false;
};

/// Where reports go.
class Sink {
 public:
  Sink(const CheckOutput& output, const Clock& clock)
      : output_(output), format_(output.chosen()), clock_(clock) {}

  [[nodiscard]] bool is_streamed() const {
    return format_ == report::Format::kNdjson && output_.file.empty();
  }
  [[nodiscard]] report::Settings settings() const {
    report::Settings settings;
    const bool on_screen = output_.file.empty();
    settings.view = {clock_.now(),
                     on_screen || output_.paint == Paint::kAlways ? colour_of(output_.paint)
                                                                  : report::Colour::kPlain,
                     on_screen ? screen_columns() : 0};
    settings.fail_on = output_.fail_on;
    settings.thresholds = {output_.warning.value_or(report::Threshold{}),
                           output_.critical.value_or(report::Threshold{})};
    settings.version = MUSTER_VERSION;
    settings.only_bad = output_.quiet;
    return settings;
  }

  /// Whether it was written; the message is out already.
  bool write(const std::string& text) {
    if (!output_.file.empty()) {
      const auto written = write_file_atomically(output_.file, as_bytes(text));
      if (!written) {
        std::fprintf(stderr, "muster check: --output: %s\n", to_string(written.error()).c_str());
        failed_ = true;
      }
      return !failed_;
    }
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
      if (!std::exchange(failed_, true)) {
        std::fputs("muster check: the report could not be written to standard output\n", stderr);
      }
      return false;
    }
    return true;
  }
  void stream(const Reports& reports) {
    for (const client::TargetReport& report : reports) {
      write(report::format_json_line(report, clock_.now()));
    }
  }
  [[nodiscard]] report::Format format() const { return format_; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  const CheckOutput& output_;
  const report::Format format_;
  const Clock& clock_;
  bool failed_ = false;
};

/// One round with progress; gives back all reports.
Reports run_round(const CheckOutput& output, const Round& round, Sink& sink,
                  std::function<bool()> stopped) {
  Reports all;
  ProgressLine line(output);
  RoundHooks hooks;
  hooks.as_ready = sink.is_streamed();
  hooks.stopped = std::move(stopped);
  hooks.deliver = [&](Reports reports) {
    if (sink.is_streamed()) {
      line.clear();
      sink.stream(reports);
    }
    std::move(reports.begin(), reports.end(), std::back_inserter(all));
  };
  if (line.wanted()) {
    hooks.progress = [&](std::size_t done, std::size_t total, std::optional<Milliseconds> left) {
      line.show(report::progress_line(done, total, left));
    };
  }
  round(hooks);
  return all;
}

int print_once(const CheckOutput& output, const Round& round, const Clock& clock) {
  Sink sink(output, clock);
  const Reports reports = run_round(output, round, sink, [] { return false; });
  const report::Settings settings = sink.settings();
  if (!sink.is_streamed()) {
    sink.write(report::format_reports(sink.format(), reports, settings));
  }
  return sink.failed() ? kExitInternal : report::exit_code_for(sink.format(), reports, settings);
}

/// Round after round until a signal. The loop's thread draws; a thread of its own checks.
class Watch {
 public:
  Watch(const CheckOutput& output, const Round& round, const Clock& clock)
      : output_(output), round_(round), sink_(output, clock) {}

  int run() {
    const net::SignalWatch signals(loop_, {SIGINT, SIGTERM}, [this](int signal) {
      if (stopped_.exchange(true)) {
        ::_exit(128 + signal);  // asked twice: without waiting for those who are being asked
      }
      if (!is_checking_) {
        loop_.stop();
      }
    });
    begin_round();
    loop_.run();
    if (worker_.joinable()) {
      worker_.join();
    }
    return sink_.failed() ? kExitInternal : exit_code_;
  }

 private:
  void begin_round() {
    if (worker_.joinable()) {
      worker_.join();
    }
    is_checking_ = true;
    worker_ = std::jthread([this] {
      auto reports = std::make_shared<Reports>(
          run_round(output_, round_, sink_, [this] { return stopped_.load(); }));
      loop_.post([this, reports] { end_round(*reports); });
    });
  }

  void end_round(const Reports& reports) {
    is_checking_ = false;
    const report::Settings settings = sink_.settings();
    const bool is_whole = !stopped_;
    count(reports, settings, is_whole);
    if (is_whole && !sink_.is_streamed()) {
      print(reports, settings);
    }
    if (stopped_ || sink_.failed()) {
      loop_.stop();
      return;
    }
    loop_.after(*output_.watch, [this] {
      if (!stopped_) {
        begin_round();
      }
    });
  }

  /// The worst of all rounds is what the process ends with.
  void count(const Reports& reports, const report::Settings& settings, bool is_whole) {
    const client::Outcome worst = report::worst_failing(reports, settings.fail_on);
    worst_ = std::max(worst_, worst);
    if (sink_.format() == report::Format::kNagios) {
      exit_code_ = report::exit_code_for(sink_.format(), reports, settings);  // of this round
      return;
    }
    exit_code_ = client::exit_code(worst_);
    if (!is_whole && board_.rounds() == 0 && reports.empty()) {
      exit_code_ = client::exit_code(client::Outcome::kUndetermined);  // nothing was learnt
    }
  }

  void print(const Reports& reports, const report::Settings& settings) {
    if (sink_.format() != report::Format::kTable) {
      sink_.write(report::format_reports(sink_.format(), reports, settings));
      return;
    }
    if (!output_.file.empty() || !is_terminal(STDOUT_FILENO)) {
      sink_.write(board_.round(reports, settings.view));
      return;
    }
    const bool is_first = board_.rounds() == 0;
    sink_.write((is_first ? "\x1b[2J" : "") +
                report::redraw(board_.round(reports, settings.view, screen_lines())));
  }

  const CheckOutput& output_;
  const Round& round_;
  Sink sink_;
  report::Board board_;
  net::Loop loop_;
  std::atomic<bool> stopped_{false};
  bool is_checking_ = false;
  client::Outcome worst_ = client::Outcome::kGood;
  int exit_code_ = kExitOk;
  std::jthread worker_;
};

}  // namespace

int print_checks(const CheckOutput& output, const Round& round, const Clock& clock) {
  return output.watch ? Watch(output, round, clock).run() : print_once(output, round, clock);
}

int print_refusal(const CheckOutput& output, int exit_code, const std::string& message) {
  if (output.chosen() == report::Format::kNagios && output.file.empty()) {
    std::printf("OCSP UNKNOWN - muster check: %s\n", report::nagios_escape(message).c_str());
    return report::nagios_exit_code(report::NagiosState::kUnknown);
  }
  std::fprintf(stderr, "muster check: %s\n", message.c_str());
  return exit_code;
}

}  // namespace muster::app
