#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "distribution_world.h"
#include "muster/net/address.h"

// `muster edge` and `muster responder export` as operators run them.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;

constexpr Milliseconds kPatience{60'000};

std::vector<std::string> edge_with(const DistributionWorld& world, const std::string& listen) {
  return {muster_binary(),
          "edge",
          "--url",
          "http://127.0.0.1:1/",
          "--manifest-signer",
          world.dir().file("manifest.pem"),
          "--directory",
          world.dir().file("own"),
          "--listen",
          listen};
}

TEST(EdgeCommand, ItsExitCodeTellsWhyItCannotListen) {
  const DistributionWorld world(0);
  const auto taken = net::Listener::open("127.0.0.1:0", 1);
  ASSERT_TRUE(taken);
  const ProcessResult in_use = run_process(edge_with(world, taken->address()));
  EXPECT_EQ(in_use.exit_code, 69) << in_use.describe();
  EXPECT_THAT(in_use.err, HasSubstr("is another server running?"));
  const ProcessResult bad = run_process(edge_with(world, "nowhere"));
  EXPECT_EQ(bad.exit_code, 64) << bad.describe();
  EXPECT_THAT(bad.err, HasSubstr("write host:port"));
  std::vector<std::string> remote = edge_with(world, "127.0.0.1:0");
  remote.insert(remote.end(), {"--admin", "0.0.0.0:0"});
  const ProcessResult open = run_process(remote);
  EXPECT_EQ(open.exit_code, 64) << open.describe();
  EXPECT_THAT(open.err, HasSubstr("[edge.admin]"));
  EXPECT_THAT(run_process({muster_binary(), "edge", "--help"}).out, HasSubstr("69 cannot listen"));
}

TEST(EdgeCommand, SighupReadsTheConfigurationAgain) {
  DistributionWorld world(2);
  world.start_core();
  ASSERT_EQ(world.run_export().exit_code, 0);
  world.start_origin();
  const std::string right = read_text(world.dir().file("edge.toml"));
  world.start_edge();
  ASSERT_TRUE(world.edge_comes_to("muster_edge_held_answers", 4));
  world.dir().write("edge.toml", right + "[nonsense]\n");
  world.edge().send_signal(SIGHUP);
  ASSERT_TRUE(world.edge().wait_for("edge.reload_failed", kPatience)) << world.edge().output();
  world.dir().write("edge.toml", right);
  world.edge().send_signal(SIGHUP);
  ASSERT_TRUE(world.edge().wait_for("edge.reloaded", kPatience)) << world.edge().output();
  EXPECT_TRUE(world.edge_comes_to("muster_config_reloads_total{result=\"ok\"}", 1));
  EXPECT_EQ(world.edge_says(1, HashAlgorithm::kSha256), "good");
  EXPECT_EQ(world.edge().stop().exit_code, 0) << world.edge().output();
}

TEST(ExportCommand, StaysAndTellsWhatEachRunDid) {
  DistributionWorld world(3);
  world.start_core();
  Daemon exporter(world.export_arguments({"--every", "1d"}));
  ASSERT_TRUE(exporter.wait_for("exporting every 1d", kPatience)) << exporter.output();
  ASSERT_TRUE(exporter.wait_for("written=6", kPatience)) << exporter.output();
  ASSERT_TRUE(world.push("revoke", {1}));
  ASSERT_TRUE(exporter.wait_for("written=2", kPatience)) << exporter.output();
  const std::string config = read_text(world.dir().file("core.toml"));
  std::string other = config;
  other.insert(other.find("[responder.export]\n") + 19, "hashes = [\"sha256\"]\n");
  world.dir().write("core.toml", other);
  exporter.send_signal(SIGHUP);
  ASSERT_TRUE(exporter.wait_for("removed=3", kPatience)) << exporter.output();
  EXPECT_EQ(world.manifest().files.size(), 3U);
  EXPECT_THAT(read_text(world.dir().file("export.prom")), HasSubstr("\nmuster_export_up 1\n"));
  EXPECT_EQ(exporter.stop().exit_code, 0) << exporter.output();
}

TEST(ExportCommand, RefusesAnIntervalThatIsNone) {
  const DistributionWorld world(0);
  for (const char* every : {"0s", "31d", "often"}) {
    const ProcessResult refused = world.run_export({"--every", every});
    EXPECT_EQ(refused.exit_code, 64) << refused.describe();
    EXPECT_THAT(refused.err, HasSubstr("--every must be a duration"));
  }
  EXPECT_EQ(world.run_export({"--every", "1h", "--renew-all"}).exit_code, 64);
}

// A batch call can cost thousands of signatures: whose certificate was revoked may not make one.
TEST(BatchListener, ACallerWhoseCertificateIsRevokedIsRefused) {
  DistributionWorld world(2);
  CertificateSpec server = leaf_spec("127.0.0.1");
  server.at = SystemClock().now();
  server.ip_addresses = {"127.0.0.1"};
  issue(world.pki().root, server).write(world.dir(), "server");
  world.pki().root.write(world.dir(), "root");
  CertificateSpec caller = leaf_spec("exporter");
  caller.at = SystemClock().now();
  caller.extended_key_usage = {to_buffer(Bytes(oid::kKpClientAuth))};
  caller.serial = Buffer{0x0A, 0x01};  // the second of those issued
  issue(world.pki().intermediate, caller).write(world.dir(), "caller");
  const auto file = [&world](const char* name) { return "\"" + world.dir().file(name) + "\"\n"; };
  std::string config = read_text(world.dir().file("core.toml"));
  const std::string plain = "listen = \"unix:" + world.dir().file("batch.sock") + "\"\n";
  const std::size_t at = config.find(plain);
  ASSERT_NE(at, std::string::npos);
  config.replace(at, plain.size(),
                 "listen = \"127.0.0.1:0\"\ncertificate = " + file("server.pem") +
                     "key = " + file("server.key") + "client_ca = " + file("ca.pem"));
  world.dir().write("core.toml", config);
  world.start_core();
  const std::string log = world.core_log();
  const std::size_t told = log.find("batch on ");
  ASSERT_NE(told, std::string::npos) << log;
  const std::string address = log.substr(told + 9, log.find('\n', told) - told - 9);
  const auto call = [&] {
    return world.run_export({"--batch", address, "--batch-cert", world.dir().file("caller.pem"),
                             "--batch-key", world.dir().file("caller.key"), "--batch-ca",
                             world.dir().file("root.pem")});
  };
  const ProcessResult let_in = call();
  EXPECT_EQ(let_in.exit_code, 0) << let_in.describe() << world.core_log();
  ASSERT_TRUE(world.push("revoke", {1}));
  const ProcessResult refused = call();
  EXPECT_EQ(refused.exit_code, 66) << refused.describe();
  EXPECT_THAT(refused.err, HasSubstr("403"));
  EXPECT_TRUE(world.core_logs("batch.denied")) << world.core_log();
}

}  // namespace
}  // namespace muster::testing
