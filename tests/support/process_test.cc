#include "muster/testing/process.h"

#include <gtest/gtest.h>

#include "muster/testing/fake_clock.h"
#include "muster/testing/temp_dir.h"

namespace muster::testing {
namespace {

TEST(RunProcess, CapturesBothStreamsAndTheExitCode) {
  const auto r = run_process({"sh", "-c", "cat; echo oops >&2; exit 3"}, {.input = "hello"});
  EXPECT_EQ(r.exit_code, 3) << r.describe();
  EXPECT_EQ(r.out, "hello");
  EXPECT_EQ(r.err, "oops\n");
}

TEST(RunProcess, KillsAtTheDeadline) {
  const auto r = run_process({"sh", "-c", "sleep 60 & sleep 60"}, {.timeout = Milliseconds(100)});
  EXPECT_TRUE(r.timed_out);
  EXPECT_EQ(r.signal, SIGKILL);
}

TEST(RunProcess, CarriesLargeInputAndOutput) {
  const std::string big(3'000'000, 'x');
  const auto r = run_process({"cat"}, {.input = big});
  EXPECT_EQ(r.out, big);
}

TEST(RunProcess, SaysWhenThereIsNoSuchProgram) {
  EXPECT_EQ(run_process({"no-such-program-anywhere"}).exit_code, 127);
  EXPECT_FALSE(find_program("no-such-program-anywhere"));
}

TEST(RunProcess, SetsEnvironmentAndDirectory) {
  const TempDir dir;
  const auto r = run_process({"sh", "-c", "echo $MUSTER_X; pwd"},
                             {.environment = {{"MUSTER_X", "42"}}, .directory = dir.path()});
  EXPECT_EQ(r.out, "42\n" + dir.path() + "\n");
}

TEST(Daemon, WaitsForAnnouncedPortAndStops) {
  Daemon d({"sh", "-c", "echo starting; echo listening on 127.0.0.1:4711; exec sleep 60"});
  EXPECT_EQ(d.wait_for_port("listening"), 4711);
  EXPECT_EQ(d.wait_for("starting"), "starting");
  const auto r = d.stop();
  EXPECT_EQ(r.signal, SIGTERM);
  EXPECT_FALSE(r.timed_out);
}

TEST(Daemon, ReportsChildThatEndsBeforeItAnnouncesAnything) {
  Daemon d({"sh", "-c", "echo cannot start >&2; exit 70"});
  EXPECT_EQ(d.wait_for("listening"), std::nullopt);
  const auto r = d.wait(Milliseconds(10'000));
  ASSERT_TRUE(r);
  EXPECT_EQ(r->exit_code, 70);
  EXPECT_EQ(r->out, "cannot start\n");
}

TEST(Daemon, IsKilledWhenItIgnoresTheSignal) {
  Daemon d({"sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"});
  ASSERT_TRUE(d.wait_for("up"));
  const auto r = d.stop(SIGTERM, Milliseconds(50));
  EXPECT_TRUE(r.timed_out);
  EXPECT_EQ(r.signal, SIGKILL);
}

TEST(Daemon, TakesLinesOnItsInput) {
  Daemon d({"cat"});
  d.write_line("one");
  EXPECT_EQ(d.wait_for("one"), "one");
  d.write_line("one");
  EXPECT_EQ(d.wait_for("one", Milliseconds(10'000), Daemon::From::kBehindLast), "one");
}

TEST(FakeClock, MovesOnlyWhenTold) {
  FakeClock clock;
  const auto m = clock.monotonic();
  clock.advance(Milliseconds(1500));
  EXPECT_EQ(clock.now(), kTestNow + Seconds(1));
  EXPECT_EQ(clock.monotonic() - m, Milliseconds(1500));
  clock.jump_to(kTestNow - Seconds(3600));
  EXPECT_EQ(clock.now(), kTestNow - Seconds(3600));
  EXPECT_EQ(clock.monotonic() - m, Milliseconds(1500));
}

TEST(TempDir, IsRemovedWithItsContent) {
  std::string path;
  {
    const TempDir dir;
    path = dir.write("a/b/c.txt", "text");
    EXPECT_EQ(read_text(path), "text");
  }
  EXPECT_NE(run_process({"test", "-e", path}).exit_code, 0);
}

}  // namespace
}  // namespace muster::testing
