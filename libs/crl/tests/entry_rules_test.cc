#include <gtest/gtest.h>

#include <algorithm>

#include "crl_samples.h"
#include "muster/crl/entry_index.h"
#include "muster/crl/signed_part.h"

// Entries without extensions take a shorter way through the parser than read_entry() does: both
// must take and refuse the same.
namespace muster::crl {
namespace {

using namespace test;
using der::DerErrc;

struct Case {
  const char* what;
  std::string hex;
  std::optional<DerErrc> code;  ///< nothing: it is taken
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.what; }

const std::string kUtc = "170d3233313131343232313332305a";
const std::string kGeneralized = "180f32303233313131343232313332305a";

/// SEQUENCE with a length in short form, or in the long one where it must be.
std::string entry(const std::string& content) {
  der::Writer out;
  out.sequence([&] { out.raw(hex(content)); });
  return to_hex(out.bytes());
}
std::string integer(std::size_t octets) {
  der::Writer out;
  out.element(der::Tag::kInteger, Buffer(octets, 0x11));
  return to_hex(out.bytes());
}

std::vector<Case> cases() {
  return {
      {"UTCTime", entry("020105" + kUtc), {}},
      {"GeneralizedTime", entry("020105" + kGeneralized), {}},
      {"negative serial", entry("0201ff" + kUtc), {}},
      {"serial zero", entry("020100" + kUtc), {}},
      {"serial of 64 octets", entry(integer(64) + kUtc), {}},
      {"empty extensions", entry("020105" + kUtc + "3000"), {}},
      {"serial of 65 octets", entry(integer(65) + kUtc), DerErrc::kTooLarge},
      {"serial in long form", entry("02810105" + kUtc), DerErrc::kBadLength},
      {"date in long form", entry("020105" + ("17810d" + kUtc.substr(4))), DerErrc::kBadLength},
      {"entry in long form", "308112020105" + kUtc, DerErrc::kBadLength},
      {"length with a leading zero", "30820012020105" + kUtc, DerErrc::kBadLength},
      {"indefinite length", "3080020105" + kUtc + "0000", DerErrc::kBadLength},
      {"longer than the list", "3013020105" + kUtc, DerErrc::kTruncated},
      {"shorter than its content", "3011020105" + kUtc, DerErrc::kTruncated},
      {"nothing", "3000", DerErrc::kWrongTag},
      {"a SET", "3112020105" + kUtc, DerErrc::kWrongTag},
      {"primitive", "1012020105" + kUtc, DerErrc::kWrongTag},
      {"no serial", entry(kUtc), DerErrc::kWrongTag},
      {"no date", entry("020105"), DerErrc::kWrongTag},
      {"date before the serial", entry(kUtc + "020105"), DerErrc::kWrongTag},
      {"serial ENUMERATED", entry("0a0105" + kUtc), DerErrc::kWrongTag},
      {"serial constructed", entry("220302010517" + kUtc.substr(2)), DerErrc::kWrongTag},
      {"serial without content", entry("0200" + kUtc), DerErrc::kBadValue},
      {"serial with a needless zero", entry("02020005" + kUtc), DerErrc::kBadValue},
      {"serial with a needless FF", entry("0202ff80" + kUtc), DerErrc::kBadValue},
      {"date IA5String", entry("020105" + ("160d" + kUtc.substr(4))), DerErrc::kWrongTag},
      {"date in context 7", entry("020105" + ("870d" + kUtc.substr(4))), DerErrc::kWrongTag},
      {"date NULL", entry("0201050500"), DerErrc::kWrongTag},
      {"UTCTime of the other length", entry("020105" + ("170f" + kGeneralized.substr(4))),
       DerErrc::kBadValue},
      {"GeneralizedTime of the other length", entry("020105" + ("180d" + kUtc.substr(4))),
       DerErrc::kBadValue},
      {"month 13", entry("020105170d3233313331343232313332305a"), DerErrc::kBadValue},
      {"30 February", entry("020105170d3233303233303232313332305a"), DerErrc::kBadValue},
      {"second 60", entry("020105170d3233313131343232313336305a"), DerErrc::kBadValue},
      {"no Z", entry("020105170d32333131313432323133323030"), DerErrc::kBadValue},
      {"no digits", entry("020105170d3a33313131343232313332305a"), DerErrc::kBadValue},
      {"NULL behind the date", entry("020105" + kUtc + "0500"), DerErrc::kWrongTag},
      {"another date behind it", entry("020105" + kUtc + kUtc), DerErrc::kWrongTag},
      {"one octet behind the date", entry("020105" + kUtc + "30"), DerErrc::kTruncated},
      {"end of contents behind the date", entry("020105" + kUtc + "0000"), DerErrc::kWrongTag},
      {"two lists of extensions", entry("020105" + kUtc + "30003000"), DerErrc::kTrailingData},
      {"an extension that is none", entry("020105" + kUtc + "30020500"), DerErrc::kWrongTag},
  };
}

class EntryRules : public ::testing::TestWithParam<Case> {};

// req: OCSP-CRL-002
TEST_P(EntryRules, HoldOnBothWays) {
  const Buffer element = hex(GetParam().hex);
  const Buffer first = hex(entry("02017e" + kUtc));
  der::Writer list;
  list.sequence([&] {
    list.raw(first);
    list.raw(element);
  });
  const Buffer message = assemble({.revoked = list.bytes()});
  der::Reader in(element);
  const auto alone = read_entry(in);
  const auto crl = parse_crl(message);
  ASSERT_EQ(static_cast<bool>(alone), !GetParam().code);
  ASSERT_EQ(static_cast<bool>(crl), !GetParam().code) << to_string(crl.error());
  if (!crl) {
    EXPECT_EQ(alone.error().code, *GetParam().code) << to_string(alone.error());
    EXPECT_EQ(crl.error().code, alone.error().code) << to_string(crl.error());
    EXPECT_EQ(crl.error().field, alone.error().field);
    const auto behind_first =
        std::search(message.begin(), message.end(), first.begin(), first.end()) + std::ssize(first);
    EXPECT_EQ(crl.error().offset, (behind_first - message.begin()) + alone.error().offset);
    return;
  }
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(crl->entry_count, 2u);
  const SerialList list_of_serials(*crl);
  const EntryIndex index(list_of_serials);
  for (const auto& found :
       {find_entry(*crl, alone->serial, crl->issuer),
        list_of_serials.find(alone->serial, crl->issuer), index.find(alone->serial, crl->issuer)}) {
    ASSERT_TRUE(found);
    EXPECT_TRUE(equal(found->serial, alone->serial));
    EXPECT_EQ(found->revocation_date, alone->revocation_date);
    EXPECT_EQ(found->has_extensions, alone->has_extensions);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, EntryRules, ::testing::ValuesIn(cases()), [](const auto& param) {
  std::string label;
  for (const char c : std::string_view(param.param.what)) {
    label += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return label;
});

// Version 1 knows no extensions, not even an empty list of them, and takes the same entries
// otherwise.
TEST(EntryRules, OfVersion1) {
  const auto parse = [](const std::string& list) {
    const Buffer message = assemble({.version = {}, .revoked = hex(entry(list))});
    return static_cast<bool>(parse_crl(message));
  };
  const std::string plain = entry("020105" + kUtc);
  EXPECT_TRUE(parse(plain));
  EXPECT_TRUE(parse(plain + plain));
  EXPECT_FALSE(parse(entry("020105" + kUtc + "3000")));
  EXPECT_FALSE(parse(plain + entry("020105" + kUtc + "300c300a0603551d1504030a0101")));
}

TEST(SignedPart, IsWhatTheParserFinds) {
  for (const Parts& parts : {Parts{}, Parts{.version = {}}, Parts{.revoked = kEntryWithReason}}) {
    const Buffer message = assemble(parts);
    const auto crl = parse_crl(message);
    const auto part = find_signed_part(message);
    ASSERT_TRUE(crl && part);
    EXPECT_EQ(part->tbs.data(), crl->tbs_raw.data());
    EXPECT_EQ(part->tbs.size(), crl->tbs_raw.size());
    EXPECT_TRUE(equal(part->algorithm.raw, crl->signature_algorithm.raw));
  }
}

TEST(SignedPart, IsNotThereWhereTheBeginningIsOutOfOrder) {
  const Buffer whole = assemble({});
  for (std::size_t size = 0; size < 64; ++size) {
    EXPECT_FALSE(find_signed_part(Bytes(whole).first(size))) << size;
  }
  for (const char* text : {"", "30", "3000", "30023000", "300430020201", "3105300302010500",
                           "3007300502020001300a", "30800000", "3006300402010105"}) {
    const Buffer message = hex(text);
    EXPECT_FALSE(find_signed_part(message)) << text;
  }
  // What stands behind it is the parser's business.
  const Buffer unsigned_one = assemble({.signature_value = {}});
  EXPECT_TRUE(find_signed_part(unsigned_one));
}

}  // namespace
}  // namespace muster::crl
