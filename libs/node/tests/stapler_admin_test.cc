#include "muster/node/stapler_admin.h"

#include <gmock/gmock.h>

#include "muster/net/control_fetch.h"
#include "muster/testing/fake_clock.h"

namespace muster::node {
namespace {

using ::testing::HasSubstr;
using testing::kTestNow;
using ::testing::Not;

class StaplerAdminTest : public ::testing::Test {
 protected:
  void SetUp() override {
    AdminOptions options;
    options.listen = {"127.0.0.1:0"};
    auto started = StaplerAdmin::start(
        options, [this] { return outcome; }, clock, null_logger());
    ASSERT_TRUE(started) << started.error().detail;
    admin = *std::move(started);
  }
  /// Status and body.
  std::pair<unsigned, std::string> get(const std::string& path, bool post = false) {
    net::FetchRequest request;
    if (post) {
      request.post_body.emplace();
    }
    const auto answer =
        net::fetch_from({.address = admin->addresses().at(0)}, path, std::move(request));
    return answer ? std::pair(answer->http_status, std::string(as_text(answer->body)))
                  : std::pair(answer.error().http_status, std::string());
  }
  void publish(keeper::CertificateState state, bool has_staple) {
    auto report = std::make_shared<stapler::StatusReport>();
    report->written = clock.now();
    keeper::CertificateStatus web;
    web.name = "web";
    web.state = state;
    web.not_after = kTestNow + Seconds(86400);
    if (has_staple) {
      web.staple =
          keeper::StapleFacts{keeper::StapleStatus::kGood, kTestNow, kTestNow + Seconds(3600)};
    }
    report->certificates = {web};
    admin->publish(report);
  }

  testing::FakeClock clock;
  NodeResult<ReloadReport> outcome = ReloadReport{{"x.pem: damaged"}, {}};
  std::unique_ptr<StaplerAdmin> admin;
};

TEST_F(StaplerAdminTest, IsReadyWhenTheFirstRoundIsOverAndSomethingIsCovered) {
  EXPECT_EQ(get("/livez").first, 200U);
  EXPECT_EQ(get("/readyz").first, 503U) << "it has not reported";
  publish(keeper::CertificateState::kFresh, true);
  EXPECT_EQ(get("/readyz").first, 503U) << "the first round";
  admin->set_ready();
  EXPECT_EQ(get("/readyz").first, 200U);
  publish(keeper::CertificateState::kMissing, false);
  EXPECT_EQ(get("/readyz").first, 503U) << "none is covered";
}

TEST_F(StaplerAdminTest, AStaplerThatHangsIsLiveAndNotReady) {
  publish(keeper::CertificateState::kFresh, true);
  admin->set_ready();
  clock.advance(stapler::kStatusTooOld);
  EXPECT_EQ(get("/readyz").first, 200U);
  clock.advance(Seconds(1));
  EXPECT_EQ(get("/readyz").first, 503U);
  EXPECT_EQ(get("/livez").first, 200U);
}

TEST_F(StaplerAdminTest, WhatIsAbsentIsNotZero) {
  EXPECT_THAT(get("/metrics").second, Not(HasSubstr("muster_stapler_certificate_state")));
  publish(keeper::CertificateState::kMissing, false);
  const std::string missing = get("/metrics").second;
  EXPECT_THAT(missing, HasSubstr("certificate_state{certificate=\"web\",state=\"missing\"} 1\n"));
  for (const char* absent : {"window_used{", "expiry_timestamp_seconds{", "response_status{",
                             "last_success_timestamp_seconds{", "state=\"fresh\""}) {
    EXPECT_THAT(missing, Not(HasSubstr(absent)));
  }
  publish(keeper::CertificateState::kFresh, true);
  clock.advance(Seconds(900));
  const std::string fresh = get("/metrics").second;
  for (const char* line :
       {"muster_stapler_window_used{certificate=\"web\"} 0.2500\n",
        "muster_stapler_response_status{certificate=\"web\",status=\"good\"} 1\n",
        "muster_ready 0\n", "muster_http_requests_total{listener=\"admin\"}"}) {
    EXPECT_THAT(fresh, HasSubstr(line));
  }
  clock.advance(Seconds(2700));  // nobody reports any more, and it has expired since
  EXPECT_THAT(get("/metrics").second, HasSubstr("state=\"expired\"} 1\n"));
}

TEST_F(StaplerAdminTest, AReloadIsToldWithWhatIsWrong) {
  const auto done = get("/reload", true);
  EXPECT_EQ(done.first, 200U);
  EXPECT_THAT(done.second, HasSubstr("x.pem: damaged"));
  EXPECT_EQ(get("/reload").first, 405U);
  outcome = Err{NodeError{NodeErrc::kUsage, "unknown key"}};
  EXPECT_EQ(get("/reload", true).first, 422U);
  EXPECT_THAT(get("/metrics").second, HasSubstr("muster_config_last_reload_successful 0\n"));
}

}  // namespace
}  // namespace muster::node
