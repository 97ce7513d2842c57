#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "muster/testing/temp_dir.h"

namespace muster::testing {

/// The part of JSON Schema that the schemas below docs/formats use. Whoever includes this links
/// nlohmann_json.
class JsonSchema {
 public:
  using Json = nlohmann::json;

  /// Members that an object has and the schema does not name.
  enum class Unnamed : std::uint8_t {
    kAsItSays,
    kRefused,  ///< whatever it says: what we write is described
  };

  /// \param file  below docs/formats.
  explicit JsonSchema(const std::string& file, Unnamed unnamed = Unnamed::kAsItSays)
      : unnamed_(unnamed) {
    const char* const root = std::getenv("MUSTER_SOURCE_DIR");
    schema_ =
        Json::parse(read_text(std::string(root == nullptr ? "." : root) + "/docs/formats/" + file));
  }
  /// What the document breaks, with where; empty when it fits.
  /// \param definition  "" for the document, else a name of $defs.
  std::vector<std::string> problems(const Json& document, const std::string& definition = "") {
    problems_.clear();
    check(document, definition.empty() ? schema_ : schema_["$defs"][definition], "$");
    return problems_;
  }
  [[nodiscard]] const Json& json() const { return schema_; }

 private:
  static bool is_type(const Json& v, const std::string& type) {
    return (type == "null" && v.is_null()) || (type == "string" && v.is_string()) ||
           (type == "object" && v.is_object()) || (type == "array" && v.is_array()) ||
           (type == "boolean" && v.is_boolean()) || (type == "integer" && v.is_number_integer()) ||
           (type == "number" && v.is_number());
  }
  static bool is_one_of(const Json& v, const Json& types) {
    return types.is_array() ? std::any_of(types.begin(), types.end(),
                                          [&](const Json& t) { return is_type(v, t); })
                            : is_type(v, types);
  }
  void fail(const std::string& where, const std::string& what) {
    problems_.push_back(where + ": " + what);
  }

  void check(const Json& v, const Json& s, const std::string& where) {
    if (s.contains("$ref")) {
      check(v, schema_["$defs"][s["$ref"].get<std::string>().substr(8)], where);
    }
    if (s.contains("type") && !is_one_of(v, s["type"])) {
      fail(where, "is not of type " + s["type"].dump());
      return;
    }
    if (s.contains("const") && v != s["const"]) {
      fail(where, "is not " + s["const"].dump());
    }
    if (s.contains("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end()) {
      fail(where, v.dump() + " is not one of " + s["enum"].dump());
    }
    if (s.contains("pattern") &&
        !std::regex_search(v.get<std::string>(), std::regex(s["pattern"].get<std::string>()))) {
      fail(where, v.dump() + " does not match " + s["pattern"].dump());
    }
    if (s.contains("minimum") && v < s["minimum"]) {
      fail(where, v.dump() + " is less than " + s["minimum"].dump());
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
    if (v.is_array()) {
      check_array(v, s, where);
    }
  }
  void check_array(const Json& v, const Json& s, const std::string& where) {
    if (v.size() < s.value("minItems", std::size_t{0}) ||
        v.size() > s.value("maxItems", static_cast<std::size_t>(-1))) {
      fail(where, "has " + std::to_string(v.size()) + " items");
    }
    for (std::size_t i = 0; s.contains("items") && i < v.size(); ++i) {
      check(v[i], s["items"], where + "[" + std::to_string(i) + "]");
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
      if (s["properties"].contains(key)) {
        check(value, s["properties"][key], where + "." + key);
      } else if (unnamed_ == Unnamed::kRefused || s.contains("additionalProperties")) {
        fail(where, "has " + key + ", which the schema does not know");
      }
    }
  }

  const Unnamed unnamed_;
  Json schema_;
  std::vector<std::string> problems_;
};

}  // namespace muster::testing
