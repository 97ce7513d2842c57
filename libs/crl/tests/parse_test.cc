#include <gtest/gtest.h>

#include <memory>

#include "crl_samples.h"
#include "muster/testing/allocation_counter.h"

namespace muster::crl {
namespace {

using namespace test;
using der::DerErrc;

// One entry: serial 5, 2023-11-14 22:13:20, no extensions.
const Buffer kOneEntry =
    hex("3014"
        "3012"
        "020105"
        "170d3233313131343232313332305a");
// req: OCSP-CRL-001
TEST(ParseCrl, ReadsVersion1WithoutExtensions) {
  const Buffer der = assemble({.version = {}, .next_update = {}, .revoked = kOneEntry});
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl) << to_string(crl.error());
  EXPECT_EQ(crl->version, 1);
  EXPECT_EQ(crl->entry_count, 1u);
  EXPECT_FALSE(crl->next_update);
  EXPECT_TRUE(crl->extensions.empty());
  EXPECT_TRUE(equal(crl->issuer, name("CA")));
  EXPECT_TRUE(crl->defects.none());
}

// req: OCSP-CRL-001
TEST(ParseCrl, ReadsVersion2WithEverything) {
  const Buffer der = assemble({.revoked = kEntryWithReason, .extensions = kNumberOne});
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl) << to_string(crl.error());
  EXPECT_EQ(crl->version, 2);
  EXPECT_EQ(crl->this_update, unix_seconds(1700000000));
  EXPECT_EQ(crl->next_update, unix_seconds(1700600000));
  EXPECT_TRUE(equal(crl->signature_algorithm.raw, kEcdsaSha256));
  EXPECT_TRUE(equal(crl->signature, hex("3000")));
  EXPECT_TRUE(crl->crl_number && equal(*crl->crl_number, hex("01")));
  EXPECT_FALSE(crl->is_delta);
  EXPECT_EQ(crl->tbs_raw.data(), der.data() + 3);
  const auto entry = find_entry(*crl, hex("05"), crl->issuer);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->reason, ReasonCode::kKeyCompromise);
}

struct TimeCase {
  const char* element;
  std::int64_t expected;
};

// req: OCSP-CRL-003, OCSP-CRL-049
TEST(ParseCrl, ReadsBothFormsOfTime) {
  const TimeCase cases[] = {
      {"170d3439313233313233353935395a", 2524607999},  // UTCTime 49: 2049-12-31
      {"170d3530303130313030303030305a", -631152000},  // UTCTime 50: 1950-01-01
      {"170d3939313233313233353935395a", 946684799},   // UTCTime 99: 1999-12-31
      {"180f32303233313131343232313332305a",
       1700000000},  // GeneralizedTime before 2050 is tolerated
      {"180f32303530303130313030303030305a", 2524608000},    // GeneralizedTime 2050-01-01
      {"180f39393939313233313233353935395a", 253402300799},  // 9999-12-31: a last CRL
  };
  for (const TimeCase& c : cases) {
    const Buffer der = assemble(
        {.this_update = hex("170d3439313233313233353935395a"), .next_update = hex(c.element)});
    const auto crl = parse_crl(der);
    ASSERT_TRUE(crl) << c.element << to_string(crl.error());
    ASSERT_TRUE(crl->next_update);
    EXPECT_EQ(to_int(*crl->next_update), c.expected) << c.element;
  }
}

// req: OCSP-CRL-006
TEST(ParseCrl, ToleratesAnEmptyRevokedListAndSaysSo) {
  const Buffer der = assemble({.revoked = hex("3000")});
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_EQ(crl->entry_count, 0u);
  EXPECT_TRUE(crl->defects.has(Defect::kEmptyRevokedList));
  EXPECT_EQ(crl->defects.first_offset(Defect::kEmptyRevokedList), 64u);
  EXPECT_FALSE(crl->defects.disqualifying());
}

// req: OCSP-CRL-007
TEST(ParseCrl, NotesUnknownCriticalExtensionsAndIgnoresOthers) {
  for (const bool critical : {false, true}) {
    const Buffer der = make_crl(
        [&](Crl& crl) { crl.extensions.push_back(extension(kPrivateOid, hex("0500"), critical)); });
    const auto crl = parse_crl(der);
    ASSERT_TRUE(crl);
    EXPECT_EQ(crl->unknown_critical_extension, critical);
    EXPECT_FALSE(crl->unknown_critical_entry_extension);
  }
}

