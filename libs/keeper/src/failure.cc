#include "muster/keeper/failure.h"

#include "muster/base/assert.h"

namespace muster::keeper {
namespace {

struct Row {
  FailureClass failure;
  std::string_view name;
  FailurePolicy policy;
};

// In the order of the enumeration. A captive portal and a broken proxy answer with pages of their
// own, so junk blames the way, too.
constexpr Row kRows[kFailureClasses] = {
    // clang-format off
    //                                               host   way    cache  quiet  first
    {FailureClass::kUnreachable,  "unreachable",    {true,  true,  false, false, 1}},
    {FailureClass::kServerError,  "server-error",   {true,  true,  false, false, 1}},
    {FailureClass::kHttpRefused,  "http-refused",   {false, true,  true,  true,  3}},
    {FailureClass::kTooLarge,     "too-large",      {false, true,  true,  false, 3}},
    {FailureClass::kTryLater,     "try-later",      {true,  false, false, false, 2}},
    {FailureClass::kUnauthorized, "unauthorized",   {false, false, true,  true,  3}},
    {FailureClass::kMalformed,    "malformed",      {false, true,  true,  false, 1}},
    {FailureClass::kWrongCertId,  "wrong-cert-id",  {false, false, true,  false, 1}},
    {FailureClass::kBadSignature, "bad-signature",  {false, true,  true,  false, 2}},
    {FailureClass::kNotYetValid,  "not-yet-valid",  {false, false, true,  false, 3}},
    {FailureClass::kExpired,      "expired-answer", {false, false, true,  false, 1}},
    {FailureClass::kUnknown,      "unknown",        {false, false, true,  true,  3}},
    {FailureClass::kNotBetter,    "not-better",     {false, false, true,  false, 1}},
    // clang-format on
};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kFailureClasses; ++i) {
    if (static_cast<std::size_t>(kRows[i].failure) != i) {
      return false;
    }
  }
  return true;
}
static_assert(is_in_order());

const Row& row_of(FailureClass failure) {
  const auto i = static_cast<std::size_t>(failure);
  MUSTER_ASSERT(i < kFailureClasses);
  return kRows[i];
}

}  // namespace

std::string_view to_string(FailureClass failure) { return row_of(failure).name; }
const FailurePolicy& policy_of(FailureClass failure) { return row_of(failure).policy; }

}  // namespace muster::keeper
