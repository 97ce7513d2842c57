#include "stapler_fixture.h"

// The stapler against a responder that lies, is slow, hangs, sends too much, too little or nothing.

namespace muster::interop {
namespace {

class StaplerFaults : public StaplerFixture, public ::testing::WithParamInterface<Fault> {
 protected:
  [[nodiscard]] std::unique_ptr<Daemon> start_impatient() {
    dir.write("muster.toml", "[stapler]\ntimeout = \"2s\"\nconnect_timeout = \"2s\"\n");
    return start({"--config", dir.file("muster.toml")});
  }
};

// req: OCSP-STAP-001 OCSP-STAP-002 OCSP-STAP-003
TEST_P(StaplerFaults, NeverPutsABadAnswerOnOfferAndRecovers) {
  responder->set(GetParam());
  auto stapler = start_impatient();
  const bool harmless = testing::is_harmless(GetParam());
  const std::string expected = harmless                        ? "good"
                               : GetParam() == Fault::kRevoked ? "revoked"
                                                               : "none";
  EXPECT_EQ(judge_file(), expected) << stapler->output();
  if (expected != "revoked") {
    responder->set(Fault::kNone);
    EXPECT_TRUE(until([&] { return judge_file() == "good"; }, Milliseconds(30'000)))
        << stapler->output();
  }
  EXPECT_EQ(stapler->stop().exit_code, 0);
}

// req: OCSP-STAP-001 OCSP-STAP-002
TEST_P(StaplerFaults, NeverReplacesAGoodAnswerByABadOne) {
  auto stapler = start_impatient();
  const Buffer good = staple_file();
  ASSERT_EQ(judge(good), "good");
  responder->set(GetParam());
  const std::size_t before = responder->connections();
  // Two more fetches under the fault; without a listener there is nothing to count, so its log line
  // is waited for.
  if (GetParam() == Fault::kAbsent) {
    ASSERT_TRUE(stapler->wait_for("fetch.failed")) << stapler->output();
  } else {
    ASSERT_TRUE(until([&] {
      return responder->connections() >= before + 2 || responder->requests() >= before + 2;
    })) << stapler->output();
  }
  EXPECT_EQ(judge_file(),
            GetParam() == Fault::kRevoked
                ? (until([&] { return judge_file() == "revoked"; }) ? "revoked" : "not revoked")
                : "good")
      << stapler->output();
  EXPECT_EQ(stapler->stop().exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(All, StaplerFaults, ::testing::ValuesIn(testing::all_faults()),
                         [](const auto& instance) {
                           std::string name(testing::to_string(instance.param));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// req: OCSP-STAP-019
TEST_F(StaplerFixture, AHangingResponderDelaysNoOther) {
  FaultResponder hanging(pki.ocsp_signer, pki.intermediate.certificate);
  hanging.set(Fault::kHangs);
  std::vector<std::string> more;
  for (int i = 0; i < 20; ++i) {
    const std::string name = "stuck" + std::to_string(i);
    more.push_back("--cert");
    more.push_back(issue_leaf(name + ".example", {hanging.url()})
                       .write(dir, name, {pki.intermediate.certificate}));
  }
  Daemon stapler(command(more));
  EXPECT_TRUE(until([&] { return judge_file() == "good"; }, Milliseconds(10'000)))
      << stapler.output();
  ASSERT_TRUE(responder->wait_for_requests(4)) << "and it goes on being refreshed";
  EXPECT_LE(hanging.connections(), 4U);
  EXPECT_EQ(stapler.stop().exit_code, 0);
}

}  // namespace
}  // namespace muster::interop
