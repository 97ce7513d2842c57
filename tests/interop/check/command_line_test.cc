#include "check_fixture.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/response_builder.h"

namespace muster::interop {
namespace {

using namespace muster::testing;
using std::chrono::hours;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class CommandLine : public CheckTest {
 protected:
  /// A file with a good response of an hour ago.
  [[nodiscard]] std::string save_response(const Leaf& leaf) const {
    EntrySpec entry = entry_for(leaf.identity.certificate, pki_.intermediate.certificate);
    entry.this_update = now_ - hours(1);
    entry.next_update = now_ + hours(50);
    return dir_.write("saved.der",
                      build_response(pki_.ocsp_signer, {.entries = {entry}, .produced_at = now_}));
  }
};

/// What stands under each heading of the help, by heading, in its order.
std::vector<std::pair<std::string, std::string>> help_groups(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> groups = {{"", ""}};
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
    if (!line.empty() && line.front() != ' ' && line.back() == ':') {
      groups.emplace_back(line.substr(0, line.size() - 1), "");
    } else {
      groups.back().second += line + "\n";
    }
  }
  return groups;
}

// A flag is looked for where its question is: a new one is added here in its group.
TEST_F(CommandLine, HelpIsSortedByQuestionsAndNamesEveryOption) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> wanted = {
      {"Targets", {"TARGET"}},
      {"What is checked",
       {"--targets-from", "--serial", "--all", "--pass", "--starttls", "--sni", "--resolve",
        "--client-cert", "--client-key", "--client-pass"}},
      {"What is trusted",
       {"--issuer", "--roots", "--responder-cert", "--insecurely-allow-sha1-signatures"}},
      {"Who is asked",
       {"--online", "--offline", "--url", "--response", "--crl", "--ask-expired", "--nonce",
        "--list-algorithms", "--list-types", "--requestor-cert", "--sha1", "--post", "--proxy",
        "--timeout"}},
      {"How it is judged", {"--at", "--max-age", "--skew", "--next-update-required"}},
      {"What is printed",
       {"--format", "--json", "--output", "--fail-on", "--warning", "--critical", "--watch",
        "--colour", "--quiet", "--help"}}};
  const CheckRun run = check({"--help"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, Not(HasSubstr("\n\n\n")));
  EXPECT_THAT(run.out, HasSubstr("Exit code"));
  const auto groups = help_groups(run.out);
  ASSERT_EQ(groups.size(), wanted.size() + 1) << run.out;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(groups[i + 1].first, wanted[i].first);
    for (const std::string& option : wanted[i].second) {
      EXPECT_THAT(groups[i + 1].second, HasSubstr(option)) << "under " << wanted[i].first;
    }
  }
}

TEST_F(CommandLine, WrongUseIs64WithAWordOnIt) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> rows = {
      {{}, "TARGET"},
      {{"x.pem", "--at", "yesterday"}, "yesterday"},
      {{"x.pem", "--max-age", "-1"}, ""},
      {{"x.pem", "--url", "ldap://x"}, "ldap://x"},
      {{"x.pem", "--no-such-option"}, "--no-such-option"},
      {{"x.pem", "--online", "--offline"}, "--o"},
      {{"-", "-"}, "standard input"},
      {{"-", "--targets-from", "-"}, "standard input"},
      {{"x.pem", "--serial", "4g"}, "4g"},
      {{"--serial", "04"}, "--issuer"},
      {{"x.pem", "--starttls", "gopher"}, "smtp"},
      {{"x.pem", "--resolve", "x"}, "HOST:PORT:ADDRESS"},
      {{"x.pem", "--pass", "sesame"}, "file:PATH"},
      {{"x.pem", "--client-key", "x.key"}, "--client-cert"},
      {{"x.pem", "--requestor-key", "x.key"}, "without --requestor-cert"},
      {{"x.pem", "--requestor-pass", "sesame"}, "file:PATH"},
      {{"x.pem", "--format", "yaml"}, "sarif"},
      {{"x.pem", "--json", "--format", "csv"}, "exclude"},
      {{"x.pem", "--fail-on", "good"}, "undetermined"},
      {{"x.pem", "--warning", "30d"}, "nagios"},
      {{"x.pem", "--format", "nagios", "--warning", "30"}, "30d"},
      {{"x.pem", "--watch=0s"}, "1s"},
      {{"x.pem", "--watch", "--format", "junit"}, "--output"},
      {{"x.pem", "--colour", "blue"}, "always"},
      {{"x.pem", "--output", "/nowhere/x"}, "directory"}};
  for (const auto& [arguments, word] : rows) {
    const CheckRun run = check(arguments);
    EXPECT_EQ(run.exit_code, 64) << run.err;
    EXPECT_THAT(run.err, HasSubstr(word));
  }
}

