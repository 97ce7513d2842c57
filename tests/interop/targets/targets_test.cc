#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "muster/base/file.h"
#include "muster/stapler/history.h"
#include "targets_fixture.h"

// Each server of others: handed staples, read back, starved, killed, started again.
namespace muster::interop {
namespace {

using namespace muster::testing;
using ::testing::HasSubstr;

class Targets : public TargetsFixture, public ::testing::WithParamInterface<ServerRow> {};

#define PREPARE_OR_SKIP()                                                     \
  if (!prepare(GetParam())) {                                                 \
    GTEST_SKIP() << GetParam().program << " is not installed (./run clients)" \
                 << (GetParam().needs_root ? ", or this is not root" : "");   \
  }

// req: OCSP-STAP-001 OCSP-STAP-010
TEST_P(Targets, AreServedReadBackAndSurviveARestartWhileTheResponderIsDown) {
  PREPARE_OR_SKIP();
  start_both();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_TRUE(until([&] { return handshake() == "good"; })) << handshake() << stapler_->output();
  // As long as the responder answers there is a newer staple every second, not looked for yet.
  responder_->set(Fault::kAbsent);
  EXPECT_TRUE(until([&] {
    const ProcessResult told = status();
    return told.exit_code == 0 && told.out.find("  served") != std::string::npos;
  })) << status().describe();
  if (GetParam().reloads) {
    daemon_->send_signal(SIGHUP);
    std::set<std::string> during;
    for (int i = 0; i < 20; ++i) {
      during.insert(handshake());
    }
    EXPECT_THAT(during, ::testing::ElementsAre("good")) << "while it reloads";
  }
  for (const int signal : {SIGTERM, SIGKILL}) {
    stop_server(signal);
    start_again();
    std::string first;
    // The first handshake after the port opens.
    EXPECT_TRUE(until([&] { return !(first = handshake()).starts_with("no handshake"); }));
    EXPECT_EQ(first, "good") << "after signal " << signal << daemon_->output();
  }
  EXPECT_TRUE(until([&] { return status().exit_code == 0 || GetParam().name == "exec"; }))
      << status().describe();
  EXPECT_EQ(stapler_->stop().exit_code, 0);
}

// req: OCSP-STAP-002
TEST_P(Targets, FollowRefreshesAndARevocation) {
  PREPARE_OR_SKIP();
  start_both();
  ASSERT_FALSE(HasFatalFailure());
  ASSERT_TRUE(until([&] { return handshake() == "good"; })) << stapler_->output();
  const auto before = seen();
  EXPECT_TRUE(until([&] { return handshake() == "good" && seen() != before; }))
      << stapler_->output();
  responder_->set(Fault::kRevoked);
  // Some staple nothing but "good": then none is right, once what they hold has ended.
  if (GetParam().good_only) {
    EXPECT_TRUE(until([&] {
      return status().out.find("staples nothing but 'good'") != std::string::npos;
    })) << status().describe();
    if (GetParam().name != "hitch") {  // which keeps what it has until that ends
      EXPECT_TRUE(until([&] { return handshake() == "none"; }))
          << handshake() << stapler_->output();
    }
  } else {
    EXPECT_TRUE(until([&] { return handshake() == "revoked"; }))
        << handshake() << stapler_->output();
  }
}

// req: OCSP-STAP-003
TEST_P(Targets, NeverServeAnExpiredStaple) {
  PREPARE_OR_SKIP();
  set_validity(GetParam().margin + Seconds(13));  // of which five are for a reload
  start_both();
  ASSERT_FALSE(HasFatalFailure());
  ASSERT_TRUE(until([&] { return handshake() == "good"; })) << stapler_->output();
  responder_->set(Fault::kAbsent);
  std::set<std::string> verdicts;
  EXPECT_TRUE(until([&] {
    const std::string now = handshake();
    // A server that is started anew for each staple is away for a moment.
    if (!now.starts_with("no handshake")) {
      verdicts.insert(now);
    }
    return verdicts.contains("none");
  })) << stapler_->output()
      << daemon_->output();
  EXPECT_THAT(verdicts, ::testing::ElementsAre("good", "none")) << stapler_->output();
  EXPECT_EQ(status().exit_code, 1);
  responder_->set(Fault::kNone);
  EXPECT_TRUE(until([&] { return handshake() == "good"; }, Seconds(60)))
      << handshake() << stapler_->output() << status().describe();
}

INSTANTIATE_TEST_SUITE_P(Servers, Targets, ::testing::ValuesIn(server_rows()),
                         [](const auto& row) { return std::string(row.param.name); });

/// One certificate for each way in which a responder can fail, each with a responder of its own,
/// and a command that keeps everything it is given.
class Junk : public ServerTest {
 protected:
  static constexpr Seconds kPatience{60};

