#include <gtest/gtest.h>

#include "crl_samples.h"

namespace muster::crl {
namespace {

using namespace test;

// req: OCSP-CRL-006, OCSP-CRL-014
TEST(EncodeCrl, IsCanonical) {
  Crl crl{name("CA"), kEcdsaSha256, unix_seconds(1700000000), unix_seconds(1700600000), {}, {}};
  // v2, algorithm, CN=CA, two UTCTimes and nothing else: no empty list, no empty extensions
  EXPECT_EQ(to_hex(encode_tbs_crl(crl)),
            "303c"
            "020101"
            "300a06082a8648ce3d040302"
            "300d310b300906035504030c024341"
            "170d3233313131343232313332305a"
            "170d3233313132313230353332305a");
  crl.entries.push_back({serial(5), unix_seconds(1700000000), ReasonCode::kUnspecified, {}, {}});
  crl.entries.push_back(
      {serial(6), unix_seconds(1700000000), ReasonCode::kSuperseded, unix_seconds(1699990000), {}});
  crl.extensions.push_back(number(oid::kCeCrlNumber, hex("07")));
  EXPECT_EQ(to_hex(encode_tbs_crl(crl)),
            "30819e"
            "020101"
            "300a06082a8648ce3d040302"
            "300d310b300906035504030c024341"
            "170d3233313131343232313332305a"
            "170d3233313132313230353332305a"
            "3050"
            "3012"
            "020105"
            "170d3233313131343232313332305a"  // unspecified is omitted
            "303a"
            "020106"
            "170d3233313131343232313332305a"
            "3026"
            "300a0603551d1504030a0104"
            "30180603551d180411"
            "180f"
            "32303233313131343139323634305a"
            "a00e"
            "300c"
            "300a0603551d140403020107");
}

// req: OCSP-CRL-004
TEST(EncodeCrl, WritesUtcTimeUpTo2049) {
  const auto tag_of_next_update = [](std::int64_t t) {
    const Buffer der = make_crl([&](Crl& crl) { crl.next_update = unix_seconds(t); });
    const auto crl = parse_crl(der);
    EXPECT_TRUE(crl);
    EXPECT_EQ(to_int(*crl->next_update), t);
    return crl->next_update && der::Reader(Bytes(der).subspan(49)).next_is(der::Tag::kUtcTime);
  };
  EXPECT_TRUE(tag_of_next_update(2524607999));
  EXPECT_FALSE(tag_of_next_update(2524608000));
}

TEST(EncodeCrl, ComesBackFromTheParser) {
  const Buffer der = make_crl([](Crl& crl) {
    crl.next_update.reset();
    crl.entries.push_back({*Serial::make(hex("00ff")),
                           unix_seconds(2524608000),
                           ReasonCode::kCertificateHold,
                           {},
                           {extension(kPrivateOid, hex("0500"))}});
    crl.extensions.push_back(extension(kPrivateOid, hex("0101ff"), true));
  });
  const auto parsed = parse_crl(der);
  ASSERT_TRUE(parsed) << to_string(parsed.error());
  EXPECT_FALSE(parsed->next_update);
  const auto entry = find_entry(*parsed, hex("00ff"), parsed->issuer);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->revocation_date, unix_seconds(2524608000));
  EXPECT_EQ(entry->reason, ReasonCode::kCertificateHold);
  EXPECT_EQ(entry->extensions.size(), 2u);
}

}  // namespace
}  // namespace muster::crl
