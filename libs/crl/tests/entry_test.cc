#include <gtest/gtest.h>

#include <set>

#include "crl_samples.h"

namespace muster::crl {
namespace {

using namespace test;

der::Extension reason_extension(std::uint8_t code) {
  return extension(oid::kCeReasonCode, Buffer{0x0a, 0x01, code});
}
der::Extension delta_indicator() { return number(oid::kCeDeltaCrlIndicator, hex("01"), true); }

// req: OCSP-CRL-015
TEST(Entry, KnowsEachReasonCode) {
  for (const bool is_delta : {false, true}) {
    for (std::uint8_t code = 0; code <= 12; ++code) {
      const Buffer der = make_crl([&](Crl& crl) {
        crl.entries.push_back({serial(1), crl.this_update, {}, {}, {reason_extension(code)}});
        if (is_delta) {
          crl.extensions.push_back(delta_indicator());
        }
      });
      const auto crl = parse_crl(der);
      ASSERT_TRUE(crl) << int{code};
      const auto entry = find_entry(*crl, hex("01"), crl->issuer);
      ASSERT_TRUE(entry);
      const bool is_valid = code <= 6 || (code >= 8 && code <= 10);
      EXPECT_EQ(entry->reason.has_value(), is_valid) << int{code};
      if (is_valid) {
        EXPECT_EQ(static_cast<int>(*entry->reason), code);
      }
      std::optional<Defect> expected;
      if (!is_valid) {
        expected = Defect::kBadReasonCode;
      } else if (code == 8 && !is_delta) {
        expected = Defect::kRemoveFromCrlInCompleteCrl;
      }
      EXPECT_EQ(crl->defects.disqualifying(), expected)
          << int{code} << (is_delta ? " delta" : " complete");
    }
  }
}

TEST(Entry, NotesReasonCodesOfAnotherForm) {
  for (const char* value : {"020101", "0a020001",
                            "0a0101"
                            "0500",
                            "0a01ff", "0a00", ""}) {
    const Buffer der = make_crl([&](Crl& crl) {
      crl.entries.push_back(
          {serial(1), crl.this_update, {}, {}, {extension(oid::kCeReasonCode, hex(value))}});
    });
    const auto crl = parse_crl(der);
    ASSERT_TRUE(crl) << value;
    EXPECT_EQ(crl->defects.disqualifying(), Defect::kBadReasonCode) << value;
  }
}

// req: OCSP-CRL-016
TEST(Entry, KeepsInvalidityDateApartFromRevocationDate) {
  const Buffer der = make_crl([](Crl& crl) {
    crl.entries.push_back({serial(1), unix_seconds(1700000000), {}, unix_seconds(1600000000), {}});
  });
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  const auto entry = find_entry(*crl, hex("01"), crl->issuer);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->revocation_date, unix_seconds(1700000000));
  EXPECT_EQ(entry->invalidity_date, unix_seconds(1600000000));
}

// req: OCSP-CRL-016
TEST(Entry, TakesAnInvalidityDateThatIsNoGeneralizedTimeForAbsent) {
  const Buffer der = make_crl([](Crl& crl) {
    crl.entries.push_back(
        {serial(1),
         crl.this_update,
         {},
         {},
         {extension(oid::kCeInvalidityDate, hex("170d3232313031303139313230375a"))}});
  });
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_TRUE(crl->defects.has(Defect::kBadInvalidityDate));
  EXPECT_FALSE(crl->defects.disqualifying());
  EXPECT_FALSE(find_entry(*crl, hex("01"), crl->issuer)->invalidity_date);
}

Buffer indirect_crl(std::vector<Entry> entries) {
  IssuingDistributionPoint scope;
  scope.indirect = true;
  const Buffer value = encode_issuing_distribution_point(scope);
  return make_crl([&](Crl& crl) {
    crl.entries = std::move(entries);
    crl.extensions.push_back(extension(oid::kCeIssuingDistributionPoint, value, true));
  });
}

// req: OCSP-CRL-017
TEST(Entry, InheritsTheCertificateIssuerOfTheEntryBefore) {
  const Buffer a = name("CA A");
  const Buffer b = name("CA B");
  const UnixSeconds t = unix_seconds(1700000000);
  const Buffer der = indirect_crl({{serial(1), t, {}, {}, {}},
                                   {serial(2), t, {}, {}, {certificate_issuer(a)}},
                                   {serial(3), t, {}, {}, {}},
                                   {serial(4), t, {}, {}, {certificate_issuer(b)}},
                                   {serial(5), t, {}, {}, {}}});
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_TRUE(crl->is_indirect());
  EXPECT_TRUE(crl->defects.none());
  const Buffer own = name("CA");
  const Buffer* const expected[] = {&own, &a, &a, &b, &b};
  std::size_t at = 0;
  for_each_entry(*crl, [&](const AttributedEntry& entry) {
    EXPECT_TRUE(equal(entry.certificate_issuer, *expected[at])) << at;
    ++at;
    return Walk::kContinue;
  });
  EXPECT_EQ(at, 5u);
  EXPECT_TRUE(find_entry(*crl, hex("03"), a));
  EXPECT_FALSE(find_entry(*crl, hex("03"), b));
  EXPECT_FALSE(find_entry(*crl, hex("03"), own));
  EXPECT_TRUE(find_entry(*crl, hex("01"), own));
  EXPECT_TRUE(find_entry(*crl, hex("05"), name("ca  b", der::Tag::kPrintableString)));
}

TEST(Entry, StopsTheWalkWhenAsked) {
  const UnixSeconds t = unix_seconds(1700000000);
  const Buffer der = indirect_crl({{serial(1), t, {}, {}, {}}, {serial(2), t, {}, {}, {}}});
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  int visits = 0;
  for_each_entry(*crl, [&](const AttributedEntry&) {
    ++visits;
    return Walk::kStop;
  });
  EXPECT_EQ(visits, 1);
}

// req: OCSP-CRL-017
TEST(Entry, CertificateIssuerIsADefectOutsideIndirectCrls) {
  const Buffer der = make_crl([](Crl& crl) {
    crl.entries.push_back({serial(1), crl.this_update, {}, {}, {certificate_issuer(name("CA A"))}});
  });
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_EQ(crl->defects.disqualifying(), Defect::kCertificateIssuerInDirectCrl);
}

TEST(Entry, CertificateIssuerWithoutADirectoryNameIsADefect) {
  der::Writer only_uri;
  only_uri.sequence([&] { only_uri.raw(uri("http://ca.example")); });
  for (const Buffer& value : {only_uri.bytes(), hex("3000"), hex("0500"), hex("3002a400")}) {
    const UnixSeconds t = unix_seconds(1700000000);
    const Buffer der =
        indirect_crl({{serial(1), t, {}, {}, {extension(oid::kCeCertificateIssuer, value, true)}}});
    const auto crl = parse_crl(der);
    ASSERT_TRUE(crl);
    EXPECT_EQ(crl->defects.disqualifying(), Defect::kBadCertificateIssuer);
  }
}

TEST(FindEntry, GivesTheLastOfSeveralAndComparesSerialsExactly) {
  const Buffer der = make_crl([](Crl& crl) {
    crl.entries.push_back(
        {serial(1), unix_seconds(1600000000), ReasonCode::kCertificateHold, {}, {}});
    crl.entries.push_back({*Serial::make(hex("00ff")), unix_seconds(1600000000), {}, {}, {}});
    crl.entries.push_back(
        {serial(1), unix_seconds(1650000000), ReasonCode::kKeyCompromise, {}, {}});
  });
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_EQ(find_entry(*crl, hex("01"), crl->issuer)->reason, ReasonCode::kKeyCompromise);
  EXPECT_TRUE(find_entry(*crl, hex("00ff"), crl->issuer));
  EXPECT_FALSE(find_entry(*crl, hex("ff"), crl->issuer));
  EXPECT_FALSE(find_entry(*crl, hex("01"), name("Another CA")));
}

TEST(Entry, NotesDuplicateAndEmptyExtensionLists) {
  const Buffer twice = make_crl([](Crl& crl) {
    crl.entries.push_back(
        {serial(1), crl.this_update, ReasonCode::kKeyCompromise, {}, {reason_extension(4)}});
  });
  const auto crl = parse_crl(twice);
  ASSERT_TRUE(crl);
  EXPECT_EQ(crl->defects.disqualifying(), Defect::kDuplicateExtension);
  EXPECT_EQ(find_entry(*crl, hex("01"), crl->issuer)->reason, ReasonCode::kKeyCompromise);

  const Buffer empty = assemble({.revoked = hex("3016"
                                                "3014"
                                                "020105"
                                                "170d3233313131343232313332305a"
                                                "3000")});
  const auto tolerated = parse_crl(empty);
  ASSERT_TRUE(tolerated) << to_string(tolerated.error());
  EXPECT_TRUE(tolerated->defects.has(Defect::kEmptyExtensions));
  EXPECT_FALSE(tolerated->defects.disqualifying());
}

TEST(Defects, HaveDistinctNames) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kDefectCount; ++i) {
    names.insert(to_string(static_cast<Defect>(i)));
  }
  EXPECT_EQ(names.size(), kDefectCount);
}

}  // namespace
}  // namespace muster::crl
