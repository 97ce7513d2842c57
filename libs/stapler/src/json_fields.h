#pragma once

#include <nlohmann/json.hpp>

#include "muster/base/time.h"

namespace muster::stapler {

// Fields of our own reports; what is absent or of another type reads as empty.

inline nlohmann::ordered_json time_or_null(const std::optional<UnixSeconds>& t) {
  return t ? nlohmann::ordered_json(format_iso8601(*t)) : nlohmann::ordered_json();
}
inline std::string text_at(const nlohmann::ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
inline std::optional<UnixSeconds> time_at(const nlohmann::ordered_json& object, const char* key) {
  return parse_iso8601(text_at(object, key));
}
inline std::uint64_t number_at(const nlohmann::ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}
inline bool flag_at(const nlohmann::ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace muster::stapler
