#include <sys/stat.h>

#include <filesystem>
#include <regex>

#include "check_fixture.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/response_builder.h"

// What `muster check` prints, and where: the program itself in every format.
namespace muster::interop {
namespace {

using namespace muster::testing;
using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::Not;

class Output : public CheckTest {
 protected:
  Output() : leaf_(make_leaf("leaf.example", {"http://ocsp.example.com/"})) {
    good_ = save(ocsp::Good{}, "good.der");
    revoked_ = save(ocsp::Revoked{now_ - hours(9), ReasonCode::kSuperseded}, "revoked.der");
    unknown_ = save(ocsp::Unknown{}, "unknown.der");
  }
  std::string save(ocsp::CertStatus status, const std::string& name) {
    EntrySpec entry =
        entry_for(leaf_.identity.certificate, pki_.intermediate.certificate, std::move(status));
    entry.this_update = now_ - hours(1);
    entry.next_update = now_ + hours(50);
    return dir_.write(name,
                      build_response(pki_.ocsp_signer, {.entries = {entry}, .produced_at = now_}));
  }
  [[nodiscard]] CheckRun judge(const std::string& response,
                               std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(),
                     {leaf_.pem, "--roots", roots_, "--offline", "--response", response});
    return check(std::move(arguments));
  }
  Leaf leaf_;
  std::string good_, revoked_, unknown_;
};

TEST_F(Output, EveryFormatHasItsBeginning) {
  struct Row {
    const char* format;
    const char* begins;  ///< a pattern
  };
  for (const Row& row : {Row{"text", ".*leaf.*CN=leaf.example  serial [0-9A-F]+\n"},
                         {"table", "TARGET +VERDICT +"},
                         {"json", "\\{\n  \"schema_version\": 1,"},
                         {"ndjson", "\\{\"schema_version\":1,"},
                         {"csv", "target,peer,verdict,"},
                         {"nagios", "OCSP OK - 1 certificate: 1 good \\| "},
                         {"junit", "<\\?xml version=\"1.0\" "},
                         {"sarif", "\\{\n  \"\\$schema\": "},
                         {"prometheus", "# HELP muster_check_outcome "}}) {
    const CheckRun run = judge(good_, {"--format", row.format});
    EXPECT_EQ(run.exit_code, 0) << row.format << run.out << run.err;
    EXPECT_TRUE(std::regex_search(run.out, std::regex(std::string("^") + row.begins))) << run.out;
    EXPECT_EQ(run.err, "") << "no progress without a terminal";
  }
}

TEST_F(Output, FailOnDecidesTheExitCode) {
  struct Row {
    const std::string& response;
    const char* level;
    int exit_code;
  };
  for (const Row& row : {Row{revoked_, "revoked", 1},
                         {unknown_, "revoked", 0},
                         {unknown_, "unacceptable", 0},
                         {unknown_, "unknown", 2},
                         {unknown_, "warning", 2},
                         {good_, "warning", 0}}) {
    const CheckRun run = judge(row.response, {"--fail-on", row.level, "--json"});
    EXPECT_EQ(run.exit_code, row.exit_code) << row.level << run.out;
    EXPECT_EQ(run.json()["exit_code"], row.exit_code);
  }
  EXPECT_EQ(check({"/nowhere/x.pem", "--fail-on", "revoked"}).exit_code, 66)
      << "what examined nothing has not passed";
}

TEST_F(Output, NagiosHasItsOwnCodesAlsoForWhatCouldNotBegin) {
  EXPECT_EQ(judge(revoked_, {"--format", "nagios", "--fail-on", "warning"}).exit_code, 2);
  EXPECT_EQ(judge(good_, {"--format", "nagios", "-w", "90%", "-c", "10%"}).exit_code, 0);
  EXPECT_EQ(judge(good_, {"--format", "nagios", "-w", "99%"}).exit_code, 1);
  EXPECT_EQ(judge(good_, {"--format", "nagios", "-c", "99%"}).exit_code, 2);
  const CheckRun run = judge(good_, {"--format", "nagios", "--crl", "/nowhere/x|y.crl"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.out, HasSubstr("OCSP UNKNOWN - "));
  EXPECT_THAT(run.out, Not(HasSubstr("|")));
}

TEST_F(Output, AFileIsReplacedAsAWhole) {
  const std::string file = dir_.write("status.prom", "old");
  const CheckRun run = judge(revoked_, {"--format", "prometheus", "--output", file});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(read_text(file), HasSubstr("outcome=\"revoked\"} 1\n"));
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0644U) << "others may read it: node_exporter does";
  const CheckRun lines = judge(good_, {"--format", "ndjson", "--output", file});
  EXPECT_EQ(lines.out, "");
  EXPECT_EQ(Json::parse(read_text(file))["verdict"], "good");
  std::filesystem::create_directory(dir_.file("taken"));
  const CheckRun refused = judge(good_, {"--output", dir_.file("taken")});
  EXPECT_EQ(refused.exit_code, 70);
  EXPECT_THAT(refused.err, HasSubstr("--output"));
}

TEST_F(Output, QuietSaysNothingOfWhatIsGood) {
  EXPECT_EQ(judge(good_, {"--quiet"}).out, "");
  EXPECT_THAT(judge(revoked_, {"-q"}).out, HasSubstr("REVOKED"));
}

TEST_F(Output, ColoursAndWidthAreWhatWasAskedFor) {
  EXPECT_THAT(judge(good_).out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(judge(good_, {"--colour", "always"}).out, HasSubstr("\x1b[32mGOOD"));
  EXPECT_THAT(judge(good_, {"--color=never"}).out, Not(HasSubstr("\x1b")));
  const std::string command = "COLUMNS=50 " + std::string(std::getenv("MUSTER_BINARY")) +
                              " check " + leaf_.pem + " --roots " + roots_ +
                              " --offline --format table --response " + revoked_;
  const auto narrow = run_process({"/bin/sh", "-c", command});
  EXPECT_EQ(narrow.exit_code, 1);
  std::istringstream lines(narrow.out);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 50U) << line;
  }
}

