#include "check_fixture.h"
#include "muster/testing/response_builder.h"

namespace muster::interop {
namespace {

using namespace muster::testing;
using std::chrono::hours;
using ::testing::Contains;
using ::testing::Not;

/// `openssl s_server` with a staple from a file, or without.
class OpensslServer : public CheckTest {
 protected:
  Buffer staple_for(const Leaf& leaf, ocsp::CertStatus status, UnixSeconds this_update,
                    UnixSeconds next_update) {
    EntrySpec entry = entry_for(leaf.identity.certificate, pki_.intermediate.certificate, status);
    entry.this_update = this_update;
    entry.next_update = next_update;
    return build_response(pki_.ocsp_signer, {.entries = {entry}, .produced_at = this_update});
  }
  Buffer good_staple(const Leaf& leaf) {
    return staple_for(leaf, ocsp::Good{}, now_ - hours(1), now_ + hours(50));
  }

  void start(const Leaf& leaf, const std::optional<Buffer>& staple,
             const std::string& version = "-tls1_3") {
    std::string key = leaf.pem;
    key.replace(key.size() - 3, 3, "key");
    std::vector<std::string> arguments = {"openssl", "s_server", "-accept",     "127.0.0.1:0",
                                          "-cert",   leaf.pem,   "-cert_chain", leaf.pem,
                                          "-key",    key,        version};
    if (staple) {
      arguments.insert(arguments.end(), {"-status_file", dir_.write("staple.der", *staple)});
    }
    daemon_ = std::make_unique<Daemon>(arguments);
    const auto port = daemon_->wait_for_port("ACCEPT");
    ASSERT_TRUE(port) << daemon_->output();
    port_ = std::to_string(*port);
    target_ = leaf.name + ":" + port_;
  }
  CheckRun ask(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--roots", roots_});
    return ask_without_roots(std::move(more));
  }
  CheckRun ask_without_roots(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {target_, "--resolve", target_ + ":127.0.0.1", "--json"});
    return check(more);
  }

  std::unique_ptr<Daemon> daemon_;
  std::string target_, port_;
};

// A server can send any chain and any staple it made itself.
TEST_F(OpensslServer, AChainThatLeadsToNothingTrustedIsNeverGood) {
  const Leaf leaf = make_leaf("leaf.example");
  start(leaf, good_staple(leaf));
  const CheckRun run = ask_without_roots();
  EXPECT_EQ(run.exit_code, 3) << run.out;
  EXPECT_THAT(run.codes(), Contains("chain-untrusted"));
  const std::string issuer = dir_.write("issuer.pem", to_pem({pki_.intermediate.certificate}));
  EXPECT_EQ(ask_without_roots({"--issuer", issuer}).exit_code, 0) << "the user vouches for it";
}

TEST_F(OpensslServer, ASelfSignedShortLivedServerIsNeverFine) {
  CertificateSpec spec = leaf_spec("self.example");
  spec.at = now_;
  spec.not_before = now_ - hours(1);
  spec.not_after = now_ + hours(24);
  const Identity self = make_self_signed(spec);
  start({self, self.write(dir_, "self"), "self.example"}, std::nullopt);
  EXPECT_EQ(ask_without_roots().exit_code, 3);
  EXPECT_EQ(ask().exit_code, 3);
}

TEST_F(OpensslServer, ACertificateForAnotherNameIsNeverGood) {
  const Leaf leaf = make_leaf("leaf.example");
  start(leaf, good_staple(leaf));
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"other.example:" + port_, "--resolve",
                                 "other.example:" + port_ + ":127.0.0.1"},
        {"127.0.0.1:" + port_},
        {"127.0.0.1:" + port_, "--sni", "other.example"}}) {
    std::vector<std::string> with_roots = arguments;
    with_roots.insert(with_roots.end(), {"--roots", roots_, "--json"});
    const CheckRun run = check(with_roots);
    EXPECT_EQ(run.exit_code, 3) << run.out;
    EXPECT_THAT(run.codes(), Contains("name-mismatch"));
  }
  EXPECT_EQ(check({"127.0.0.1:" + port_, "--sni", "leaf.example", "--roots", roots_}).exit_code, 0);
}

// req: OCSP-TLS-007 OCSP-TLS-018 OCSP-TLS-027
TEST_F(OpensslServer, AGoodStapleIsGoodInBothVersionsOfTls) {
  const Leaf leaf = make_leaf("leaf.example");
  for (const std::string version : {"-tls1_2", "-tls1_3"}) {
    start(leaf, good_staple(leaf), version);
    const CheckRun run = ask();
    EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
    EXPECT_EQ(run.target()["evidence"][0]["channel"], "stapled");
    EXPECT_EQ(run.target()["evidence"][0]["result"], "verified");
    EXPECT_NE(run.target()["peer"], nullptr);
  }
}

