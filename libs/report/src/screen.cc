#include "screen.h"

#include <algorithm>
#include <array>

namespace muster::report {
namespace {

struct Range {
  char32_t first, last;
};
/// East Asian wide and fullwidth blocks, and the pictographs terminals draw wide.
constexpr std::array kWide = {
    Range{0x1100, 0x115f},   Range{0x2e80, 0x303e},   Range{0x3041, 0xa4cf},
    Range{0xac00, 0xd7a3},   Range{0xf900, 0xfaff},   Range{0xfe30, 0xfe6f},
    Range{0xff00, 0xff60},   Range{0xffe0, 0xffe6},   Range{0x1f300, 0x1f64f},
    Range{0x1f900, 0x1f9ff}, Range{0x20000, 0x3fffd},
};
/// Combining marks, joiners, variation selectors.
constexpr std::array kNarrow = {
    Range{0x0300, 0x036f}, Range{0x0483, 0x0489}, Range{0x0591, 0x05bd},
    Range{0x0610, 0x061a}, Range{0x064b, 0x065f}, Range{0x200b, 0x200d},
    Range{0x20d0, 0x20ff}, Range{0xfe00, 0xfe0f}, Range{0xfe20, 0xfe2f},
};

bool is_in(char32_t c, const auto& ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](Range r) { return c >= r.first && c <= r.last; });
}

/// The next thing on the screen and how many octets and columns it takes.
struct Glyph {
  std::size_t octets, columns;
};
Glyph glyph_at(std::string_view text, std::size_t i) {
  const auto c = static_cast<unsigned char>(text[i]);
  if (c == 0x1b) {  // a colour: up to its 'm'
    const std::size_t end = text.find('m', i);
    return {(end == std::string_view::npos ? text.size() : end + 1) - i, 0};
  }
  if (c < 0x80) {
    return {1, 1};
  }
  const std::size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
  char32_t value = c & (0xffU >> (length + 1));
  for (std::size_t k = 1; k < length && i + k < text.size(); ++k) {
    value = value << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
  }
  const std::size_t octets = std::min(length, text.size() - i);
  return {octets, is_in(value, kNarrow) ? 0U : is_in(value, kWide) ? 2U : 1U};
}

}  // namespace

std::string paint(std::string_view text, Ink ink, Colour colour) {
  if (colour == Colour::kPlain) {
    return std::string(text);
  }
  std::string_view code;
  switch (ink) {
    case Ink::kGreen:
      code = "32";
      break;
    case Ink::kYellow:
      code = "33";
      break;
    case Ink::kRed:
      code = "31;1";
      break;
    case Ink::kBold:
      code = "1";
      break;
    case Ink::kFaint:
      code = "2";
      break;
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Glyph glyph = glyph_at(text, i);
    columns += glyph.columns;
    i += glyph.octets;
  }
  return columns;
}

std::string cut(std::string_view text, std::size_t columns) {
  constexpr std::string_view kMark = "..";
  if (columns_of(text) <= columns) {
    return std::string(text);
  }
  const std::size_t room = columns - std::min(columns, kMark.size());
  std::size_t used = 0, i = 0;
  while (i < text.size()) {
    const Glyph glyph = glyph_at(text, i);
    if (used + glyph.columns > room) {
      break;
    }
    used += glyph.columns;
    i += glyph.octets;
  }
  return std::string(text.substr(0, i)) + std::string(kMark.substr(0, columns - used));
}

std::string pad(std::string text, std::size_t columns) {
  const std::size_t used = columns_of(text);
  if (used < columns) {
    text.append(columns - used, ' ');
  }
  return text;
}

std::string wrap(std::string_view line, std::size_t columns, std::size_t indent) {
  std::string out;
  if (columns == 0) {
    out = line;
    return out + '\n';
  }
  std::size_t used = 0, i = 0;
  bool fresh = true;  // nothing but the indentation is on this line
  while (i < line.size()) {
    const std::size_t blanks_end = std::min(line.find_first_not_of(' ', i), line.size());
    const std::size_t word_end = std::min(line.find(' ', blanks_end), line.size());
    const std::size_t blanks = blanks_end - i;
    const std::string_view word = line.substr(blanks_end, word_end - blanks_end);
    const std::size_t wide = columns_of(word);
    if (!fresh && used + blanks + wide > columns) {
      out += '\n' + std::string(indent, ' ');
      used = indent;
    } else {
      out.append(blanks, ' ');
      used += blanks;
    }
    out += word;
    used += wide;
    fresh = false;
    i = word_end;
  }
  return out + '\n';
}

}  // namespace muster::report
