#include "muster/token/key_source.h"

#include <gtest/gtest.h>

#include "muster/testing/fault_token.h"
#include "muster/testing/pki_builder.h"

namespace muster::token {
namespace {

using muster::testing::fault_token;
using muster::testing::standard_pki;
using muster::testing::TempDir;

TEST(LoadKey, TakesFilesAndUris) {
  const auto& signer = standard_pki().ocsp_signer;
  const TempDir dir;
  const auto file = load_key(dir.write("key.pem", signer.certificate_pem() + signer.key_pem));
  ASSERT_TRUE(file) << file.error().detail;
  EXPECT_EQ(file->certificates.size(), 1u);
  EXPECT_EQ(file->key.remote(), nullptr);

  auto& token = fault_token(MUSTER_FAULT_TOKEN);
  token.reset();
  token.add_key("k", 1, signer.key_pem);
  const std::string uri = "pkcs11:token=fault;object=k?module-path=" MUSTER_FAULT_TOKEN;
  const auto remote = load_key(uri, [] { return std::optional<std::string>("1234"); });
  ASSERT_TRUE(remote) << remote.error().detail;
  EXPECT_TRUE(remote->key.matches(signer.certificate));
  EXPECT_NE(remote->key.remote(), nullptr);
  EXPECT_FALSE(load_key("/nonexistent/key.pem"));
}

}  // namespace
}  // namespace muster::token
