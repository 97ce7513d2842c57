#include "target_report.h"

#include <algorithm>

#include "json_fields.h"
#include "muster/base/text.h"

namespace muster::stapler {
namespace {

using Json = nlohmann::ordered_json;

std::string pad(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

/// The worst of what its addresses serve, in a word.
std::string seen_word(const TargetStatus& status) {
  if (status.ports.empty()) {
    return "-";
  }
  const auto worst =
      std::max_element(status.ports.begin(), status.ports.end(),
                       [](const PortStatus& a, const PortStatus& b) { return a.state < b.state; });
  return std::string(to_string(worst->state));
}

}  // namespace

Json encode_target(const TargetStatus& status) {
  Json ports = Json::array();
  for (const PortStatus& port : status.ports) {
    ports.push_back({{"address", printable(port.address)},
                     {"state", to_string(port.state)},
                     {"detail", printable(port.detail)},
                     {"looked_at", time_or_null(port.looked_at)}});
  }
  return {{"target", status.target},
          {"type", status.kind},
          {"certificate", printable(status.certificate)},
          {"severity", to_string(status.severity)},
          {"delivery", to_string(status.delivery)},
          {"must_staple", status.must_staple},
          {"reason", printable(status.reason)},
          {"wanted_generation", status.wanted_generation},
          {"pushed_generation", status.pushed_generation},
          {"observed_generation", status.observed_generation},
          {"pushed_at", time_or_null(status.pushed_at)},
          {"pushed_expires", time_or_null(status.pushed_expires)},
          {"ports", std::move(ports)}};
}

TargetStatus parse_target(const Json& in) {
  TargetStatus out;
  out.target = text_at(in, "target");
  out.kind = text_at(in, "type");
  out.certificate = text_at(in, "certificate");
  out.severity = severity_of(text_at(in, "severity"));
  out.delivery = delivery_of(text_at(in, "delivery"));
  out.must_staple = flag_at(in, "must_staple");
  out.reason = text_at(in, "reason");
  out.wanted_generation = number_at(in, "wanted_generation");
  out.pushed_generation = number_at(in, "pushed_generation");
  out.observed_generation = number_at(in, "observed_generation");
  out.pushed_at = time_at(in, "pushed_at");
  out.pushed_expires = time_at(in, "pushed_expires");
  if (const auto ports = in.find("ports"); ports != in.end() && ports->is_array()) {
    for (const Json& port : *ports) {
      if (port.is_object()) {
        out.ports.push_back({text_at(port, "address"), read_back_of(text_at(port, "state")),
                             text_at(port, "detail"), time_at(port, "looked_at")});
      }
    }
  }
  return out;
}

void judge_target_at(TargetStatus& status, UnixSeconds now) {
  if (const TargetRow* const row = find_row(status.kind)) {
    status.severity = judge_severity(status, *row, now);
  }
}

std::string render_targets(const std::vector<TargetStatus>& targets, UnixSeconds now) {
  if (targets.empty()) {
    return "";
  }
  std::size_t target_width = 6, name_width = 11;
  for (const TargetStatus& t : targets) {
    target_width = std::min<std::size_t>(24, std::max(target_width, t.target.size()));
    name_width = std::min<std::size_t>(40, std::max(name_width, t.certificate.size()));
  }
  std::string out = '\n' + pad("TARGET", target_width) + "  " + pad("CERTIFICATE", name_width) +
                    "  SEVERITY  DELIVERY   AGO       SERVED\n";
  for (const TargetStatus& t : targets) {
    const std::string ago = t.pushed_at ? format_duration(now - *t.pushed_at) : "-";
    out += pad(t.target, target_width) + "  " + pad(t.certificate, name_width) + "  " +
           pad(std::string(to_string(t.severity)), 8) + "  " +
           pad(std::string(to_string(t.delivery)), 9) + "  " + pad(ago, 8) + "  " + seen_word(t) +
           '\n';
  }
  for (const TargetStatus& t : targets) {
    const std::string what = t.target + ", " + t.certificate;
    if (!t.reason.empty()) {
      out += "target: " + what + ": " + t.reason + '\n';
    }
    for (const PortStatus& port : t.ports) {
      if (!port.detail.empty()) {
        out += "served: " + what + " at " + port.address + ": " + port.detail + '\n';
      }
    }
  }
  return out;
}

}  // namespace muster::stapler
