#include "starttls_lines.h"

#include <algorithm>
#include <charconv>

namespace muster::probe {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\r' && c != '\n';
}

}  // namespace

std::optional<std::size_t> announced_literal(std::string_view line) {
  const std::size_t open = line.rfind('{');
  if (open == std::string_view::npos || !line.ends_with('}')) {
    return std::nullopt;
  }
  std::string_view digits = line.substr(open + 1, line.size() - open - 2);
  if (digits.ends_with('+')) {
    digits.remove_suffix(1);
  }
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (digits.empty() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return error == std::errc() ? size : kMaxStartTlsUnit + 1;
}

Result<StartTls::Turn, ProbeError> LineStartTls::next(std::string_view pending) {
  for (std::size_t from = 0;;) {
    const std::size_t end = pending.find('\n', from);
    if ((end == std::string_view::npos ? pending.size() : end) > kMaxStartTlsUnit) {
      return too_large("a line");
    }
    const std::string_view seen = pending.substr(0, end);
    if (std::any_of(seen.begin(), seen.end(), is_control)) {  // binary: no line may ever come
      return not_protocol(seen);
    }
    if (end == std::string_view::npos) {
      return Turn{};
    }
    std::string_view line = seen;
    if (end > from && line.ends_with('\r')) {  // not one that a literal ends in
      line.remove_suffix(1);
    }
    const auto literal =
        literals_ == Literals::kYes ? announced_literal(line.substr(from)) : std::nullopt;
    if (!literal) {
      MUSTER_TRY(StartTlsStep step, on_line(line));
      return Turn{end + 1, std::move(step)};
    }
    if (*literal > kMaxStartTlsUnit) {
      return too_large("a line");
    }
    from = end + 1 + *literal;
    if (from > pending.size()) {
      return pending.size() > kMaxStartTlsUnit ? Result<Turn, ProbeError>(too_large("a line"))
                                               : Turn{};
    }
  }
}

std::string_view take_word(std::string_view& text) {
  const std::size_t end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  while (text.starts_with(' ')) {
    text.remove_prefix(1);
  }
  return word;
}

}  // namespace muster::probe
