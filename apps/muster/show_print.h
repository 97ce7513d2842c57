#pragma once

#include <cstdio>
#include <string_view>

#include "show_describe.h"

namespace muster::app {

/// `json` as indented "label: value" lines. Values are printable already.
void print_text(std::FILE* to, const Json& json, int indent = 0);
/// One line of JSON. Octets that are no UTF-8 are replaced.
std::string json_text(const Json& json);

}  // namespace muster::app
