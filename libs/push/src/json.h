#pragma once

#include <nlohmann/json.hpp>

#include "muster/push/api.h"

// Operations from JSON, results to JSON.
namespace muster::push {

/// Why a request was not carried out, before the store was asked.
struct ApiError {
  unsigned status = 400;
  std::string_view code = "bad_request";  ///< for programs
  std::string detail;                     ///< for people
};
template <class T>
using ApiResult = Result<T, ApiError>;

/// Reads one operation. `kind`: given by the URL; nothing when the object must say it ("op"). Every
/// key must be known, none may stand twice, nothing is nested. A certificate, when given, must be
/// signed by the issuer's key and gives serial and expiry.
ApiResult<Operation> parse_operation(std::string_view json, std::optional<OperationKind> kind,
                                     const Issuer& issuer, const Limits& limits, UnixSeconds now);
/// The operation "issue" for a certificate in PEM or DER.
ApiResult<Operation> issue_certificate(Bytes certificate, const Issuer& issuer);

nlohmann::ordered_json to_json(const Serial& serial, const store::Status& status);
nlohmann::ordered_json to_json(const ApiError& error);
/// Never throws, whatever the text holds.
std::string dump(const nlohmann::ordered_json& json);

}  // namespace muster::push
