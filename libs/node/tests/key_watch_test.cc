#include "key_watch.h"

#include <p11-kit/pkcs11.h>

#include "net_testing.h"
#include "token_site.h"

// Why a key in a token fails is told in the log and by /readyz.
namespace muster::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// With a listener that says whether the node is ready.
NodeOptions with_admin(const TokenSite& site, unsigned failures_to_pause) {
  NodeOptions out = site.options();
  token::TokenOptions& key = out.issuers[0].signers[0].token;
  key.deadline = Milliseconds(10'000);
  key.failures_to_pause = failures_to_pause;
  key.pause_first = Milliseconds(1);
  key.pause_most = Milliseconds(1);
  out.admin.listen = {"127.0.0.1:0"};
  return out;
}

// req: OCSP-OPS-007
TEST(KeyWatch, ChangesAreToldWithFunctionCodeAndToken) {
  const TokenSite site;
  const RunningNode running(with_admin(site, 1));
  KeyWatch watch;
  MemoryLogger log;
  const auto look = [&] { watch.look(*running.node->setup(), kTestNow, log); };
  look();
  EXPECT_EQ(log.text(), "");
  site.token.fail_sign(CKR_DEVICE_ERROR, -1);
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "tryLater");
  look();
  EXPECT_THAT(log.text(),
              AllOf(HasSubstr("key.failed"), HasSubstr("C_Sign"), HasSubstr("CKR_DEVICE_ERROR"),
                    HasSubstr("token=fault"), HasSubstr("issuer=test CA"), Not(HasSubstr("1234"))));
  const std::string once = log.text();
  look();
  EXPECT_EQ(log.text(), once);
  site.token.fail_sign(CKR_OK, 0);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (running.status_of(standard_pki().leaf.certificate) != "good" &&
         std::chrono::steady_clock::now() < end) {  // the pause is over by itself
  }
  look();
  EXPECT_THAT(log.text().substr(once.size()), HasSubstr("key.recovered"));
}

TEST(KeyWatch, AFailureThatPausesNothingIsToldToo) {
  const TokenSite site;
  const RunningNode running(with_admin(site, 100));
  KeyWatch watch;
  MemoryLogger log;
  site.token.fail_sign(CKR_FUNCTION_FAILED, -1);
  EXPECT_EQ(running.status_of(standard_pki().leaf.certificate), "tryLater");
  watch.look(*running.node->setup(), kTestNow, log);
  EXPECT_THAT(log.text(), AllOf(HasSubstr("key.error"), HasSubstr("CKR_FUNCTION_FAILED"),
                                HasSubstr("failures=1")));
}

TEST(KeyWatch, ReadinessSaysWhy) {
  const TokenSite site;
  const RunningNode running(with_admin(site, 1));
  site.token.fail_sign(CKR_DEVICE_ERROR, -1);
  net::RawClient client(running.node->admin_addresses()[0]);
  client.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_to_end(),
              AllOf(HasSubstr("503"), HasSubstr("cannot sign: "), HasSubstr("CKR_DEVICE_ERROR"),
                    Not(HasSubstr("it ends")), Not(HasSubstr("1234"))));
}

}  // namespace
}  // namespace muster::node
