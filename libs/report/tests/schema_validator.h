#pragma once

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "muster/testing/temp_dir.h"

namespace muster::report {

using Json = nlohmann::json;

/// The part of JSON Schema that check.schema.json uses; stricter than it where a member is not
/// named: what we write is described.
class Validator {
 public:
  Validator() {
    const char* root = std::getenv("MUSTER_SOURCE_DIR");
    schema_ = Json::parse(testing::read_text(std::string(root == nullptr ? "." : root) +
                                             "/docs/formats/check.schema.json"));
  }
  /// \param definition  "" for the document, else a name of $defs.
  std::vector<std::string> problems(const Json& document, const std::string& definition = "") {
    problems_.clear();
    check(document, definition.empty() ? schema_ : schema_["$defs"][definition], "$");
    return problems_;
  }

 private:
  bool is_type(const Json& v, const std::string& type) {
    return (type == "null" && v.is_null()) || (type == "string" && v.is_string()) ||
           (type == "object" && v.is_object()) || (type == "array" && v.is_array()) ||
           (type == "boolean" && v.is_boolean()) || (type == "integer" && v.is_number_integer()) ||
           (type == "number" && v.is_number());
  }
  void fail(const std::string& where, const std::string& what) {
    problems_.push_back(where + ": " + what);
  }

  void check(const Json& v, const Json& s, const std::string& where) {
    if (s.contains("$ref")) {
      check(v, schema_["$defs"][s["$ref"].get<std::string>().substr(8)], where);
    }
    if (s.contains("type") && !is_type(v, s["type"])) {
      fail(where, "is not of type " + s["type"].get<std::string>());
      return;
    }
    if (s.contains("const") && v != s["const"]) {
      fail(where, "is not " + s["const"].dump());
    }
    if (s.contains("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end()) {
      fail(where, v.dump() + " is not one of " + s["enum"].dump());
    }
    if (s.contains("anyOf")) {
      check_any_of(v, s, where);
    }
    for (const Json& key : s.value("required", Json::array())) {
      if (!v.contains(key.get<std::string>())) {
        fail(where, "lacks " + key.dump());
      }
    }
    if (s.contains("properties")) {
      check_object(v, s, where);
    }
    if (s.contains("items")) {
      for (std::size_t i = 0; i < v.size(); ++i) {
        check(v[i], s["items"], where + "[" + std::to_string(i) + "]");
      }
    }
  }
  void check_any_of(const Json& v, const Json& s, const std::string& where) {
    const std::vector<std::string> before = problems_;
    std::vector<std::string> collected;
    for (const Json& option : s["anyOf"]) {
      problems_ = before;
      check(v, option, where);
      if (problems_.size() == before.size()) {
        return;
      }
      collected = problems_;
    }
    problems_ = collected;
  }
  void check_object(const Json& v, const Json& s, const std::string& where) {
    for (const auto& [key, value] : v.items()) {
      if (!s["properties"].contains(key)) {
        fail(where, "has " + key + ", which the schema does not know");
      } else {
        check(value, s["properties"][key], where + "." + key);
      }
    }
  }
  Json schema_;
  std::vector<std::string> problems_;
};

}  // namespace muster::report
