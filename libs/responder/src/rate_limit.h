#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "muster/base/ip.h"
#include "muster/base/time.h"

namespace muster::responder {

/// How often one source, and all together, may ask (RFC 9919 section 8.4). Token buckets that hold
/// kBurst seconds' worth, in a table of fixed size: a flood of sources pushes out those that were
/// quiet for longest, and meets the limit for all. Threads: one.
class RateLimit {
 public:
  /// Seconds a source may save up, so that a page that opens twenty connections at once is served.
  static constexpr std::size_t kBurst = 5;
  static constexpr std::size_t kSources = 8192;

  /// Requests a second; zero: no limit.
  RateLimit(std::size_t total, std::size_t per_source)
      : total_limit_(total), source_limit_(per_source), sources_(per_source == 0 ? 0 : kSources) {}

  /// Whether a request from `address` would be answered now; takes nothing.
  [[nodiscard]] bool would_take(const IpAddress& address, bool from_source, UnixSeconds now) const {
    RateLimit tried(*this);
    return (!from_source || tried.take_from_source(address, now)) && tried.take_from_total(now);
  }
  /// Whether one more request may be answered. Allocation-free.
  [[nodiscard]] bool take_from_total(UnixSeconds now) {
    return total_limit_ == 0 || take(total_, total_limit_, now);
  }
  [[nodiscard]] bool take_from_source(const IpAddress& address, UnixSeconds now) {
    if (source_limit_ == 0 || !address.is_known()) {
      return true;
    }
    return take(bucket_of(address.network(address.octets().size() == 4 ? 32 : 64), now),
                source_limit_, now);
  }

 private:
  struct Bucket {
    IpAddress source;
    UnixSeconds filled_at{};
    std::size_t tokens = 0;
  };
  static constexpr std::size_t kWays = 8;

  static bool take(Bucket& bucket, std::size_t limit, UnixSeconds now) {
    const std::size_t full = limit * kBurst;
    if (now !=
        bucket.filled_at) {  // a clock set back fills the bucket too: nobody is locked out by it
      const auto passed = static_cast<std::size_t>(std::abs((now - bucket.filled_at).count()));
      bucket.tokens = passed >= kBurst ? full : std::min(full, bucket.tokens + passed * limit);
      bucket.filled_at = now;
    }
    if (bucket.tokens == 0) {
      return false;
    }
    --bucket.tokens;
    return true;
  }
  Bucket& bucket_of(const IpAddress& source, UnixSeconds now) {
    const std::size_t first = BytesHash()(source.octets()) % (kSources / kWays) * kWays;
    const auto begin = sources_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = begin + kWays;
    const auto found =
        std::find_if(begin, end, [&source](const Bucket& b) { return b.source == source; });
    if (found != end) {
      return *found;
    }
    Bucket& quietest = *std::min_element(
        begin, end, [](const Bucket& a, const Bucket& b) { return a.filled_at < b.filled_at; });
    quietest = Bucket{source, now, source_limit_ * kBurst};
    return quietest;
  }

  std::size_t total_limit_;
  std::size_t source_limit_;
  Bucket total_;
  std::vector<Bucket> sources_;
};

}  // namespace muster::responder
