#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

std::string_view trim(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
std::string to_lower(std::string_view text);
/// Pieces between separators; empty pieces are kept.
std::vector<std::string_view> split(std::string_view text, char separator);
/// How often `what` occurs in `text`, side by side. Precondition: `what` is not empty.
std::size_t count_of(std::string_view text, std::string_view what);
/// Text made safe for one log line or terminal: control characters and invalid UTF-8 become \xNN.
std::string printable(std::string_view text);
/// The candidate within edit distance 3 (and less than half its length) of `word`, or an empty
/// view: "did you mean ...?".
std::string_view closest_match(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace muster