// req: OCSP-CRL-008
TEST(ParseCrl, NotesAnUnknownCriticalExtensionOfAnyEntry) {
  for (std::size_t at = 0; at < 3; ++at) {
    for (const bool critical : {false, true}) {
      const Buffer der = make_crl([&](Crl& crl) {
        for (std::uint8_t n = 1; n <= 3; ++n) {
          crl.entries.push_back({serial(n), crl.this_update, {}, {}, {}});
        }
        crl.entries[at].extensions.push_back(extension(kPrivateOid, hex("0500"), critical));
      });
      const auto crl = parse_crl(der);
      ASSERT_TRUE(crl);
      EXPECT_EQ(crl->unknown_critical_entry_extension, critical) << at;
      EXPECT_FALSE(crl->unknown_critical_extension);
    }
  }
}

// req: OCSP-CRL-010
TEST(ParseCrl, KeepsNumbersOfUpTo20Octets) {
  const auto parse_number = [](Bytes content) {
    const Buffer der =
        make_crl([&](Crl& crl) { crl.extensions.push_back(number(oid::kCeCrlNumber, content)); });
    const auto crl = parse_crl(der);
    EXPECT_TRUE(crl);
    const bool out_of_range = crl->defects.has(Defect::kNumberOutOfRange);
    EXPECT_EQ(out_of_range, !crl->crl_number.has_value());
    EXPECT_FALSE(crl->defects.disqualifying());
    return crl->crl_number.has_value() && equal(*crl->crl_number, content);
  };
  Buffer largest(20, 0xff);
  largest[0] = 0x7f;
  EXPECT_TRUE(parse_number(hex("00")));
  EXPECT_TRUE(parse_number(largest));
  EXPECT_TRUE(parse_number(Buffer(20, 0x11)));
  EXPECT_FALSE(parse_number(Buffer(21, 0x11)));
  EXPECT_FALSE(parse_number(hex("ff")));  // -1
}

// req: OCSP-CRL-010
TEST(CompareNumbers, OrdersNumbersOfAnySize) {
  const Buffer ordered[] = {hex("00"),        hex("01"),        hex("7f"),
                            hex("0080"),      hex("00ff"),      hex("0100"),
                            Buffer(19, 0x7f), Buffer(20, 0x01), Buffer(20, 0x7e)};
  for (std::size_t a = 0; a < std::size(ordered); ++a) {
    for (std::size_t b = 0; b < std::size(ordered); ++b) {
      EXPECT_EQ(compare_numbers(ordered[a], ordered[b]), a < b   ? -1
                                                         : a > b ? 1
                                                                 : 0)
          << a << " " << b;
    }
  }
  EXPECT_EQ(compare_numbers(hex("0001"), hex("01")), 0);
}

TEST(ParseCrl, NotesDuplicateAndWronglyCriticalExtensions) {
  const Buffer der = make_crl([](Crl& crl) {
    crl.extensions.push_back(number(oid::kCeCrlNumber, hex("01"), true));
    crl.extensions.push_back(number(oid::kCeCrlNumber, hex("02")));
  });
  const auto crl = parse_crl(der);
  ASSERT_TRUE(crl);
  EXPECT_TRUE(crl->crl_number && equal(*crl->crl_number, hex("01")));
  EXPECT_TRUE(crl->defects.has(Defect::kWrongCriticality));
  EXPECT_EQ(crl->defects.disqualifying(), Defect::kDuplicateExtension);
}

TEST(ParseCrl, EnforcesItsLimits) {
  const Buffer three = make_crl([](Crl& crl) {
    for (std::uint8_t n = 1; n <= 3; ++n) {
      crl.entries.push_back({serial(n), crl.this_update, {}, {}, {}});
    }
  });
  EXPECT_TRUE(parse_crl(three, {.max_message_bytes = three.size(), .max_entries = 3}));
  const auto too_long = parse_crl(three, {.max_message_bytes = three.size() - 1});
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, DerErrc::kTooLarge);
  const auto too_many = parse_crl(three, {.max_entries = 2});
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code, DerErrc::kTooLarge);
  EXPECT_EQ(too_many.error().field, "revokedCertificates");

  const auto with_extensions = [](std::size_t count) {
    return make_crl([&](Crl& crl) {
      for (std::size_t i = 0; i < count; ++i) {
        crl.extensions.push_back(
            extension(Buffer{0x2a, static_cast<std::uint8_t>(i)}, hex("0500")));
      }
    });
  };
  const Buffer many = with_extensions(der::kMaxExtensions);
  EXPECT_TRUE(parse_crl(many));
  const Buffer one_more = with_extensions(der::kMaxExtensions + 1);
  const auto refused = parse_crl(one_more);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, DerErrc::kTooLarge);

  const auto with_serial = [](std::size_t octets) {
    der::Writer list;
    list.sequence([&] {
      list.sequence([&] {
        list.integer_octets(Buffer(octets, 0x11));
        list.raw(hex("170d3233313131343232313332305a"));
      });
    });
    return assemble({.revoked = list.take()});
  };
  const Buffer longest = with_serial(kMaxSerialOctets);
  EXPECT_TRUE(parse_crl(longest));
  const Buffer longer = with_serial(kMaxSerialOctets + 1);
  const auto over = parse_crl(longer);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, DerErrc::kTooLarge);
  EXPECT_EQ(over.error().field, "userCertificate");
}

