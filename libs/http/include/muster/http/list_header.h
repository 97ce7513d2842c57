#pragma once

#include <optional>
#include <string_view>

#include "muster/http/message.h"

namespace muster::http {

/// The members of a header that is a list, the last one first. Several lines with its name are one
/// list, as if they were joined by commas in their order (RFC 9110 section 5.3): who adds to a list
/// may add a line of its own. Allocation-free. Lifetime: of the request.
class ListFromRight {
 public:
  ListFromRight(const RequestView& request, std::string_view name)
      : name_(name), lines_(request.header_block) {}
  /// The next member to the left, trimmed, empty ones too; nothing when there is none.
  std::optional<std::string_view> next();

 private:
  std::string_view name_;
  std::string_view lines_;                ///< not looked at yet
  std::optional<std::string_view> line_;  ///< what is left of the value at hand
};

}  // namespace muster::http
