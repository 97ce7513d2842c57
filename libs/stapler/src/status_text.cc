#include <nlohmann/json.hpp>

#include "json_fields.h"
#include "muster/base/text.h"
#include "muster/stapler/status.h"
#include "target_report.h"

// The report as JSON. Certificates, of which there may be 100,000, are written down one by one: all
// at once as values of the JSON library they would need several times the memory they are kept in.
namespace muster::stapler {
namespace {

using Json = nlohmann::ordered_json;
using keeper::CertificateStatus;

/// About what is written of one certificate, in octets.
constexpr std::size_t kExpectedBytes = 1024;

Json encode_certificate(const CertificateStatus& c) {
  Json out = {{"name", printable(c.name)},
              {"certificate", to_hex(c.certificate)},
              {"subject", printable(c.subject)},
              {"state", to_string(c.state)}};
  if (!c.reason.empty()) {
    out["reason"] = printable(c.reason);
  }
  out["must_staple"] = c.must_staple;
  out["below"] = c.below;
  out["not_after"] = format_iso8601(c.not_after);
  if (c.staple) {
    out["staple"] = {{"status", to_string(c.staple->status)},
                     {"this_update", format_iso8601(c.staple->this_update)},
                     {"expires", format_iso8601(c.staple->expires)},
                     {"obtained", time_or_null(c.obtained)},
                     {"source", printable(c.source)}};
  } else {
    out["staple"] = nullptr;
  }
  out["last_attempt"] = time_or_null(c.last_attempt);
  out["last_success"] = time_or_null(c.last_success);
  out["next_due"] = time_or_null(c.next_due);
  out["last_error"] = printable(c.last_error);
  out["last_error_class"] = c.last_failure ? Json(to_string(*c.last_failure)) : Json();
  out["last_probe"] = time_or_null(c.last_probe);
  out["listed"] = time_or_null(c.listed);
  out["failures"] = c.failures;
  out["attempts"] = c.attempts;
  out["paused"] = c.paused;
  out["resumed"] = time_or_null(c.resumed);
  out["pin"] = c.pin ? Json{{"until", format_iso8601(c.pin->until)},
                            {"this_update", format_iso8601(c.pin->facts.this_update)},
                            {"expires", format_iso8601(c.pin->facts.expires)}}
                     : Json();
  return out;
}

/// `value` as it is laid out inside of so many others.
void append(std::string& out, const Json& value, std::size_t depth) {
  for (const char c : value.dump(1, ' ', false, Json::error_handler_t::replace)) {
    out += c;
    if (c == '\n') {
      out.append(depth, ' ');
    }
  }
}

/// A member of the report that is an array, each value on its own for as long as it is written.
template <class T>
void append_array(std::string& out, std::string_view key, const std::vector<T>& values,
                  Json (*encode)(const T&)) {
  out.append(",\n \"").append(key).append("\": [");
  for (const T& value : values) {
    out += &value == values.data() ? "\n  " : ",\n  ";
    append(out, encode(value), 2);
  }
  out += values.empty() ? "]" : "\n ]";
}

}  // namespace

std::string encode_status(const StatusReport& report) {
  std::size_t covered = 0, needed = 0;
  for (const CertificateStatus& c : report.certificates) {
    covered += keeper::is_covered(c.state) ? 1U : 0U;
    needed += c.state == keeper::CertificateState::kNotNeeded ? 0U : 1U;
  }
  Json answers = Json::object();
  for (std::size_t i = 0; i < report.answers.size(); ++i) {
    answers[std::string(to_string(static_cast<keeper::OutcomeKind>(i)))] = report.answers.at(i);
  }
  const Json head = {
      {"format", "muster-stapler-status 1"},
      {"written", format_iso8601(report.written)},
      {"started", time_or_null(report.started)},
      {"clock_suspect",
       report.clock_suspect ? Json(static_cast<long long>(report.clock_suspect->count())) : Json()},
      {"pid", report.pid},
      {"needed", needed},
      {"covered", covered},
      {"disk_error", printable(report.disk_error)},
      {"problems", report.problems},
      {"target_errors", report.target_errors},
      {"hook_error", printable(report.hook_error)},
      {"all_paused", report.all_paused},
      {"answers", std::move(answers)}};
  std::string out;
  out.reserve(kExpectedBytes * (1 + report.certificates.size() + report.kept.size()));
  append(out, head, 0);
  out.resize(out.size() - 2);  // "\n}": it goes on
  append_array(out, "certificates", report.certificates, encode_certificate);
  append_array(out, "kept", report.kept, encode_certificate);
  append_array(out, "targets", report.targets, encode_target);
  out += "\n}\n";
  return out;
}

}  // namespace muster::stapler
