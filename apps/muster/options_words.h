#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace muster::app {

/// A word of the configuration and what it stands for.
template <class T>
struct Word {
  std::string_view text;
  T value;
};
template <class T>
Word(std::string_view, T) -> Word<T>;  // Clang 14 does not deduce aggregates by itself

/// Calls `set` with the value of `word`; an empty string, or what the word must be.
template <class T, std::size_t N, class Set>
std::string choose(std::string_view word, const std::array<Word<T>, N>& words, Set set) {
  std::string known;
  for (const Word<T>& w : words) {
    if (w.text == word) {
      set(w.value);
      return "";
    }
    known += (known.empty() ? "\"" : ", \"") + std::string(w.text) + "\"";
  }
  return "must be one of " + known;
}

template <class T, std::size_t N>
std::vector<std::string_view> texts(const std::array<Word<T>, N>& words) {
  std::vector<std::string_view> out;
  for (const Word<T>& w : words) {
    out.push_back(w.text);
  }
  return out;
}

}  // namespace muster::app
