#pragma once

#include <optional>
#include <string>

#include "muster/ocsp/ocsp.h"
#include "vectors.h"

// What the decoder says about a message, in the words of the manifest.
namespace muster::vectors {

/// The value of `fields.<name>` as text, and what we decode for it. Nothing for a name that is not
/// about decoding.
struct FieldCheck {
  std::string wanted;
  std::string got;
};
std::optional<FieldCheck> check_field(const Case& c, const std::string& name,
                                      const nlohmann::json& wanted);
/// Names that only other layers judge.
bool is_for_another_layer(const std::string& name);

/// Decimal digits of an unsigned number given as INTEGER content.
std::string to_decimal(Bytes integer_content);

}  // namespace muster::vectors
