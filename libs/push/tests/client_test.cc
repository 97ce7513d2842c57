#include "muster/push/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster::push {
namespace {

using ::testing::HasSubstr;

Client make(std::string name) {
  Client client;
  client.name = std::move(name);
  client.issuers = {"ca"};
  return client;
}

TEST(FindClient, ByProcessOrCertificateAndNothingElse) {
  Client process = make("process");
  process.uids = {998};
  process.gids = {997};
  Client remote = make("remote");
  remote.certificates = {"dns:CA.example", "uri:spiffe://x/ca"};
  const std::vector<Client> all{process, remote};
  const auto found = [&](const Peer& peer) {
    const Client* client = find_client(all, peer);
    return client == nullptr ? "" : client->name;
  };
  EXPECT_EQ(found({998, 5, {}}), "process");
  EXPECT_EQ(found({5, 997, {}}), "process");
  EXPECT_EQ(found({0, 0, {}}), "") << "root is no exception";
  EXPECT_EQ(found({std::nullopt, std::nullopt, {"dns:ca.EXAMPLE"}}), "remote");
  EXPECT_EQ(found({std::nullopt, std::nullopt, {"email:x@y", "uri:spiffe://x/ca"}}), "remote");
  EXPECT_EQ(found({std::nullopt, std::nullopt, {"uri:spiffe://X/ca"}}), "");
  EXPECT_EQ(found({std::nullopt, std::nullopt, {"email:ca.example"}}), "");
  EXPECT_EQ(found({}), "");
}

TEST(CheckClient, WantsSomebodyAndSomething) {
  Client client = make("x");
  EXPECT_THAT(check_client(client), HasSubstr("nobody"));
  client.uids = {1};
  EXPECT_EQ(check_client(client), "");
  client.certificates = {"ca.example"};
  EXPECT_THAT(check_client(client), HasSubstr("dns:"));
  client.certificates = {"dns:"};
  EXPECT_THAT(check_client(client), HasSubstr("dns:"));
  for (const std::string& unfit :
       {std::string("00"), std::string(64, 'g'), "00:00:" + std::string(58, '0')}) {
    client.certificates = {"sha256:" + unfit};
    EXPECT_THAT(check_client(client), HasSubstr("64 hexadecimal digits")) << unfit;
  }
  client.certificates = {"sha256:" + std::string(64, 'A')};
  EXPECT_EQ(check_client(client), "");
  client.issuers.clear();
  EXPECT_THAT(check_client(client), HasSubstr("no issuer"));
}

}  // namespace
}  // namespace muster::push
