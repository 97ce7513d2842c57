#include "muster/base/spawn.h"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>

#include "muster/base/file.h"

namespace muster {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// What a shell command prints.
std::string run(const std::string& command, const std::vector<std::string>& environment = {}) {
  std::string path = ::testing::TempDir() + "muster-spawn-XXXXXX";
  const UniqueFd file(::mkstemp(path.data()));
  EXPECT_TRUE(file);
  const auto child = spawn_command({"/bin/sh", "-c", command + " > \"$0\"", path}, environment);
  EXPECT_TRUE(child);
  int status = -1;
  EXPECT_EQ(::waitpid(*child, &status, 0), *child);
  EXPECT_EQ(status, 0);
  const auto content = read_file(path, 1 << 20);
  ::unlink(path.c_str());
  return content ? std::string(as_text(*content)) : "nothing";
}

TEST(Spawn, CommandsSeeOurEnvironmentWithoutItsSecrets) {
  ::setenv("MUSTER_TEST_OPEN", "open", 1);
  ::setenv("MUSTER_TEST_PASS", "opensesame", 1);
  EXPECT_THAT(run("env"), HasSubstr("MUSTER_TEST_PASS=opensesame\n"));
  withhold_from_commands("MUSTER_TEST_PASS");
  const std::string seen = run("env", {"MUSTER_FILES=a b"});
  EXPECT_THAT(seen, HasSubstr("MUSTER_TEST_OPEN=open\n"));
  EXPECT_THAT(seen, HasSubstr("MUSTER_FILES=a b\n"));
  EXPECT_THAT(seen, Not(HasSubstr("opensesame")));
  ::unsetenv("MUSTER_TEST_OPEN");
  ::unsetenv("MUSTER_TEST_PASS");
}

TEST(Spawn, SignalsAreBackAtTheirDefaults) {
  for (const int signal : {SIGPIPE, SIGXFSZ, SIGTERM}) {
    const auto before = std::signal(signal, SIG_IGN);
    const std::string ignored = run("sed -n 's/^SigIgn:[^0-9a-f]*//p' /proc/self/status");
    EXPECT_EQ(std::strtoull(ignored.c_str(), nullptr, 16) >> (signal - 1) & 1U, 0U) << ignored;
    std::signal(signal, before);
  }
}

}  // namespace
}  // namespace muster
