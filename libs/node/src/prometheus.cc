#include "prometheus.h"

#include "muster/base/text.h"

namespace muster::node {

void PrometheusText::family(std::string_view name, Kind kind, std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ +
           (kind == Kind::kCounter ? " counter\n" : " gauge\n");
}

void PrometheusText::write(const std::string& value, const Labels& labels) {
  text_ += name_;
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
void PrometheusText::sample_flag(bool value, const Labels& labels) {
  write(value ? "1" : "0", labels);
}

void PrometheusText::single(std::string_view name, Kind kind, std::string_view help,
                            std::uint64_t value) {
  family(name, kind, help);
  sample(value);
}

}  // namespace muster::node
