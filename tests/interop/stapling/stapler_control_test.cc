#include <filesystem>
#include <nlohmann/json.hpp>

#include "muster/net/control_fetch.h"
#include "stapler_fixture.h"

// A running stapler that is told what to do, and certificates that are replaced under it.

namespace muster::interop {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class StaplerControl : public StaplerFixture {
 protected:
  [[nodiscard]] testing::ProcessResult tell(std::vector<std::string> words) const {
    std::vector<std::string> all = {binary(), "stapler", words.front(), "--shelf",
                                    dir.file("shelf")};
    all.insert(all.end(), words.begin() + 1, words.end());
    testing::ProcessOptions options;
    options.timeout = Milliseconds(90'000);
    return testing::run_process(all, options);
  }
  /// A stapler that asks only when it has to.
  std::unique_ptr<Daemon> start_calm(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {binary(), "stapler",       "--shelf", dir.file("shelf"),
                                      "--out",  dir.file("out"), "--cert",  leaf_path};
    words.insert(words.end(), more.begin(), more.end());
    auto daemon = std::make_unique<Daemon>(words);
    EXPECT_TRUE(daemon->wait_for("ready: ", Milliseconds(30'000))) << daemon->output();
    return daemon;
  }
};

// req: OCSP-STAP-007
TEST_F(StaplerControl, AStagedCertificateHasItsStapleBeforeItIsPutIntoServiceAndAfterAKill) {
  auto stapler = start_calm();
  const testing::Identity renewed = issue_leaf("web.example");
  const std::string staged = renewed.write(dir, "new", {pki.intermediate.certificate});
  const auto waited = tell({"wait", staged});
  EXPECT_EQ(waited.exit_code, 0) << waited.describe();
  EXPECT_THAT(waited.out, HasSubstr("not in the inventory yet"));

  stapler->stop(SIGKILL);
  responder->set(Fault::kAbsent);
  stapler = start_calm();
  // It takes the place of the other while every responder is down.
  fs::rename(staged, leaf_path);
  const auto swapped = tell({"wait", leaf_path});
  EXPECT_EQ(swapped.exit_code, 0) << swapped.describe();
  *leaf = renewed;
  EXPECT_EQ(judge_file(), "good");
}

TEST_F(StaplerControl, WaitFindsTheIssuerWhereTheStaplerDoes) {
  // Neither beside the certificate nor known to the command that waits.
  leaf_path = leaf->write(dir, "bare", {});
  const std::string ca =
      dir.write("elsewhere.pem", testing::to_pem({pki.intermediate.certificate}));
  const auto stapler = start_calm({"--issuer", ca});
  const auto known = tell({"wait", leaf_path});
  EXPECT_EQ(known.exit_code, 0) << known.describe();
  const auto staged = tell({"wait", issue_leaf("web.example").write(dir, "new", {})});
  EXPECT_EQ(staged.exit_code, 0) << staged.describe();
  EXPECT_THAT(staged.out, HasSubstr("not in the inventory yet"));
}

TEST_F(StaplerControl, WaitTellsInTimeWhyThereIsNone) {
  auto stapler = start_calm();
  responder->set(Fault::kHttp500);
  const std::string staged =
      issue_leaf("web.example").write(dir, "new", {pki.intermediate.certificate});
  const auto waited = tell({"wait", staged, "--timeout", "10s"});
  EXPECT_EQ(waited.exit_code, 1) << waited.describe();
  EXPECT_THAT(waited.err, AllOf(HasSubstr("not within 10s"), HasSubstr("500")));
  const auto junk = tell({"wait", dir.write("junk.pem", "hello")});
  EXPECT_EQ(junk.exit_code, 66);
  EXPECT_EQ(tell({"wait", staged, "--timeout", "soon"}).exit_code, 64);
  stapler->stop();
  const auto nobody = tell({"wait", staged});
  EXPECT_EQ(nobody.exit_code, 69) << nobody.describe();
  EXPECT_THAT(nobody.err, HasSubstr("no stapler runs"));
}

TEST_F(StaplerControl, PinsAndPausesOutliveAKill) {
  auto stapler = start_calm();
  const Buffer good = staple_file();
  const std::string file = dir.write("good.der", Bytes(good));
  ASSERT_EQ(tell({"refresh"}).exit_code, 0);
  const auto pinned = tell({"pin", leaf_path, file, "--until", "1h"});
  ASSERT_EQ(pinned.exit_code, 0) << pinned.describe();
  ASSERT_EQ(tell({"pause", "--all", "--for", "1h"}).exit_code, 0);
  stapler->stop(SIGKILL);
  stapler = start_calm();
  EXPECT_EQ(staple_file(), good);
  const auto status = nlohmann::json::parse(tell({"status", "--json"}).out);
  EXPECT_TRUE(status.at("all_paused").get<bool>());
  EXPECT_EQ(status.at("certificates").at(0).at("pin").at("until").is_string(), true);
  const auto refused = tell({"refresh", "web"});
  EXPECT_EQ(refused.exit_code, 1) << refused.describe();
  EXPECT_EQ(tell({"resume", "--all"}).exit_code, 0);
  EXPECT_EQ(tell({"unpin", "web"}).exit_code, 0);
  const auto history = tell({"history", leaf_path});
  EXPECT_EQ(history.exit_code, 0) << history.describe();
  EXPECT_THAT(history.out, AllOf(HasSubstr("answer"), HasSubstr("pin "), HasSubstr("pause"),
                                 HasSubstr("unpin")));
}

TEST_F(StaplerControl, AnswersAreImportedWithAndWithoutARunningStapler) {
  responder->set(Fault::kAbsent);
  testing::ResponseSpec spec;
  testing::EntrySpec entry =
      testing::entry_for(leaf->certificate, pki.intermediate.certificate, ocsp::Good{});
  entry.this_update = SystemClock().now() - Seconds(60);
  entry.next_update = SystemClock().now() + Seconds(3600);
  spec.entries = {entry};
  spec.produced_at = entry.this_update;
  const Buffer response = testing::build_response(pki.ocsp_signer, spec);
  const std::string file = dir.write("answers/web.der", Bytes(response));
  const auto offline = tell({"import", dir.file("answers"), "--cert", leaf_path});
  EXPECT_EQ(offline.exit_code, 0) << offline.describe();
  auto stapler = start_calm();
  EXPECT_EQ(staple_file(), response);
  const auto online = tell({"import", file});
  EXPECT_EQ(online.exit_code, 0) << online.describe();
  Buffer damaged = response;
  damaged[damaged.size() / 2] ^= 1;
  EXPECT_EQ(tell({"import", dir.write("bad.der", Bytes(damaged))}).exit_code, 66);
  EXPECT_EQ(staple_file(), response);
}

TEST_F(StaplerControl, ARehearsalChangesNothing) {
  const auto told = testing::run_process(command({"--dry-run"}));
  EXPECT_EQ(told.exit_code, 0) << told.describe();
  EXPECT_THAT(told.out, AllOf(HasSubstr("at once"), HasSubstr(responder->url())));
  EXPECT_EQ(responder->connections(), 0U);
  EXPECT_FALSE(fs::exists(dir.file("shelf")));
  EXPECT_FALSE(fs::exists(dir.file("out")));
}

TEST_F(StaplerControl, ProbesMetricsAndAMonitoringPlugin) {
  Daemon stapler({binary(), "stapler", "--shelf", dir.file("shelf"), "--cert", leaf_path, "--admin",
                  "127.0.0.1:0"});
  const std::string line = stapler.wait_for("admin on ", Milliseconds(30'000)).value_or("");
  ASSERT_NE(line, "") << stapler.output();
  const std::string address = line.substr(line.find("127.0.0.1"));
  ASSERT_TRUE(stapler.wait_for("ready: ", Milliseconds(30'000))) << stapler.output();
  const auto get = [&](const std::string& path) {
    const auto answer = net::fetch_from({.address = address}, path, {});
    return answer ? std::string(as_text(answer->body)) : std::string();
  };
  EXPECT_EQ(get("/livez"), "ok\n");
  EXPECT_TRUE(until([&] { return get("/readyz").starts_with("ready"); }));
  EXPECT_THAT(get("/metrics"),
              AllOf(HasSubstr("muster_stapler_certificate_state{certificate=\"web\","
                              "state=\"fresh\"} 1"),
                    HasSubstr("muster_stapler_answers_total{outcome=\"taken\"} 1")));
  const auto plugin = tell({"status", "--nagios"});
  EXPECT_EQ(plugin.exit_code, 0) << plugin.describe();
  EXPECT_THAT(plugin.out, HasSubstr("STAPLER OK - 1 of 1 covered|"));
  fs::remove(dir.file("shelf/status.json"));
  EXPECT_EQ(testing::run_process(
                {binary(), "stapler", "status", "--nagios", "--shelf", dir.file("nowhere")})
                .exit_code,
            3);
  EXPECT_EQ(stapler.stop().exit_code, 0);
}

}  // namespace
}  // namespace muster::interop
