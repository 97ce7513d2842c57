#pragma once

#include <optional>
#include <string>

#include "muster/crl/crl.h"
#include "vectors.h"

namespace muster::vectors {

/// What our decoder says to one of the manifest's `fields` of a CRL, in the manifest's words;
/// nothing for a field we have no opinion on (names of upstream errors and flags).
std::optional<std::string> crl_field(const crl::CrlView& crl, const std::string& name,
                                     const nlohmann::json& wanted);

/// Our result for one of zlint's lints, as far as decoding decides it: "pass" or "error".
std::optional<std::string> crl_lint(const crl::CrlView& crl, std::string_view name);

}  // namespace muster::vectors
