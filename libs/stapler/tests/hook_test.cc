#include "muster/stapler/hook.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muster/testing/temp_dir.h"

namespace muster::stapler {
namespace {

class HookTest : public ::testing::Test {
 protected:
  std::string script(const std::string& body) {
    const std::string path = dir.write("hook.sh", "#!/bin/sh\n" + body + "\n");
    ::chmod(path.c_str(), 0755);
    return path;
  }
  void run_until_idle(Hook& hook) {
    hook.when_idle([this] { loop.stop(); });
    if (hook.busy()) {
      loop.run();
    }
  }
  testing::TempDir dir;
  net::Loop loop;
};

// req: OCSP-STAP-015
TEST_F(HookTest, GathersChangesIntoOneRunAndNamesTheFiles) {
  Hook hook(loop, null_logger(),
            {{script("echo run >> $1; printf '%s' \"$MUSTER_FILES\" >> $1"), dir.file("log")},
             Milliseconds(5000),
             Milliseconds(5)});
  hook.changed("b", "/out/b.ocsp");
  hook.changed("a", "/out/a.ocsp");
  hook.changed("b", "/out/b.ocsp");
  EXPECT_TRUE(hook.busy());
  run_until_idle(hook);
  EXPECT_EQ(testing::read_text(dir.file("log")), "run\n/out/a.ocsp\n/out/b.ocsp\n");
  EXPECT_EQ(hook.counters().runs, 1U);
  EXPECT_EQ(hook.counters().failures, 0U);
}

TEST_F(HookTest, WhatChangesDuringARunMakesOneMore) {
  Hook hook(loop, null_logger(),
            {{script("echo \"$MUSTER_CERTIFICATES\" >> $1; while [ ! -e $1.go ]; do :; done"),
              dir.file("log")},
             Milliseconds(5000),
             Milliseconds(1)});
  hook.changed("a", "/a");
  loop.after(Milliseconds(30), [&] {
    hook.changed("b", "/b");
    hook.changed("c", "/c");
    dir.write("log.go", "");
  });
  run_until_idle(hook);
  EXPECT_EQ(testing::read_text(dir.file("log")), "a\n\nb\nc\n\n");
  EXPECT_EQ(hook.counters().runs, 2U);
}

TEST_F(HookTest, ACommandThatTakesTooLongIsKilledWithItsChildren) {
  Hook hook(loop, null_logger(),
            {{script("sleep 60 & sleep 60"), dir.file("log")}, Milliseconds(50), Milliseconds(1)});
  hook.changed("a", "/a");
  const auto begin = std::chrono::steady_clock::now();
  run_until_idle(hook);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Seconds(20));
  EXPECT_EQ(hook.counters().timeouts, 1U);
}

TEST_F(HookTest, FailuresAreCountedAndDoNotStopLaterRuns) {
  for (const std::string& command : {dir.file("absent"), std::string("/bin/false")}) {
    Hook hook(loop, null_logger(), {{command}, Milliseconds(5000), Milliseconds(1)});
    hook.changed("a", "/a");
    run_until_idle(hook);
    hook.changed("a", "/a");
    run_until_idle(hook);
    EXPECT_EQ(hook.counters().runs, 2U) << command;
    EXPECT_EQ(hook.counters().failures, 2U) << command;
  }
}

TEST_F(HookTest, WithoutACommandNothingRuns) {
  Hook hook(loop, null_logger(), {});
  hook.changed("a", "/a");
  EXPECT_FALSE(hook.busy());
}

}  // namespace
}  // namespace muster::stapler
