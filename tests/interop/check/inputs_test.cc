#include "check_fixture.h"
#include "muster/http/base64.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/response_builder.h"

// Every kind of input, as other programs write it, through the program. Evidence is a CRL, so that
// what is judged depends on the input alone.
namespace muster::interop {
namespace {

using namespace muster::testing;
using std::chrono::hours;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class Inputs : public CheckTest {
 protected:
  Inputs() : good_(make_leaf("good.example")), bad_(make_leaf("bad.example")) {
    CrlSpec spec;
    spec.this_update = now_ - hours(1);
    spec.next_update = now_ + hours(50);
    spec.entries = {revoked_entry(bad_.identity.certificate.serial(), now_ - hours(9),
                                  ReasonCode::kKeyCompromise)};
    crl_ = dir_.write("ca.crl", build_crl(pki_.intermediate, spec));
    ca_ = dir_.write("ca.pem", to_pem({pki_.intermediate.certificate}));
    both_ = to_pem(
        {good_.identity.certificate, pki_.intermediate.certificate, bad_.identity.certificate});
  }

  CheckRun ask(std::vector<std::string> arguments, const ProcessOptions& options = {}) const {
    arguments.insert(arguments.end(), {"--roots", roots_, "--crl", crl_, "--offline", "--json"});
    return check(std::move(arguments), options);
  }
  /// Verdicts in their order.
  static std::vector<std::string> verdicts(const CheckRun& run) {
    std::vector<std::string> out;
    const Json targets = run.json()["targets"];
    for (const Json& target : targets) {
      out.push_back(target["verdict"]);
    }
    return out;
  }
  static std::vector<std::string> problems(const CheckRun& run) {
    std::vector<std::string> out;
    const Json targets = run.json()["targets"];
    for (const Json& target : targets) {
      out.push_back(target["problem"].is_null() ? "" : target["problem"]);
    }
    return out;
  }
  /// Runs a program of others in the test's directory.
  std::string made_by(std::vector<std::string> command, const std::string& file) const {
    const auto done = run_process(command, {.directory = dir_.path()});
    EXPECT_EQ(done.exit_code, 0) << done.describe();
    return dir_.file(file);
  }
  std::string pkcs12(const std::string& passphrase) const {
    return made_by(
        {"openssl", "pkcs12", "-export", "-in", good_.pem, "-inkey", dir_.file("good.example.key"),
         "-passout", "pass:" + passphrase, "-out", "good.p12"},
        "good.p12");
  }
  [[nodiscard]] std::string secret_yaml(const std::string& name, const Leaf& leaf,
                                        const std::string& more = "") const {
    return "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata:\n  name: " + name +
           "\n  namespace: shop\ndata:\n  tls.crt: " +
           http::base64_encode(as_bytes(leaf.identity.certificate_pem())) +
           "\n  ca.crt: " + http::base64_encode(as_bytes(to_pem({pki_.intermediate.certificate}))) +
           "\n  tls.key: " + http::base64_encode(as_bytes("not looked at")) + "\n" + more;
  }

  Leaf good_, bad_;
  std::string crl_, ca_, both_;
};

TEST_F(Inputs, BundlesHaveAVerdictForEachEndEntity) {
  const CheckRun run = ask({dir_.write("bundle.pem", both_)});
  EXPECT_EQ(run.exit_code, 1) << run.out;
  EXPECT_EQ(verdicts(run), (std::vector<std::string>{"good", "revoked"}));
}

TEST_F(Inputs, WrappingsOfOthersAreRead) {
  dir_.write("both.pem", both_);
  for (const std::string form : {"PEM", "DER"}) {
    const CheckRun run = ask({made_by({"openssl", "crl2pkcs7", "-nocrl", "-certfile", "both.pem",
                                       "-outform", form, "-out", "both.p7b"},
                                      "both.p7b")});
    EXPECT_EQ(verdicts(run), (std::vector<std::string>{"good", "revoked"})) << form << run.out;
  }
  const std::string der = dir_.write("leaf.der", good_.identity.certificate.der());
  EXPECT_EQ(ask({der, "--issuer", ca_}).exit_code, 0);
}

TEST_F(Inputs, Pkcs12IsOpenedByFileVariableOrEmptyPassphrase) {
  EXPECT_EQ(ask({pkcs12("")}).exit_code, 0);
  const std::string store = pkcs12("sesame");
  const CheckRun locked = ask({store});
  EXPECT_EQ(locked.exit_code, 66);
  EXPECT_THAT(problems(locked), Contains(HasSubstr("--pass")));

  const std::string word = dir_.write("word", "sesame\n");
  const std::string wrong = dir_.write("wrong", "open\n");
  EXPECT_EQ(ask({store, "--pass", "file:" + word}).exit_code, 0);
  EXPECT_EQ(ask({store, "--pass", "file:" + wrong, "--pass", "file:" + word}).exit_code, 0);
  EXPECT_EQ(ask({store, "--pass", "env:STORE_WORD"}, {.environment = {{"STORE_WORD", "sesame"}}})
                .exit_code,
            0);
  const CheckRun refused = ask({store, "--pass", "file:" + wrong});
  EXPECT_EQ(refused.exit_code, 66);
  EXPECT_THAT(problems(refused), Contains(HasSubstr("does not open")));
  EXPECT_THAT(refused.out + refused.err, Not(HasSubstr("\"open\"")));
  const CheckRun unset = ask({store, "--pass", "env:NOT_SET_ANYWHERE"});
  EXPECT_EQ(unset.exit_code, 66);
  EXPECT_THAT(unset.err, HasSubstr("env:NOT_SET_ANYWHERE"));
}

TEST_F(Inputs, StandardInputIsOneBundleOrAListOfTargets) {
  const CheckRun bundle = ask({"-"}, {.input = both_});
  EXPECT_EQ(verdicts(bundle), (std::vector<std::string>{"good", "revoked"})) << bundle.out;
  const CheckRun list = ask({"--targets-from", "-"}, {.input = "# ours\n" + bad_.pem + "\n\n" +
                                                               good_.pem + "  # this too\n"});
  EXPECT_EQ(verdicts(list), (std::vector<std::string>{"revoked", "good"})) << list.out << list.err;
  EXPECT_EQ(ask({"-"}, {.input = ""}).exit_code, 66);
  EXPECT_EQ(ask({"--targets-from", dir_.file("none")}).exit_code, 66);
}

TEST_F(Inputs, DirectoriesAreWalked) {
  dir_.write("store/a/good.pem", good_.identity.certificate_pem());
  dir_.write("store/b/deep/bad.crt", bad_.identity.certificate_pem());
  dir_.write("store/ca.pem", to_pem({pki_.intermediate.certificate}));
  dir_.write("store/README", "hello");
  dir_.write("store/a/good.key", good_.identity.key_pem);
  const CheckRun run = ask({dir_.file("store")});
  EXPECT_EQ(verdicts(run), (std::vector<std::string>{"good", "revoked"})) << run.out;
  EXPECT_THAT(run.err, HasSubstr("2 files that hold nothing to judge were passed over"));
  EXPECT_EQ(ask({dir_.file("store/README")}).exit_code, 66) << "but an error when named";
}

TEST_F(Inputs, SecretsOfKubernetesAreJudgedWithTheirStaples) {
  EntrySpec entry = entry_for(good_.identity.certificate, pki_.intermediate.certificate,
                              ocsp::Revoked{now_ - hours(9), std::nullopt});
  entry.this_update = now_ - hours(1);
  entry.next_update = now_ + hours(50);
  const Buffer staple = build_response(pki_.ocsp_signer, {.entries = {entry}, .produced_at = now_});
  const std::string yaml =
      secret_yaml("good", good_) + "---\n" + secret_yaml("bad", bad_) + "---\n" +
      secret_yaml("stapled", good_, "  tls.ocsp-staple: " + http::base64_encode(staple) + "\n") +
      "---\nkind: Secret\nmetadata: {name: broken}\ndata: {tls.crt: '?'}\n";
  const CheckRun run = ask({dir_.write("secrets.yaml", yaml)});
  EXPECT_EQ(verdicts(run), (std::vector<std::string>{"good", "revoked", "revoked", "unreadable"}))
      << run.out;
  const Json targets = run.json()["targets"];
  EXPECT_THAT(std::string(targets[0]["target"]), HasSubstr("secrets.yaml (Secret shop/good)"));
  EXPECT_THAT(problems(run), Contains(HasSubstr("not base64")));

  const Json list = {{"kind", "List"},
                     {"items",
                      {{{"kind", "Secret"},
                        {"metadata", {{"name", "j"}}},
                        {"stringData",
                         {{"tls.crt", good_.identity.certificate_pem()},
                          {"ca.crt", to_pem({pki_.intermediate.certificate})}}}}}}};
  EXPECT_EQ(verdicts(ask({dir_.write("list.json", list.dump())})),
            std::vector<std::string>{"good"});
}

TEST_F(Inputs, WhatCannotBeJudgedSaysWhatItIs) {
  const CheckRun run = ask({crl_, dir_.file("good.example.key"), dir_.write("empty.pem", ""),
                            "http://good.example", "no such host"});
  EXPECT_EQ(run.exit_code, 66);
  const auto told = problems(run);
  ASSERT_THAT(told, SizeIs(5));
  EXPECT_THAT(told[0], HasSubstr("a CRL (it is given with --crl)"));
  EXPECT_THAT(told[1], HasSubstr("PRIVATE KEY"));
  EXPECT_THAT(told[2], HasSubstr("empty"));
  EXPECT_THAT(told[3], HasSubstr("https://"));
  EXPECT_THAT(told[4], HasSubstr("neither a file that is there nor the name of a host"));
}

// ---- serials and responses with no certificate --------------------------------------------------

TEST_F(Inputs, SerialsAreTakenAsOtherProgramsPrintThem) {
  const auto printed = run_process({"openssl", "x509", "-noout", "-serial", "-in", bad_.pem});
  const CheckRun openssl = ask({"--issuer", ca_, "--serial", printed.out});
  EXPECT_EQ(openssl.exit_code, 1) << openssl.out << openssl.err;
  if (find_program("certtool")) {
    const auto info = run_process({"certtool", "-i", "--infile", bad_.pem});
    const std::size_t at = info.out.find("Serial Number (hex): ");
    ASSERT_NE(at, std::string::npos) << info.describe();
    const std::string hex = info.out.substr(at + 21, info.out.find('\n', at) - at - 21);
    EXPECT_EQ(ask({"--issuer", ca_, "--serial", hex}).exit_code, 1);
  }
  const std::string binary = std::getenv("MUSTER_BINARY");
  const Json shown = Json::parse(run_process({binary, "show", "--json", bad_.pem}).out);
  EXPECT_EQ(
      ask({"--issuer", ca_, "--serial", bad_.identity.certificate.serial().to_hex()}).exit_code, 1);
  EXPECT_THAT(shown.dump(), HasSubstr(bad_.identity.certificate.serial().to_hex()));
}

TEST_F(Inputs, SerialsSayThatTheirCertificateWasNotSeen) {
  const CheckRun run =
      ask({"--issuer", ca_, "--serial", good_.identity.certificate.serial().to_hex(), "--serial",
           bad_.identity.certificate.serial().to_hex()});
  EXPECT_EQ(verdicts(run), (std::vector<std::string>{"good", "revoked"})) << run.out;
  const Json first = run.target();
  EXPECT_EQ(first["certificate"]["subject"], nullptr);
  EXPECT_EQ(first["certificate"]["not_after"], nullptr);
  EXPECT_EQ(first["certificate"]["chain"], "trusted");
  EXPECT_EQ(first["revocation_need"], nullptr);
  EXPECT_THAT(run.codes(), Contains("certificate-absent"));
  const std::string other =
      dir_.write("other.pem", make_self_signed(ca_spec("Other")).certificate_pem());
  const CheckRun untrusted = ask({"--issuer", other, "--serial", "04"});
  EXPECT_THAT(untrusted.codes(), Contains("chain-untrusted"));
}

TEST_F(Inputs, ASavedResponseStandsByItself) {
  const std::string index = dir_.write(
      "index.txt", index_line(good_.identity.certificate) +
                       index_line(bad_.identity.certificate, now_ - hours(9), "superseded"));
  const std::string signer = pki_.ocsp_signer.write(dir_, "signer");
  const std::string saved =
      made_by({"openssl", "ocsp",     "-index",  index,      "-CA",
               ca_,       "-rsigner", signer,    "-rkey",    dir_.file("signer.key"),
               "-ndays",  "1",        "-issuer", ca_,        "-cert",
               good_.pem, "-cert",    bad_.pem,  "-respout", "saved.der"},
              "saved.der");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--response", saved}, {saved}, {"-"}}) {
    std::vector<std::string> all = arguments;
    all.insert(all.end(), {"--issuer", ca_, "--roots", roots_, "--offline", "--json"});
    ProcessOptions options;
    if (arguments.front() == "-") {
      options.input = read_text(saved);
    }
    const CheckRun run = check(all, options);
    EXPECT_EQ(run.exit_code, 1) << run.out << run.err;
    EXPECT_EQ(verdicts(run), (std::vector<std::string>{"good", "revoked"}));
  }
  const CheckRun alone = check({saved, "--offline", "--json"});
  EXPECT_EQ(alone.exit_code, 3);
  EXPECT_THAT(problems(alone), Each(HasSubstr("--issuer")));
}

}  // namespace
}  // namespace muster::interop
