#include "help_text.h"

#include <algorithm>

#include "muster/base/text.h"

namespace muster::app {
namespace {

/// Where CLI11 puts what an option means.
constexpr std::size_t kMeaningColumn = 30;
/// Where it is put here, so that it needs fewer lines.
constexpr std::size_t kNarrowColumn = 24;

void append_folded(std::string& out, std::string line, std::size_t indent) {
  while (line.size() > kScreenColumns) {
    std::size_t at = line.rfind(' ', kScreenColumns);
    if (at == std::string::npos || at <= indent) {
      at = line.find(' ', std::max(indent + 1, kScreenColumns));  // one long word
      if (at == std::string::npos) {
        break;
      }
    }
    out += line.substr(0, at) + "\n";
    line = std::string(indent, ' ') + line.substr(at + 1);
  }
  out += line + "\n";
}

}  // namespace

std::string fold_help(std::string_view text) {
  std::string out;
  if (text.empty()) {  // what is wrong with a command line goes elsewhere
    return out;
  }
  for (std::string_view line : split(text, '\n')) {
    if (line.empty() && out.ends_with("\n\n")) {
      continue;  // CLI11 leaves two between groups
    }
    const std::size_t begins = std::min(line.find_first_not_of(' '), line.size());
    const bool is_meaning_alone = begins == kMeaningColumn;
    const bool is_option = begins == 2 && line.size() > kMeaningColumn &&
                           line[kMeaningColumn] != ' ' &&
                           line.substr(kMeaningColumn - 2, 2) == "  ";
    if (!is_meaning_alone && !is_option) {
      append_folded(out, std::string(line), begins);
      continue;
    }
    const std::string_view meaning = line.substr(kMeaningColumn);
    const std::string name(line.substr(0, line.find_last_not_of(' ', kMeaningColumn - 1) + 1));
    std::string next = is_option ? name : "";
    if (next.size() >= kNarrowColumn) {
      out += next + "\n";
      next.clear();
    }
    next.resize(kNarrowColumn, ' ');
    append_folded(out, next + std::string(meaning), kNarrowColumn);
  }
  while (out.ends_with("\n\n")) {
    out.pop_back();
  }
  return out;
}

}  // namespace muster::app
