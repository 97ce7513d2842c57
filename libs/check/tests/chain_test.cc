#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>

#include "muster/check/scan.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/fault_responder.h"
#include "muster/testing/temp_dir.h"

// Whole chains, with responders on loopback: the leaf's issuer and the root each have one.
namespace muster::check {
namespace {

using namespace testing;
using client::Outcome;
using ::testing::ElementsAre;

UnixSeconds now() { return SystemClock().now(); }

CertificateSpec around_now(CertificateSpec spec) {
  spec.at = now();
  return spec;
}

class Chains : public ::testing::Test {
 protected:
  Chains()
      : root_(make_self_signed(around_now(ca_spec("Chain root")))),
        of_root_(root_, root_.certificate),
        intermediate_(make_intermediate({of_root_.url()})),
        of_intermediate_(intermediate_, intermediate_.certificate) {
    plan_.anchors = {root_.certificate};
    plan_.gather.live.transport.total_timeout = Milliseconds(10'000);
  }
  [[nodiscard]] Identity make_intermediate(const std::vector<std::string>& urls) const {
    CertificateSpec spec = around_now(ca_spec("Chain intermediate"));
    spec.ocsp_uris = urls;
    return issue(root_, spec);
  }
  [[nodiscard]] pki::Certificate make_leaf(const Identity& issuer, const std::string& name) const {
    CertificateSpec spec = around_now(leaf_spec(name));
    spec.ocsp_uris = {of_intermediate_.url()};
    return issue(issuer, spec).certificate;
  }
  std::string write(const std::string& name, const std::vector<pki::Certificate>& chain) {
    return directory_.write(name, to_pem(chain));
  }
  [[nodiscard]] static std::vector<Outcome> outcomes(
      const std::vector<client::TargetReport>& reports) {
    std::vector<Outcome> all;
    for (const client::TargetReport& report : reports) {
      all.push_back(report.outcome);
    }
    return all;
  }
  std::vector<client::TargetReport> check(const std::vector<std::string>& targets,
                                          const ScanOptions& options = {}) {
    plan_.inputs.targets = targets;
    const auto prepared = prepare(plan_);
    EXPECT_TRUE(prepared);
    return check_all(prepared->units, plan_, clock_, options);
  }

  TempDir directory_;
  SystemClock clock_;
  Identity root_;
  FaultResponder of_root_;
  Identity intermediate_;
  FaultResponder of_intermediate_;
  Plan plan_;
};

// req: OCSP-CLI-037
TEST_F(Chains, AreJudgedUpToTheAnchor) {
  const auto leaf = make_leaf(intermediate_, "a.example");
  const auto reports = check({write("a.pem", {leaf, intermediate_.certificate})});
  ASSERT_THAT(outcomes(reports), ElementsAre(Outcome::kGood, Outcome::kGood));
  EXPECT_EQ(*reports[0].what->subject.certificate(), leaf);
  EXPECT_EQ(reports[0].what->role, client::Role::kSubject);
  EXPECT_EQ(*reports[1].what->subject.certificate(), intermediate_.certificate);
  EXPECT_EQ(reports[1].what->role, client::Role::kIssuer);
  EXPECT_EQ(of_root_.requests(), 1u);
  EXPECT_EQ(of_intermediate_.requests(), 1u);
}

std::ptrdiff_t threads_now() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

// A thread that fetches would be started, woken, waited for and ended for a single answer.
TEST_F(Chains, OfOneTargetAreJudgedWithoutAnotherThread) {
  const auto leaf = make_leaf(intermediate_, "a.example");
  plan_.inputs.targets = {write("a.pem", {leaf, intermediate_.certificate})};
  const auto prepared = prepare(plan_);
  ASSERT_TRUE(prepared);
  const std::ptrdiff_t before = threads_now();
  const TargetCheck check_one(plan_, clock_, Targets::kOne);
  const auto reports = check_one.run(prepared->units.front());
  const auto patience = std::chrono::steady_clock::now() + Seconds(30);
  while (threads_now() > before && std::chrono::steady_clock::now() < patience) {
    std::this_thread::yield();  // the responders have one for each connection
  }
  EXPECT_LE(threads_now(), before);
  EXPECT_THAT(outcomes(reports), ElementsAre(Outcome::kGood, Outcome::kGood));
  EXPECT_EQ(of_root_.requests(), 1u);
  EXPECT_EQ(of_intermediate_.requests(), 1u);
}

TEST_F(Chains, ARevokedIntermediateIsSaidSo) {
  of_root_.set(Fault::kRevoked);
  const auto leaf = make_leaf(intermediate_, "a.example");
  const std::string file = write("a.pem", {leaf, intermediate_.certificate});
  const auto reports = check({file});
  EXPECT_THAT(outcomes(reports), ElementsAre(Outcome::kGood, Outcome::kRevoked));
  EXPECT_EQ(client::worst(reports), Outcome::kRevoked);
  plan_.leaf_only = true;
  EXPECT_THAT(outcomes(check({file})), ElementsAre(Outcome::kGood));
}

TEST_F(Chains, WithoutTrustTheLeafAloneIsTold) {
  plan_.anchors.clear();
  const auto leaf = make_leaf(intermediate_, "a.example");
  const auto reports = check({write("a.pem", {leaf, intermediate_.certificate})});
  EXPECT_THAT(outcomes(reports), ElementsAre(Outcome::kUndetermined));
  EXPECT_EQ(of_intermediate_.requests(), 0u);
}

TEST_F(Chains, AnIssuerThatNamesNoSourceIsNotHeldAgainstTheTarget) {
  const Identity bare = make_intermediate({});
  CertificateSpec spec = around_now(leaf_spec("b.example"));
  const FaultResponder responder(bare, bare.certificate);
  spec.ocsp_uris = {responder.url()};
  const std::string file = write("b.pem", {issue(bare, spec).certificate, bare.certificate});
  EXPECT_THAT(outcomes(check({file})), ElementsAre(Outcome::kGood, Outcome::kNotNeeded));
  plan_.gather.policy = *client::find_policy("hard");
  EXPECT_THAT(outcomes(check({file})), ElementsAre(Outcome::kGood, Outcome::kUndetermined));
}

TEST_F(Chains, AnIssuerIsAskedAboutOnceForAllTargets) {
  std::vector<std::string> targets;
  for (int i = 0; i < 20; ++i) {
    const std::string name = std::to_string(i) + ".example";
    targets.push_back(
        write(name + ".pem", {make_leaf(intermediate_, name), intermediate_.certificate}));
  }
  const auto reports = check(targets);
  ASSERT_EQ(reports.size(), 40u);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    EXPECT_EQ(reports[i].outcome, Outcome::kGood);
    EXPECT_EQ(reports[i].target, targets[i / 2]);
  }
  EXPECT_EQ(of_intermediate_.requests(), 20u);
  EXPECT_EQ(of_root_.requests(), 1u);
}

// Each has a leaf of its own and waits for the issuer's verdict, which one of them makes.
TEST_F(Chains, WhoWaitsForTheIssuersVerdictLeavesTheTurnToWhoMakesIt) {
  std::vector<std::string> targets;
  for (int i = 0; i < 8; ++i) {
    const std::string name = std::to_string(i) + ".example";
    targets.push_back(
        write(name + ".pem", {make_leaf(intermediate_, name), intermediate_.certificate}));
  }
  const auto reports = check(targets, {.slow_after = std::chrono::hours(1), .turns = 1});
  ASSERT_EQ(reports.size(), 16u);
  for (const client::TargetReport& report : reports) {
    EXPECT_EQ(report.outcome, Outcome::kGood) << report.target;
  }
}

TEST_F(Chains, OfflineIssuersAreJudgedOnlyByWhatWasGiven) {
  plan_.gather.skip_live = true;
  const auto leaf = make_leaf(intermediate_, "a.example");
  const std::string file = write("a.pem", {leaf, intermediate_.certificate});
  CrlSpec crl;
  crl.this_update = now() - Seconds(60);
  crl.next_update = now() + Seconds(3600);
  plan_.gather.crls = {{"leaf.crl", build_crl(intermediate_, crl)}};
  EXPECT_THAT(outcomes(check({file})), ElementsAre(Outcome::kGood));
  plan_.gather.crls.emplace_back("root.crl", build_crl(root_, crl));
  EXPECT_THAT(outcomes(check({file})), ElementsAre(Outcome::kGood, Outcome::kGood));
  crl.entries = {revoked_entry(intermediate_.certificate.serial(), now() - Seconds(90))};
  plan_.gather.crls.back() = {"root.crl", build_crl(root_, crl)};
  EXPECT_THAT(outcomes(check({file})), ElementsAre(Outcome::kGood, Outcome::kRevoked));
}

// What hangs takes no longer than a target may take in all, and the others are judged meanwhile.
TEST_F(Chains, AHangingResponderEndsAtTheDeadline) {
  of_intermediate_.set(Fault::kHangs);
  plan_.deadline = Milliseconds(300);
  const auto leaf = make_leaf(intermediate_, "a.example");
  const auto reports = check({write("a.pem", {leaf, intermediate_.certificate})});
  ASSERT_FALSE(reports.empty());
  EXPECT_EQ(reports[0].outcome, Outcome::kUndetermined);
  const auto& evidence = reports[0].what->evidence;
  ASSERT_EQ(evidence.size(), 1u);
  const auto* failure = std::get_if<client::LiveFailure>(&evidence[0].content);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->code, client::LiveErrc::kTransport);
}

}  // namespace
}  // namespace muster::check
