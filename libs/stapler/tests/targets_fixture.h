#pragma once

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster/stapler/targets.h"
#include "muster/testing/fake_clock.h"
#include "muster/testing/temp_dir.h"
#include "staples.h"
#include "turns.h"

namespace muster::stapler::testing_staples {

using testing::kTestNow;

/// Targets with a clock that moves when told.
class TargetsFixture : public ::testing::Test {
 protected:
  void make(std::vector<TargetOptions> options, TellUnchanged tell = TellUnchanged::kYes) {
    ASSERT_EQ(check_targets(options), std::nullopt);
    targets = std::make_unique<Targets>(loop, clock, null_logger(), std::move(options),
                                        client::VerifyPolicy{}, tell);
    EXPECT_THAT(targets->set_certificates({web()}), ::testing::IsEmpty());
  }
  /// What the stapler does when its configuration is read again.
  void replace(std::vector<TargetOptions> options) {
    ASSERT_EQ(check_targets(options), std::nullopt);
    targets->replace(std::move(options));
    EXPECT_THAT(targets->set_certificates({web()}), ::testing::IsEmpty());
  }
  TargetOptions to_file() {
    TargetOptions target;
    target.file = dir.file("{name}.ocsp");
    return target;
  }
  /// A target whose command says what it got, and fails while there is a file "broken".
  TargetOptions to_command() {
    TargetOptions target;
    target.kind = TargetKind::kExec;
    target.command = {dir.write("push.sh", "#!/bin/sh\n[ -e " + dir.file("broken") +
                                               " ] && exit 3\n"
                                               "echo \"$MUSTER_EVENT $MUSTER_CERTIFICATE "
                                               "$MUSTER_STATUS $(wc -c <&0)\" >>" +
                                               dir.file("log") + "\n")};
    ::chmod(target.command[0].c_str(), 0755);
    return target;
  }
  /// A file, and a command that says that it ran.
  TargetOptions to_reloaded_file(const std::string& name = "web.ocsp") {
    TargetOptions target;
    target.file = dir.file(name);
    target.reload = {"/bin/sh", dir.write("reload.sh", "echo reload >>" + dir.file("log"))};
    target.reload_every = Seconds(0);
    return target;
  }
  void advance(Seconds by) {
    clock.advance(by);
    targets->tick();
    settle();
  }
  /// Turns the loop until nothing is under way.
  void settle() {
    ASSERT_TRUE(turn_until(loop, [this] { return targets->settled(); }));
  }
  [[nodiscard]] TargetStatus status() const { return targets->status().at(0); }
  [[nodiscard]] bool exists(const char* name) const {
    return ::access(dir.file(name).c_str(), F_OK) == 0;
  }
  [[nodiscard]] std::string log() const {
    return exists("log") ? testing::read_text(dir.file("log")) : "";
  }

  const keeper::Fingerprint id = testing::standard_pki().leaf.certificate.fingerprint();
  testing::TempDir dir;
  testing::FakeClock clock{kTestNow};
  net::Loop loop;
  std::unique_ptr<Targets> targets;
};

}  // namespace muster::stapler::testing_staples
