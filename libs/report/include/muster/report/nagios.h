#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "muster/report/row.h"

// For Nagios, Icinga and whoever runs monitoring plugins.
namespace muster::report {

/// Below these a certificate that is good otherwise is no longer fine: how long it lasts, and which
/// share of the answer's life is left.
struct Threshold {
  std::optional<Seconds> lasts;
  std::optional<double> share;  ///< 0..1
};
/// "30d", "20%" or both with a comma. Nothing for another text.
std::optional<Threshold> parse_threshold(std::string_view text);
struct Thresholds {
  Threshold warning, critical;
};

/// Codes of the monitoring plugins' guidelines.
enum class NagiosState : std::uint8_t { kOk, kWarning, kCritical, kUnknown };
/// Revoked, unknown to the CA and unacceptable are critical; what could not be determined or read
/// is unknown. Of several the worst counts: critical, unknown, warning, ok.
NagiosState nagios_state(std::span<const Row> rows, const Thresholds& thresholds, UnixSeconds now);
inline int nagios_exit_code(NagiosState state) { return static_cast<int>(state); }

/// Text for a plugin's output: '|' would begin performance data; the others mean something to the
/// shells, macros and web pages that cores put it into.
std::string nagios_escape(std::string_view text);

/// The first line has the state, the counts, the worst certificate and, behind '|', performance
/// data; then a line for each certificate that is not ok, at most kMaxNagiosLines.
inline constexpr std::size_t kMaxNagiosLines = 30;
std::string format_nagios(std::span<const Row> rows, const Thresholds& thresholds, UnixSeconds now);

}  // namespace muster::report
