#include <gtest/gtest.h>

#include "crl_samples.h"

namespace muster::crl {
namespace {

using namespace test;
using der::DerErrc;

struct BadCrl {
  const char* what;
  Parts parts;
  DerErrc code;
  std::uint32_t offset;
  std::string_view field;
};

void PrintTo(const BadCrl& bad, std::ostream* out) { *out << bad.what; }

class ParseBadCrl : public ::testing::TestWithParam<BadCrl> {};

// req: OCSP-CRL-002
TEST_P(ParseBadCrl, IsRefusedWhereItIsWrong) {
  const Buffer der = assemble(GetParam().parts);
  const auto crl = parse_crl(der);
  ASSERT_FALSE(crl);
  EXPECT_EQ(crl.error().code, GetParam().code) << to_string(crl.error());
  EXPECT_EQ(crl.error().offset, GetParam().offset) << to_string(crl.error());
  EXPECT_EQ(crl.error().field, GetParam().field);
}

// The TBS starts at 2, its content at 4: version 4..6, signature 7..18, issuer 19..33, thisUpdate
// 34, nextUpdate 49, then 64.
INSTANTIATE_TEST_SUITE_P(
    Table, ParseBadCrl,
    ::testing::Values(
        BadCrl{"inner and outer algorithm differ",
               {.outer_signature = kEcdsaSha384},
               DerErrc::kInconsistent,
               64,
               "signatureAlgorithm"},
        BadCrl{"extensions without a version",
               {.version = {}, .extensions = kNumberOne},
               DerErrc::kInconsistent,
               61,
               "crlExtensions"},
        BadCrl{"entry extensions without a version",
               {.version = {}, .revoked = kEntryWithReason},
               DerErrc::kInconsistent,
               63,
               "crlEntryExtensions"},
        BadCrl{"version 1 written out",
               {.version = hex("020100")},
               DerErrc::kUnsupported,
               4,
               "version"},
        BadCrl{"version 3", {.version = hex("020102")}, DerErrc::kUnsupported, 4, "version"},
        BadCrl{"version of 9 octets",
               {.version = hex("0209010000000000000000")},
               DerErrc::kUnsupported,
               4,
               "version"},
        BadCrl{"no algorithm", {.signature = {}}, DerErrc::kWrongTag, 9, "algorithm"},
        BadCrl{"no issuer", {.issuer = {}}, DerErrc::kWrongTag, 19, "issuer"},
        BadCrl{"no thisUpdate",
               {.this_update = {}, .next_update = {}},
               DerErrc::kWrongTag,
               34,
               "thisUpdate"},
        BadCrl{"UTCTime with an offset",
               {.this_update = hex("17113233313131343232313332302b30303030")},
               DerErrc::kBadValue,
               34,
               "thisUpdate"},
        BadCrl{"UTCTime without seconds",
               {.next_update = hex("170b323331313231323035335a")},
               DerErrc::kBadValue,
               49,
               "nextUpdate"},
        BadCrl{"GeneralizedTime with a fraction",
               {.next_update = hex("181132303530303130313030303030302e315a")},
               DerErrc::kBadValue,
               49,
               "nextUpdate"},
        BadCrl{"junk behind the extensions",
               {.tbs_tail = hex("0500")},
               DerErrc::kTrailingData,
               64,
               "tbsCertList"},
        BadCrl{"junk behind the signature",
               {.outer_tail = hex("0500")},
               DerErrc::kTrailingData,
               81,
               "CertificateList"},
        BadCrl{"no signature", {.signature_value = {}}, DerErrc::kWrongTag, 76, "signatureValue"},
        BadCrl{"unused bits in the signature",
               {.signature_value = hex("03030130"
                                       "00")},
               DerErrc::kBadValue,
               76,
               "signatureValue"},
        BadCrl{"entry without a date",
               {.revoked = hex("3005"
                               "3003"
                               "020105")},
               DerErrc::kWrongTag,
               71,
               "revocationDate"},
        BadCrl{"entry without a serial",
               {.revoked = hex("3002"
                               "3000")},
               DerErrc::kWrongTag,
               68,
               "userCertificate"},
        BadCrl{"serial that is not minimal",
               {.revoked = hex("3015"
                               "3013"
                               "02020005"
                               "170d3233313131343232313332305a")},
               DerErrc::kBadValue,
               68,
               "userCertificate"},
        BadCrl{"junk behind entry extensions",
               {.revoked = hex("3018"
                               "3016"
                               "020105"
                               "170d3233313131343232313332305a"
                               "3000"
                               "0500")},
               DerErrc::kTrailingData,
               88,
               "revokedCertificate"},
        BadCrl{"two extension lists",
               {.extensions = hex("a004"
                                  "3000"
                                  "3000")},
               DerErrc::kTrailingData,
               68,
               "crlExtensions"},
        BadCrl{"CRL number that is no INTEGER",
               {.extensions = hex("a00e"
                                  "300c"
                                  "300a"
                                  "0603551d14"
                                  "0403"
                                  "040101")},
               DerErrc::kWrongTag,
               77,
               "cRLNumber"},
        BadCrl{"junk behind the CRL number",
               {.extensions = hex("a010"
                                  "300e"
                                  "300c"
                                  "0603551d14"
                                  "0405"
                                  "0201010500")},
               DerErrc::kTrailingData,
               80,
               "cRLNumber"},
        BadCrl{"scope with an unknown field",
               {.extensions = hex("a012"
                                  "3010"
                                  "300e"
                                  "0603551d1c"
                                  "0101ff"
                                  "0404"
                                  "30028600")},
               DerErrc::kTrailingData,
               82,
               "IssuingDistributionPoint"},
        BadCrl{"key identifier that is no SEQUENCE",
               {.extensions = hex("a00d"
                                  "300b"
                                  "3009"
                                  "0603551d23"
                                  "0402"
                                  "0500")},
               DerErrc::kWrongTag,
               77,
               "authorityKeyIdentifier"},
        BadCrl{"critical FALSE written out",
               {.extensions = hex("a011"
                                  "300f"
                                  "300d"
                                  "0603551d14"
                                  "010100"
                                  "0403"
                                  "020101")},
               DerErrc::kBadValue,
               75,
               "critical"}),
    [](const auto& param) {
      std::string label;
      for (const char c : std::string_view(param.param.what)) {
        label += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
      }
      return label;
    });

}  // namespace
}  // namespace muster::crl
