#include "tls_messages.h"

#include <gtest/gtest.h>

namespace muster::probe {
namespace {

Buffer octets(std::string_view hex) { return *from_hex(hex); }

// Certificate of TLS 1.3: empty context, two entries of 2 and 1 octets; the first with a staple,
// the second with an unknown extension and a staple.
constexpr std::string_view kTwoEntries =
    "00"
    "000024"
    "000002"
    "aabb"
    "000a"
    "0005"
    "0006"
    "01"
    "000002"
    "d1d2"
    "000001"
    "cc"
    "000d"
    "ffff"
    "0000"
    "0005"
    "0005"
    "01"
    "000001"
    "e1";

TEST(CertificateMessage, GivesEachCertificateItsStaple) {  // req: OCSP-TLS-018
  const Buffer body = octets(kTwoEntries);
  const auto entries = parse_certificate_message(body, TlsVersion::kTls13);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ(to_hex(entries->at(0).certificate), "aabb");
  EXPECT_EQ(to_hex(entries->at(0).staple.value()), "d1d2");
  EXPECT_EQ(to_hex(entries->at(1).certificate), "cc");
  EXPECT_EQ(to_hex(entries->at(1).staple.value()), "e1");
}

TEST(CertificateMessage, OfTls12HasNoExtensions) {
  const Buffer body = octets(
      "000009"
      "000002"
      "aabb"
      "000001"
      "cc");
  const auto entries = parse_certificate_message(body, TlsVersion::kTls12);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ(to_hex(entries->at(1).certificate), "cc");
  EXPECT_FALSE(entries->at(0).staple);
}

// opaque cert_data<1..2^24-1>: RFC 8446 section 4.4.2, RFC 5246 section 7.4.2.
TEST(CertificateMessage, AnEmptyCertificateIsRefused) {
  EXPECT_FALSE(parse_certificate_message(octets("000003000000"), TlsVersion::kTls12));
  EXPECT_FALSE(parse_certificate_message(octets("000007000001aa000000"), TlsVersion::kTls12));
  EXPECT_FALSE(parse_certificate_message(octets("000000050000000000"), TlsVersion::kTls13));
}

TEST(CertificateMessage, TwoStaplesOfOneCertificateAreRefused) {
  constexpr std::string_view kStaple = "0005000501000001e1";
  const auto message = [&](std::string_view extensions) {
    return octets("00000018000001cc0012" + std::string(extensions));
  };
  const std::string one = std::string(kStaple) + "ffff000501000001e1";  // another type
  const std::string two = std::string(kStaple) + std::string(kStaple);
  EXPECT_TRUE(parse_certificate_message(message(one), TlsVersion::kTls13));
  EXPECT_FALSE(parse_certificate_message(message(two), TlsVersion::kTls13));
}

TEST(CertificateMessage, CutAnywhereIsRefused) {
  const Buffer body = octets(kTwoEntries);
  for (std::size_t size = 0; size < body.size(); ++size) {
    const Buffer cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(
                                                      size));  // own memory: reads past it are seen
    EXPECT_FALSE(parse_certificate_message(cut, TlsVersion::kTls13)) << size;
  }
  Buffer longer = body;
  longer.push_back(0);
  EXPECT_FALSE(parse_certificate_message(longer, TlsVersion::kTls13));
}

TEST(CertificateMessage, HasABoundOnCertificates) {
  for (const std::size_t count : {kMaxCertificates, kMaxCertificates + 1}) {
    const std::size_t size = count * 4;
    Buffer body = {0, static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
    for (std::size_t i = 0; i < count; ++i) {
      body.insert(body.end(), {0, 0, 1, 0x30});
    }
    EXPECT_EQ(parse_certificate_message(body, TlsVersion::kTls12).has_value(),
              count == kMaxCertificates);
  }
}

TEST(CertificateStatus, IsOneResponseOfTypeOcsp) {  // req: OCSP-TLS-006
  const Buffer good = octets(
      "01"
      "000003"
      "300102");
  EXPECT_EQ(to_hex(parse_certificate_status(good).value()), "300102");
  for (const std::string_view hex : {"", "01", "01000000",
                                     "02"
                                     "000001"
                                     "30",
                                     "01"
                                     "000002"
                                     "30",
                                     "01"
                                     "000001"
                                     "3030"}) {
    const Buffer bad = octets(hex);
    EXPECT_FALSE(parse_certificate_status(bad)) << hex;
  }
}

}  // namespace
}  // namespace muster::probe
