#include "muster/edge/puller.h"

#include <algorithm>

namespace muster::edge {
namespace {

constexpr Seconds kFirstRetry{1};

}  // namespace

std::string_view to_string(MirrorErrc code) {
  switch (code) {
    case MirrorErrc::kUnreachable:
      return "unreachable";
    case MirrorErrc::kTampered:
      return "tampered";
    case MirrorErrc::kRolledBack:
      return "rolled_back";
    case MirrorErrc::kIo:
      return "io";
  }
  return "";
}

Puller::Puller(Mirror& mirror, Seconds interval, const Clock& clock, Logger& logger)
    : mirror_(mirror),
      clock_(clock),
      logger_(logger),
      interval_(interval),
      thread_([this](const std::stop_token& stop) { follow(stop); }) {}

Puller::~Puller() = default;  // of a jthread: asks it to stop, and joins

void Puller::set_interval(Seconds interval) {
  const std::lock_guard lock(mutex_);
  interval_ = interval;
}

void Puller::wake() {
  const std::lock_guard lock(mutex_);
  is_wanted_ = true;
  moved_.notify_all();
}

PullFigures Puller::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void Puller::follow(const std::stop_token& stop) {
  Seconds retry = kFirstRetry;
  while (!stop.stop_requested()) {
    const bool is_well = pull(stop);
    std::unique_lock lock(mutex_);
    const Seconds pause = is_well ? interval_ : std::min(interval_, retry);
    retry = is_well ? kFirstRetry : std::min(interval_, retry * 2);
    moved_.wait_for(lock, stop, pause, [this] { return is_wanted_; });
    is_wanted_ = false;
  }
}

bool Puller::pull(const std::stop_token& stop) {
  const auto report = mirror_.pull(stop);
  if (stop.stop_requested()) {
    return true;
  }
  const UnixSeconds now = clock_.now();
  const std::lock_guard lock(mutex_);
  if (!report) {
    ++figures_.failed.at(static_cast<std::size_t>(report.error().code));
    figures_.failing_since = figures_.failing_since.value_or(now);
    figures_.why = report.error().detail;
    logger_.log(LogLevel::kError, "edge.not_pulled", report.error().detail,
                {{"reason", to_string(report.error().code)}, {"in_use", mirror_.status().number}});
    return false;
  }
  if (report->number != last_ || figures_.failing_since) {
    last_ = report->number;
    logger_.log(LogLevel::kInfo, "edge.pulled", "going by a new manifest",
                {{"number", report->number},
                 {"answers", report->files},
                 {"fetched", report->fetched},
                 {"removed", report->removed}});
  }
  ++figures_.succeeded;
  figures_.fetched += report->fetched;
  figures_.removed += report->removed;
  figures_.last_success = now;
  figures_.failing_since.reset();
  figures_.why.clear();
  return true;
}

}  // namespace muster::edge
