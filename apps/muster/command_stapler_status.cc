#include <cstdio>

#include "command_stapler.h"
#include "muster/stapler/history.h"
#include "muster/stapler/metrics.h"
#include "muster/stapler/nagios.h"

namespace muster::app {
namespace {

int complain(const char* command, const Failure& failure) {
  std::fprintf(stderr, "muster stapler %s: %s\n", command, failure.message.c_str());
  return failure.exit_code;
}

Outcome<stapler::StatusReport> read_report(const ControlFlags& flags) {
  MUSTER_TRY(const ControlPlace place, find_place(flags));
  const std::string path = place.shelf + '/' + std::string(stapler::kStatusFileName);
  const auto content = read_file(path, 1U << 30);
  if (!content) {
    return fail(kExitInput, to_string(content.error()) + "; a stapler writes it when it runs");
  }
  auto report = stapler::parse_status(as_text(*content));
  if (!report) {
    return fail(kExitInput, "'" + path + "': " + report.error());
  }
  return *std::move(report);
}

}  // namespace

int show_status(const ControlFlags& flags) {
  const auto report = read_report(flags);
  const UnixSeconds now = SystemClock().now();
  if (flags.nagios) {
    const stapler::NagiosResult told =
        report ? stapler::render_nagios(stapler::judged_at(*report, now), now)
               : stapler::nagios_unknown(report.error().message);
    std::fputs(told.text.c_str(), stdout);
    return told.exit_code;
  }
  if (!report) {
    return complain("status", report.error());
  }
  const stapler::StatusReport judged = stapler::judged_at(*report, now);
  std::fputs((flags.json      ? stapler::encode_status(judged)
              : flags.metrics ? stapler::render_metrics(judged, now)
                              : stapler::render_status(judged, now))
                 .c_str(),
             stdout);
  return stapler::status_exit_code(judged, now);
}

int show_history(const ControlFlags& flags) {
  const auto place = find_place(flags);
  if (!place) {
    return complain("history", place.error());
  }
  stapler::HistoryQuery query{"", flags.last};
  if (!flags.certificate.empty()) {
    const auto named = certificates_named(flags.certificate);
    if (!named) {
      return complain("history", named.error());
    }
    query.certificate = named->front();
  }
  const auto events = stapler::read_history(place->shelf, query);
  if (!events) {
    return complain("history", Failure{kExitInput, events.error()});
  }
  if (flags.json) {
    for (const stapler::HistoryEvent& event : *events) {
      std::printf("%s\n", stapler::encode_history(event).c_str());
    }
  } else {
    std::fputs(stapler::render_history(*events).c_str(), stdout);
  }
  if (events->empty()) {
    std::fprintf(stderr, "muster stapler history: nothing is recorded about '%s'\n",
                 flags.certificate.c_str());
    return 1;
  }
  return kExitOk;
}

}  // namespace muster::app
