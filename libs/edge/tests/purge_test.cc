#include "muster/edge/purge.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "muster/http/base64.h"
#include "muster/pki/certificate.h"
#include "muster/testing/temp_dir.h"

namespace muster::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PurgeTest : public ::testing::Test {
 protected:
  std::string script(const std::string& body) {
    const std::string path = dir.write("purge.sh", "#!/bin/sh\n" + body + "\n");
    ::chmod(path.c_str(), 0755);
    return path;
  }
  PurgeOptions options(std::vector<std::string> command) {
    PurgeOptions out;
    out.command = std::move(command);
    out.url = "http://ocsp.example";
    out.timeout = Milliseconds(60'000);
    out.pause = Milliseconds(0);
    return out;
  }
  testing::TempDir dir;
  const std::vector<std::string> requests{http::base64_encode(Buffer{0x30, 0xfb, 0xff}),
                                          http::base64_encode(Buffer{0x30, 0x00})};
};

TEST_F(PurgeTest, TheCommandReadsEverySpellingAndTheDigestOfTheBody) {
  const PurgeReport report =
      purge(options({script("cat > $1"), dir.file("told")}), requests, null_logger());
  EXPECT_EQ(report.runs, 1U);
  EXPECT_EQ(report.failures, 0U);
  EXPECT_EQ(report.purged, 2U);
  EXPECT_THAT(report.not_purged, IsEmpty());
  const std::string told = testing::read_text(dir.file("told"));
  EXPECT_EQ(told, purge_lines(requests, "http://ocsp.example/"));
  EXPECT_THAT(told, HasSubstr("get http://ocsp.example/MPv/\n"));
  EXPECT_THAT(told, HasSubstr("get http://ocsp.example/MPv%2F\n"));
  EXPECT_THAT(told, HasSubstr("get http://ocsp.example/MAA%3D\n"));
  EXPECT_THAT(told,
              HasSubstr("post http://ocsp.example/ " +
                        to_hex(pki::digest(HashAlgorithm::kSha256, Buffer{0x30, 0x00})) + "\n"));
}

TEST_F(PurgeTest, NoShellSeesTheArguments) {
  const PurgeReport report =
      purge(options({script("printf %s \"$2\" > $1"), dir.file("word"), "$(touch x); `id` *"}),
            requests, null_logger());
  EXPECT_EQ(report.purged, 2U);
  EXPECT_EQ(testing::read_text(dir.file("word")), "$(touch x); `id` *");
}

TEST_F(PurgeTest, IsTriedAgainAndTold) {
  const std::string command = script("echo run >> $1; test $(wc -l < $1) -ge 3");
  const PurgeReport report = purge(options({command, dir.file("runs")}), requests, null_logger());
  EXPECT_EQ(report.runs, 3U);
  EXPECT_EQ(report.failures, 2U);
  EXPECT_EQ(report.purged, 2U);
  EXPECT_THAT(report.not_purged, IsEmpty());
}

TEST_F(PurgeTest, WhatNobodyCouldBeToldIsNamed) {
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{script("exit 7")}, {dir.file("no such program")}}) {
    const PurgeReport report = purge(options(command), requests, null_logger());
    EXPECT_EQ(report.failures, 3U);
    EXPECT_EQ(report.purged, 0U);
    EXPECT_EQ(report.not_purged, requests);
  }
}

// A supervisor may have us started with SIGCHLD ignored: then nobody learns of exit codes.
TEST_F(PurgeTest, AnExitCodeThatNobodyKnowsIsNoSuccess) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  const PurgeReport report = purge(options({script("exit 7")}), requests, null_logger());
  std::signal(SIGCHLD, before);
  EXPECT_EQ(report.failures, 3U);
  EXPECT_EQ(report.not_purged, requests);
}

TEST_F(PurgeTest, ACommandThatHangsIsKilledWithItsChildren) {
  PurgeOptions how = options({script("sleep 1000 & sleep 1000"), "x"});
  how.timeout = Milliseconds(50);
  how.tries = 1;
  const PurgeReport report = purge(how, requests, null_logger());
  EXPECT_EQ(report.failures, 1U);
  EXPECT_EQ(report.not_purged, requests);
}

TEST_F(PurgeTest, ManyRequestsTakeSeveralRuns) {
  PurgeOptions how =
      options({script("cat >> $1; echo run >> $2"), dir.file("told"), dir.file("runs")});
  how.requests_per_run = 1;
  EXPECT_EQ(purge(how, requests, null_logger()).runs, 2U);
  EXPECT_EQ(testing::read_text(dir.file("told")), purge_lines(requests, how.url));
}

// 1,000,000 requests and a cache that hangs would else take hours.
TEST_F(PurgeTest, OneThatFailedAllItsTriesIsTheLast) {
  PurgeOptions how = options({script("exit 7")});
  how.requests_per_run = 1;
  const PurgeReport report = purge(how, requests, null_logger());
  EXPECT_EQ(report.runs, 3U);
  EXPECT_EQ(report.not_purged, requests);
}

TEST_F(PurgeTest, WithoutACommandNothingRuns) {
  EXPECT_EQ(purge({}, requests, null_logger()).runs, 0U);
}

}  // namespace
}  // namespace muster::edge
