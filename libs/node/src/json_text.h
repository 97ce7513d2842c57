#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace muster::node {

/// One line with a line feed. Never throws, whatever texts hold.
inline std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace muster::node
