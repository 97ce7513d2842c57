#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "muster/testing/crl_builder.h"
#include "muster/testing/fault_responder.h"
#include "muster/testing/pki_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/response_builder.h"
#include "muster/testing/temp_dir.h"

// `muster lint` as a program: against our own responder under each profile, against `openssl ocsp`,
// against files.
namespace muster::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;
using std::chrono::hours;

std::string binary() {
  const char* path = std::getenv("MUSTER_BINARY");
  EXPECT_NE(path, nullptr) << "set MUSTER_BINARY to the muster program";
  return path == nullptr ? "muster" : path;
}

struct LintRun {
  ProcessResult process;
  [[nodiscard]] Json target(std::size_t i = 0) const {
    return Json::parse(process.out, nullptr, false)["targets"][i];
  }
  /// Rules of this level that are broken, with what was seen.
  [[nodiscard]] std::vector<std::string> findings(const std::string& level) const {
    std::vector<std::string> out;
    const Json whole = target();  // a part of a temporary would be gone before the loop
    for (const Json& finding : whole["findings"]) {
      if (finding["level"] == level) {
        out.push_back(finding["rule"].get<std::string>() + ": " + finding["breaches"].dump());
      }
    }
    return out;
  }
};
LintRun lint(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {binary(), "lint"});
  LintRun run{run_process(arguments, {.timeout = Milliseconds(120'000)})};
  EXPECT_FALSE(run.process.timed_out);
  EXPECT_EQ(run.process.signal, 0) << run.process.describe();
  return run;
}

class LintCommand : public ::testing::Test {
 protected:
  LintCommand() : now_(SystemClock().now()), pki_(make_pki(now_)) {
    issuer_ = pki_.intermediate.write(dir_, "ca");
    leaf_ = pki_.leaf.write(dir_, "leaf");
    dir_.write("index.txt",
               index_line(pki_.leaf.certificate) +
                   index_line(pki_.other_leaf.certificate, now_ - hours(3), "keyCompromise"));
  }

  /// A delegate's certificate and key in <name>.pem and <name>.key.
  void write_delegate(const std::string& name,
                      const std::function<void(CertificateSpec&)>& change) {
    CertificateSpec spec = ocsp_signer_spec();
    spec.at = now_;
    change(spec);
    issue(pki_.intermediate, spec).write(dir_, name);
  }

  /// Starts our responder with the delegate <signer> under a profile and returns its URL.
  std::string start(const std::string& profile, const std::string& signer) {
    const auto file = [&](const std::string& name) { return "\"" + dir_.file(name) + "\"\n"; };
    dir_.write(profile + ".toml",
               "[responder]\nlisten = \"127.0.0.1:0\"\nstore = " + file("store-" + profile) +
                   "[[responder.issuer]]\nlabel = \"ca\"\nprofile = \"" + profile +
                   "\"\nca = " + file("ca.pem") + "signer = " + file(signer + ".pem") +
                   "key = " + file(signer + ".key") + "index = " + file("index.txt"));
    daemon_ = std::make_unique<Daemon>(
        std::vector<std::string>{binary(), "responder", "-c", dir_.file(profile + ".toml")});
    const auto port = daemon_->wait_for_port("listening on ", Milliseconds(60'000));
    EXPECT_TRUE(port) << daemon_->output();
    return "http://127.0.0.1:" + std::to_string(port.value_or(1)) + "/";
  }

  Buffer make_response(const std::function<void(ResponseSpec&)>& change = {}) {
    ResponseSpec spec;
    spec.produced_at = now_ - hours(1);
    spec.entries = {entry_for(pki_.leaf.certificate, pki_.intermediate.certificate)};
    spec.entries[0].this_update = now_ - hours(1);
    spec.entries[0].next_update = now_ + hours(24);
    if (change) {
      change(spec);
    }
    return build_response(pki_.ocsp_signer, spec);
  }

  UnixSeconds now_;
  TestPki pki_;
  TempDir dir_;
  std::string issuer_, leaf_;
  std::unique_ptr<Daemon> daemon_;
};

// Our own responder keeps every must of every profile it has.
// req: OCSP-OPS-013
TEST_F(LintCommand, OurResponderBreaksNoMustUnderItsProfiles) {
  write_delegate("plain", [](CertificateSpec&) {});
  write_delegate("federal", [this](CertificateSpec& spec) {
    spec.use_key = cached_key(KeyKind::kRsa2048);
    spec.not_before = now_ - hours(24);
    spec.not_after = now_ + hours(24 * 40);
    spec.extended_key_usage.clear();
    der::Writer purposes;
    purposes.sequence([&] { purposes.oid(oid::kKpOcspSigning); });
    spec.extensions.push_back({to_buffer(oid::kCeExtendedKeyUsage), true, purposes.take()});
  });
  struct Row {
    const char* profile;
    const char* signer;
    std::vector<std::string> held_to;
  };
  const Row rows[] = {
      {"rfc6960", "plain", {"rfc6960"}},
      {"rfc9919", "plain", {"rfc9919"}},
      {"cabf", "plain", {"cabf-tls", "cabf-cs", "cabf-smime", "mozilla"}},
      {"microsoft", "plain", {"microsoft"}},
      {"etsi", "plain", {"etsi"}},
      {"fpki", "federal", {"fpki"}},
      {"ocpp", "plain", {"ocpp"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.profile);
    const std::string url = start(row.profile, row.signer);
    std::vector<std::string> arguments = {url,   "--issuer", issuer_, "--cert",
                                          leaf_, "--format", "json"};
    for (const std::string& name : row.held_to) {
      arguments.insert(arguments.end(), {"--profile", name});
    }
    const LintRun run = lint(arguments);
    EXPECT_EQ(run.process.exit_code, 0) << run.process.describe();
    EXPECT_THAT(run.findings("must"), IsEmpty());
    EXPECT_THAT(run.findings("should"), IsEmpty());
    EXPECT_GT(run.target()["holds"].size(), 70U);
    EXPECT_THAT(run.target()["holds"], Contains("signature-holds"));
    if (std::string_view(row.signer) == "plain" &&
        (row.profile == std::string_view("cabf") || row.profile == std::string_view("microsoft"))) {
      EXPECT_THAT(run.target()["holds"], Contains("web-no-long-nonce"));  // req: OCSP-OPS-026
      EXPECT_THAT(run.target()["holds"], Contains("answers-in-time"));
    }
  }
}

TEST_F(LintCommand, ARevokedCertificateIsAskedAboutByItsSerialAlone) {
  write_delegate("plain", [](CertificateSpec&) {});
  const std::string url = start("cabf", "plain");
  const LintRun run =
      lint({url, "--issuer", issuer_, "--serial", pki_.other_leaf.certificate.serial().to_hex(),
            "--profile", "cabf-tls", "--format", "json"});
  EXPECT_EQ(run.process.exit_code, 0) << run.process.describe();
  EXPECT_THAT(run.target()["holds"], AllOf(Contains("status-told"), Contains("web-no-hold"),
                                           Contains("revocation-not-ahead")));
}

TEST_F(LintCommand, EveryRuleIsExplainedUnderANameOfItsOwn) {
  const auto json_of = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), binary());
    return nlohmann::json::parse(run_process(arguments).out);
  };
  std::map<std::string, std::set<std::string>> kinds;
  const auto listed = json_of({"explain", "--list", "--json"});
  for (const auto& entry : listed["entries"]) {
    const auto& [at, is_new] = kinds[entry["code"]].insert(entry["kind"]);
    EXPECT_TRUE(is_new) << *at << " " << entry["code"];
  }
  const auto rules = json_of({"lint", "--list-rules", "--format", "json"});
  EXPECT_GE(rules.size(), 100U);
  for (const auto& rule : rules) {
    EXPECT_THAT(kinds[rule["rule"]], ::testing::ElementsAre("rule"));
  }
  const auto told = run_process({binary(), "explain", "Next-Update-Present"});
  EXPECT_EQ(told.exit_code, 0);
  EXPECT_THAT(told.out, AllOf(HasSubstr("next-update-present  rule of muster lint\n"),
                              HasSubstr("OCSP-RESP-044"), HasSubstr("rfc9919 cabf-tls")));
  const auto misspelt = run_process({binary(), "explain", "next-update-presant"});
  EXPECT_EQ(misspelt.exit_code, 64);
  EXPECT_THAT(misspelt.err, HasSubstr("did you mean 'next-update-present'"));
}

TEST_F(LintCommand, OpensslAsAResponderHasFindings) {
  write_delegate("plain", [](CertificateSpec&) {});
  for (int attempt = 0; attempt < 5; ++attempt) {  // the program takes no port 0
    const std::uint16_t port = unused_port();
    Daemon openssl({"openssl", "ocsp", "-index", dir_.file("index.txt"), "-CA", issuer_, "-rsigner",
                    dir_.file("plain.pem"), "-rkey", dir_.file("plain.key"), "-port",
                    std::to_string(port)});
    if (!openssl.wait_for("ACCEPT", Milliseconds(5000))) {
      continue;
    }
    const LintRun run = lint({"http://127.0.0.1:" + std::to_string(port), "--issuer", issuer_,
                              "--cert", leaf_, "--profile", "rfc9919", "--format", "json"});
    EXPECT_EQ(run.process.exit_code, 1) << run.process.describe();
    // Without -ndays it states no nextUpdate, and it names itself.
    EXPECT_THAT(run.findings("must"), Contains(HasSubstr("next-update-present")));
    EXPECT_THAT(run.findings("must"), Contains(HasSubstr("responder-id-by-key")));
    EXPECT_THAT(run.target()["holds"], Contains("signature-holds"));
    return;
  }
  FAIL() << "openssl ocsp does not start";
}

TEST_F(LintCommand, FilesAreJudgedWithoutASignal) {
  const std::string good = dir_.write("answers/good.der", make_response());
  dir_.write("answers/late.ors", make_response([this](ResponseSpec& s) {
               s.entries[0].next_update = now_ - hours(1);
             }));
  dir_.write("answers/signer.pem", pki_.ocsp_signer.certificate_pem());
  CrlSpec crl;
  crl.this_update = now_ - hours(1);
  crl.next_update = now_ + hours(24 * 20);
  dir_.write("answers/ca.crl", build_crl(pki_.intermediate, crl));
  dir_.write("answers/readme.txt", std::string_view("not looked at"));

  const LintRun one = lint({good, "--issuer", issuer_, "--cert", leaf_});
  EXPECT_EQ(one.process.exit_code, 0) << one.process.describe();
  EXPECT_THAT(one.process.out, HasSubstr("0 must, 0 should"));

  const LintRun all = lint(
      {dir_.file("answers"), "--issuer", issuer_, "--profile", "cabf-tls", "--format", "json"});
  EXPECT_EQ(all.process.exit_code, 1) << all.process.describe();
  const Json json = Json::parse(all.process.out);
  ASSERT_EQ(json["targets"].size(), 4U);
  const auto broken = [&](std::size_t i) {
    std::vector<std::string> out;
    for (const Json& finding : json["targets"][i]["findings"]) {
      out.push_back(finding["rule"]);
    }
    return out;
  };
  EXPECT_THAT(broken(0), Contains("crl-forum-validity"));  // ca.crl
  EXPECT_THAT(broken(1), Not(Contains("not-expired")));    // good.der
  EXPECT_THAT(broken(2), Contains("not-expired"));         // late.ors
  EXPECT_THAT(broken(3), IsEmpty());                       // signer.pem

  const LintRun past = lint({dir_.file("answers/late.ors"), "--issuer", issuer_, "--at",
                             format_iso8601(now_ - hours(1) - Seconds(60))});
  EXPECT_EQ(past.process.exit_code, 0) << past.process.describe();
}

TEST_F(LintCommand, FailOnDecidesTheExitCode) {
  const std::string file = dir_.write("a.der", make_response([](ResponseSpec& s) {
                                        s.extensions = {unknown_extension(true)};  // a should
                                      }));
  EXPECT_EQ(lint({file, "--issuer", issuer_}).process.exit_code, 0);
  EXPECT_EQ(lint({file, "--issuer", issuer_, "--fail-on", "should"}).process.exit_code, 1);
  const LintRun junit = lint({file, "--format", "junit", "--fail-on", "should"});
  EXPECT_EQ(junit.process.exit_code, 1);
  EXPECT_THAT(junit.process.out, HasSubstr("<failure type=\"should\""));
}

TEST_F(LintCommand, OtherExitCodesAreThoseOfTheOtherCommands) {
  EXPECT_EQ(lint({}).process.exit_code, 64);
  EXPECT_EQ(lint({"x.der", "--profile", "web"}).process.exit_code, 64);
  EXPECT_EQ(lint({"x.der", "--at", "soon"}).process.exit_code, 64);
  EXPECT_EQ(lint({"http://127.0.0.1:1/"}).process.exit_code, 64);
  EXPECT_EQ(lint({"http://127.0.0.1:1/", "--at", "@1"}).process.exit_code, 64);
  EXPECT_EQ(lint({"x.der", "--issuer", dir_.file("none.pem")}).process.exit_code, 66);
  EXPECT_EQ(lint({dir_.file("none.der")}).process.exit_code, 66);
  EXPECT_EQ(lint({dir_.write("page.der", std::string_view("<html>"))}).process.exit_code, 66);
  const LintRun nothing = lint({leaf_});
  EXPECT_EQ(nothing.process.exit_code, 66);
  EXPECT_THAT(nothing.process.err, HasSubstr("in '" + leaf_ + "'"));
  const LintRun host = lint({"127.0.0.1:28888"});
  EXPECT_EQ(host.process.exit_code, 66);
  EXPECT_THAT(host.process.out + host.process.err, HasSubstr("http://127.0.0.1:28888/"));
  const LintRun help = lint({"--help"});
  EXPECT_EQ(help.process.exit_code, 0);
  EXPECT_THAT(help.process.out, HasSubstr("--fail-on"));

  const std::string url = "http://127.0.0.1:" + std::to_string(unused_port()) + "/";
  const LintRun absent = lint({url, "--cert", leaf_, "--issuer", issuer_, "--timeout", "5s"});
  EXPECT_EQ(absent.process.exit_code, 69) << absent.process.describe();
  EXPECT_THAT(absent.process.out, HasSubstr("no answer to any of 3 requests"));
}

// Nothing is sent to show what would be.
TEST_F(LintCommand, ADryRunShowsAtMostTwentyRequestsAndSendsNone) {
  FaultResponder responder(pki_.ocsp_signer, pki_.intermediate.certificate);
  const LintRun run = lint({responder.url(), "--cert", leaf_, "--issuer", issuer_, "--dry-run",
                            "--profile", "rfc9919", "--profile", "ocpp"});
  EXPECT_EQ(run.process.exit_code, 0);
  EXPECT_EQ(std::count(run.process.out.begin(), run.process.out.end(), '\n'), 20);
  EXPECT_THAT(run.process.out,
              AllOf(HasSubstr("get    "), HasSubstr("other-issuer"), HasSubstr("65536 octets")));
  EXPECT_EQ(responder.requests(), 0U);
  EXPECT_EQ(responder.connections(), 0U);
}

// Faults of the connection and of HTTP end in findings or in 69, never in a hang.
TEST_F(LintCommand, AFaultyResponderIsToldApart) {
  FaultResponder responder(pki_.ocsp_signer, pki_.intermediate.certificate);
  const auto lint_it = [&](Fault fault) {
    responder.set(fault);
    return lint({responder.url(), "--cert", leaf_, "--issuer", issuer_, "--timeout",
                 fault == Fault::kHangs ? "1s" : "20s", "--format", "json"});
  };
  EXPECT_EQ(lint_it(Fault::kHangs).process.exit_code, 69);
  EXPECT_EQ(lint_it(Fault::kReset).process.exit_code, 69);
  EXPECT_THAT(lint_it(Fault::kBadSignature).findings("must"),
              Contains(HasSubstr("signature-holds")));
  EXPECT_THAT(lint_it(Fault::kHtml).findings("must"), Contains(HasSubstr("well-formed")));
  EXPECT_THAT(lint_it(Fault::kWrongContentType).findings("must"),
              Contains(HasSubstr("content-type")));
  EXPECT_THAT(lint_it(Fault::kTryLater).findings("must"), Contains(HasSubstr("status-told")));
  EXPECT_THAT(lint_it(Fault::kHttp500).findings("must"), Contains(HasSubstr("get-answered")));
  EXPECT_THAT(lint_it(Fault::kNone).target()["holds"], Contains("methods-agree"));
}

}  // namespace
}  // namespace muster::testing
