#include <algorithm>
#include <chrono>

#include "muster/der/pkix.h"
#include "muster/der/time_text.h"

namespace muster::der {
namespace {

constexpr std::size_t kUtcTimeSize = 13;  // YYMMDDHHMMSSZ
constexpr std::size_t kGeneralizedTimeSize = kGeneralizedTimeBytes;
constexpr int kFirstGeneralizedYear = 2050;

/// Two decimal digits, or -1.
int two_digits(Bytes text, std::size_t at) {
  const unsigned tens = text[at] - unsigned{'0'};
  const unsigned ones = text[at + 1] - unsigned{'0'};
  return tens <= 9 && ones <= 9 ? static_cast<int>(tens * 10 + ones) : -1;
}

/// MMDDHHMMSSZ behind the year.
std::optional<UnixSeconds> instant(int year, Bytes rest) {
  const int month = two_digits(rest, 0);
  const int day = two_digits(rest, 2);
  const int hour = two_digits(rest, 4);
  const int minute = two_digits(rest, 6);
  const int second = two_digits(rest, 8);
  if (month < 0 || day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 59 || rest[10] != 'Z') {
    return std::nullopt;
  }
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

std::optional<UnixSeconds> parse_generalized(Bytes text) {
  if (text.size() != kGeneralizedTimeSize) {
    return std::nullopt;
  }
  const int century = two_digits(text, 0);
  const int year = two_digits(text, 2);
  if (century < 0 || year < 0) {
    return std::nullopt;
  }
  return instant(century * 100 + year, text.subspan(4));
}

std::optional<UnixSeconds> parse_utc(Bytes text) {
  if (text.size() != kUtcTimeSize) {
    return std::nullopt;
  }
  const int year = two_digits(text, 0);
  if (year < 0) {
    return std::nullopt;
  }
  return instant(year + (year >= 50 ? 1900 : 2000), text.subspan(2));
}

struct Calendar {
  int year;
  std::array<std::uint8_t, kGeneralizedTimeSize> text;
};
Calendar to_calendar(UnixSeconds t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  const auto second = static_cast<unsigned>((t - day).count());
  Calendar result{int{date.year()}, {}};
  MUSTER_ASSERT(result.year >= 0 && result.year <= 9999);
  const auto year = static_cast<unsigned>(result.year);
  std::uint8_t* at = result.text.data();
  // 32 bits: on the way of every answer, several times.
  const auto put = [&at](unsigned value) {
    *at++ = static_cast<std::uint8_t>('0' + value / 10);
    *at++ = static_cast<std::uint8_t>('0' + value % 10);
  };
  put(year / 100);
  put(year % 100);
  put(unsigned{date.month()});
  put(unsigned{date.day()});
  put(second / 3600);
  put(second / 60 % 60);
  put(second % 60);
  *at = 'Z';
  return result;
}

}  // namespace

DerResult<UnixSeconds> read_generalized_time(Reader& in, std::string_view field) {
  const std::uint32_t start = in.offset();
  MUSTER_TRY(const Bytes text, in.read(Tag::kGeneralizedTime, field));
  const std::optional<UnixSeconds> t = parse_generalized(text);
  if (!t) {
    return Err{DerError{DerErrc::kBadValue, start, field}};
  }
  return *t;
}

DerResult<UnixSeconds> read_time(Reader& in, std::string_view field) {
  if (!in.next_is(Tag::kUtcTime)) {
    return read_generalized_time(in, field);
  }
  const std::uint32_t start = in.offset();
  MUSTER_TRY(const Bytes text, in.read(Tag::kUtcTime, field));
  const std::optional<UnixSeconds> t = parse_utc(text);
  if (!t) {
    return Err{DerError{DerErrc::kBadValue, start, field}};
  }
  return *t;
}

void put_generalized_time(UnixSeconds t, std::span<std::uint8_t, kGeneralizedTimeBytes> out) {
  const Calendar calendar = to_calendar(t);
  std::copy(calendar.text.begin(), calendar.text.end(), out.begin());
}

void write_generalized_time(Writer& out, UnixSeconds t, Tag tag) {
  out.element(tag, Bytes(to_calendar(t).text));
}

void write_time(Writer& out, UnixSeconds t) {
  const Calendar calendar = to_calendar(t);
  const bool is_utc = calendar.year >= 1950 && calendar.year < kFirstGeneralizedYear;
  out.element(is_utc ? Tag::kUtcTime : Tag::kGeneralizedTime,
              Bytes(calendar.text).subspan(is_utc ? kGeneralizedTimeSize - kUtcTimeSize : 0));
}

}  // namespace muster::der
