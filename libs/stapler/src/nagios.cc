#include "muster/stapler/nagios.h"

#include <algorithm>

#include "muster/base/text.h"

namespace muster::stapler {
namespace {

using keeper::CertificateState;
using keeper::CertificateStatus;

/// In a plugin's line '|' begins the performance data.
std::string plain(std::string text) {
  text = printable(text);
  std::replace(text.begin(), text.end(), '|', '/');
  return text;
}

int severity_of(const CertificateStatus& c) {
  switch (c.state) {
    case CertificateState::kFresh:
    case CertificateState::kDue:
    case CertificateState::kNotNeeded:
      return c.paused ? kNagiosWarning : kNagiosOk;
    case CertificateState::kLate:
    case CertificateState::kHeldBack:
    case CertificateState::kMissing:
      return c.must_staple && c.state != CertificateState::kLate ? kNagiosCritical : kNagiosWarning;
    case CertificateState::kCritical:
    case CertificateState::kOnHold:
    case CertificateState::kRevoked:
    case CertificateState::kExpired:
    case CertificateState::kCertificateExpired:
      break;
  }
  return kNagiosCritical;
}

std::string sentence_of(const CertificateStatus& c, UnixSeconds now) {
  std::string out = c.name + ": " + std::string(to_string(c.state));
  if (const auto* shown = c.shown(); shown != nullptr && shown->usable_at(now)) {
    out += ", " + format_duration(shown->expires - now) + " left";
  }
  out += c.paused ? ", paused" : "";
  if (c.below != 0) {
    out += ", a CA above " + std::to_string(c.below) +
           (c.below == 1 ? " certificate" : " certificates");
  }
  return out + (c.last_error.empty() ? "" : ": " + c.last_error);
}

class Findings {
 public:
  void add(int severity, const std::string& sentence) {
    worst_ = std::max(worst_, severity);
    if (severity != kNagiosOk) {
      sentences_.emplace_back(severity, plain(sentence));
    }
  }
  [[nodiscard]] int worst() const { return worst_; }
  [[nodiscard]] std::string lines() const {
    std::string out;
    for (const auto& [severity, sentence] : sentences_) {
      out += (severity == kNagiosCritical ? "critical: " : "warning: ") + sentence + '\n';
    }
    return out;
  }
  /// The worst of them, in the first line.
  [[nodiscard]] std::string headline() const {
    const auto first = std::find_if(sentences_.begin(), sentences_.end(),
                                    [this](const auto& s) { return s.first == worst_; });
    return first == sentences_.end()
               ? std::string()
               : first->second + (sentences_.size() > 1
                                      ? " (and " + std::to_string(sentences_.size() - 1) + " more)"
                                      : "");
  }

 private:
  int worst_ = kNagiosOk;
  std::vector<std::pair<int, std::string>> sentences_;
};

void judge_service(const StatusReport& report, UnixSeconds now, Findings& out) {
  if (now - report.written > kStatusTooOld) {
    out.add(kNagiosCritical, "the stapler last reported " + format_duration(now - report.written) +
                                 " ago: it stopped or hangs");
  }
  for (const std::string& name : find_neglected(report, now)) {
    out.add(kNagiosCritical, name + ": nobody asks about it any longer");
  }
  if (report.clock_suspect) {
    out.add(kNagiosWarning, "the clock of this machine seems to be wrong by " +
                                format_duration(std::chrono::abs(*report.clock_suspect)));
  }
  if (report.all_paused) {
    out.add(kNagiosWarning, "all questions are paused");
  }
  for (const std::string& problem : report.problems) {
    out.add(kNagiosWarning, problem);
  }
  for (const std::string& error : report.target_errors) {
    out.add(kNagiosWarning, error);
  }
  for (const std::string* error : {&report.disk_error, &report.hook_error}) {
    if (!error->empty()) {
      out.add(kNagiosWarning, *error);
    }
  }
}

void judge_targets(const StatusReport& report, Findings& out) {
  for (const TargetStatus& t : report.targets) {
    if (t.severity <= Severity::kWaiting) {
      continue;
    }
    std::string why = t.reason;
    for (const PortStatus& port : t.ports) {
      why += (why.empty() || port.detail.empty() ? "" : "; ") + port.detail;
    }
    out.add(t.severity == Severity::kCritical ? kNagiosCritical : kNagiosWarning,
            "target " + t.target + ", " + t.certificate + ": " +
                (why.empty() ? std::string(to_string(t.severity)) : why));
  }
}

}  // namespace

NagiosResult render_nagios(const StatusReport& report, UnixSeconds now) {
  Findings findings;
  judge_service(report, now, findings);
  std::size_t needed = 0, covered = 0, pinned = 0, paused = 0;
  std::optional<Seconds> least;
  for (const CertificateStatus& c : report.certificates) {
    findings.add(
        report.all_paused && severity_of(c) == kNagiosWarning && keeper::is_covered(c.state)
            ? kNagiosOk  // said once
            : severity_of(c),
        sentence_of(c, now));
    needed += c.state == CertificateState::kNotNeeded ? 0U : 1U;
    covered += keeper::is_covered(c.state) ? 1U : 0U;
    pinned += c.pin ? 1U : 0U;
    paused += c.paused ? 1U : 0U;
    if (const auto* shown = c.shown();
        shown != nullptr && c.state != CertificateState::kNotNeeded) {
      const Seconds left = std::max(Seconds(0), shown->expires - now);
      least = least ? std::min(*least, left) : left;
    }
  }
  judge_targets(report, findings);
  constexpr std::string_view kWords[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  NagiosResult out;
  out.exit_code = findings.worst();
  out.text = "STAPLER " + std::string(kWords[out.exit_code]) + " - " + std::to_string(covered) +
             " of " + std::to_string(needed) + " covered" +
             (findings.worst() == kNagiosOk ? "" : "; " + findings.headline()) +
             "|covered=" + std::to_string(covered) + ";;" + std::to_string(needed) + ":;0;" +
             std::to_string(needed) +
             (least ? " least_left=" + std::to_string(least->count()) + "s" : "") +
             " pinned=" + std::to_string(pinned) + " paused=" + std::to_string(paused) +
             " age=" + std::to_string(std::max<std::int64_t>(0, (now - report.written).count())) +
             "s;;" + std::to_string(kStatusTooOld.count()) + '\n' + findings.lines();
  return out;
}

NagiosResult nagios_unknown(const std::string& why) {
  return {kNagiosUnknown, "STAPLER UNKNOWN - " + plain(why) + '\n'};
}

}  // namespace muster::stapler
