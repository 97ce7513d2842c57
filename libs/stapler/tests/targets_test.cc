#include "muster/stapler/targets.h"

#include <gmock/gmock.h>

#include "targets_fixture.h"

// Deliveries, failures and ends of staples with a clock that moves when told; what real servers do
// is in tests/interop/targets.
namespace muster::stapler {
namespace {

using ::testing::HasSubstr;
using testing::kTestNow;
using namespace testing_staples;
class TargetsTest : public TargetsFixture {};

TEST_F(TargetsTest, AFileIsWrittenAndGenerationsAreCounted) {
  make({to_file()});
  targets->apply(id, nullptr);
  settle();
  EXPECT_EQ(status().delivery, Delivery::kNothing);
  const auto first = good_staple();
  targets->apply(id, first);
  settle();
  EXPECT_TRUE(equal(testing::read_octets(dir.file("web.ocsp")), first->der()));
  EXPECT_EQ(status().delivery, Delivery::kDelivered);
  EXPECT_EQ(status().pushed_generation, 2U);
  targets->apply(id, first);
  settle();
  EXPECT_EQ(status().wanted_generation, 2U) << "the same is no news";
  targets->apply(id, good_staple(Seconds(3600), Seconds(5)));
  settle();
  EXPECT_EQ(status().pushed_generation, 3U);
  EXPECT_EQ(status().observed_generation, 0U) << "nobody looked";
  EXPECT_EQ(status().severity, Severity::kOk);
}

// req: OCSP-STAP-003
TEST_F(TargetsTest, WhatExpiresIsWithdrawnEvenWhenNobodySaysSo) {
  make({to_file(), to_command()});
  targets->apply(id, good_staple(Seconds(100)));
  settle();
  EXPECT_TRUE(exists("web.ocsp"));
  clock.advance(Seconds(99));
  targets->tick();
  settle();
  EXPECT_TRUE(exists("web.ocsp"));
  EXPECT_THAT(log(), ::testing::Not(HasSubstr("none")));
  clock.advance(Seconds(1));
  targets->tick();
  settle();
  EXPECT_FALSE(exists("web.ocsp"));
  EXPECT_EQ(status().delivery, Delivery::kWithdrawn);
  EXPECT_THAT(log(), HasSubstr("none web  0\n"));
  targets->tick();
  settle();
  EXPECT_EQ(log().find("none"), log().rfind("none")) << "told once";
}

TEST_F(TargetsTest, ACommandGetsTheStapleAndIsTriedAgainWhenItFails) {
  make({to_command()});
  const auto staple = good_staple();
  dir.write("broken", "");
  targets->apply(id, staple);
  settle();
  EXPECT_EQ(status().delivery, Delivery::kFailed);
  EXPECT_THAT(status().reason, HasSubstr("push.sh failed with exit code 3"));
  EXPECT_EQ(status().severity, Severity::kWarning);
  ::unlink(dir.file("broken").c_str());
  targets->tick();
  settle();
  EXPECT_EQ(status().delivery, Delivery::kFailed) << "not at once";
  clock.advance(Seconds(5));
  targets->tick();
  settle();
  EXPECT_EQ(status().delivery, Delivery::kDelivered);
  EXPECT_EQ(log(), "staple web good " + std::to_string(staple->der().size()) + "\n");
}

TEST_F(TargetsTest, ARefusedStapleIsNotHandedOverAndTheOneBeforeIsWithdrawn) {
  TargetOptions hitch;
  hitch.kind = TargetKind::kHitch;
  hitch.file = dir.file("{md5}.x");
  make({hitch});
  targets->apply(id, good_staple());
  settle();
  const std::string path = dir.file(expand_template("{md5}.x", web()));
  EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  targets->apply(id, make_staple({.entries = {web_entry()}}, Seconds(3600),
                                 keeper::StapleStatus::kRevoked, Seconds(5)));
  settle();
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  EXPECT_EQ(status().delivery, Delivery::kRefused);
  EXPECT_THAT(status().reason, HasSubstr("'good'"));
}

TEST_F(TargetsTest, ManyCertificatesMakeOneReloadAndTheNextWaits) {
  TargetOptions target = to_file();
  const std::string script = dir.write("reload.sh", "#!/bin/sh\necho reload >>" + dir.file("log"));
  target.reload = {"/bin/sh", script};
  make({target});
  const auto begin = std::chrono::steady_clock::now();
  const auto& pki = testing::standard_pki();
  std::vector<TargetSubject> subjects;
  for (int i = 0; i < 20; ++i) {
    const std::string name = "host" + std::to_string(i);
    const auto leaf = issue(pki.intermediate, testing::leaf_spec(name));
    subjects.push_back({{name, leaf.certificate, pki.intermediate.certificate}, "/x"});
  }
  EXPECT_THAT(targets->set_certificates(subjects), ::testing::IsEmpty());
  for (const TargetSubject& subject : subjects) {
    targets->apply(subject.subject.certificate.fingerprint(), good_staple());
  }
  settle();
  EXPECT_EQ(log(), "reload\n");
  // A newer one while the one before lives for long can wait; a revocation cannot.
  const auto first = subjects[0].subject.certificate.fingerprint();
  targets->apply(first, good_staple(Seconds(3600), Seconds(5)));
  loop.after(Milliseconds(300), [this] { loop.stop(); });
  loop.run();
  EXPECT_EQ(log(), "reload\n");
  EXPECT_FALSE(targets->settled());
  targets->apply(first, make_staple({.entries = {web_entry()}}, Seconds(3600),
                                    keeper::StapleStatus::kRevoked, Seconds(4)));
  settle();
  EXPECT_EQ(log(), "reload\nreload\nreload\n") << "for what waited, and for the revocation";
  EXPECT_GE(std::chrono::steady_clock::now() - begin, Seconds(4)) << "two seconds between two";
}

TEST_F(TargetsTest, TheSnippetNeverNamesAFileThatIsNotThere) {
  TargetOptions nginx;
  nginx.kind = TargetKind::kNginx;
  nginx.file = dir.file("web.ocsp");
  nginx.snippet = dir.file("web.conf");
  nginx.reload_every = Seconds(0);
  nginx.reload = {"/bin/sh", dir.write("check.sh", "if grep -q ssl_stapling_file " + nginx.snippet +
                                                       "; then test -s " + nginx.file +
                                                       "; else test ! -e " + nginx.file + "; fi")};
  make({nginx});
  targets->apply(id, nullptr);
  settle();
  EXPECT_THAT(testing::read_text(nginx.snippet), HasSubstr("ssl_stapling off;"));
  targets->apply(id, good_staple());
  settle();
  EXPECT_THAT(testing::read_text(nginx.snippet), HasSubstr("ssl_stapling_file"));
  EXPECT_EQ(status().delivery, Delivery::kDelivered) << status().reason;
  targets->apply(id, nullptr);
  settle();
  EXPECT_EQ(status().delivery, Delivery::kWithdrawn) << status().reason;
  EXPECT_FALSE(exists("web.ocsp"));
}

TEST_F(TargetsTest, TwoCertificatesInOneFileAreToldAndOneIsServed) {
  TargetOptions target;
  target.file = dir.file("fixed.ocsp");
  make({target});
  const auto& pki = testing::standard_pki();
  const TargetSubject other{{"other", pki.other_leaf.certificate, pki.intermediate.certificate},
                            "/x"};
  EXPECT_THAT(targets->set_certificates({web(), other}),
              ::testing::ElementsAre(HasSubstr("put {name} into the path")));
  EXPECT_EQ(targets->status().size(), 1U);
  target.certificates = {"nobody"};
  std::vector<TargetOptions> options = {target};
  ASSERT_EQ(check_targets(options), std::nullopt);
  Targets none(loop, clock, null_logger(), options, {}, TellUnchanged::kYes);
  EXPECT_THAT(none.set_certificates({web()}),
              ::testing::ElementsAre(HasSubstr("is for no certificate")));
}

TEST_F(TargetsTest, ARunByHandTellsOnlyWhatChanged) {
  TargetOptions target = to_file();
  target.reload = {"/bin/sh", dir.write("reload.sh", "echo reload >>" + dir.file("log"))};
  const auto staple = good_staple();
  for (int run = 0; run < 2; ++run) {
    make({target}, TellUnchanged::kNo);
    targets->apply(id, staple);
    settle();
  }
  EXPECT_EQ(log(), "reload\n");
  make({target}, TellUnchanged::kYes);
  targets->apply(id, staple);
  settle();
  EXPECT_EQ(log(), "reload\nreload\n") << "a server may have missed the one before";
}

TEST(JudgeSeverity, WhatPortsServeCountsMost) {
  struct Row {
    ReadBack state;
    Seconds since;
    bool must_staple;
    Severity expected;
  };
  const Row rows[] = {
      {ReadBack::kServed, Seconds(1000), false, Severity::kOk},
      {ReadBack::kOther, Seconds(1000), false, Severity::kOk},
      {ReadBack::kNotYet, Seconds(1000), false, Severity::kWaiting},
      {ReadBack::kOlder, Seconds(1), false, Severity::kWaiting},
      {ReadBack::kOlder, Seconds(1000), false, Severity::kWarning},
      {ReadBack::kNone, Seconds(1), true, Severity::kWaiting},
      {ReadBack::kNone, Seconds(1000), false, Severity::kWarning},
      {ReadBack::kNone, Seconds(1000), true, Severity::kCritical},
      {ReadBack::kExpired, Seconds(1), false, Severity::kCritical},
      {ReadBack::kUnusable, Seconds(1), false, Severity::kCritical},
      {ReadBack::kOtherCertificate, Seconds(1000), false, Severity::kWarning},
      {ReadBack::kUnreachable, Seconds(1000), true, Severity::kWarning},
  };
  for (const auto& [state, since, must_staple, expected] : rows) {
    TargetStatus status;
    status.delivery = Delivery::kDelivered;
    status.pushed_at = kTestNow - since;
    status.ports = {{"a", ReadBack::kServed}, {"b", state}};
    status.must_staple = must_staple;
    EXPECT_EQ(judge_severity(status, row_of(TargetKind::kNginx), kTestNow), expected)
        << to_string(state);
    EXPECT_EQ(read_back_of(to_string(state)), state);
  }
  const auto judge = [](Delivery delivery, TargetKind kind, Seconds past_end) {
    TargetStatus status;
    status.delivery = delivery;
    status.pushed_expires = kTestNow - past_end;
    return judge_severity(status, row_of(kind), kTestNow);
  };
  using enum Delivery;
  EXPECT_EQ(judge(kFailed, TargetKind::kNginx, Seconds(0)), Severity::kCritical)
      << "it serves it on";
  EXPECT_EQ(judge(kFailed, TargetKind::kHaproxy, Seconds(0)), Severity::kWarning);
  EXPECT_EQ(judge(kDelivered, TargetKind::kNginx, Seconds(1)), Severity::kOk)
      << "it is about to be withdrawn";
  EXPECT_EQ(judge(kDelivered, TargetKind::kNginx, Seconds(3600)), Severity::kCritical)
      << "nobody withdrew it";
  EXPECT_EQ(judge(kWaiting, TargetKind::kNginx, Seconds(3600)), Severity::kCritical);
}

}  // namespace
}  // namespace muster::stapler
