#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "muster/base/histogram.h"
#include "muster/base/time.h"

namespace muster {

/// Writes metrics in Prometheus' text format 0.0.4. A family is begun once; its samples follow at
/// once.
class PrometheusText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;
  enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };

  void family(std::string_view name, Kind kind, std::string_view help);
  void sample(std::uint64_t value, const Labels& labels = {});
  void sample(UnixSeconds value, const Labels& labels = {});
  void sample(Seconds value, const Labels& labels = {});
  /// A share or a ratio, with four digits behind the point.
  void sample_ratio(double value, const Labels& labels = {});
  void sample_flag(bool value, const Labels& labels = {});
  /// The samples of one histogram, of a family of that kind.
  void sample(const DurationBounds& bounds, const DurationCounts& counts,
              const Labels& labels = {});
  /// A family of one sample.
  void single(std::string_view name, Kind kind, std::string_view help, std::uint64_t value);
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void write(const std::string& value, const Labels& labels, std::string_view suffix = {});
  std::string text_;
  std::string name_;
};

}  // namespace muster
