#include "listeners.h"

#include <cerrno>

#include "node_fixture.h"

namespace muster::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(AdminAddresses, LoopbackIsMeantByAPort) {
  AdminOptions options;
  options.listen = {"8889",        ":8890",      "[::1]:1", "[::ffff:127.0.0.1]:3",
                    "localhost:2", "unix:/run/x"};
  const auto addresses = check_admin_addresses(options, "responder.admin");
  ASSERT_TRUE(addresses);
  EXPECT_THAT(*addresses, ElementsAre("127.0.0.1:8889", "127.0.0.1:8890", "[::1]:1",
                                      "[::ffff:127.0.0.1]:3", "localhost:2", "unix:/run/x"));
}

TEST(AdminAddresses, BeyondLoopbackNeedsMutualTlsOrAWaiver) {
  for (const char* address : {"*:8889", "0.0.0.0:8889", "192.0.2.1:8889", "[2001:db8::1]:8889"}) {
    AdminOptions options;
    options.listen = {address};
    const auto refused = check_admin_addresses(options, "responder.admin");
    ASSERT_FALSE(refused) << address;
    EXPECT_EQ(refused.error().code, NodeErrc::kUsage);
    EXPECT_THAT(refused.error().detail, HasSubstr("insecurely_allow_remote"));
    options.insecurely_allow_remote = true;
    EXPECT_TRUE(check_admin_addresses(options, "responder.admin")) << address;
    options.insecurely_allow_remote = false;
    options.tls.certificate = "x.pem";
    EXPECT_TRUE(check_admin_addresses(options, "responder.admin")) << address;
  }
  AdminOptions options;
  options.listen = {"nowhere"};
  EXPECT_FALSE(check_admin_addresses(options, "responder.admin"));
}

// The exit codes that people write scripts for: 64, 69, 70.
TEST(CannotListen, TellsTyposFromAddressesThatAreNotThereAndFromASystemThatRefuses) {
  const auto code = [](net::NetErrc what, int os_error) {
    return cannot_listen({what, os_error, "127.0.0.1:1"}).code;
  };
  EXPECT_EQ(code(net::NetErrc::kBadAddress, 0), NodeErrc::kUsage);
  EXPECT_EQ(code(net::NetErrc::kNotHere, EADDRNOTAVAIL), NodeErrc::kAddress);
  EXPECT_EQ(code(net::NetErrc::kInUse, EADDRINUSE), NodeErrc::kAddress);
  EXPECT_EQ(code(net::NetErrc::kSystem, EMFILE), NodeErrc::kSystem);
}

TEST(ListenerFiles, AreTheAddressesAndTheCertificatesOrWhyNot) {
  AdminOptions options;
  options.listen = {"8889"};
  const auto plain = load_admin(options, "edge.admin");
  ASSERT_TRUE(plain);
  EXPECT_THAT(plain->addresses, ElementsAre("127.0.0.1:8889"));
  EXPECT_EQ(plain->certificates, nullptr);
  options.tls.certificate = "x.pem";
  EXPECT_FALSE(load_admin(options, "edge.admin")) << "one file of three";
  options.tls = {};
  options.listen = {"*:8889"};
  EXPECT_THAT(load_admin(options, "edge.admin").error().detail, HasSubstr("[edge.admin]"));
}

TEST(BatchAddresses, BeyondLoopbackNeedsMutualTlsOrAWaiver) {
  BatchOptions options;
  options.listen = {"8887", "unix:/run/x"};
  const auto addresses = check_batch_addresses(options);
  ASSERT_TRUE(addresses);
  EXPECT_THAT(*addresses, ElementsAre("127.0.0.1:8887", "unix:/run/x"));
  options.listen = {"0.0.0.0:8887"};
  const auto refused = check_batch_addresses(options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("thousands of signatures"));
  options.insecurely_allow_remote = true;
  EXPECT_TRUE(check_batch_addresses(options));
  options.insecurely_allow_remote = false;
  options.tls.certificate = "x.pem";
  EXPECT_TRUE(check_batch_addresses(options));
}

TEST(PushAddresses, TcpNeedsMutualTlsAlways) {
  PushOptions options;
  options.clients.push_back(
      {.name = "ca", .uids = {1}, .gids = {}, .certificates = {}, .issuers = {"x"}, .may = {}});
  options.listen = {"127.0.0.1:0"};
  const auto refused = check_push_addresses(options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("mutual TLS"));
  options.listen = {"unix:/run/x"};
  EXPECT_TRUE(check_push_addresses(options));
  options.clients[0].uids.clear();
  EXPECT_THAT(check_push_addresses(options).error().detail, HasSubstr("nobody"));
  options.clients.clear();
  EXPECT_THAT(check_push_addresses(options).error().detail, HasSubstr("nobody may push"));
}

TEST(LoadTls, WantsAllThreeFilesAndSaysWhichIsWrong) {
  const Site site;
  standard_pki().leaf.write(site.dir, "leaf");
  TlsFiles files;
  EXPECT_EQ(*load_tls(files, "x"), nullptr);
  files.certificate = site.dir.file("leaf.pem");
  EXPECT_EQ(load_tls(files, "x").error().code, NodeErrc::kUsage);
  files.key = site.dir.file("leaf.key");
  files.client_ca = site.dir.file("absent.pem");
  EXPECT_THAT(load_tls(files, "responder.push").error().detail,
              HasSubstr("[responder.push] client_ca:"));
  files.client_ca = site.dir.file("ca.pem");
  EXPECT_TRUE(load_tls(files, "x"));
  files.key = site.dir.file("ocsp.key");
  EXPECT_THAT(load_tls(files, "x").error().detail, HasSubstr("does not belong"));
  files.key = site.dir.file("absent.key");
  EXPECT_THAT(load_tls(files, "x").error().detail, HasSubstr("absent.key"));
}

}  // namespace
}  // namespace muster::node
