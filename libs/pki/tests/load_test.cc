#include <gtest/gtest.h>

#include "muster/pki/keys.h"

namespace muster::pki {
namespace {

TEST(ParseCertificates, SaysThatThereIsNone) {
  for (const std::string_view input : {"", "hello", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"}) {
    const auto result = parse_certificates(as_bytes(input));
    ASSERT_FALSE(result) << input;
    EXPECT_EQ(result.error().code, PkiErrc::kNotACertificate) << input;
  }
}

}  // namespace
}  // namespace muster::pki
