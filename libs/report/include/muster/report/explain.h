#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "muster/client/verdict.h"
#include "muster/report/view.h"

// What the words of a report mean: reasons, verdicts, exit codes.
namespace muster::report {

/// A word that `muster explain` knows.
struct Entry {
  std::string_view code;
  std::string_view kind;  ///< "reason", "verdict", "exit code", "rule" (of muster lint)
  std::string_view what, why;
  std::string_view causes;  ///< likely ones, parted by "; "
  std::string_view fix;
  std::optional<int> exit_code{};  ///< for verdicts: what `muster check` ends with
  /// What else is to be told, by name: for rules their level, clause...
  std::vector<std::pair<std::string_view, std::string>> facts{};
};

/// Verdicts in the order of their exit codes, exit codes that are no verdict, then reasons.
/// Threads: any.
std::span<const Entry> all_entries();
/// By code, whatever its case; a number is an exit code and may have two entries.
/// \param further  entries beside all_entries(); what is given back points into them.
std::vector<const Entry*> find_entries(std::string_view word, std::span<const Entry> further = {});
/// A code that was probably meant; empty: none.
std::string_view suggest_code(std::string_view word, std::span<const Entry> further = {});

std::string explain_text(const Entry& entry, const View& view);
/// A line a code, of all_entries() and those further ones.
std::string explain_list(const View& view, std::span<const Entry> further = {});
std::string explain_json(std::span<const Entry* const> entries);
/// docs/formats/reasons.md.
std::string reasons_page();

}  // namespace muster::report
