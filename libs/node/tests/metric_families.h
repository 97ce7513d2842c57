#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/file.h"

// Whether a page of metrics is what the table of a decision says.
namespace muster::node {

/// Families and the labels of their samples, "le" aside.
using Families = std::map<std::string, std::set<std::string>>;

inline Families families_of(const std::string& text) {
  const std::regex type("# TYPE (\\S+) .+");
  const std::regex label("([a-z_]+)=\"");
  Families out;
  std::string family;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_match(line, match, type)) {
      family = match[1];
      out[family];
    }
    const std::string labels =
        line[0] == '#' ? "" : line.substr(std::min(line.find('{'), line.size()));
    for (auto at = std::sregex_iterator(labels.begin(), labels.end(), label);
         at != std::sregex_iterator(); ++at) {
      if ((*at)[1] != "le") {
        out[family].insert((*at)[1]);
      }
    }
  }
  return out;
}

inline Families families_of_table(const std::string& text) {
  const std::regex name("`(muster_[a-z_]+)`");
  const std::regex remark("\\([^)]*\\)");
  const std::regex word("[a-z_]+");
  Families out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const std::size_t end = line.find(" |", 2);
    if (!line.starts_with("| `muster_") || end == std::string::npos) {
      continue;
    }
    const std::string names = line.substr(0, end);
    const std::string labels = std::regex_replace(line.substr(end), remark, "");
    std::set<std::string> all;
    for (auto at = std::sregex_iterator(labels.begin(), labels.end(), word);
         at != std::sregex_iterator(); ++at) {
      all.insert(at->str());
    }
    for (auto at = std::sregex_iterator(names.begin(), names.end(), name);
         at != std::sregex_iterator(); ++at) {
      EXPECT_TRUE(out.emplace((*at)[1], all).second) << (*at)[1] << " stands twice";
    }
  }
  return out;
}

/// What of a scrape and of the table of a decision does not agree, of families whose names begin
/// with `prefix`; empty: they say the same.
/// \param others  families of the table that begin so are another program's
inline std::string differences_to_table(const std::string& scrape, const std::string& table,
                                        std::string_view prefix,
                                        const std::vector<std::string_view>& others = {}) {
  const auto text = read_file(table, 1 << 20);
  if (!text) {
    return "no table: " + table;
  }
  const Families told = families_of_table(std::string(as_text(*text)));
  const Families shown = families_of(scrape);
  std::string out;
  for (const auto& [family, labels] : shown) {
    const auto known = told.find(family);
    if (family.starts_with(prefix) && (known == told.end() || known->second != labels)) {
      out +=
          family + " is not in " + table + (known == told.end() ? "" : " with its labels") + "\n";
    }
  }
  for (const auto& [family, labels] : told) {
    const bool is_ours = family.starts_with(prefix) &&
                         std::none_of(others.begin(), others.end(), [&](std::string_view other) {
                           return family.starts_with(other);
                         });
    if (is_ours && !shown.contains(family)) {
      out += family + " is shown by nobody\n";
    }
  }
  return out;
}

}  // namespace muster::node