TEST_F(Output, OtherProgramsReadIt) {
  const std::string binary = std::getenv("MUSTER_BINARY");
  const std::string common = binary + " check " + leaf_.pem + " /nowhere/x.pem --roots " + roots_ +
                             " --offline --response " + revoked_ + " --format ";
  struct Row {
    const char* format;
    const char* probe;  ///< whether the reader is here
    const char* reader;
  };
  const std::string schema =
      std::string(std::getenv("MUSTER_SOURCE_DIR")) + "/docs/formats/check.schema.json";
  const std::string json_reader =
      "python3 -c 'import json, jsonschema, sys; "
      "jsonschema.Draft202012Validator(json.load(open(\"" +
      schema + "\"))).validate(json.load(sys.stdin))'";
  const std::string line_reader =
      "python3 -c 'import json, jsonschema, sys; s = json.load(open(\"" + schema +
      "\")); v = jsonschema.Draft202012Validator({\"$ref\": \"#/$defs/line\", \"$defs\": "
      "s[\"$defs\"]}); [v.validate(json.loads(l)) for l in sys.stdin]'";
  for (const Row& row :
       {Row{"prometheus", "command -v promtool", "promtool check metrics"},
        {"json", "python3 -c 'import jsonschema'", json_reader.c_str()},
        {"ndjson", "python3 -c 'import jsonschema'", line_reader.c_str()},
        {"junit", "command -v python3",
         "python3 -c 'import sys, xml.dom.minidom as m; "
         "assert m.parse(sys.stdin).documentElement.tagName == \"testsuites\"'"},
        {"csv", "command -v python3",
         "python3 -c 'import csv, sys; r = list(csv.DictReader(sys.stdin)); "
         "assert [x[\"verdict\"] for x in r] == [\"revoked\", \"unreadable\"], r'"}}) {
    if (run_process({"/bin/sh", "-c", std::string(row.probe) + " >/dev/null 2>&1"}).exit_code !=
        0) {
      std::printf("%s is not read by another program: %s finds none\n", row.format, row.probe);
      continue;
    }
    const auto result = run_process({"/bin/sh", "-c", common + row.format + " | " + row.reader});
    EXPECT_EQ(result.exit_code, 0) << row.format << result.describe();
  }
}

TEST_F(Output, WatchingGoesOnUntilASignalAndEndsWithTheWorst) {
  const std::string binary = std::getenv("MUSTER_BINARY");
  const std::string out = dir_.file("rounds");
  // A round a second until the third is there, then SIGTERM.
  const std::string script = ": > " + out + "; " + binary + " check --watch 1s " + leaf_.pem +
                             " --roots " + roots_ + " --offline --format ndjson --response " +
                             revoked_ + " > " + out + " & pid=$!; while [ $(wc -l < " + out +
                             ") -lt 3 ]; do sleep 0.1; done; kill -TERM $pid; wait $pid";
  const auto result = run_process({"/bin/sh", "-c", script});
  EXPECT_EQ(result.exit_code, 1) << result.describe();
  std::istringstream lines(read_text(out));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(Json::parse(line)["verdict"], "revoked");
  }
  EXPECT_GE(count, 3);
}

TEST_F(Output, WatchingPrintsATableEachRoundAndMarksChanges) {
  const std::string binary = std::getenv("MUSTER_BINARY");
  const std::string out = dir_.file("rounds"), target = dir_.file("now.pem");
  const std::string other = dir_.write("other.pem", pki_.other_leaf.certificate_pem());
  std::filesystem::copy_file(leaf_.pem, target);
  const std::string script = binary + " check --watch=1s " + target + " --roots " + roots_ +
                             " --offline --response " + good_ + " > " + out +
                             " & pid=$!; while ! grep -q 'round 1' " + out +
                             "; do sleep 0.1; done; rm " + target + "; while ! grep -q '^[*]' " +
                             out + "; do sleep 0.1; done; kill -INT $pid; wait $pid";
  const auto result = run_process({"/bin/sh", "-c", script});
  EXPECT_EQ(result.exit_code, 66) << result.describe();
  EXPECT_THAT(read_text(out), HasSubstr("good -> unreadable"));
}

TEST_F(Output, CodesAreExplained) {
  const std::string binary = std::getenv("MUSTER_BINARY");
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {binary, "explain"});
    return run_process(arguments);
  };
  const auto known = run({"response-expired", "3"});
  EXPECT_EQ(known.exit_code, 0);
  EXPECT_THAT(known.out, HasSubstr("causes  - "));
  EXPECT_THAT(known.out, HasSubstr("undetermined  verdict of muster check, exit code 3"));
  const auto misspelt = run({"respone-expired"});
  EXPECT_EQ(misspelt.exit_code, 64);
  EXPECT_THAT(misspelt.err, HasSubstr("did you mean 'response-expired'?"));
  EXPECT_EQ(run({}).exit_code, 64);
  EXPECT_EQ(run({"--list", "revoked"}).exit_code, 64);
  EXPECT_EQ(Json::parse(run({"--list", "--json"}).out)["schema_version"], 1);
  EXPECT_THAT(run({"--help"}).out, HasSubstr("muster responder explain"));
}

}  // namespace
}  // namespace muster::interop
