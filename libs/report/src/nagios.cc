#include "muster/report/nagios.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "muster/base/text.h"
#include "screen.h"

namespace muster::report {
namespace {

using client::Outcome;

/// Longer lines are cut: some cores read no more than 8 KiB in all.
constexpr std::size_t kMaxLineColumns = 180;

std::optional<double> parse_percent(std::string_view text) {
  if (!text.ends_with('%')) {
    return std::nullopt;
  }
  text.remove_suffix(1);
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > 100) {
    return std::nullopt;
  }
  return value / 100.0;
}

bool is_below(const Row& row, const Threshold& threshold, UnixSeconds now) {
  return (threshold.lasts && row.not_after && *row.not_after - now < *threshold.lasts) ||
         (threshold.share && row.share_left && *row.share_left < *threshold.share);
}

NagiosState state_of(const Row& row, const Thresholds& thresholds, UnixSeconds now) {
  switch (row.outcome) {
    case Outcome::kRevoked:
    case Outcome::kUnacceptable:
    case Outcome::kUnknown:
      return NagiosState::kCritical;
    case Outcome::kUnreadable:
    case Outcome::kUndetermined:
      return NagiosState::kUnknown;
    case Outcome::kGood:
    case Outcome::kNotNeeded:
    case Outcome::kWarning:
      break;
  }
  if (is_below(row, thresholds.critical, now)) {
    return NagiosState::kCritical;
  }
  const bool warned = row.outcome == Outcome::kWarning || is_below(row, thresholds.warning, now);
  return warned ? NagiosState::kWarning : NagiosState::kOk;
}

unsigned severity(NagiosState state) {
  switch (state) {
    case NagiosState::kOk:
      return 0;
    case NagiosState::kWarning:
      return 1;
    case NagiosState::kUnknown:
      return 2;
    case NagiosState::kCritical:
      break;
  }
  return 3;
}

std::string_view word(NagiosState state) {
  switch (state) {
    case NagiosState::kOk:
      return "OK";
    case NagiosState::kWarning:
      return "WARNING";
    case NagiosState::kCritical:
      return "CRITICAL";
    case NagiosState::kUnknown:
      break;
  }
  return "UNKNOWN";
}

std::string describe(const Row& row) {
  std::string text = row.target;
  if (!row.subject.empty()) {
    text += " (" + short_subject(row) + ")";
  }
  text += ": " + std::string(client::to_string(row.outcome));
  if (!row.code.empty() && row.code != client::to_string(row.outcome)) {
    text += ", " + std::string(row.code);
  }
  if (!row.detail.empty()) {
    text += ": " + row.detail;
  }
  return cut(nagios_escape(text), kMaxLineColumns);
}

/// What is below a threshold, in words.
std::string shortfall(const Row& row, UnixSeconds now) {
  std::string text;
  if (row.not_after) {
    text += *row.not_after > now ? " lasts " + format_duration(*row.not_after - now) : " ended";
  }
  if (row.share_left) {
    text += (text.empty() ? " " : ", ") + std::to_string(static_cast<int>(*row.share_left * 100)) +
            "% of its answer left";
  }
  return nagios_escape(text);
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// "30:": alert below.
std::string range(std::optional<double> least) { return least ? number(*least) + ":" : ""; }

std::string performance(std::span<const Row> rows, const Thresholds& thresholds, UnixSeconds now) {
  std::optional<double> share, days;
  std::array<std::size_t, kOutcomes.size()> counts{};
  for (const Row& row : rows) {
    ++counts[static_cast<std::size_t>(row.outcome)];
    if (row.share_left) {
      share = std::min(share.value_or(1), *row.share_left);
    }
    if (row.not_after) {
      const double left = static_cast<double>((*row.not_after - now).count()) / 86400;
      days = days ? std::min(*days, left) : left;
    }
  }
  const auto in_percent = [](const Threshold& t) {
    return range(t.share ? std::optional(*t.share * 100) : std::nullopt);
  };
  const auto in_days = [](const Threshold& t) {
    return range(t.lasts ? std::optional(static_cast<double>(t.lasts->count()) / 86400)
                         : std::nullopt);
  };
  std::string out = "share_left=" + (share ? number(*share * 100) + "%" : std::string("U")) + ";" +
                    in_percent(thresholds.warning) + ";" + in_percent(thresholds.critical) +
                    ";0;100" + " days_left=" + (days ? number(*days) : std::string("U")) + ";" +
                    in_days(thresholds.warning) + ";" + in_days(thresholds.critical) + ";;" +
                    " certificates=" + std::to_string(rows.size()) + ";;;0";
  for (const Outcome outcome : kOutcomes) {
    std::string label(client::to_string(outcome));
    std::replace(label.begin(), label.end(), '-', '_');
    out += " " + label + "=" + std::to_string(counts[static_cast<std::size_t>(outcome)]) + ";;;0";
  }
  return out;
}

}  // namespace

std::string nagios_escape(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : printable(text)) {
    if (std::string_view("|<>`$&\"'").find(c) != std::string_view::npos) {
      const auto octet = static_cast<unsigned char>(c);
      out += std::string("\\x") + kDigits[octet >> 4] + kDigits[octet & 0x0f];
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<Threshold> parse_threshold(std::string_view text) {
  Threshold threshold;
  for (const std::string_view piece : split(text, ',')) {
    const std::string_view part = trim(piece);
    if (const auto share = parse_percent(part); share && !threshold.share) {
      threshold.share = share;
    } else if (const auto lasts = parse_duration(part); lasts && !threshold.lasts) {
      threshold.lasts = lasts;
    } else {
      return std::nullopt;
    }
  }
  return threshold;
}

NagiosState nagios_state(std::span<const Row> rows, const Thresholds& thresholds, UnixSeconds now) {
  NagiosState worst = rows.empty() ? NagiosState::kUnknown : NagiosState::kOk;
  for (const Row& row : rows) {
    const NagiosState state = state_of(row, thresholds, now);
    worst = severity(state) > severity(worst) ? state : worst;
  }
  return worst;
}

std::string format_nagios(std::span<const Row> rows, const Thresholds& thresholds,
                          UnixSeconds now) {
  std::vector<std::pair<NagiosState, const Row*>> not_ok;
  for (const Row& row : rows) {
    if (const NagiosState state = state_of(row, thresholds, now); state != NagiosState::kOk) {
      not_ok.emplace_back(state, &row);
    }
  }
  std::stable_sort(not_ok.begin(), not_ok.end(), [](const auto& a, const auto& b) {
    return severity(a.first) > severity(b.first);
  });
  const auto line_of = [&](NagiosState state, const Row& row) {
    // Good, but below a threshold: that is the reason then.
    const bool by_threshold = row.code.empty();
    return std::string(word(state)) + ": " + describe(row) +
           (by_threshold ? "," + shortfall(row, now) : "");
  };
  std::string out = "OCSP " + std::string(word(nagios_state(rows, thresholds, now))) + " - " +
                    summary({rows.begin(), rows.end()});
  if (!not_ok.empty()) {
    out += "; " + line_of(not_ok.front().first, *not_ok.front().second);
  }
  out += " | " + performance(rows, thresholds, now) + "\n";
  if (not_ok.size() < 2) {
    return out;
  }
  for (std::size_t i = 0; i < std::min(not_ok.size(), kMaxNagiosLines); ++i) {
    out += line_of(not_ok[i].first, *not_ok[i].second) + "\n";
  }
  if (not_ok.size() > kMaxNagiosLines) {
    out += "and " + std::to_string(not_ok.size() - kMaxNagiosLines) + " more\n";
  }
  return out;
}

}  // namespace muster::report
