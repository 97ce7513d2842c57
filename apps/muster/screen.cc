#include "screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

namespace muster::app {
namespace {

constexpr std::size_t kMostColumns = 10'000;

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

/// A number the user set, within reason.
std::optional<std::size_t> number_in(const char* name) {
  const std::string_view text = environment(name);
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0 ||
      value > kMostColumns) {
    return std::nullopt;
  }
  return value;
}

std::optional<winsize> window() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
    return std::nullopt;
  }
  return size;
}

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

report::Colour colour_of(Paint paint) {
  const bool colours =
      paint == Paint::kAlways || (paint == Paint::kAuto && is_terminal(STDOUT_FILENO) &&
                                  environment("NO_COLOR").empty() && environment("TERM") != "dumb");
  return colours ? report::Colour::kAnsi : report::Colour::kPlain;
}

std::size_t screen_columns() {
  if (const auto asked = number_in("COLUMNS")) {
    return std::max(*asked, report::kMinColumns);
  }
  const auto size = window();
  return size && size->ws_col > 0 ? std::max<std::size_t>(size->ws_col, report::kMinColumns) : 0;
}

std::optional<std::size_t> screen_lines() {
  if (const auto asked = number_in("LINES")) {
    return asked;
  }
  const auto size = window();
  return size && size->ws_row > 0 ? std::optional<std::size_t>(size->ws_row) : std::nullopt;
}

}  // namespace muster::app
