#include "return_value.h"

#include <algorithm>
#include <iterator>

#include "muster/base/text.h"

namespace muster::token {
namespace {

using pki::PkiErrc;

struct Meaning {
  CK_RV rv;
  const char* name;
  PkiErrc code;
  const char* for_people;
};
constexpr Meaning kMeanings[] = {
    {CKR_HOST_MEMORY, "CKR_HOST_MEMORY", PkiErrc::kUnavailable, "out of memory"},
    {CKR_SLOT_ID_INVALID, "CKR_SLOT_ID_INVALID", PkiErrc::kUnavailable, "the slot is gone"},
    {CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR", PkiErrc::kUnavailable, "the module gives no reason"},
    {CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED", PkiErrc::kUnavailable,
     "the module gives no reason"},
    {CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD", PkiErrc::kSigningFailed,
     "the module does not take these arguments"},
    {CKR_ATTRIBUTE_SENSITIVE, "CKR_ATTRIBUTE_SENSITIVE", PkiErrc::kNotAKey,
     "the token keeps that to itself"},
    {CKR_ATTRIBUTE_TYPE_INVALID, "CKR_ATTRIBUTE_TYPE_INVALID", PkiErrc::kNotAKey,
     "the token does not know that attribute"},
    {CKR_DATA_INVALID, "CKR_DATA_INVALID", PkiErrc::kSigningFailed,
     "the token does not sign such data"},
    {CKR_DATA_LEN_RANGE, "CKR_DATA_LEN_RANGE", PkiErrc::kSigningFailed,
     "the token does not sign data of that length"},
    {CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", PkiErrc::kUnavailable, "the token reports a fault"},
    {CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY", PkiErrc::kUnavailable, "the token is out of memory"},
    {CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED", PkiErrc::kUnavailable, "the token was removed"},
    {CKR_FUNCTION_NOT_SUPPORTED, "CKR_FUNCTION_NOT_SUPPORTED", PkiErrc::kSigningFailed,
     "the module cannot do that"},
    {CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID", PkiErrc::kUnavailable,
     "the key is no longer where it was"},
    {CKR_KEY_SIZE_RANGE, "CKR_KEY_SIZE_RANGE", PkiErrc::kSigningFailed,
     "the token does not take keys of that size"},
    {CKR_KEY_TYPE_INCONSISTENT, "CKR_KEY_TYPE_INCONSISTENT", PkiErrc::kSigningFailed,
     "the key is not for this algorithm"},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED", PkiErrc::kSigningFailed,
     "the key may not sign (CKA_SIGN)"},
    {CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID", PkiErrc::kSigningFailed,
     "the token does not have this algorithm"},
    {CKR_MECHANISM_PARAM_INVALID, "CKR_MECHANISM_PARAM_INVALID", PkiErrc::kSigningFailed,
     "the token does not take these parameters"},
    {CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID", PkiErrc::kUnavailable,
     "the key is no longer where it was"},
    {CKR_OPERATION_ACTIVE, "CKR_OPERATION_ACTIVE", PkiErrc::kUnavailable,
     "the session is still busy"},
    {CKR_OPERATION_NOT_INITIALIZED, "CKR_OPERATION_NOT_INITIALIZED", PkiErrc::kUnavailable,
     "the session lost its place"},
    {CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT", PkiErrc::kWrongPassphrase,
     "the token refuses the PIN"},
    {CKR_PIN_INVALID, "CKR_PIN_INVALID", PkiErrc::kWrongPassphrase, "the token refuses the PIN"},
    {CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE", PkiErrc::kWrongPassphrase,
     "the PIN is too short or too long"},
    {CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED", PkiErrc::kWrongPassphrase,
     "the PIN has expired; set another one with the token's own tool"},
    {CKR_PIN_LOCKED, "CKR_PIN_LOCKED", PkiErrc::kWrongPassphrase,
     "the PIN is locked; unlock it with the token's own tool"},
    {CKR_SESSION_CLOSED, "CKR_SESSION_CLOSED", PkiErrc::kUnavailable, "the session was closed"},
    {CKR_SESSION_COUNT, "CKR_SESSION_COUNT", PkiErrc::kUnavailable,
     "the token has no session left; use fewer (token_sessions)"},
    {CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID", PkiErrc::kUnavailable,
     "the session is gone"},
    {CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT", PkiErrc::kUnavailable,
     "there is no token in the slot"},
    {CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED", PkiErrc::kUnavailable,
     "the token is not recognised"},
    {CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN", PkiErrc::kUnavailable, "the login was lost"},
    {CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED", PkiErrc::kWrongPassphrase,
     "the token has no user PIN yet"},
    {CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "CKR_USER_ANOTHER_ALREADY_LOGGED_IN",
     PkiErrc::kUnavailable, "somebody else is logged in"},
    {CKR_BUFFER_TOO_SMALL, "CKR_BUFFER_TOO_SMALL", PkiErrc::kSigningFailed,
     "the answer is longer than muster takes"},
    {CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED", PkiErrc::kUnavailable,
     "the module was shut down"},
};

const Meaning* find(CK_RV rv) {
  const auto* found = std::find_if(std::begin(kMeanings), std::end(kMeanings),
                                   [&](const Meaning& m) { return m.rv == rv; });
  return found == std::end(kMeanings) ? nullptr : found;
}

}  // namespace

std::string describe(CK_RV rv) {
  if (const Meaning* meaning = find(rv)) {
    return std::string(meaning->name) + " (" + meaning->for_people + ")";
  }
  return "return value " + std::to_string(rv);
}

pki::PkiErrc classify(CK_RV rv) {
  const Meaning* meaning = find(rv);
  return meaning == nullptr ? PkiErrc::kUnavailable : meaning->code;
}

pki::PkiError call_failed(const char* function, CK_RV rv) {
  return {classify(rv), std::string(function) + ": " + describe(rv)};
}

}  // namespace muster::token