TEST_F(CommandLine, UnreadableInputIs66AndNamesTheFile) {
  const Leaf leaf = make_leaf("leaf.example");
  const std::string garbage = dir_.write("garbage.pem", "not a certificate");
  for (const auto& arguments : {std::vector<std::string>{"/nowhere/x.pem"},
                                {garbage},
                                {leaf.pem, "--issuer", "/nowhere/x.pem"},
                                {leaf.pem, "--roots", garbage},
                                {leaf.pem, "--crl", garbage},
                                {leaf.pem, "--requestor-cert", garbage},
                                {leaf.pem, "--response", "/nowhere/x.pem"}}) {
    const CheckRun run = check(arguments);
    EXPECT_EQ(run.exit_code, 66) << run.out << run.err;
    EXPECT_THAT(run.out + run.err,
                ::testing::AnyOf(HasSubstr("/nowhere/x.pem"), HasSubstr("garbage.pem")));
  }
}

TEST_F(CommandLine, ACertificateWithoutIssuerIsToldWhatToDo) {
  const Leaf leaf = make_leaf("leaf.example", {"http://127.0.0.1:9/"});
  const std::string alone = dir_.write("alone.pem", leaf.identity.certificate_pem());
  const CheckRun run = check({alone});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.out, HasSubstr("issuer-missing"));
}

TEST_F(CommandLine, SavedResponsesAndCrlsAreJudgedOffline) {
  const Leaf leaf = make_leaf("leaf.example", {"http://ocsp.example.com/"});
  const std::string response = save_response(leaf);
  EXPECT_EQ(check({leaf.pem, "--roots", roots_, "--offline", "--response", response}).exit_code, 0);
  EXPECT_EQ(
      check({leaf.pem, "--roots", roots_, "--offline", "--response", response, "--max-age", "30m"})
          .exit_code,
      4);
  CrlSpec spec;
  spec.this_update = now_ - hours(1);
  spec.next_update = now_ + hours(50);
  spec.entries = {revoked_entry(leaf.identity.certificate.serial(), now_ - hours(9),
                                ReasonCode::kKeyCompromise)};
  const std::string crl = dir_.write("ca.crl", build_crl(pki_.intermediate, spec));
  const CheckRun run = check(
      {leaf.pem, "--offline", "--response", response, "--crl", crl, "--roots", roots_, "--json"});
  EXPECT_EQ(run.exit_code, 1) << run.out;
  EXPECT_THAT(run.codes(), Contains("sources-disagree"));
}

TEST_F(CommandLine, AFilesOwnChainIsNotTrusted) {
  const Leaf leaf = make_leaf("leaf.example", {"http://ocsp.example.com/"});
  const std::string response = save_response(leaf);
  const CheckRun run = check({leaf.pem, "--offline", "--response", response, "--json"});
  EXPECT_EQ(run.exit_code, 3) << run.out;
  EXPECT_THAT(run.codes(), Contains("chain-untrusted"));
}

TEST_F(CommandLine, NothingToJudgeIsSaid) {
  const CheckRun run = check({make_leaf("leaf.example", {"http://ocsp.example.com/"}).pem,
                              "--roots", roots_, "--offline", "--json"});
  EXPECT_EQ(run.exit_code, 3) << run.out;
  EXPECT_THAT(run.codes(), Contains("nothing-to-judge"));
}

// Nothing here leaves the machine: the URL is public and --online is not given.
TEST_F(CommandLine, PublicSourcesAreNotAskedWithoutOnline) {
  const CheckRun run = check(
      {make_leaf("leaf.example", {"http://ocsp.example.com/"}).pem, "--roots", roots_, "--json"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.codes(), Contains("not-asked-privacy"));
  EXPECT_TRUE(run.target()["evidence"][0]["attempts"].empty());
}

TEST_F(CommandLine, WhatCannotBePrintedIsNoSuccess) {
  const std::string binary = std::getenv("MUSTER_BINARY");
  for (const std::string command : {"version", "config reference", "check --json /nowhere/x.pem"}) {
    const auto result = run_process({"/bin/sh", "-c", binary + " " + command + " >/dev/full"});
    EXPECT_EQ(result.exit_code, 70) << command << result.describe();
    EXPECT_THAT(result.err, HasSubstr("could not be written"));
  }
}

TEST_F(CommandLine, SeveralTargetsKeepTheirOrder) {
  std::vector<std::string> arguments = {"--json"};
  for (int i = 0; i < 20; ++i) {
    arguments.push_back("/nowhere/" + std::to_string(i) + ".pem");
  }
  const CheckRun run = check(arguments);
  EXPECT_EQ(run.exit_code, 66);
  const Json targets = run.json()["targets"];
  ASSERT_EQ(targets.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(targets[static_cast<std::size_t>(i)]["target"],
              "/nowhere/" + std::to_string(i) + ".pem");
  }
}

}  // namespace
}  // namespace muster::interop
