#include "muster/base/time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "muster/base/http_date.h"
#include "muster/base/text.h"

namespace muster {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::int64_t kFirstSecond = -62167219200;  // 0000-01-01T00:00:00Z
constexpr std::int64_t kLastSecond = 253402300799;   // 9999-12-31T23:59:59Z

struct Civil {
  int year;
  unsigned month, day;
  int hour, minute, second;
  unsigned weekday;
};

Civil to_civil(UnixSeconds t) {
  if (to_int(t) < kFirstSecond) {
    t = unix_seconds(kFirstSecond);
  } else if (to_int(t) > kLastSecond) {
    t = unix_seconds(kLastSecond);
  }
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day ymd(day);
  const std::chrono::hh_mm_ss hms(t - day);
  return {int(ymd.year()),
          unsigned(ymd.month()),
          unsigned(ymd.day()),
          static_cast<int>(hms.hours().count()),
          static_cast<int>(hms.minutes().count()),
          static_cast<int>(hms.seconds().count()),
          std::chrono::weekday(day).c_encoding()};
}

std::optional<UnixSeconds> from_civil(int year, unsigned month, unsigned day, int hour, int minute,
                                      int second) {
  const std::chrono::year_month_day ymd{std::chrono::year(year), std::chrono::month(month),
                                        std::chrono::day(day)};
  if (!ymd.ok() || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  return UnixSeconds(std::chrono::sys_days(ymd)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + Seconds(second);
}

/// Exactly `digits` decimal digits at the front of `text`, taken off it; -1 when they are not
/// there.
int take_number(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) {
    return -1;
  }
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return -1;
    }
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view literal) {
  if (!text.starts_with(literal)) {
    return false;
  }
  text.remove_prefix(literal.size());
  return true;
}

/// "10:00:00"
bool take_clock(std::string_view& text, int& hour, int& minute, int& second) {
  hour = take_number(text, 2);
  if (hour < 0 || !take(text, ":")) {
    return false;
  }
  minute = take_number(text, 2);
  if (minute < 0 || !take(text, ":")) {
    return false;
  }
  second = take_number(text, 2);
  return second >= 0;
}

unsigned take_month(std::string_view& text) {
  for (unsigned m = 0; m < kMonths.size(); ++m) {
    if (take(text, kMonths[m])) {
      return m + 1;
    }
  }
  return 0;
}

}  // namespace

std::string format_iso8601(UnixSeconds t) {
  const Civil c = to_civil(t);
  // Reports of 100,000 certificates have a million of these.
  std::string out = "0000-00-00T00:00:00Z";
  const auto put = [&out](std::size_t at, unsigned two_digits) {
    out[at] = static_cast<char>('0' + two_digits / 10);
    out[at + 1] = static_cast<char>('0' + two_digits % 10);
  };
  const auto year = static_cast<unsigned>(c.year);  // 0 to 9999
  put(0, year / 100);
  put(2, year % 100);
  put(5, c.month);
  put(8, c.day);
  put(11, static_cast<unsigned>(c.hour));
  put(14, static_cast<unsigned>(c.minute));
  put(17, static_cast<unsigned>(c.second));
  return out;
}

std::optional<UnixSeconds> parse_iso8601(std::string_view text) {
  if (take(text, "@")) {
    std::int64_t seconds = 0;
    const auto end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, seconds);
    if (error != std::errc() || stop != end || seconds < kFirstSecond || seconds > kLastSecond) {
      return std::nullopt;
    }
    return unix_seconds(seconds);
  }
  const int year = take_number(text, 4);
  if (year < 0 || !take(text, "-")) {
    return std::nullopt;
  }
  const int month = take_number(text, 2);
  if (month < 0 || !take(text, "-")) {
    return std::nullopt;
  }
  const int day = take_number(text, 2);
  if (day < 0) {
    return std::nullopt;
  }
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!text.empty()) {
    if (!take(text, "T") && !take(text, " ")) {
      return std::nullopt;
    }
    if (!take_clock(text, hour, minute, second) || !take(text, "Z") || !text.empty()) {
      return std::nullopt;
    }
  }
  return from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day), hour, minute,
                    second);
}

void write_http_date(UnixSeconds t, std::span<char, kHttpDateBytes> out) {
  const Civil c = to_civil(t);
  char* at = out.data();
  const auto word = [&at](std::string_view text) { at = std::copy(text.begin(), text.end(), at); };
  const auto two = [&at](int value) {
    *at++ = static_cast<char>('0' + value / 10);
    *at++ = static_cast<char>('0' + value % 10);
  };
  word(kDays[c.weekday]);
  word(", ");
  two(static_cast<int>(c.day));
  *at++ = ' ';
  word(kMonths[c.month - 1]);
  *at++ = ' ';
  two(c.year / 100);
  two(c.year % 100);
  *at++ = ' ';
  two(c.hour);
  *at++ = ':';
  two(c.minute);
  *at++ = ':';
  two(c.second);
  word(" GMT");
}

