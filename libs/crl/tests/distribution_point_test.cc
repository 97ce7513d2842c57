#include <gtest/gtest.h>

#include "crl_samples.h"

namespace muster::crl {
namespace {

using namespace test;
using der::DerErrc;

// req: OCSP-CRL-015
TEST(ReasonFlags, MapToCodesByTable) {
  const std::pair<unsigned, ReasonCode> table[] = {
      {1, ReasonCode::kKeyCompromise},        {2, ReasonCode::kCaCompromise},
      {3, ReasonCode::kAffiliationChanged},   {4, ReasonCode::kSuperseded},
      {5, ReasonCode::kCessationOfOperation}, {6, ReasonCode::kCertificateHold},
      {7, ReasonCode::kPrivilegeWithdrawn},   {8, ReasonCode::kAaCompromise}};
  ReasonSet all = 0;
  for (const auto& [bit, code] : table) {
    EXPECT_EQ(reason_of_bit(bit), code);
    ASSERT_TRUE(reason_bit(code));
    EXPECT_EQ(*reason_bit(code), 1u << bit);
    all = static_cast<ReasonSet>(all | *reason_bit(code));
  }
  EXPECT_EQ(all, kAllReasons);
  EXPECT_FALSE(reason_of_bit(0));
  EXPECT_FALSE(reason_of_bit(9));
  EXPECT_FALSE(reason_bit(ReasonCode::kUnspecified));
  EXPECT_FALSE(reason_bit(ReasonCode::kRemoveFromCrl));
}

TEST(ReasonFlags, AreReadStrictly) {
  const std::pair<const char*, int> table[] = {
      {"00", 0},
      {"0640", 1 << 1},
      {"0780", 1 << 0},
      {"0160", -1},
      {"0560", 0x06},
      {"017e", 0x7e},
      {"070180", 0x180},
      {"077f80", kAllReasons},
      {"07ff80", 0x1ff},
      {"", -1},
      {"01", -1},
      {"0840", -1},
      {"0040", -1},
      {"0700", -1},
      {"064000", -1},
      {"06"
       "0040",
       -1},
      {"07000080", -1},
      {"0000", -1},
  };
  for (const auto& [content, expected] : table) {
    const auto flags = parse_reason_flags(hex(content), 7);
    ASSERT_EQ(bool(flags), expected >= 0) << content;
    if (flags) {
      EXPECT_EQ(int{*flags}, expected) << content;
    } else {
      EXPECT_EQ(flags.error().code, DerErrc::kBadValue);
      EXPECT_EQ(flags.error().offset, 7u);
    }
  }
}

TEST(DistributionPoints, ComeBackAsTheyWere) {
  const Buffer first = uri("http://crl.example/a");
  const Buffer second = uri("ldap://crl.example/b");
  const Buffer issuer = directory(name("CRL issuer"));
  const Buffer rdn =
      hex("300c0603550403"
          "0c05"
          "7061727431");
  const std::vector<DistributionPoint> points = {
      {PointName{{first, second}, {}}, {}, {}},
      {PointName{{first}, {}}, ReasonSet{0x06}, {}},
      {PointName{{}, rdn}, kAllReasons, {issuer}},
      {{}, {}, {issuer}},
  };
  const Buffer value = encode_distribution_points(points);
  const auto parsed = parse_distribution_points(value);
  ASSERT_TRUE(parsed) << to_string(parsed.error());
  ASSERT_EQ(parsed->size(), points.size());
  EXPECT_EQ(encode_distribution_points(*parsed), value);
  EXPECT_EQ(uris(*parsed->at(0).name),
            (std::vector<std::string_view>{"http://crl.example/a", "ldap://crl.example/b"}));
  EXPECT_EQ(parsed->at(1).reasons, ReasonSet{0x06});
  EXPECT_TRUE(equal(*parsed->at(2).name->relative_name, rdn));
  EXPECT_TRUE(equal(*directory_name(parsed->at(3).crl_issuer.at(0)), name("CRL issuer")));
  EXPECT_FALSE(directory_name(first));
}

TEST(IssuingDistributionPoint, ComesBackAsItWasForEveryCombination) {
  const Buffer where = uri("http://crl.example/a");
  for (unsigned bits = 0; bits < 64; ++bits) {
    IssuingDistributionPoint point;
    if ((bits & 1u) != 0) {
      point.name = PointName{{where}, {}};
    }
    point.only_user_certs = (bits & 2u) != 0;
    point.only_ca_certs = (bits & 4u) != 0;
    if ((bits & 8u) != 0) {
      point.only_some_reasons = ReasonSet{0x0182};
    }
    point.indirect = (bits & 16u) != 0;
    point.only_attribute_certs = (bits & 32u) != 0;
    const Buffer value = encode_issuing_distribution_point(point);
    const auto parsed = parse_issuing_distribution_point(value);
    ASSERT_TRUE(parsed) << bits;
    EXPECT_EQ(parsed->name.has_value(), point.name.has_value());
    EXPECT_EQ(parsed->only_user_certs, point.only_user_certs);
    EXPECT_EQ(parsed->only_ca_certs, point.only_ca_certs);
    EXPECT_EQ(parsed->only_some_reasons, point.only_some_reasons);
    EXPECT_EQ(parsed->indirect, point.indirect);
    EXPECT_EQ(parsed->only_attribute_certs, point.only_attribute_certs);
    EXPECT_EQ(encode_issuing_distribution_point(*parsed), value);
  }
}

struct BadValue {
  const char* octets;
  DerErrc code;
  std::uint32_t offset;
};

TEST(DistributionPoints, AreRefusedWhereTheyAreWrong) {
  const BadValue table[] = {
      {"3000", DerErrc::kBadValue, 0},                   // no point
      {"30023000", DerErrc::kBadValue, 2},               // neither name nor issuer
      {"3006300481020640", DerErrc::kBadValue, 2},       // reasons alone
      {"30063004a002a000", DerErrc::kBadValue, 8},       // empty fullName
      {"30063004a002a100", DerErrc::kBadValue, 8},       // empty relative name
      {"30043002a200", DerErrc::kBadValue, 6},           // empty cRLIssuer
      {"30043002a000", DerErrc::kWrongTag, 6},           // distributionPoint without a choice
      {"30083006a004a0028900", DerErrc::kWrongTag, 8},   // GeneralName [9]
      {"30083006a004a002a600", DerErrc::kWrongTag, 8},   // URI constructed
      {"30083006a004a002a400", DerErrc::kWrongTag, 10},  // directoryName without a Name
      {"300a3008a004a00286000500", DerErrc::kTrailingData, 10},
      {"30003000", DerErrc::kTrailingData, 2},
      {"0500", DerErrc::kWrongTag, 0},
  };
  for (const BadValue& bad : table) {
    const Buffer value = hex(bad.octets);
    const auto parsed = parse_distribution_points(value);
    ASSERT_FALSE(parsed) << bad.octets;
    EXPECT_EQ(parsed.error().code, bad.code) << bad.octets << " " << to_string(parsed.error());
    EXPECT_EQ(parsed.error().offset, bad.offset) << bad.octets << " " << to_string(parsed.error());
  }
}

TEST(DistributionPoints, EnforceTheirLimits) {
  const Buffer where = uri("http://x");
  const auto points = [&](std::size_t count) {
    return encode_distribution_points(
        std::vector<DistributionPoint>(count, DistributionPoint{PointName{{where}, {}}, {}, {}}));
  };
  const auto names = [&](std::size_t count) {
    return encode_distribution_points(
        std::array{DistributionPoint{PointName{std::vector<Bytes>(count, where), {}}, {}, {}}});
  };
  const Buffer most_points = points(kMaxDistributionPoints);
  EXPECT_TRUE(parse_distribution_points(most_points));
  const Buffer more_points = points(kMaxDistributionPoints + 1);
  EXPECT_EQ(parse_distribution_points(more_points).error().code, DerErrc::kTooLarge);
  const Buffer most_names = names(kMaxGeneralNames);
  EXPECT_TRUE(parse_distribution_points(most_names));
  const Buffer more_names = names(kMaxGeneralNames + 1);
  EXPECT_EQ(parse_distribution_points(more_names).error().code, DerErrc::kTooLarge);
}

TEST(IssuingDistributionPoint, IsRefusedWhereItIsWrong) {
  const BadValue table[] = {
      {"3003810100", DerErrc::kBadValue, 2},            // FALSE written out
      {"3003810101", DerErrc::kBadValue, 2},            // TRUE as 01
      {"30028100", DerErrc::kBadValue, 2},              // TRUE without an octet
      {"30068401ff8201ff", DerErrc::kTrailingData, 5},  // out of order
      {"30028600", DerErrc::kTrailingData, 2},          // unknown field
      {"3004830207"
       "00",
       DerErrc::kBadValue, 2},
      {"30000500", DerErrc::kTrailingData, 2},
  };
  for (const BadValue& bad : table) {
    const Buffer value = hex(bad.octets);
    const auto parsed = parse_issuing_distribution_point(value);
    ASSERT_FALSE(parsed) << bad.octets;
    EXPECT_EQ(parsed.error().code, bad.code) << bad.octets << " " << to_string(parsed.error());
    EXPECT_EQ(parsed.error().offset, bad.offset) << bad.octets << " " << to_string(parsed.error());
  }
}

// req: OCSP-CRL-020
TEST(FreshestCrl, IsNotedWhereTheStandardForbidsIt) {
  const Buffer where = uri("http://crl.example/delta");
  const Buffer issuer = directory(name("CA"));
  const auto defects_of = [](const DistributionPoint& point, bool is_delta, bool critical) {
    const Buffer value = encode_distribution_points(std::array{point});
    const Buffer der = make_crl([&](Crl& crl) {
      crl.extensions.push_back(extension(oid::kCeFreshestCrl, value, critical));
      if (is_delta) {
        crl.extensions.push_back(number(oid::kCeDeltaCrlIndicator, hex("01"), true));
      }
    });
    const auto crl = parse_crl(der);
    EXPECT_TRUE(crl);
    EXPECT_EQ(crl->freshest_crl.size(), 1u);
    return crl->defects;
  };
  const DistributionPoint plain{PointName{{where}, {}}, {}, {}};
  EXPECT_TRUE(defects_of(plain, false, false).none());
  EXPECT_TRUE(defects_of(plain, true, false).has(Defect::kFreshestCrlMisused));
  EXPECT_TRUE(defects_of(plain, false, true).has(Defect::kWrongCriticality));
  EXPECT_TRUE(defects_of({PointName{{where}, {}}, ReasonSet{2}, {}}, false, false)
                  .has(Defect::kFreshestCrlMisused));
  EXPECT_TRUE(defects_of({PointName{{where}, {}}, {}, {issuer}}, false, false)
                  .has(Defect::kFreshestCrlMisused));
}

TEST(IssuingDistributionPoint, EmptyOneIsNoted) {
  const Buffer der = make_crl([](Crl& crl) {
    crl.extensions.push_back(extension(oid::kCeIssuingDistributionPoint, hex("3000"), true));
  });
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_TRUE(crl->defects.has(Defect::kEmptyIssuingDistributionPoint));
  EXPECT_FALSE(crl->defects.disqualifying());
}

}  // namespace
}  // namespace muster::crl
