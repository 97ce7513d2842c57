#include "publish_command.h"

namespace muster::testing {
namespace {

using ::testing::HasSubstr;

class CrlCommand : public PublishCommand {};

TEST_F(CrlCommand, PublishesTwiceWithRisingNumbersAndSaysSo) {
  import_index(index_line(issue_leaf("gone", 6), an_hour_ago()));
  const auto first = publish({"--out", "ca.crl"});
  EXPECT_EQ(first.exit_code, 0) << first.describe();
  EXPECT_THAT(first.out, HasSubstr("ca.crl: complete CRL number 1, 1 entries"));
  EXPECT_THAT(publish({"--out", "ca.crl"}).out, HasSubstr("number 2"));
}

TEST_F(CrlCommand, SaysWhatIsMissingOrWrong) {
  const auto nothing = muster({"crl", "publish"});
  EXPECT_EQ(nothing.exit_code, 64);
  import_index(index_line(issue_leaf("gone", 6), an_hour_ago()));
  EXPECT_EQ(publish({}).exit_code, 64);
  EXPECT_EQ(publish({"--out", "ca.crl", "--profile", "webpki"}).exit_code, 64);
  EXPECT_EQ(publish({"--out", "ca.crl", "--interval", "soon"}).exit_code, 64);
  EXPECT_EQ(publish({"--out", "ca.crl", "--delta", "--last"}).exit_code, 64);
  const auto no_store = muster({"crl", "publish", "--store", "absent", "--issuer", "ca.pem",
                                "--key", "ca.key", "--out", "x"});
  EXPECT_EQ(no_store.exit_code, 66) << no_store.describe();
  const auto no_key = muster({"crl", "publish", "--store", "store", "--issuer", "ca.pem", "--key",
                              "root.key", "--out", "x"});
  EXPECT_EQ(no_key.exit_code, 66);
  EXPECT_THAT(no_key.err, HasSubstr("not that of the certificate"));
  EXPECT_EQ(run({"test", "-e", "x"}).exit_code, 1) << "nothing was written";
}

// req: OCSP-CRL-041
TEST_F(CrlCommand, RefusesTermsBeyondTheProfile) {
  import_index(index_line(issue_leaf("gone", 6), an_hour_ago()));
  const auto refused = publish({"--out", "ca.crl", "--profile", "cabf", "--overlap", "30d"});
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("allows 10d"));
}

// req: OCSP-CRL-049
TEST_F(CrlCommand, RefusesALastCrlTooEarly) {
  import_index(index_line(issue_leaf("good", 5)) +
               index_line(issue_leaf("gone", 6), an_hour_ago()));
  const auto refused = publish({"--out", "ca.crl", "--profile", "etsi", "--last"});
  EXPECT_EQ(refused.exit_code, 66);
  EXPECT_THAT(refused.err, HasSubstr("05 expires only at"));
}

TEST_F(CrlCommand, PublishesEverySeriesOfAConfigurationFile) {
  import_index(index_line(issue_leaf("gone", 6), an_hour_ago()));
  directory_.write("muster.toml", std::string_view(R"([responder]
store = "store"
[[publish.crl]]
ca = ["ca.pem"]
key = "ca.key"
out = "ca.crl"
delta_out = "delta.crl"
interval = "1d"
delta_interval = "4h"
[[publish.crl]]
label = "shards"
ca = ["ca.pem"]
key = "ca.key"
out = "shard-{partition}.crl"
uris = ["http://crl.example/shard-{partition}.crl"]
partitions = 3
state = "shards"
)"));
  const auto done = muster({"crl", "publish", "--config", "muster.toml"});
  ASSERT_EQ(done.exit_code, 0) << done.describe();
  for (const char* file : {"ca.crl", "delta.crl", "shard-0.crl", "shard-1.crl", "shard-2.crl"}) {
    const Buffer der = read_octets(directory_.file(file));
    EXPECT_TRUE(crl::parse_crl(der)) << file;
  }
  directory_.write("empty.toml", std::string_view("[responder]\nstore = \"store\"\n"));
  EXPECT_THAT(muster({"crl", "publish", "--config", "empty.toml"}).err,
              HasSubstr("no [[publish.crl]]"));
  directory_.write("bad.toml", std::string_view("[[publish.crl]]\nprofile = \"webpki\"\n"));
  EXPECT_THAT(muster({"crl", "publish", "--config", "bad.toml"}).err, HasSubstr("\"cabf\""));
}

}  // namespace
}  // namespace muster::testing