  Junk() {
    std::vector<std::string> command = {std::getenv("MUSTER_BINARY"),
                                        "stapler",
                                        "--shelf",
                                        dir_.file("shelf"),
                                        "--refresh",
                                        "1s",
                                        "--config",
                                        write("muster.toml",
                                              "[stapler]\ntimeout = \"500ms\"\nconnect_timeout = "
                                              "\"500ms\"\n")};
    for (const Fault fault : all_faults()) {
      const std::string name(to_string(fault));
      auto responder =
          std::make_unique<FaultResponder>(pki_.ocsp_signer, pki_.intermediate.certificate);
      CertificateSpec spec = leaf_spec(name + ".example");
      spec.at = now_;
      spec.ocsp_uris = {responder->url()};
      leaves_.push_back(issue(pki_.intermediate, spec));
      responders_.push_back(std::move(responder));
      command.insert(command.end(),
                     {"--cert", leaves_.back().write(dir_, name, {pki_.intermediate.certificate})});
    }
    const std::string kept = open_directory("kept");
    const std::string script = write("keep.sh", "[ $MUSTER_EVENT = none ] || cat >$(mktemp " +
                                                    kept + "/$MUSTER_CERTIFICATE.XXXXXX)\n");
    command.insert(command.end(), {"--target", "exec,command=/bin/sh " + script});
    command_ = std::move(command);
  }
  void set_faults() {
    for (std::size_t i = 0; i < responders_.size(); ++i) {
      responders_[i]->set(all_faults()[i]);
    }
  }
  /// How often the stapler has judged what came of asking, by its own record: one number for each
  /// certificate.
  [[nodiscard]] std::vector<std::size_t> judged() const {
    std::map<std::string, std::size_t> counted;
    if (const auto told = stapler::read_history(dir_.file("shelf"), {})) {
      for (const stapler::HistoryEvent& event : *told) {
        counted[event.certificate] += event.event == "answer" ? 1U : 0U;
      }
    }
    std::vector<std::size_t> out;
    for (const Identity& leaf : leaves_) {
      out.push_back(counted[to_hex(leaf.certificate.fingerprint())]);
    }
    return out;
  }
  bool has_good_soon(std::size_t i) const {
    return until([&] { return handed_over(i).contains("good"); }, kPatience);
  }
  /// What was handed over for a fault's certificate: verdicts of a strict client.
  [[nodiscard]] std::set<std::string> handed_over(std::size_t i) const {
    std::set<std::string> out;
    const std::string prefix = std::string(to_string(all_faults()[i])) + ".";
    for (const auto& entry : std::filesystem::directory_iterator(dir_.file("kept"))) {
      if (!entry.path().filename().string().starts_with(prefix)) {
        continue;
      }
      const Buffer octets = read_octets(entry.path().string());
      out.insert(octets.empty()
                     ? "still being written"
                     : verdict_on(octets, leaves_[i].certificate, pki_.intermediate.certificate));
    }
    return out;
  }
  std::vector<std::string> command_;
  std::vector<Identity> leaves_;
  std::vector<std::unique_ptr<FaultResponder>> responders_;
};

// req: OCSP-STAP-001 OCSP-STAP-002
TEST_F(Junk, IsNeverHandedOverFromTheStartOrLater) {
  set_faults();
  Daemon stapler(command_);
  ASSERT_TRUE(stapler.wait_for("ready: ", Milliseconds(60'000))) << stapler.output();
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    if (is_harmless(all_faults()[i])) {
      ASSERT_TRUE(has_good_soon(i)) << to_string(all_faults()[i]) << stapler.output();
    }
  }
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    const Fault fault = all_faults()[i];
    if (!is_harmless(fault) && fault != Fault::kRevoked) {
      EXPECT_THAT(handed_over(i), ::testing::IsEmpty()) << to_string(fault);
    }
  }
  for (const auto& responder : responders_) {
    responder->set(Fault::kNone);
  }
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    if (all_faults()[i] != Fault::kRevoked) {
      ASSERT_TRUE(has_good_soon(i)) << to_string(all_faults()[i]) << stapler.output();
    }
  }
  set_faults();
  const std::vector<std::size_t> before = judged();
  // Each fault at least twice: the first answer may have been on its way. A Retry-After is obeyed.
  EXPECT_TRUE(until(
      [&] {
        const std::vector<std::size_t> now = judged();
        return std::equal(before.begin(), before.end(), now.begin(),
                          [](std::size_t then, std::size_t later) { return later >= then + 3; });
      },
      kPatience))
      << stapler.output();
  stapler.stop();
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    const std::string expected = all_faults()[i] == Fault::kRevoked ? "revoked" : "good";
    EXPECT_THAT(handed_over(i), ::testing::Each(::testing::AnyOf(expected, "still being written")))
        << to_string(all_faults()[i]);
    EXPECT_THAT(handed_over(i), ::testing::Contains(expected)) << to_string(all_faults()[i]);
  }
}

}  // namespace
}  // namespace muster::interop
