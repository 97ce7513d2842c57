#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace muster::bench {

/// Counts of nanoseconds, each kept to within 1/128 of itself: fine enough for quantiles, and the
/// same size for ten requests as for ten billion. Nothing is sampled, nothing left out.
class Histogram {
 public:
  void add(std::uint64_t nanoseconds) {
    ++counts_[index_of(nanoseconds)];
    ++total_;
    max_ = std::max(max_, nanoseconds);
  }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  /// The least bound that at least this share of all values keeps; 0 when there are none.
  /// \param share  0 to 1
  [[nodiscard]] std::uint64_t quantile(double share) const {
    const double wanted = share * static_cast<double>(total_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen != 0 && static_cast<double>(seen) >= wanted) {
        return std::min(upper_bound_of(i), max_);
      }
    }
    return max_;
  }

 private:
  static constexpr unsigned kBits = 7;      // of precision
  static constexpr unsigned kMaxBits = 40;  // 18 minutes; longer counts as that long
  static constexpr std::size_t kBuckets = (std::size_t{kMaxBits - kBits} + 1) << kBits;

  static constexpr std::size_t index_of(std::uint64_t value) {
    value = std::min(value, (std::uint64_t{1} << kMaxBits) - 1);
    const auto width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > kBits + 1 ? width - kBits - 1 : 0;
    return (std::size_t{shift} << kBits) + static_cast<std::size_t>(value >> shift);
  }
  static constexpr std::uint64_t upper_bound_of(std::size_t index) {
    const std::size_t group = index >> kBits;
    const auto shift = static_cast<unsigned>(group > 1 ? group - 1 : 0);
    const std::uint64_t top = index - (std::size_t{shift} << kBits);
    return ((top + 1) << shift) - 1;
  }

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t total_ = 0, max_ = 0;
};

}  // namespace muster::bench
