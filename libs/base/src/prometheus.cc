#include "muster/base/prometheus.h"

#include <cstdio>

#include "muster/base/text.h"

namespace muster {
namespace {

/// "0.0025", "3600": exact, without noughts at the end.
std::string in_seconds(std::uint64_t microseconds) {
  constexpr std::uint64_t kSecond = 1'000'000;
  std::string text = std::to_string(microseconds / kSecond);
  if (const std::uint64_t rest = microseconds % kSecond; rest != 0) {
    std::string digits = std::to_string(kSecond + rest).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text;
}

}  // namespace

void PrometheusText::family(std::string_view name, Kind kind, std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ +
           (kind == Kind::kCounter ? " counter\n"
            : kind == Kind::kGauge ? " gauge\n"
                                   : " histogram\n");
}

void PrometheusText::write(const std::string& value, const Labels& labels,
                           std::string_view suffix) {
  text_ += name_;
  text_ += suffix;
  char separator = '{';
  for (const auto& [key, raw] : labels) {
    text_ += separator;
    text_ += std::string(key) + "=\"";
    for (const char c :
         printable(raw)) {  // backslash, quote and line feed are escaped (exposition format)
      text_ += c == '\\' ? "\\\\" : c == '"' ? "\\\"" : std::string(1, c);
    }
    text_ += '"';
    separator = ',';
  }
  text_ += (labels.empty() ? " " : "} ") + value + "\n";
}

void PrometheusText::sample(std::uint64_t value, const Labels& labels) {
  write(std::to_string(value), labels);
}
void PrometheusText::sample(UnixSeconds value, const Labels& labels) {
  write(std::to_string(to_int(value)), labels);
}
void PrometheusText::sample(Seconds value, const Labels& labels) {
  write(std::to_string(value.count()), labels);
}
void PrometheusText::sample(const DurationBounds& bounds, const DurationCounts& counts,
                            const Labels& labels) {
  Labels with_class = labels;
  with_class.emplace_back("le", "");
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < counts.counts.size(); ++i) {
    so_far += counts.counts[i];
    const std::string end =
        i < bounds.size() ? in_seconds(static_cast<std::uint64_t>(bounds[i].count())) : "+Inf";
    with_class.back().second = end;
    write(std::to_string(so_far), with_class, "_bucket");
  }
  write(in_seconds(counts.sum_us), labels, "_sum");
  write(std::to_string(so_far), labels, "_count");
}
void PrometheusText::sample_ratio(double value, const Labels& labels) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  write(text, labels);
}
void PrometheusText::sample_flag(bool value, const Labels& labels) {
  write(value ? "1" : "0", labels);
}

void PrometheusText::single(std::string_view name, Kind kind, std::string_view help,
                            std::uint64_t value) {
  family(name, kind, help);
  sample(value);
}

}  // namespace muster
