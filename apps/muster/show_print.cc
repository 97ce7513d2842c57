#include "show_print.h"

#include <algorithm>

#include "muster/base/text.h"

namespace muster::app {
namespace {

constexpr int kIndent = 2;

std::string scalar_text(const Json& value) {
  if (value.is_null()) {
    return "none";
  }
  if (value.is_boolean()) {
    return value.get<bool>() ? "yes" : "no";
  }
  return value.is_string() ? printable(value.get<std::string>()) : value.dump();
}

std::string label_text(std::string_view key) {
  std::string label(key);
  std::replace(label.begin(), label.end(), '_', ' ');
  return label;
}

void print_member(std::FILE* to, const std::string& label, const Json& value, int indent) {
  if (value.is_structured() && value.empty()) {
    std::fprintf(to, "%*s%s: none\n", indent, "", label.c_str());
  } else if (value.is_object()) {
    std::fprintf(to, "%*s%s:\n", indent, "", label.c_str());
    print_text(to, value, indent + kIndent);
  } else if (value.is_array() && value.front().is_object()) {
    int number = 0;
    for (const Json& element : value) {
      std::fprintf(to, "%*s%s %d:\n", indent, "", label.c_str(), ++number);
      print_text(to, element, indent + kIndent);
    }
  } else if (value.is_array()) {
    std::fprintf(to, "%*s%s:\n", indent, "", label.c_str());
    for (const Json& element : value) {
      std::fprintf(to, "%*s%s\n", indent + kIndent, "", scalar_text(element).c_str());
    }
  } else {
    std::fprintf(to, "%*s%s: %s\n", indent, "", label.c_str(), scalar_text(value).c_str());
  }
}

}  // namespace

void print_text(std::FILE* to, const Json& json, int indent) {
  for (const auto& [key, value] : json.items()) {
    print_member(to, label_text(key), value, indent);
  }
}

std::string json_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace muster::app
