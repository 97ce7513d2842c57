#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <utility>

#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/temp_dir.h"

// What a command is started with, and what it makes of that before anything else.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;

/// Runs `line` in a shell, where "$0" is the program.
ProcessResult in_shell(const std::string& line) {
  const char* binary = std::getenv("MUSTER_BINARY");
  EXPECT_NE(binary, nullptr) << "set MUSTER_BINARY to the muster program";
  return run_process({"sh", "-c", line, binary == nullptr ? "muster" : binary});
}

// Else the next file or socket would be standard output, and what is printed would go there.
TEST(Start, ClosedStandardStreamsAreNobodyElses) {
  for (const char* line :
       {"exec \"$0\" show /proc/self/fd/0 <&-", "exec \"$0\" show /proc/self/fd/1 >&-"}) {
    const ProcessResult result = in_shell(line);
    EXPECT_EQ(result.exit_code, 66) << line << result.describe();
    EXPECT_THAT(result.err, HasSubstr("is not a regular file")) << "not: No such file";
  }
}

TEST(Start, TooFewDescriptorsAreAnErrorAndNotACrash) {
  const ProcessResult result = in_shell("ulimit -n 20; exec \"$0\" responder");
  EXPECT_EQ(result.exit_code, 70) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("20 descriptors where 64 are needed"));
  EXPECT_THAT(result.err, HasSubstr("ulimit -n"));
}

TEST(Start, TooFewDescriptorsForTheLoopsAreToo) {
  TempDir dir;
  const std::string ca = standard_pki().intermediate.write(dir, "ca");
  const std::string leaf = standard_pki().leaf.write(dir, "leaf");
  const std::pair<std::string, std::string> servers[] = {
      {"relay", " --issuer " + ca + " --upstream http://127.0.0.1:1/"},
      {"edge",
       " --url http://127.0.0.1:1/ --manifest-signer " + ca + " --directory " + dir.file("edge")},
      {"front", " --upstream 127.0.0.1:1 --keep --cert " + leaf},
  };
  for (const auto& [name, flags] : servers) {
    const std::string config =
        dir.write(name + ".toml", "[" + name + "]\nloops = 200\nlisten = [\"127.0.0.1:0\"]\n");
    const ProcessResult result =
        in_shell("ulimit -n 256; exec \"$0\" " + name + " -c " + config + flags);
    EXPECT_EQ(result.exit_code, 70) << name << result.describe();
    EXPECT_THAT(result.err, HasSubstr("256 descriptors where 1664 are needed for 200 loops"));
  }
}

TEST(Start, AMisspeltTargetIsNamedWithWhatWasMeant) {
  const ProcessResult guessed = in_shell("exec \"$0\" stapler --target ngnx,file=x");
  EXPECT_EQ(guessed.exit_code, 64) << guessed.describe();
  EXPECT_THAT(guessed.err, HasSubstr("no type 'ngnx' (did you mean 'nginx'?)"));
  const ProcessResult listed = in_shell("exec \"$0\" stapler --target zzzzzz");
  EXPECT_EQ(listed.exit_code, 64) << listed.describe();
  EXPECT_THAT(listed.err, HasSubstr("begins with one of file, nginx"));
}

TEST(Start, AWordThatIsNoCommandIsNamedWithThoseThereAre) {
  const std::pair<const char*, const char*> lines[] = {
      {"store bogus",
       "muster store: unknown command 'bogus'; there are import, get, set, forget, issuer, export, "
       "stat, verify\n"},
      {"store -d x exprot", "unknown command 'exprot' (did you mean 'export'?); there are import"},
      {"crl bogus", "muster crl: unknown command 'bogus'; there is publish\n"},
      {"config chekc muster.toml", "unknown command 'chekc' (did you mean 'check'?); there are"},
  };
  for (const auto& [words, says] : lines) {
    const ProcessResult result = in_shell(std::string("exec \"$0\" ") + words);
    EXPECT_EQ(result.exit_code, 64) << words << result.describe();
    EXPECT_THAT(result.err, HasSubstr(says)) << words;
  }
  const ProcessResult help = in_shell("exec \"$0\" store bogus --help");
  EXPECT_EQ(help.exit_code, 0) << help.describe();
  EXPECT_THAT(in_shell("exec \"$0\" store stat").err, HasSubstr("--store is required"));
}

TEST(Start, OneAddressForTwoListenersIsNamedInBothPlaces) {
  TempDir dir;
  const auto check = [&dir](const std::string& text) {
    const std::string file = dir.write("muster.toml", text);
    return in_shell("exec \"$0\" config check " + file);
  };
  const std::pair<const char*, const char*> refused[] = {
      {"[responder]\nlisten = [\"127.0.0.1:8888\"]\n[responder.admin]\nlisten = [\"8888\"]\n",
       "\"127.0.0.1:8888\" in [responder] listen and \"8888\" in [responder.admin] listen are one "
       "address"},
      {"[publish]\nlisten = [\"*:80\", \"[::]:80\"]\n",
       "\"*:80\" in [publish] listen and \"[::]:80\" in [publish] listen are one address"},
      {"[responder]\nlisten = [\"unix:/run/a\"]\n[responder.batch]\nlisten = "
       "[\"unix:/run/a\"]\n",
       "in [responder.batch] listen are one address"},
      {"[edge]\nlisten = [\"80\"]\n[edge.admin]\nlisten = [\"80\"]\n", "[edge.admin] listen are"},
      {"[relay]\nlisten = [\"80\"]\n[relay.admin]\nlisten = [\"80\"]\n",
       "[relay.admin] listen are"},
      {"[stapler.admin]\nlisten = [\"80\", \"80\"]\n", "[stapler.admin] listen are"},
      {"[front]\nlisten = [\"80\", \"80\"]\n", "[front] listen are"},
  };
  for (const auto& [text, says] : refused) {
    const ProcessResult result = check(text);
    EXPECT_EQ(result.exit_code, 64) << text << result.describe();
    EXPECT_THAT(result.err, HasSubstr(says)) << text;
  }
  const ProcessResult two = check(
      "[responder]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n"
      "[front]\nlisten = [\"8888\"]\n[edge]\nlisten = [\"8888\"]\n");
  EXPECT_EQ(two.exit_code, 0) << "any port, and other processes" << two.describe();
}

}  // namespace
}  // namespace muster::testing
