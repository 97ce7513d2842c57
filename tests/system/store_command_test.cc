#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "muster/testing/crl_builder.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"

// `muster store` as a person uses it.
namespace muster::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class StoreCommand : public ::testing::Test {
 protected:
  void SetUp() override { standard_pki().intermediate.write(directory_, "ca"); }
  ProcessResult run(std::vector<std::string> arguments) const {
    const char* binary = std::getenv("MUSTER_BINARY");
    EXPECT_NE(binary, nullptr) << "set MUSTER_BINARY to the muster program";
    arguments.insert(arguments.begin(), {binary == nullptr ? "muster" : binary, "store", "-d",
                                         directory_.file("store")});
    return run_process(arguments);
  }
  void expect(int exit_code, std::vector<std::string> arguments, const std::string& text) const {
    const ProcessResult result = run(std::move(arguments));
    EXPECT_EQ(result.exit_code, exit_code) << result.describe();
    EXPECT_THAT(result.out + result.err, HasSubstr(text));
  }
  [[nodiscard]] json record(const std::string& serial) const {
    const ProcessResult result = run({"get", serial, "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.describe();
    return json::parse(result.out, nullptr, false);
  }
  [[nodiscard]] std::string ca() const { return directory_.file("ca.pem"); }
  TempDir directory_;
};

constexpr std::string_view kIndex =
    "V\t300101000000Z\t\t01\tunknown\t/"
    "CN=x\nR\t300101000000Z\t260101000000Z,superseded\t02\tunknown\t/CN=y\n";

TEST_F(StoreCommand, ImportsAnIndexAndPrintsIt) {
  const std::string index = directory_.write("index.txt", kIndex);
  expect(0, {"import", "--ca", ca(), "--index", index}, "2 added");
  EXPECT_EQ(record("01"),
            (json{{"serial", "01"}, {"state", "good"}, {"expires", "2030-01-01T00:00:00Z"}}));
  EXPECT_EQ(record("02")["revokedAt"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(record("02")["reason"], "superseded");
  expect(66, {"get", "01", "03"}, "not in the store: 03");
  const std::string exported = directory_.write("exported.txt", run({"export"}).out);
  expect(0, {"import", "--ca", ca(), "--index", exported}, "0 added, 0 changed, 0 removed");
  expect(0, {"export", "--format", "csv"},
         "02,revoked,2026-01-01T00:00:00Z,superseded,,2030-01-01T00:00:00Z\n");
  const char* binary = std::getenv("MUSTER_BINARY");
  const ProcessResult full =
      run_process({"/bin/sh", "-c", R"("$0" store -d "$1" export >/dev/full)",
                   binary == nullptr ? "muster" : binary, directory_.file("store")});
  EXPECT_EQ(full.exit_code, 70) << full.describe();
  EXPECT_THAT(full.err, HasSubstr("No space left")) << "the reason, not a guess";
  expect(0, {"export", "--format", "ndjson"}, "{\"serial\":\"01\",\"state\":\"good\"");
  expect(0, {"verify"}, "2 records as written");
}

TEST_F(StoreCommand, ImportsACrl) {
  CrlSpec crl;
  crl.entries = {revoked_entry(make_serial(0xff01), kTestNow, ReasonCode::kKeyCompromise)};
  crl.this_update = SystemClock().now() - Seconds(60);
  crl.next_update = SystemClock().now() + Seconds(3600);
  const std::string older = to_pem(
      "X509 CRL", build_crl(standard_pki().intermediate,
                            {.this_update = crl.this_update, .next_update = crl.next_update}));
  const Buffer der = build_crl(standard_pki().intermediate, crl);
  const std::string both = directory_.write("two.crl", older + to_pem("X509 CRL", der));
  expect(66, {"import", "--ca", ca(), "--crl", both}, "2 CRLs");
  const std::string path = directory_.write("ca.crl", der);
  expect(0, {"import", "--ca", ca(), "--crl", path}, "1 added");
  EXPECT_EQ(record("FF01")["reason"], "keyCompromise");
  const json stat = json::parse(run({"stat", "--json"}).out, nullptr, false);
  EXPECT_EQ(stat["issuers"][0]["knowsIssued"], false);
  EXPECT_EQ(stat["issuers"][0]["crlNumber"], "01");
  EXPECT_EQ(stat["issuers"][0]["records"], 1);
}

// req: OCSP-CRL-051
TEST_F(StoreCommand, SetsAndForgetsByHand) {
  expect(0, {"issuer", "--ca", ca(), "--issued", "complete", "--label", "My CA"}, "declared");
  expect(0, {"stat"}, "My CA");
  expect(0, {"stat"}, "lists all issued");
  expect(0, {"set", "0A", "good", "--expires", "2030-01-01T00:00:00Z"}, "1 changed");
  expect(0, {"set", "0A", "hold", "--at", "2026-01-01T00:00:00Z"}, "1 changed");
  EXPECT_EQ(record("0A")["state"], "hold");
  EXPECT_EQ(record("0A")["reason"], "certificateHold");
  EXPECT_EQ(record("0A")["expires"], "2030-01-01T00:00:00Z") << "what was known stays known";
  expect(0, {"set", "0A", "good"}, "1 changed");
  expect(0, {"set", "0A", "revoked", "--reason", "keyCompromise", "--at", "2026-01-02T00:00:00Z"},
         "1 changed");
  EXPECT_EQ(record("0A")["revokedAt"], "2026-01-02T00:00:00Z");
  expect(64, {"set", "0A", "good"}, "revoked for good");
  expect(64, {"set", "0A", "hold"}, "revoked for good");
  expect(64, {"forget", "0A"}, "revoked for good");
  EXPECT_EQ(record("0A")["state"], "revoked");
  expect(0, {"forget", "0A", "--force"}, "1 changed");
  expect(66, {"get", "0A"}, "not in the store");
}

TEST_F(StoreCommand, SaysWhatIsWrong) {
  expect(66, {"stat"}, "No such file");
  expect(64, {"import", "--ca", ca()}, "--index FILE or --crl FILE");
  expect(64, {"import", "--index", "x"}, "--ca");
  expect(66, {"import", "--ca", ca(), "--index", directory_.file("absent")}, "absent");
  expect(66, {"import", "--ca", ca(), "--index", directory_.write("half.txt", "V\t3001")},
         "line 1");
  expect(66, {"import", "--ca", directory_.write("no.pem", "hello"), "--index", "x"}, "no.pem");
  expect(64, {"set", "XY", "good", "--ca", ca()}, "XY");
  expect(64, {"set", "0A", "great", "--ca", ca()}, "great");
  expect(64, {"set", "0A", "revoked", "--reason", "boredom", "--ca", ca()}, "boredom");
  expect(64, {"set", "0A", "revoked", "--at", "yesterday", "--ca", ca()}, "yesterday");
  expect(64, {"set", "0A", "good", "--at", "2026-01-01T00:00:00Z", "--ca", ca()}, "make no sense");
  expect(64, {"frobnicate"}, "unknown command 'frobnicate'; there are import");
  EXPECT_EQ(run({"--help"}).exit_code, 0);
}

// req: OCSP-RESP-068
TEST_F(StoreCommand, WarnsAboutARevocationThatWentMissing) {
  expect(0, {"import", "--ca", ca(), "--index", directory_.write("a.txt", kIndex)}, "2 added");
  expect(0,
         {"import", "--ca", ca(), "--index",
          directory_.write("b.txt", kIndex.substr(0, kIndex.find('\n') + 1))},
         "they stay revoked: 02");
  EXPECT_EQ(record("02")["state"], "revoked");
}

TEST_F(StoreCommand, KeepsWhatAnIndexLostUntilToldToGiveItUp) {
  expect(0, {"import", "--ca", ca(), "--index", directory_.write("a.txt", kIndex)}, "2 added");
  const std::string cut = directory_.write("b.txt", kIndex.substr(kIndex.find('\n') + 1));
  expect(0, {"import", "--ca", ca(), "--index", cut}, "they stay known, not revoked: 01");
  EXPECT_EQ(record("01")["state"], "good");
  expect(0, {"import", "--ca", ca(), "--index", cut, "--allow-missing"}, "1 removed");
  expect(66, {"get", "01"}, "not in the store");
}

}  // namespace
}  // namespace muster::testing
