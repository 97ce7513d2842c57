#pragma once

#include <span>
#include <string>

#include "muster/report/row.h"
#include "muster/report/view.h"

namespace muster::report {

/// A heading and a line a certificate: target, verdict, status, source, share of life left, how
/// long the certificate lasts, reason. Cut to the view's columns; below more than one a summary.
/// \param notes  a word before each line, such as what changed; empty: none anywhere.
std::string format_table(std::span<const Row> rows, const View& view,
                         std::span<const std::string> notes = {});

}  // namespace muster::report
