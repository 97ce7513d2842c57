#include "muster/base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "muster/base/file.h"

namespace muster {
namespace {

std::string one_line(LogFormat format, LogLevel least, LogLevel level) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  make_fd_logger(out.get(), format, least)
      ->log(level, "a.b", "line\nbreak", {{"key", "v w"}, {"n", 5}});
  out.reset();
  char text[512];
  const ssize_t n = ::read(in.get(), text, sizeof text);
  return {text, static_cast<std::size_t>(n)};
}

TEST(Log, TextKeepsOneEventOnOneLine) {
  const std::string line = one_line(LogFormat::kText, LogLevel::kInfo, LogLevel::kWarning);
  EXPECT_NE(line.find(" warning a.b: line\\x0abreak key=\"v w\" n=5\n"), std::string::npos) << line;
}

TEST(Log, JsonEscapes) {
  const std::string line = one_line(LogFormat::kJson, LogLevel::kInfo, LogLevel::kError);
  EXPECT_NE(
      line.find(R"("level":"error","event":"a.b","message":"line\\x0abreak","key":"v w","n":"5"})"),
      std::string::npos)
      << line;
}

TEST(Log, DropsBelowTheLeastLevel) {
  EXPECT_EQ(one_line(LogFormat::kText, LogLevel::kWarning, LogLevel::kInfo), "");
}

}  // namespace
}  // namespace muster
