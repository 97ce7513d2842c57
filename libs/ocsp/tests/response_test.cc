#include <gtest/gtest.h>

#include "muster/ocsp/ocsp.h"

namespace muster::ocsp {
namespace {

// req: OCSP-COD-009
TEST(ErrorResponse, IsFiveOctetsForEveryStatus) {
  for (const ResponseStatus status :
       {ResponseStatus::kMalformedRequest, ResponseStatus::kInternalError, ResponseStatus::kTryLater,
        ResponseStatus::kSigRequired, ResponseStatus::kUnauthorized}) {
    const Buffer octets = encode_error_response(status);
    const std::uint8_t expected[] = {0x30, 3, 0x0a, 1, static_cast<std::uint8_t>(status)};
    EXPECT_TRUE(equal(octets, expected));
    const auto back = parse_response(octets);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->status, status);
    EXPECT_FALSE(back->basic.has_value());
  }
}

}  // namespace
}  // namespace muster::ocsp
