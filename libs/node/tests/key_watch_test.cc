#include "key_watch.h"

#include <p11-kit/pkcs11.h>

#include "muster/testing/fault_token.h"
#include "net_testing.h"
#include "node_fixture.h"

// Why a key in a token fails is told in the log and by /readyz.
namespace muster::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct TokenSite : Site {
  TokenSite() {
    token.reset();
    token.add_key("ocsp", 1, standard_pki().ocsp_signer.key_pem);
  }
  ~TokenSite() { token.fail_sign(CKR_OK, 0); }
  [[nodiscard]] NodeOptions options(unsigned failures_to_pause) const {
    NodeOptions out = Site::options();
    responder::SignerFiles& signer = out.issuers[0].signers[0];
    signer.key = "pkcs11:token=fault;object=ocsp?module-path=" MUSTER_FAULT_TOKEN
                 "&pin-source=file:" +
                 dir.write("pin", "1234\n");
    signer.token.deadline = Milliseconds(10'000);
    signer.token.failures_to_pause = failures_to_pause;
    signer.token.pause_first = Milliseconds(1);
    signer.token.pause_most = Milliseconds(1);
    out.admin.listen = {"127.0.0.1:0"};
    return out;
  }
  testing::FaultToken& token = testing::fault_token(MUSTER_FAULT_TOKEN);
};

// req: OCSP-OPS-007
TEST(KeyWatch, ChangesAreToldWithFunctionCodeAndToken) {
  const TokenSite site;
  const RunningNode running(site.options(1));
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
  const RunningNode running(site.options(100));
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
  const RunningNode running(site.options(1));
  site.token.fail_sign(CKR_DEVICE_ERROR, -1);
  net::RawClient client(running.node->admin_addresses()[0]);
  client.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_to_end(),
              AllOf(HasSubstr("503"), HasSubstr("cannot sign: "), HasSubstr("CKR_DEVICE_ERROR"),
                    Not(HasSubstr("it ends")), Not(HasSubstr("1234"))));
}

}  // namespace
}  // namespace muster::node
