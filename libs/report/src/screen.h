#pragma once

#include <string>
#include <string_view>

#include "muster/report/view.h"

// What a terminal makes of text. Texts are UTF-8 without control characters (muster::printable)
// but for the colours of paint().
namespace muster::report {

enum class Ink : std::uint8_t { kGreen, kYellow, kRed, kBold, kFaint };
std::string paint(std::string_view text, Ink ink, Colour colour);

/// Columns a terminal takes for the text: wide characters take two, combining ones and colours
/// none.
std::size_t columns_of(std::string_view text);
/// At most `columns` of a text without colours; what is cut off is shown by ".." at the end.
std::string cut(std::string_view text, std::size_t columns);
/// Filled up with blanks to `columns`.
std::string pad(std::string text, std::size_t columns);
/// One line as lines of at most `columns`, broken at blanks; those after the first are indented. A
/// word that is longer stays whole, so that it can be copied. 0 columns: unbroken. Ends with a line
/// feed.
std::string wrap(std::string_view line, std::size_t columns, std::size_t indent);

}  // namespace muster::report