// req: OCSP-CRL-052
TEST(ParseCrl, AllocatesNothingPerEntry) {
  const auto allocations_for = [](std::uint32_t entries) {
    const Buffer der = make_crl([&](Crl& crl) {
      for (std::uint32_t n = 0; n < entries; ++n) {
        const std::uint8_t octets[] = {1, static_cast<std::uint8_t>(n >> 16),
                                       static_cast<std::uint8_t>(n >> 8),
                                       static_cast<std::uint8_t>(n)};
        crl.entries.push_back(
            {*Serial::make(octets), crl.this_update, ReasonCode::kSuperseded, {}, {}});
      }
    });
    const std::size_t before = testing::allocations_of_this_thread();
    const auto crl = parse_crl(der);
    EXPECT_TRUE(crl);
    EXPECT_EQ(crl->entry_count, entries);
    const std::uint8_t last[] = {1, static_cast<std::uint8_t>((entries - 1) >> 16),
                                 static_cast<std::uint8_t>((entries - 1) >> 8),
                                 static_cast<std::uint8_t>(entries - 1)};
    EXPECT_TRUE(find_entry(*crl, last, crl->issuer));
    return testing::allocations_of_this_thread() - before;
  };
  EXPECT_EQ(allocations_for(100'000), allocations_for(1));
}

// req: OCSP-CRL-021
TEST(ParseCrl, RefusesTwoCrlsOneBehindTheOther) {
  Buffer two = make_crl();
  const std::size_t size_of_one = two.size();
  two.insert(two.end(), two.begin(), two.begin() + static_cast<std::ptrdiff_t>(size_of_one));
  const auto crl = parse_crl(two);
  ASSERT_FALSE(crl);
  EXPECT_EQ(crl.error().code, DerErrc::kTrailingData);
  EXPECT_EQ(crl.error().offset, size_of_one);
}

Buffer rich_crl() {
  IssuingDistributionPoint scope;
  const Buffer where = uri("http://crl.example/1.crl");
  scope.name = PointName{{where}, {}};
  scope.indirect = true;
  scope.only_some_reasons = kAllReasons;
  const Buffer scope_value = encode_issuing_distribution_point(scope);
  const std::array points = {DistributionPoint{PointName{{where}, {}}, {}, {}}};
  const Buffer freshest = encode_distribution_points(points);
  return make_crl([&](Crl& crl) {
    crl.entries.push_back({serial(1),
                           crl.this_update,
                           ReasonCode::kKeyCompromise,
                           unix_seconds(1690000000),
                           {certificate_issuer(name("Other CA"))}});
    crl.entries.push_back({serial(2), crl.this_update, {}, {}, {}});
    crl.extensions.push_back(extension(oid::kCeAuthorityKeyId, hex("30048002"
                                                                   "0102")));
    crl.extensions.push_back(number(oid::kCeCrlNumber, hex("05")));
    crl.extensions.push_back(extension(oid::kCeIssuingDistributionPoint, scope_value, true));
    crl.extensions.push_back(extension(oid::kCeFreshestCrl, freshest));
  });
}

/// Octets at the very end of their own allocation, so that a sanitizer sees every read behind them.
std::unique_ptr<std::uint8_t[]> exact_copy(Bytes octets) {
  std::unique_ptr<std::uint8_t[]> copy(new std::uint8_t[octets.size()]);
  std::copy(octets.begin(), octets.end(), copy.get());
  return copy;
}

TEST(ParseCrl, RefusesEveryPrefix) {
  const Buffer whole = rich_crl();
  ASSERT_TRUE(parse_crl(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = exact_copy(Bytes(whole).first(size));
    EXPECT_FALSE(parse_crl(Bytes(cut.get(), size))) << size;
  }
}

TEST(ParseCrl, SurvivesEveryFlippedOctet) {
  const Buffer whole = rich_crl();
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const unsigned mask : {0x01u, 0x20u, 0x80u, 0xffu}) {
      auto copy = exact_copy(whole);
      copy[at] = static_cast<std::uint8_t>(copy[at] ^ mask);
      if (const auto crl = parse_crl(Bytes(copy.get(), whole.size()))) {
        ++accepted;
        std::size_t entries = 0;
        for_each_entry(*crl, [&](const AttributedEntry&) {
          ++entries;
          return Walk::kContinue;
        });
        EXPECT_EQ(entries, crl->entry_count);
      }
    }
  }
  EXPECT_GT(accepted, 0u);  // text in names, the signature
  EXPECT_LT(accepted, whole.size() * 4 / 2);
}

}  // namespace
}  // namespace muster::crl
