#include "publish_fixture.h"

namespace muster::publish {
namespace {

using namespace testing;
using ::testing::HasSubstr;

std::vector<Partition> two_partitions() {
  return {{.name = "a", .uris = {"http://x/a"}, .delta_uris = {}, .out = "a.crl", .delta_out = ""},
          {.name = "b", .uris = {"http://x/b"}, .delta_uris = {}, .out = "b.crl", .delta_out = ""}};
}
Serial serial_of(std::string_view hex) { return *Serial::from_hex(hex); }
template <class T>
std::string detail(const PublishResult<T>& result) {
  return result ? "" : result.error().detail;
}

// req: OCSP-CRL-044
TEST(Assignment, ByHashIsTheDocumentedFunctionAndCoversEverySerial) {
  const Assignment by_hash = Assignment::by_hash(16);
  std::vector<std::size_t> filled(16);
  for (std::uint64_t n = 0; n < 4000; ++n) {
    const Serial serial = make_serial(n);
    const auto partition = by_hash.partition_of(serial);
    ASSERT_TRUE(partition);
    ++filled.at(*partition);
    const Buffer digest = pki::digest(HashAlgorithm::kSha256, serial.octets());
    EXPECT_EQ(*partition, digest[7] % 16u);  // 16 divides 256: the last of the 8 octets decides
  }
  for (const std::size_t count : filled) {
    EXPECT_GT(count, 150u);
  }
  EXPECT_EQ(Assignment::by_hash(1).partition_of(make_serial(5)), 0u);
  // SHA-256(05) = e77b9a9ae9e30b0d...: for CAs that compute it themselves
  EXPECT_EQ(Assignment::by_hash(10).partition_of(make_serial(5)), 0xe77b9a9ae9e30b0dull % 10);
}

// req: OCSP-CRL-044
TEST(Assignment, ByRangeComparesNumbersNotOctets) {
  const auto by_range = Assignment::by_range({serial_of("0"), serial_of("100"), serial_of("FF00")});
  ASSERT_TRUE(by_range) << detail(by_range);
  EXPECT_EQ(by_range->partition_of(serial_of("0")), 0u);
  EXPECT_EQ(by_range->partition_of(serial_of("FF")), 0u);
  EXPECT_EQ(by_range->partition_of(serial_of("100")), 1u);
  EXPECT_EQ(by_range->partition_of(serial_of("FEFF")), 1u);
  EXPECT_EQ(by_range->partition_of(serial_of("FF00")), 2u);
  EXPECT_EQ(by_range->partition_of(serial_of("FFFFFFFFFFFFFFFFFFFF")), 2u);
  EXPECT_EQ(by_range->partition_of(serial_of("-66")), 0u);
  EXPECT_THAT(detail(Assignment::by_range({})), HasSubstr("serial 0"));
  EXPECT_THAT(detail(Assignment::by_range({serial_of("1")})), HasSubstr("serial 0"));
  EXPECT_THAT(detail(Assignment::by_range({serial_of("0"), serial_of("5"), serial_of("5")})),
              HasSubstr("not above"));
}

// req: OCSP-CRL-044
TEST(Assignment, ByListKnowsWhatItLists) {
  const auto partitions = two_partitions();
  const auto listed =
      Assignment::listed("# shard map\n0A a\nFF\tb\r\n\n01:02 b\n0A a\n", "map", partitions, "");
  ASSERT_TRUE(listed) << detail(listed);
  EXPECT_EQ(listed->partition_of(serial_of("A")), 0u);
  EXPECT_EQ(listed->partition_of(serial_of("FF")), 1u);
  EXPECT_EQ(listed->partition_of(serial_of("102")), 1u);
  EXPECT_FALSE(listed->partition_of(serial_of("B")));
  const auto with_rest = Assignment::listed("0A b", "map", partitions, "a");
  EXPECT_EQ(with_rest->partition_of(serial_of("B")), 0u);
  EXPECT_EQ(with_rest->partition_of(serial_of("A")), 1u);
}

TEST(Assignment, ByListRefusesWhatItCannotMean) {
  const auto partitions = two_partitions();
  EXPECT_THAT(detail(Assignment::listed("0A a\nnonsense\n", "map", partitions, "")),
              HasSubstr("map, line 2"));
  EXPECT_THAT(detail(Assignment::listed("XY a\n", "map", partitions, "")), HasSubstr("line 1"));
  EXPECT_THAT(detail(Assignment::listed("0A c\n", "map", partitions, "")),
              HasSubstr("no partition 'c'"));
  EXPECT_THAT(detail(Assignment::listed("0A a\n0A b\n", "map", partitions, "")),
              HasSubstr("two partitions"));
  EXPECT_THAT(detail(Assignment::listed("0A a\n", "map", partitions, "z")),
              HasSubstr("no partition 'z'"));
}

// req: OCSP-CRL-044
TEST(Partitions, MustBeToldApartByTheirCertificates) {
  const Assignment two = Assignment::by_hash(2);
  EXPECT_TRUE(check_partitions(two_partitions(), two));
  EXPECT_THAT(detail(check_partitions(two_partitions(), Assignment())), HasSubstr("assigned to 1"));
  auto bad = two_partitions();
  bad[1].uris = bad[0].uris;
  EXPECT_THAT(detail(check_partitions(bad, two)), HasSubstr("two partitions have the URI"));
  bad[0].only = crl::Scope::Only::kUsers;
  bad[1].only = crl::Scope::Only::kCas;
  EXPECT_TRUE(check_partitions(bad, two)) << "one distribution point, users and CAs apart";
  bad = two_partitions();
  bad[1].uris.clear();
  EXPECT_THAT(detail(check_partitions(bad, two)), HasSubstr("nobody can tell"));
  bad = two_partitions();
  bad[1].out = "a.crl";
  EXPECT_THAT(detail(check_partitions(bad, two)), HasSubstr("a.crl"));
  bad = two_partitions();
  bad[0].out.clear();
  EXPECT_THAT(detail(check_partitions(bad, two)), HasSubstr("no file"));
  bad = two_partitions();
  bad[0].delta_uris = {"http://x/d"};
  EXPECT_THAT(detail(check_partitions(bad, two)), HasSubstr("no file to write"));
  bad[0].delta_out = "d.crl";
  EXPECT_THAT(detail(check_partitions(bad, two)), HasSubstr("either all"))
      << "deltas for one partition only";
}

// req: OCSP-CRL-019, OCSP-CRL-044
TEST(Samples, MustNameTheirPartitionOctetByOctet) {
  const auto leaf_naming = [](const std::string& uri) {
    auto spec = muster::testing::leaf_spec();
    spec.crl_uris = {uri};
    spec.serial = Buffer{5};
    return muster::testing::issue(standard_pki().intermediate, spec).certificate;
  };
  auto partitions = two_partitions();
  const Assignment assignment = *Assignment::listed("05 a", "map", partitions, "b");
  EXPECT_TRUE(check_sample(leaf_naming("http://x/a"), partitions, assignment));
  EXPECT_THAT(detail(check_sample(leaf_naming("http://X/a"), partitions, assignment)),
              HasSubstr("http://X/a"));
  EXPECT_THAT(detail(check_sample(leaf_naming("http://x/b"), partitions, assignment)),
              HasSubstr("clients would not accept"));
  const Assignment elsewhere = *Assignment::listed("06 a", "map", partitions, "");
  EXPECT_THAT(detail(check_sample(leaf_naming("http://x/a"), partitions, elsewhere)),
              HasSubstr("in no partition"));
}

}  // namespace
}  // namespace muster::publish
