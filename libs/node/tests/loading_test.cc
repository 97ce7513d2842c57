#include "loading.h"

#include "node_fixture.h"

namespace muster::node {
namespace {

using ::testing::HasSubstr;

/// Thousands of issuers take minutes, each with its files and its entry in the store.
TEST(Loading, EndsBeforeTheNextIssuerWhenNobodyWantsItAnyMore) {
  const Site site;
  NodeOptions options = site.options();
  while (options.issuers.size() < 5) {
    options.issuers.push_back(options.issuers.front());
  }
  const auto store = store::Store::open(options.store);
  ASSERT_TRUE(store);
  int begun = 0;
  const IssuerNumber number = [&](const store::IssuerKey& key, const std::string& label) {
    ++begun;
    return (*store)->ensure_issuer(key, label);
  };
  const auto stopped = load(
      options, **store, testing::kTestNow, {}, null_logger(), [&] { return begun == 2; }, number);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, NodeErrc::kStopped);
  EXPECT_EQ(begun, 2);
}

TEST(Loading, EndsBeforeTheNextDelegateWhenNobodyWantsItAnyMore) {
  const Site site;
  const testing::TempDir directory;
  for (const char* const name : {"one", "two", "three"}) {
    const auto delegate =
        testing::issue(standard_pki().intermediate, testing::ocsp_signer_spec(name));
    directory.write(std::string(name) + ".key", delegate.key_pem);
    directory.write(std::string(name) + ".pem", delegate.certificate_pem());
  }
  NodeOptions options = site.options();
  options.issuers[0].signer_directory = directory.path();
  const auto store = store::Store::open(options.store);
  ASSERT_TRUE(store);
  auto loaded = load(options, **store, testing::kTestNow, {}, null_logger());
  ASSERT_TRUE(loaded) << loaded.error().detail;
  MemoryLogger logger;
  Delegates fresh(nullptr, {(*responder::load_issuer(options.issuers[0], loaded->warnings))},
                  loaded->files, options.policy);
  int asked = 0;
  EXPECT_EQ(fresh.look(testing::kTestNow, logger, [&] { return ++asked > 2; }),
            Delegates::Changed::kNo)
      << "asked for the directory, the first delegate, and the second";
  EXPECT_LE(asked, 5);
  EXPECT_EQ(logger.text(), "") << "a delegate is not refused because we stop";
  EXPECT_EQ(fresh.look(testing::kTestNow, logger), Delegates::Changed::kYes);
  EXPECT_THAT(logger.text(), HasSubstr("signer.accepted"));
}

}  // namespace
}  // namespace muster::node
