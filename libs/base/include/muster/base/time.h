#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster {

/// An instant with the resolution of OCSP and CRL times. Instants and durations cannot mix.
using UnixSeconds = std::chrono::sys_seconds;
using Seconds = std::chrono::seconds;
using Milliseconds = std::chrono::milliseconds;
/// An instant of the clock that never jumps, for deadlines.
using MonotonicTime = std::chrono::steady_clock::time_point;

constexpr UnixSeconds unix_seconds(std::int64_t s) { return UnixSeconds(Seconds(s)); }
constexpr std::int64_t to_int(UnixSeconds t) { return t.time_since_epoch().count(); }

/// "2026-11-24T10:00:00Z". Any year 0..9999; others are clamped to those ends.
std::string format_iso8601(UnixSeconds t);
/// Reads what format_iso8601 writes, a blank instead of 'T', a date alone (midnight), or "@<unix
/// seconds>".
std::optional<UnixSeconds> parse_iso8601(std::string_view text);
/// "Tue, 24 Nov 2026 10:00:00 GMT" (RFC 9110 section 5.6.7).
std::string format_http_date(UnixSeconds t);
/// The three forms of RFC 9110 section 5.6.7; nothing when it is none of them.
std::optional<UnixSeconds> parse_http_date(std::string_view text);
/// "2d 14h", "3h 12m", "41s": the two largest units, for people.
std::string format_duration(Seconds d);
/// "90s", "15m", "24h", "7d", "1h30m", or plain "0". Nothing for another form, overflow or a
/// negative.
std::optional<Seconds> parse_duration(std::string_view text);

/// Where services get the time from. Cores take `now` as an argument instead.
/// Threads: every method from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual UnixSeconds now() const = 0;
  [[nodiscard]] virtual MonotonicTime monotonic() const = 0;
};

/// The clocks of the operating system.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] UnixSeconds now() const override;
  [[nodiscard]] MonotonicTime monotonic() const override;
};

}  // namespace muster
