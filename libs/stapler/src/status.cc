#include "muster/stapler/status.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "json_fields.h"
#include "target_report.h"

namespace muster::stapler {
namespace {

using Json = nlohmann::ordered_json;
using keeper::CertificateState;
using keeper::CertificateStatus;
using keeper::StapleStatus;

constexpr CertificateState kStates[] = {
    CertificateState::kFresh,    CertificateState::kDue,
    CertificateState::kLate,     CertificateState::kCritical,
    CertificateState::kOnHold,   CertificateState::kRevoked,
    CertificateState::kHeldBack, CertificateState::kMissing,
    CertificateState::kExpired,  CertificateState::kCertificateExpired,
    CertificateState::kNotNeeded};
constexpr StapleStatus kStatuses[] = {StapleStatus::kGood, StapleStatus::kOnHold,
                                      StapleStatus::kRevoked, StapleStatus::kUnknown};

std::vector<std::string> texts_at(const Json& object, const char* key) {
  std::vector<std::string> out;
  if (const auto found = object.find(key); found != object.end() && found->is_array()) {
    for (const Json& text : *found) {
      out.push_back(text.is_string() ? text.get<std::string>() : std::string());
    }
  }
  return out;
}

template <class T, std::size_t N>
T from_word(const T (&values)[N], const std::string& word, T otherwise) {
  const auto found =
      std::find_if(std::begin(values), std::end(values), [&](T v) { return to_string(v) == word; });
  return found == std::end(values) ? otherwise : *found;
}

CertificateStatus parse_certificate(const Json& in) {
  CertificateStatus c;
  c.name = text_at(in, "name");
  if (const auto id = from_hex(text_at(in, "certificate"));
      id && id->size() == c.certificate.size()) {
    std::copy(id->begin(), id->end(), c.certificate.begin());
  }
  c.subject = text_at(in, "subject");
  c.state = from_word(kStates, text_at(in, "state"), CertificateState::kMissing);
  c.reason = text_at(in, "reason");
  c.must_staple = flag_at(in, "must_staple");
  c.below = number_at(in, "below");
  c.not_after = time_at(in, "not_after").value_or(UnixSeconds{});
  if (const auto staple = in.find("staple"); staple != in.end() && staple->is_object()) {
    const auto this_update = time_at(*staple, "this_update");
    const auto expires = time_at(*staple, "expires");
    if (this_update && expires) {
      c.staple = keeper::StapleFacts{
          from_word(kStatuses, text_at(*staple, "status"), StapleStatus::kUnknown), *this_update,
          *expires};
    }
    c.obtained = time_at(*staple, "obtained");
    c.source = text_at(*staple, "source");
  }
  c.last_attempt = time_at(in, "last_attempt");
  c.last_success = time_at(in, "last_success");
  c.next_due = time_at(in, "next_due");
  c.last_error = text_at(in, "last_error");
  const std::string failure = text_at(in, "last_error_class");
  for (std::size_t i = 0; i < keeper::kFailureClasses; ++i) {
    if (to_string(static_cast<keeper::FailureClass>(i)) == failure) {
      c.last_failure = static_cast<keeper::FailureClass>(i);
    }
  }
  c.last_probe = time_at(in, "last_probe");
  c.listed = time_at(in, "listed");
  c.failures = static_cast<unsigned>(number_at(in, "failures"));
  c.attempts = number_at(in, "attempts");
  c.paused = flag_at(in, "paused");
  c.resumed = time_at(in, "resumed");
  if (const auto pin = in.find("pin"); pin != in.end() && pin->is_object()) {
    const auto until = time_at(*pin, "until");
    const auto this_update = time_at(*pin, "this_update");
    const auto expires = time_at(*pin, "expires");
    if (until && this_update && expires) {
      c.pin = keeper::Pin{{StapleStatus::kGood, *this_update, *expires}, *until};
    }
  }
  return c;
}

bool is_too_old(const StatusReport& report, UnixSeconds now) {
  return now - report.written > kStatusTooOld;
}

std::string pad(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::vector<CertificateStatus> parse_certificates(const Json& in, const char* key) {
  std::vector<CertificateStatus> out;
  if (const auto list = in.find(key); list != in.end() && list->is_array()) {
    for (const Json& c : *list) {
      if (c.is_object()) {
        out.push_back(parse_certificate(c));
      }
    }
  }
  return out;
}

void judge_at(CertificateStatus& c, UnixSeconds now) {
  if (c.pin && std::min(c.pin->until, c.pin->facts.expires) <= now) {
    c.pin.reset();
  }
  if (c.state != CertificateState::kNotNeeded) {
    c.state =
        keeper::judge_state(c.shown(), c.state == CertificateState::kHeldBack, c.not_after, now);
  }
}

/// "fresh (must, pinned)", "fresh (ca)"
std::string state_text(const CertificateStatus& c) {
  std::string remarks = c.must_staple ? "must" : "";
  const auto remark = [&remarks](const char* word) {
    remarks += (remarks.empty() ? "" : ", ") + std::string(word);
  };
  if (c.below != 0) {
    remark("ca");
  }
  if (c.pin) {
    remark("pinned");
  }
  return std::string(to_string(c.state)) + (remarks.empty() ? "" : " (" + remarks + ")");
}

std::string certificate_line(const CertificateStatus& c, std::size_t name_width, UnixSeconds now) {
  const keeper::StapleFacts* const shown = c.shown();
  const bool live = shown != nullptr && shown->usable_at(now);
  const std::string left = live ? format_duration(shown->expires - now) : "-";
  std::string next = c.paused ? "paused" : "-";
  if (c.next_due) {
    next = *c.next_due > now ? format_duration(*c.next_due - now) : "now";
  }
  const std::string remark = !c.reason.empty() ? c.reason : c.last_error;
  return pad(c.name, name_width) + "  " + pad(state_text(c), 19) + "  " +
         pad(live ? std::string(to_string(shown->status)) : "-", 8) + "  " + pad(left, 8) + "  " +
         pad(next, 8) + "  " + (remark.empty() ? "-" : remark) + '\n';
}

}  // namespace

Result<StatusReport, std::string> parse_status(std::string_view json) {
  const Json in = Json::parse(json, nullptr, false);
  if (in.is_discarded() || !in.is_object() || text_at(in, "format") != "muster-stapler-status 1") {
    return Err{std::string("it is not a status report of this version")};
  }
  StatusReport report;
  const auto written = time_at(in, "written");
  if (!written) {
    return Err{std::string("it does not say when it was written")};
  }
  report.written = *written;
  report.started = time_at(in, "started");
  if (const auto off = in.find("clock_suspect"); off != in.end() && off->is_number_integer()) {
    report.clock_suspect = Seconds(off->get<long long>());
  }
  report.pid = static_cast<int>(number_at(in, "pid"));
  report.disk_error = text_at(in, "disk_error");
  report.problems = texts_at(in, "problems");
  report.target_errors = texts_at(in, "target_errors");
  report.hook_error = text_at(in, "hook_error");
  report.certificates = parse_certificates(in, "certificates");
  report.kept = parse_certificates(in, "kept");
  report.all_paused = flag_at(in, "all_paused");
  if (const auto answers = in.find("answers"); answers != in.end() && answers->is_object()) {
    for (std::size_t i = 0; i < report.answers.size(); ++i) {
      report.answers.at(i) =
          number_at(*answers, std::string(to_string(static_cast<keeper::OutcomeKind>(i))).c_str());
    }
  }
  if (const auto list = in.find("targets"); list != in.end() && list->is_array()) {
    for (const Json& target : *list) {
      if (target.is_object()) {
        report.targets.push_back(parse_target(target));
      }
    }
  }
  return report;
}

StatusReport judged_at(StatusReport report, UnixSeconds now) {
  for (CertificateStatus& c : report.certificates) {
    judge_at(c, now);
  }
  for (CertificateStatus& c : report.kept) {
    judge_at(c, now);
  }
  for (TargetStatus& target : report.targets) {
    judge_target_at(target, now);
  }
  return report;
}

std::vector<std::string> find_neglected(const StatusReport& report, UnixSeconds now) {
  std::vector<std::string> out;
  if (!report.started || is_too_old(report, now)) {
    return out;  // that is said already
  }
  for (const CertificateStatus& c : report.certificates) {
    if (keeper::is_neglected(c, *report.started, now)) {
      out.push_back(c.name);
    }
  }
  return out;
}

std::string render_status(const StatusReport& report, UnixSeconds now) {
  std::size_t name_width = 11;
  for (const CertificateStatus& c : report.certificates) {
    name_width = std::min<std::size_t>(40, std::max(name_width, c.name.size()));
  }
  std::string out = pad("CERTIFICATE", name_width) +
                    "  STATE                STAPLE    LEFT      NEXT TRY  LAST ERROR\n";
  for (const CertificateStatus& c : report.certificates) {
    out += certificate_line(c, name_width, now);
  }
  for (const CertificateStatus& c : report.kept) {
    out += certificate_line(c, name_width, now);
  }
  out += render_targets(report.targets, now);
  for (const std::string& problem : report.problems) {
    out += "problem: " + problem + '\n';
  }
  if (report.all_paused) {
    out += "paused: nobody is asked about anything (muster stapler resume --all)\n";
  }
  if (!report.disk_error.empty()) {
    out += "disk: " + report.disk_error + '\n';
  }
  for (const std::string& error : report.target_errors) {
    out += "target: " + error + '\n';
  }
  if (!report.hook_error.empty()) {
    out += "hook: " + report.hook_error + '\n';
  }
  if (report.clock_suspect) {
    const bool behind = *report.clock_suspect > Seconds(0);
    out += "clock: this machine's clock seems to be " + std::string(behind ? "behind" : "ahead") +
           " by " + format_duration(std::chrono::abs(*report.clock_suspect)) +
           " or more, by the answers of several CAs (set it)\n";
  }
  if (const auto neglected = find_neglected(report, now); !neglected.empty()) {
    out += "the plan stands still: nobody asks about " + neglected.front() +
           (neglected.size() > 1 ? " and " + std::to_string(neglected.size() - 1) + " more" : "") +
           " any longer (start the stapler again, and report this)\n";
  }
  if (is_too_old(report, now)) {
    out += "the stapler last reported " + format_duration(now - report.written) +
           " ago: it stopped or hangs (start it again)\n";
  }
  return out;
}

bool is_handed_over(const StatusReport& report) {
  const bool all_serve =
      std::all_of(report.targets.begin(), report.targets.end(),
                  [](const TargetStatus& t) { return t.severity <= Severity::kWaiting; });
  return all_serve && report.disk_error.empty() && report.target_errors.empty() &&
         report.hook_error.empty();
}

int status_exit_code(const StatusReport& report, UnixSeconds now) {
  const bool fine = std::all_of(
      report.certificates.begin(), report.certificates.end(), [](const CertificateStatus& c) {
        return c.state == CertificateState::kFresh || c.state == CertificateState::kDue ||
               c.state == CertificateState::kNotNeeded;
      });
  return fine && report.problems.empty() && is_handed_over(report) && !is_too_old(report, now) &&
                 !report.clock_suspect && find_neglected(report, now).empty()
             ? 0
             : 1;
}

}  // namespace muster::stapler
