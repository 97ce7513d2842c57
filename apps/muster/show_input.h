#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/base/bytes.h"
#include "muster/base/result.h"

// Turns what people have - files, pasted text, URLs - into DER objects to show.
namespace muster::app {

enum class ShownType : std::uint8_t { kRequest, kResponse, kCrl, kCertificate };
/// "OCSP request", for people.
std::string_view to_string(ShownType type);
/// "ocsp-request", for JSON.
std::string_view json_name(ShownType type);

struct ShownInput {
  Buffer der;
  std::optional<ShownType> label;  ///< what a PEM label says it is
};

/// Every DER object in PEM, DER, hexadecimal, base64, base64url, or the URL or path of a GET
/// request. Errors: a sentence that says what was expected.
Result<std::vector<ShownInput>, std::string> decode_shown_input(Buffer octets);

}  // namespace muster::app
