#include "muster/base/text.h"

#include <algorithm>
#include <cstdint>

namespace muster {
namespace {
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/// Length of the well-formed UTF-8 sequence of a printable character at `i`, 0 when there is none.
std::size_t utf8_length(std::string_view s, std::size_t i) {
  const auto at = [&](std::size_t k) { return static_cast<unsigned char>(s[k]); };
  const unsigned char c = at(i);
  std::size_t n = 0;
  std::uint32_t value = 0;
  if (c >= 0xc2 && c <= 0xdf) {
    n = 2;
    value = c & 0x1fu;
  } else if (c >= 0xe0 && c <= 0xef) {
    n = 3;
    value = c & 0x0fu;
  } else if (c >= 0xf0 && c <= 0xf4) {
    n = 4;
    value = c & 0x07u;
  } else {
    return 0;
  }
  if (i + n > s.size()) {
    return 0;
  }
  for (std::size_t k = 1; k < n; ++k) {
    if ((at(i + k) & 0xc0u) != 0x80u) {
      return 0;
    }
    value = value << 6 | (at(i + k) & 0x3fu);
  }
  const bool overlong = (n == 3 && value < 0x800) || (n == 4 && value < 0x10000);
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  const bool c1_control = value < 0xa0;
  const bool bidi_control = (value >= 0x202a && value <= 0x202e) ||
                            (value >= 0x2066 && value <= 0x2069) || value == 0x200e ||
                            value == 0x200f || value == 0x061c;
  const bool line_separator = value == 0x2028 || value == 0x2029;  // ends a line for JavaScript
  const bool unseen = value == 0xfeff || (value >= 0xe0000 && value <= 0xe007f);  // BOM, tags
  const bool no_character = (value & 0xfffeU) == 0xfffe || (value >= 0xfdd0 && value <= 0xfdef);
  return overlong || surrogate || c1_control || bidi_control || line_separator || unseen ||
                 no_character || value > 0x10ffff
             ? 0
             : n;
}
}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return out;
    }
    text.remove_prefix(at + 1);
  }
}

std::string printable(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7f; };
  for (std::size_t i = 0;;) {
    const std::size_t begin = i;
    while (i < text.size() && is_plain(text[i])) {
      ++i;
    }
    out.append(text.substr(begin, i - begin));  // most are nothing else
    if (i == text.size()) {
      break;
    }
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t n = c < 0x80 ? 0 : utf8_length(text, i);
    if (n != 0) {
      out.append(text.substr(i, n));
      i += n;
      continue;
    }
    out += "\\x";
    out.push_back(kDigits[c >> 4]);
    out.push_back(kDigits[c & 0x0f]);
    ++i;
  }
  return out;
}

std::string_view closest_match(std::string_view word,
                               std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = 4;
  std::vector<std::size_t> row;
  for (const std::string_view candidate : candidates) {
    row.resize(candidate.size() + 1);
    for (std::size_t j = 0; j <= candidate.size(); ++j) {
      row[j] = j;
    }
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t substitute =
            diagonal + (lower(word[i - 1]) == lower(candidate[j - 1]) ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
      }
    }
    const std::size_t distance = row[candidate.size()];
    if (distance < best_distance && distance * 2 < std::max(candidate.size(), word.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace muster
