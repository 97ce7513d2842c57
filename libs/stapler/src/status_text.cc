#include <algorithm>
#include <iterator>
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

/// An object as Json::dump(1) lays it out, member by member: to make a value of the JSON library of
/// each certificate, and text of that, was a twentieth of a start with 100,000.
class ObjectWriter {
 public:
  /// \param depth  spaces before the line it begins in
  ObjectWriter(std::string& out, std::size_t depth) : out_(out), depth_(depth) { out_ += '{'; }

  void member(std::string_view key) {
    out_ += is_first_ ? "\n" : ",\n";
    is_first_ = false;
    out_.append(depth_ + 1, ' ').append(1, '"').append(key).append("\": ");
  }
  void literal(std::string_view key, std::string_view value) {
    member(key);
    out_ += value;
  }
  /// \param value  neither control characters nor octets that are not UTF-8: see printable()
  void text(std::string_view key, std::string_view value) {
    member(key);
    out_ += '"';
    const auto is_special = [](char c) { return c == '"' || c == '\\'; };
    for (auto from = value.begin();;) {
      const auto to = std::find_if(from, value.end(), is_special);
      out_.append(from, to);
      if (to == value.end()) {
        break;
      }
      out_.append(1, '\\').append(1, *to);
      from = std::next(to);
    }
    out_ += '"';
  }
  void number(std::string_view key, std::uint64_t value) { literal(key, std::to_string(value)); }
  void truth(std::string_view key, bool value) { literal(key, value ? "true" : "false"); }
  void time(std::string_view key, UnixSeconds value) { text(key, format_iso8601(value)); }
  void time(std::string_view key, const std::optional<UnixSeconds>& value) {
    value ? time(key, *value) : literal(key, "null");
  }
  ObjectWriter object(std::string_view key) {
    member(key);
    return {out_, depth_ + 1};
  }
  void end() { out_.append(1, '\n').append(depth_, ' ').append(1, '}'); }

 private:
  std::string& out_;
  const std::size_t depth_;
  bool is_first_ = true;
};

void append_certificate(std::string& out, const CertificateStatus& c, std::size_t depth) {
  ObjectWriter to(out, depth);
  to.text("name", printable(c.name));
  to.text("certificate", to_hex(c.certificate));
  to.text("subject", printable(c.subject));
  to.text("state", to_string(c.state));
  if (!c.reason.empty()) {
    to.text("reason", printable(c.reason));
  }
  to.truth("must_staple", c.must_staple);
  to.number("below", c.below);
  to.time("not_after", c.not_after);
  if (c.staple) {
    ObjectWriter staple = to.object("staple");
    staple.text("status", to_string(c.staple->status));
    staple.time("this_update", c.staple->this_update);
    staple.time("expires", c.staple->expires);
    staple.time("obtained", c.obtained);
    staple.text("source", printable(c.source));
    staple.end();
  } else {
    to.literal("staple", "null");
  }
  to.time("last_attempt", c.last_attempt);
  to.time("last_success", c.last_success);
  to.time("next_due", c.next_due);
  to.text("last_error", printable(c.last_error));
  if (c.last_failure) {
    to.text("last_error_class", to_string(*c.last_failure));
  } else {
    to.literal("last_error_class", "null");
  }
  to.time("last_probe", c.last_probe);
  to.time("listed", c.listed);
  to.number("failures", c.failures);
  to.number("attempts", c.attempts);
  to.truth("paused", c.paused);
  to.time("resumed", c.resumed);
  if (c.pin) {
    ObjectWriter pin = to.object("pin");
    pin.time("until", c.pin->until);
    pin.time("this_update", c.pin->facts.this_update);
    pin.time("expires", c.pin->facts.expires);
    pin.end();
  } else {
    to.literal("pin", "null");
  }
  to.end();
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

void append_target(std::string& out, const TargetStatus& target, std::size_t depth) {
  append(out, encode_target(target), depth);
}

/// A member of the report that is an array, each value on its own for as long as it is written.
template <class T>
void append_array(std::string& out, std::string_view key, const std::vector<T>& values,
                  void (*append_value)(std::string& out, const T& value, std::size_t depth)) {
  out.append(",\n \"").append(key).append("\": [");
  for (const T& value : values) {
    out += &value == values.data() ? "\n  " : ",\n  ";
    append_value(out, value, 2);
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
  append_array(out, "certificates", report.certificates, append_certificate);
  append_array(out, "kept", report.kept, append_certificate);
  append_array(out, "targets", report.targets, append_target);
  out += "\n}\n";
  return out;
}

}  // namespace muster::stapler
