#include <fcntl.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "stapler_fixture.h"

// The stapler as a program: restarts, disks, signals, status.

namespace muster::interop {
namespace {

using StaplerProcess = StaplerFixture;
using ::testing::HasSubstr;

std::string shelf_file(const testing::TempDir& dir, const testing::Identity& identity) {
  return dir.file("shelf/" + to_hex(identity.certificate.fingerprint()) + ".staple");
}

TEST_F(StaplerProcess, SaysWhenItIsReady) {
  Daemon stapler(command());
  EXPECT_EQ(stapler.wait_for("ready: ").value_or(""), "ready: 1 certificates, 1 fresh")
      << stapler.output();
  EXPECT_EQ(judge_file(), "good");
  EXPECT_EQ(stapler.stop().exit_code, 0);
}

// req: OCSP-STAP-010
TEST_F(StaplerProcess, KillAndRestartWithTheResponderDownKeepsStapling) {
  Buffer before;
  {
    auto stapler = start();
    before = staple_file();
    stapler->stop(SIGKILL);
  }
  responder->set(Fault::kAbsent);
  ::unlink(dir.file("out/web.ocsp").c_str());
  auto stapler = start();
  EXPECT_THAT(stapler->output(), HasSubstr("ready: 1 certificates, 1 fresh"));
  EXPECT_EQ(judge_file(), "good");
}

// req: OCSP-STAP-010
TEST_F(StaplerProcess, KilledAtOddMomentsItAlwaysStartsAgainAndNeverOffersRubbish) {
  for (int round = 0; round < 8; ++round) {
    Daemon stapler(command());
    const std::size_t wanted = responder->requests() + 1 + static_cast<std::size_t>(round % 3);
    responder->wait_for_requests(wanted);
    stapler.stop(SIGKILL);
    const std::string seen = judge_file();
    EXPECT_TRUE(seen == "good" || seen == "none") << seen;
  }
  auto stapler = start();
  EXPECT_EQ(judge_file(), "good");
}

// req: OCSP-STAP-010 OCSP-STAP-001
TEST_F(StaplerProcess, ADamagedShelfIsPassedOverAndMended) {
  start()->stop();
  const Buffer whole = testing::read_octets(shelf_file(dir, *leaf));
  const std::pair<const char*, Buffer> damages[] = {
      {"truncated", Buffer(whole.begin(), whole.begin() + 400)},
      {"random", Buffer(1000, 0x5a)},
      {"empty", {}}};
  for (const auto& [name, content] : damages) {
    SCOPED_TRACE(name);
    dir.write("shelf/" + to_hex(leaf->certificate.fingerprint()) + ".staple", Bytes(content));
    dir.write("out/web.ocsp", Bytes(content));
    responder->set(Fault::kAbsent);
    auto stapler = start();
    EXPECT_TRUE(stapler->wait_for("shelf.passed_over")) << stapler->output();
    EXPECT_EQ(judge_file(), "none") << "rubbish is not left on offer";
    responder->set(Fault::kNone);
    EXPECT_TRUE(until([&] { return judge_file() == "good"; }, Milliseconds(30'000)))
        << stapler->output();
    stapler->stop();
  }
}

TEST_F(StaplerProcess, ALostShelfIsMadeUpForByTheStapleFile) {
  start()->stop();
  ASSERT_EQ(::unlink(shelf_file(dir, *leaf).c_str()), 0);
  responder->set(Fault::kAbsent);
  auto stapler = start();
  EXPECT_EQ(judge_file(), "good") << stapler->output();
}

// req: OCSP-STAP-003
TEST_F(StaplerProcess, WithdrawsTheFileWhenItExpiresAndNothingBetterComes) {
  responder =
      std::make_unique<FaultResponder>(pki.ocsp_signer, pki.intermediate.certificate, Seconds(6));
  leaf = std::make_unique<testing::Identity>(issue_leaf("web.example"));
  leaf_path = leaf->write(dir, "web", {pki.intermediate.certificate});
  // The file goes a second before its time is over, but the guard looks once a second only.
  expiry_tolerance = Seconds(5);
  auto stapler = start();
  ASSERT_EQ(judge_file(), "good");
  responder->set(Fault::kAbsent);
  std::set<std::string> seen;
  EXPECT_TRUE(until([&] {
    seen.insert(judge_file());
    return seen.count("none") != 0;
  }));
  EXPECT_THAT(seen, ::testing::ElementsAre("good", "none")) << "never an expired one";
  // The guard of the file and the shelf have timers of their own: either may come first, by up to a
  // second.
  EXPECT_TRUE(stapler->wait_for("staple.withdrawn")) << stapler->output();
  responder->set(Fault::kNone);
  EXPECT_TRUE(until([&] { return judge_file() == "good"; }, Milliseconds(30'000)))
      << stapler->output();
}

// req: OCSP-STAP-002
TEST_F(StaplerProcess, ARevocationReachesTheFileAtTheNextRefresh) {
  auto stapler = start();
  responder->set(Fault::kRevoked);
  EXPECT_TRUE(until([&] { return judge_file() == "revoked"; })) << stapler->output();
  EXPECT_TRUE(stapler->wait_for("certificate.revoked: ALARM"));
}

TEST_F(StaplerProcess, OrNothingIsOfferedForARevokedCertificateWhenToldSo) {
  dir.write("muster.toml", "[stapler]\nrevoked = \"withhold\"\n");
  auto stapler = start({"--config", dir.file("muster.toml")});
  ASSERT_EQ(judge_file(), "good");
  responder->set(Fault::kRevoked);
  EXPECT_TRUE(until([&] { return judge_file() == "none"; })) << stapler->output();
}

// req: OCSP-STAP-010
TEST_F(StaplerProcess, AFullDiskLeavesStaplesInMemoryValidAndIsSaid) {
  // Files of this process may not grow beyond 200 octets, as on a disk that is full.
  std::vector<std::string> words = {"/bin/sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"",
                                    "sh"};
  const std::vector<std::string> rest = command();
  words.insert(words.end(), rest.begin(), rest.end());
  Daemon stapler(words);
  EXPECT_EQ(stapler.wait_for("ready: ", Milliseconds(30'000)).value_or(""),
            "ready: 1 certificates, 1 fresh")
      << stapler.output();
  EXPECT_TRUE(stapler.wait_for("shelf.write_failed"));
  EXPECT_TRUE(stapler.wait_for("target.write_failed"));
  EXPECT_EQ(judge_file(), "none");
  EXPECT_EQ(stapler.stop().exit_code, 0);
}

// req: OCSP-STAP-015
TEST_F(StaplerProcess, TheFileIsLeftAloneWhenNothingChangedAndTheHookRunsOnlyAfterChanges) {
  const std::string log = dir.file("hook.log");
  const std::string script =
      dir.write("hook.sh", "#!/bin/sh\nprintf '%s' \"$MUSTER_FILES\" >> " + log + "\n");
  ::chmod(script.c_str(), 0755);
  std::vector<std::string> once = {binary(), "stapler",       "--shelf", dir.file("shelf"),
                                   "--out",  dir.file("out"), "--cert",  leaf_path,
                                   "--once", "--on-update",   script};
  ASSERT_EQ(testing::run_process(once).exit_code, 0);
  EXPECT_EQ(testing::read_text(log), dir.file("out/web.ocsp") + "\n");
  responder->set(Fault::kAbsent);
  struct stat before {
  }, after{};
  ::stat(dir.file("out/web.ocsp").c_str(), &before);
  ASSERT_EQ(testing::run_process(once).exit_code, 0) << "what is held is still good";
  ::stat(dir.file("out/web.ocsp").c_str(), &after);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(testing::read_text(log), dir.file("out/web.ocsp") + "\n")
      << "nothing changed, so no second run";
}

TEST_F(StaplerProcess, OnceTellsByItsExitCodeWhetherAllIsCovered) {
  responder->set(Fault::kHttp500);
  const auto result = testing::run_process(
      {binary(), "stapler", "--out", dir.file("out"), "--cert", leaf_path, "--once"});
  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_THAT(result.out, HasSubstr("ready: 1 certificates, 0 fresh"));
  EXPECT_THAT(result.err, HasSubstr("500"));
}

TEST_F(StaplerProcess, OnceAndStatusTellWhetherAllIsHandedOver) {
  // A directory stands where the staple file belongs.
  std::filesystem::create_directories(dir.file("out/web.ocsp/x"));
  const auto blocked = testing::run_process(command({"--once"}));
  EXPECT_EQ(blocked.exit_code, 1) << blocked.describe();
  EXPECT_THAT(blocked.err, HasSubstr("not everything could be handed over"));
  const std::vector<std::string> status = {binary(), "stapler", "status", "--shelf",
                                           dir.file("shelf")};
  const auto told = testing::run_process(status);
  EXPECT_EQ(told.exit_code, 1) << told.describe();
  EXPECT_THAT(told.out, HasSubstr("target: " + dir.file("out/web.ocsp")));
  std::filesystem::remove_all(dir.file("out/web.ocsp"));
  EXPECT_EQ(testing::run_process(command({"--once"})).exit_code, 0);
  EXPECT_EQ(testing::run_process(status).exit_code, 0);
}

TEST_F(StaplerProcess, OnceIsNotOverWhileTheDiskOrTheHookFails) {
  for (const std::string hook : {"/bin/false", "/no/such/program"}) {
    std::filesystem::remove_all(dir.file("out"));  // so that there is something to tell
    const auto result = testing::run_process(command({"--once", "--on-update", hook}));
    EXPECT_EQ(result.exit_code, 1) << result.describe();
    EXPECT_THAT(result.err, HasSubstr(hook));
  }
  std::filesystem::remove_all(dir.file("shelf"));
  std::vector<std::string> full = {"/bin/sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"};
  for (const std::string& word :
       {binary(), std::string("stapler"), std::string("--shelf"), dir.file("shelf"),
        std::string("--cert"), leaf_path, std::string("--once")}) {
    full.push_back(word);
  }
  EXPECT_EQ(testing::run_process(full).exit_code, 1) << "the shelf could not be written";
}

TEST_F(StaplerProcess, OnceThatIsStoppedEarlyIsNoSuccess) {
  responder->set(Fault::kHangs);
  Daemon stapler(command({"--once"}));
  ASSERT_TRUE(responder->wait_for_requests(1)) << stapler.output();
  EXPECT_EQ(stapler.stop().exit_code, 1);
}

TEST_F(StaplerProcess, MakesTheDirectoriesItIsToldToWriteTo) {
  const auto result =
      testing::run_process({binary(), "stapler", "--shelf", dir.file("a/b/shelf"), "--out",
                            dir.file("c/d/out"), "--cert", leaf_path, "--once"});
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_TRUE(std::filesystem::exists(dir.file("c/d/out/web.ocsp")));
  const auto in_the_way =
      testing::run_process({binary(), "stapler", "--shelf", dir.file("shelf"), "--out",
                            leaf_path + "/out", "--cert", leaf_path, "--once"});
  EXPECT_EQ(in_the_way.exit_code, 66);
  EXPECT_THAT(in_the_way.err, HasSubstr("Not a directory"));
}

// req: OCSP-STAP-012
TEST_F(StaplerProcess, ADirectoryOfCertificatesAndReloadOnHangup) {
  const std::string certs = dir.file("certs");
  dir.write("certs/ca.pem", testing::to_pem({pki.intermediate.certificate}));
  dir.write("certs/one.pem", testing::to_pem({issue_leaf("one.example").certificate}));
  Daemon stapler({binary(), "stapler", "--shelf", dir.file("shelf"), "--out", dir.file("out"),
                  "--cert", certs});
  EXPECT_EQ(stapler.wait_for("ready: ").value_or(""), "ready: 1 certificates, 1 fresh")
      << stapler.output();
  dir.write("certs/two.pem", testing::to_pem({issue_leaf("two.example").certificate}));
  stapler.send_signal(SIGHUP);
  EXPECT_TRUE(until([&] { return ::access(dir.file("out/two.ocsp").c_str(), F_OK) == 0; }))
      << stapler.output();
  EXPECT_EQ(stapler.stop().exit_code, 0);
}

/// Whether a SIGHUP waits for whoever reads it instead of ending the process.
bool holds_hangups_back(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  constexpr std::string_view kBlocked = "SigBlk:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kBlocked)) {
      const auto mask = std::stoull(line.substr(kBlocked.size()), nullptr, 16);
      return ((mask >> (SIGHUP - 1)) & 1U) != 0;
    }
  }
  return false;
}

TEST_F(StaplerProcess, AHangupBeforeItHasStartedEndsNothing) {
  const std::string config = dir.file("config");
  ASSERT_EQ(::mkfifo(config.c_str(), 0600), 0);
  std::string line = "exec";
  const std::vector<std::string> words = {binary(),          "stapler", "--shelf",
                                          dir.file("shelf"), "--out",   dir.file("out"),
                                          "--cert",          leaf_path, "--config=-"};
  for (const std::string& word : words) {
    line += " '" + word + "'";
  }
  Daemon stapler({"/bin/sh", "-c", line + " <'" + config + "'"});
  UniqueFd end;
  ASSERT_TRUE(until([&] {
    end.reset(::open(config.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    return static_cast<bool>(end);
  })) << stapler.output();
  // It reads its configuration, and goes on reading while we do not close.
  ASSERT_TRUE(until([&] { return holds_hangups_back(stapler.pid()); })) << stapler.output();
  stapler.send_signal(SIGHUP);
  end.reset();
  EXPECT_TRUE(stapler.wait_for("ready: ", Milliseconds(30'000))) << stapler.output();
  EXPECT_EQ(stapler.stop().exit_code, 0);
}

// req: OCSP-STAP-020
TEST_F(StaplerProcess, StatusTellsWhatARunningStaplerHolds) {
  auto stapler = start();
  const std::vector<std::string> ask = {binary(), "stapler", "status", "--shelf",
                                        dir.file("shelf")};
  const auto table = testing::run_process(ask);
  EXPECT_EQ(table.exit_code, 0) << table.describe();
  EXPECT_THAT(table.out, HasSubstr("web"));
  EXPECT_THAT(table.out, HasSubstr("fresh"));
  auto as_json = ask;
  as_json.push_back("--json");
  const auto json = nlohmann::json::parse(testing::run_process(as_json).out);
  EXPECT_EQ(json.at("covered"), 1);
  EXPECT_EQ(json.at("certificates").at(0).at("state"), "fresh");
  responder->set(Fault::kRevoked);
  EXPECT_TRUE(until([&] { return testing::run_process(ask).exit_code == 1; }));
}

TEST_F(StaplerProcess, WrongUseIsToldWithWhatToDo) {
  struct Row {
    std::vector<std::string> arguments;
    const char* expected;
    int exit_code = 64;
  };
  const Row rows[] = {
      {{"--shelf", dir.file("shelf")}, "give --cert"},
      {{"--cert", leaf_path}, "give --shelf"},
      {{"--cert", leaf_path, "--shelf", dir.file("shelf"), "--refresh", "soon"},
       "--refresh must be a duration"},
      {{"--config", dir.file("none.toml")}, "none.toml", 66},
      {{"--config", dir.write("broken.toml", "[x")}, "broken.toml:1"},
      {{"--no-such-flag"}, "--no-such-flag"},
  };
  for (const auto& [arguments, expected, exit_code] : rows) {
    std::vector<std::string> words = {binary(), "stapler"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const auto result = testing::run_process(words);
    EXPECT_EQ(result.exit_code, exit_code) << result.describe();
    EXPECT_THAT(result.err, HasSubstr(expected));
  }
}

TEST_F(StaplerProcess, ACertificateWithoutIssuerOrAFileWithoutCertificateIsNamed) {
  const std::string lone = dir.write("lone.pem", testing::to_pem({leaf->certificate}));
  const std::string junk = dir.write("junk.pem", "hello\n");
  const auto result =
      testing::run_process({binary(), "stapler", "--out", dir.file("out"), "--once", "--cert", lone,
                            "--cert", junk, "--cert", dir.file("absent.pem"), "--cert", leaf_path});
  EXPECT_EQ(result.exit_code, 66) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("lone.pem': no certificate of its issuer"));
  EXPECT_THAT(result.err, HasSubstr("junk.pem"));
  EXPECT_THAT(result.err, HasSubstr("absent.pem"));
  EXPECT_EQ(judge_file(), "good") << "the others are served all the same";
}

TEST_F(StaplerProcess, TwoStaplersDoNotShareAShelf) {
  auto first = start();
  const auto second = testing::run_process(command());
  EXPECT_EQ(second.exit_code, 66);
  EXPECT_THAT(second.err, HasSubstr("belongs to another running process"));
}

}  // namespace
}  // namespace muster::interop
