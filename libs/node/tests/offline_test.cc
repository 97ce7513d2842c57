#include "muster/node/offline.h"

#include <filesystem>

#include "node_fixture.h"

namespace muster::node {
namespace {

/// A site with two delegates, the first revoked in its own records.
struct OfflineSite : Site {
  OfflineSite() {
    second.write(dir, "second");
    write_index(
        testing::index_line(standard_pki().leaf.certificate) +
        testing::index_line(standard_pki().ocsp_signer.certificate, kTestNow - Seconds(60)));
  }
  [[nodiscard]] NodeOptions options() const {
    NodeOptions out = Site::options();
    out.issuers[0].signers.push_back(out.issuers[0].signers[0]);
    out.issuers[0].signers[1].certificate = dir.file("second.pem");
    out.issuers[0].signers[1].key = dir.file("second.key");
    return out;
  }
  const testing::Identity second =
      testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec("second"));
};

// req: OCSP-RESP-017
TEST(Offline, ARevokedDelegateSignsNothing) {
  const OfflineSite site;
  const testing::FakeClock clock;
  MemoryLogger logger;
  for (const ExplainFrom from : {ExplainFrom::kSources, ExplainFrom::kStore}) {
    const auto offline = open_offline(site.options(), from, clock, logger);
    ASSERT_TRUE(offline) << offline.error().detail;
    const auto& signers = offline->setup->issuers()[0].signers;
    ASSERT_EQ(signers.size(), 1U);
    EXPECT_EQ(signers[0].certificate.serial().to_hex(), site.second.certificate.serial().to_hex());
  }
  EXPECT_NE(logger.text().find("signer.revoked"), std::string::npos);
}

TEST(Offline, LimitsAreForStrangers) {
  const OfflineSite site;
  NodeOptions options = site.options();
  options.policy.signatures_per_second = 1;
  options.policy.requests_per_second = 1;
  options.policy.requests_per_source = 1;
  const testing::FakeClock clock;
  const auto offline = open_offline(options, ExplainFrom::kSources, clock, null_logger());
  ASSERT_TRUE(offline) << offline.error().detail;
  EXPECT_EQ(offline->setup->policy().signatures_per_second, 0U);
  EXPECT_EQ(offline->setup->policy().requests_per_second, 0U);
  EXPECT_EQ(offline->setup->policy().requests_per_source, 0U);
}

TEST(Offline, WhoSignsNothingNeedsNoKeys) {
  const OfflineSite site;
  NodeOptions options = site.options();
  std::filesystem::remove(site.dir.file("ocsp.key"));
  const testing::FakeClock clock;
  EXPECT_FALSE(open_offline(options, ExplainFrom::kSources, clock, null_logger()));
  for (const bool has_signers : {true, false}) {
    if (!has_signers) {
      options.issuers[0].signers.clear();
    }
    const auto offline = open_offline(options, ExplainFrom::kSources, clock, null_logger(),
                                      responder::SignerKeys::kLeftOut);
    ASSERT_TRUE(offline) << offline.error().detail;
    ASSERT_EQ(offline->setup->issuers().size(), 1U);
    EXPECT_TRUE(offline->setup->issuers()[0].signers.empty());
    EXPECT_TRUE(offline->setup->issuers()[0].open);
  }
}

}  // namespace
}  // namespace muster::node
