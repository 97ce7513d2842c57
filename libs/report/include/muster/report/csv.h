#pragma once

#include <span>
#include <string>

#include "muster/report/row.h"

namespace muster::report {

/// RFC 4180 with a heading; new columns come at the end. A cell of others' text that a spreadsheet
/// would take for a formula begins with an apostrophe.
std::string format_csv(std::span<const Row> rows);

}  // namespace muster::report