TEST_F(OpensslServer, ARevokedStapleIsRevoked) {
  const Leaf leaf = make_leaf("leaf.example");
  start(leaf, staple_for(leaf, ocsp::Revoked{now_ - hours(9), ReasonCode::kSuperseded},
                         now_ - hours(1), now_ + hours(50)));
  EXPECT_EQ(ask().exit_code, 1);
}

TEST_F(OpensslServer, AnExpiredStapleIsUnacceptable) {
  const Leaf leaf = make_leaf("leaf.example");
  start(leaf, staple_for(leaf, ocsp::Good{}, now_ - hours(50), now_ - hours(1)));
  const CheckRun run = ask();
  EXPECT_EQ(run.exit_code, 4) << run.out;
  EXPECT_THAT(run.codes(), Contains("response-expired"));
}

TEST_F(OpensslServer, TheStapleOfAnotherCertificateIsUnacceptable) {
  const Leaf leaf = make_leaf("leaf.example"), other = make_leaf("other.example");
  start(leaf, good_staple(other));
  const CheckRun run = ask();
  EXPECT_EQ(run.exit_code, 4) << run.out;
  EXPECT_THAT(run.codes(), Contains("certid-mismatch"));
}

TEST_F(OpensslServer, NoStapleIsNotGood) {
  start(make_leaf("leaf.example"), std::nullopt);
  const CheckRun run = ask();
  EXPECT_EQ(run.exit_code, 3) << run.out;
  EXPECT_EQ(run.target()["evidence"][0]["result"], "absent");
  EXPECT_EQ(run.target()["cert_status"], nullptr);
}

// req: OCSP-CLI-065 OCSP-CLI-067 OCSP-TLS-010
TEST_F(OpensslServer, MustStapleWithoutStapleIsRefusedUnlessALiveAnswerStandsIn) {
  const Leaf alone = make_leaf("alone.example", {}, true);
  start(alone, std::nullopt);
  const CheckRun unmet = ask();
  EXPECT_EQ(unmet.exit_code, 4) << unmet.out;
  EXPECT_EQ(unmet.target()["must_staple"], "unmet");

  start(alone, good_staple(alone));
  const CheckRun met = ask();
  EXPECT_EQ(met.exit_code, 0) << met.out;
  EXPECT_EQ(met.target()["must_staple"], "met");

  const ScriptedServer responder(http_answer(good_staple(alone)));
  start(alone, std::nullopt);
  const CheckRun compensated = ask({"--url", responder.url()});
  EXPECT_EQ(compensated.exit_code, 5) << compensated.out;
  EXPECT_THAT(compensated.codes(), Contains("must-staple-unmet"));
}

TEST_F(OpensslServer, TheStaplesSilenceIsFilledByTheLiveAnswer) {
  const Leaf leaf = make_leaf("leaf.example");
  const ScriptedServer responder(http_answer(good_staple(leaf)));
  start(leaf, std::nullopt);
  const CheckRun run = ask({"--url", responder.url()});
  EXPECT_EQ(run.exit_code, 0) << run.out;
  EXPECT_EQ(run.target()["evidence"][0]["result"], "absent");
  EXPECT_EQ(run.target()["evidence"][1]["result"], "verified");
}

TEST_F(OpensslServer, DisagreementIsTold) {
  const Leaf leaf = make_leaf("leaf.example");
  const ScriptedServer responder(http_answer(staple_for(
      leaf, ocsp::Revoked{now_ - hours(1), std::nullopt}, now_ - hours(1), now_ + hours(50))));
  start(leaf, good_staple(leaf));
  const CheckRun run = ask({"--url", responder.url()});
  EXPECT_EQ(run.exit_code, 1) << run.out;
  EXPECT_THAT(run.codes(), Contains("sources-disagree"));
}

TEST_F(OpensslServer, SomethingElseOnThePortIsUndetermined) {
  const ScriptedServer plain("HTTP/1.1 400 Bad Request\r\n\r\n");
  const CheckRun run = check({plain.url().substr(7, plain.url().size() - 8), "--json"});
  EXPECT_EQ(run.exit_code, 3) << run.out;
  EXPECT_NE(run.target()["problem"], nullptr);
}

}  // namespace
}  // namespace muster::interop