std::string format_http_date(UnixSeconds t) {
  std::array<char, kHttpDateBytes> out;
  write_http_date(t, out);
  return {out.begin(), out.end()};
}

std::optional<UnixSeconds> parse_http_date(std::string_view text) {
  const std::size_t comma = text.find(',');
  int year = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  unsigned month = 0;
  if (comma == std::string_view::npos) {  // asctime: "Sun Nov  6 08:49:37 1994"
    if (text.size() != 24) {
      return std::nullopt;
    }
    text.remove_prefix(4);
    month = take_month(text);
    if (month == 0 || !take(text, " ")) {
      return std::nullopt;
    }
    day = take(text, " ") ? take_number(text, 1) : take_number(text, 2);
    if (day < 0 || !take(text, " ") || !take_clock(text, hour, minute, second) ||
        !take(text, " ")) {
      return std::nullopt;
    }
    year = take_number(text, 4);
  } else {
    text.remove_prefix(comma + 1);
    if (!take(text, " ")) {
      return std::nullopt;
    }
    day = take_number(text, 2);
    const bool rfc850 = take(text, "-");
    if (day < 0 || (!rfc850 && !take(text, " "))) {
      return std::nullopt;
    }
    month = take_month(text);
    if (month == 0 || !take(text, rfc850 ? "-" : " ")) {
      return std::nullopt;
    }
    if (rfc850) {  // "Sunday, 06-Nov-94 08:49:37 GMT"
      year = take_number(text, 2);
      if (year >= 0) {
        year += year < 70 ? 2000 : 1900;
      }
    } else {
      year = take_number(text, 4);
    }
    if (year < 0 || !take(text, " ") || !take_clock(text, hour, minute, second) ||
        !take(text, " GMT")) {
      return std::nullopt;
    }
  }
  if (year < 0 || !text.empty()) {
    return std::nullopt;
  }
  if (second == 60) {
    second = 59;  // a leap second is still a valid date
  }
  return from_civil(year, month, static_cast<unsigned>(day), hour, minute, second);
}

std::string format_duration(Seconds d) {
  std::string out;
  std::int64_t s = d.count();
  if (s < 0) {
    out = "-";
    s = s == std::numeric_limits<std::int64_t>::min() ? std::numeric_limits<std::int64_t>::max()
                                                      : -s;
  }
  struct Part {
    std::int64_t unit;
    char name;
  };
  constexpr std::array<Part, 4> kParts = {{{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
  int written = 0;
  for (const Part& part : kParts) {
    const std::int64_t n = s / part.unit;
    s %= part.unit;
    if (n == 0 && !(written == 0 && part.unit == 1)) {
      if (written != 0) {
        break;
      }
      continue;
    }
    if (written != 0) {
      out += ' ';
    }
    out += std::to_string(n) + part.name;
    if (++written == 2) {
      break;
    }
  }
  return out;
}

std::optional<Seconds> parse_duration(std::string_view text) {
  if (text == "0") {
    return Seconds(0);
  }
  if (text.empty()) {
    return std::nullopt;
  }
  std::int64_t total = 0;
  std::int64_t last_unit = std::numeric_limits<std::int64_t>::max();
  while (!text.empty()) {
    std::int64_t n = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || n < 0 || stop == text.data() + text.size()) {
      return std::nullopt;
    }
    std::int64_t unit = 0;
    switch (*stop) {
      case 's':
        unit = 1;
        break;
      case 'm':
        unit = 60;
        break;
      case 'h':
        unit = 3600;
        break;
      case 'd':
        unit = 86400;
        break;
      case 'w':
        unit = 7 * 86400;
        break;
      default:
        return std::nullopt;
    }
    std::int64_t product = 0;
    if (unit >= last_unit || __builtin_mul_overflow(n, unit, &product) ||
        __builtin_add_overflow(total, product, &total)) {
      return std::nullopt;
    }
    last_unit = unit;
    text.remove_prefix(static_cast<std::size_t>(stop + 1 - text.data()));
  }
  return Seconds(total);
}

UnixSeconds SystemClock::now() const {
  return std::chrono::floor<Seconds>(std::chrono::system_clock::now());
}
MonotonicTime SystemClock::monotonic() const { return std::chrono::steady_clock::now(); }

}  // namespace muster
