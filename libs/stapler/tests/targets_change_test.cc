#include <gmock/gmock.h>

#include "full_disk.h"
#include "muster/stapler/stapler.h"
#include "targets_fixture.h"

// Targets while certificates, their files and the configuration change: what was handed over before
// neither stays past its end nor is taken for what is handed over after.
namespace muster::stapler {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace testing_staples;

class TargetsChange : public TargetsFixture {
 protected:
  static TargetSubject renamed(const std::string& name) {
    TargetSubject subject = web();
    subject.subject.name = name;
    return subject;
  }
  void hand_over(Seconds life = Seconds(100)) {
    targets->apply(id, good_staple(life));
    settle();
  }
};

TEST_F(TargetsChange, WhatACertificateLeavesBehindIsWithdrawnWhenItExpires) {
  make({to_file()});
  targets->apply(id, good_staple(Seconds(100)));
  settle();
  const TargetSubject other = second("other");
  targets->set_certificates({other});
  advance(Seconds(99));
  EXPECT_TRUE(exists("web.ocsp")) << "a server may still read it";
  advance(Seconds(1));
  EXPECT_FALSE(exists("web.ocsp"));
}

// nginx does not start when a file is gone that its configuration names.
TEST_F(TargetsChange, FilesThatSomebodyTookAwayAreWrittenAgainAndTheServerIsTold) {
  TargetOptions nginx = to_reloaded_file();
  nginx.kind = TargetKind::kNginx;
  nginx.snippet = dir.file("web.conf");
  make({nginx});
  hand_over(Seconds(1000));
  EXPECT_EQ(log(), "reload\n");
  ::unlink(dir.file("web.ocsp").c_str());
  advance(Seconds(10));
  EXPECT_TRUE(exists("web.ocsp"));
  EXPECT_EQ(log(), "reload\nreload\n");
  EXPECT_EQ(status().delivery, Delivery::kDelivered);
  ::unlink(dir.file("web.conf").c_str());
  advance(Seconds(10));
  EXPECT_TRUE(exists("web.conf"));
  advance(Seconds(10));
  EXPECT_EQ(log(), "reload\nreload\nreload\n") << "what is there is left alone";
}

TEST_F(TargetsChange, ADirectoryThatIsGoneIsAFailureUntilItIsBack) {
  ASSERT_EQ(::mkdir(dir.file("staples").c_str(), 0755), 0);
  make({to_reloaded_file("staples/web.ocsp")});
  hand_over(Seconds(1000));
  ::unlink(dir.file("staples/web.ocsp").c_str());
  ASSERT_EQ(::rmdir(dir.file("staples").c_str()), 0);
  advance(Seconds(10));
  EXPECT_EQ(status().delivery, Delivery::kFailed);
  EXPECT_EQ(status().severity, Severity::kWarning);
  ASSERT_EQ(::mkdir(dir.file("staples").c_str(), 0755), 0);
  advance(Seconds(10));
  EXPECT_TRUE(exists("staples/web.ocsp"));
  EXPECT_EQ(status().delivery, Delivery::kDelivered);
}

TEST_F(TargetsChange, WhatSomebodyElseWroteStaysUntilTheConfigurationIsReadAgain) {
  make({to_file()});
  const auto staple = good_staple();
  targets->apply(id, staple);
  settle();
  dir.write("web.ocsp", "theirs");
  advance(Seconds(10));
  EXPECT_EQ(testing::read_text(dir.file("web.ocsp")), "theirs");
  targets->apply(id, staple);
  settle();
  EXPECT_TRUE(equal(testing::read_octets(dir.file("web.ocsp")), staple->der()));
}

TEST_F(TargetsChange, WhatACertificateLeftBehindIsNotWrittenAgain) {
  make({to_file()});
  hand_over(Seconds(1000));
  targets->set_certificates({second("other")});
  ::unlink(dir.file("web.ocsp").c_str());
  advance(Seconds(10));
  EXPECT_FALSE(exists("web.ocsp"));
}

TEST_F(TargetsChange, ARenewedCertificateIsNotActivatedByAReloadWithoutItsStaple) {
  TargetOptions target = to_reloaded_file();
  make({target});
  targets->apply(id, good_staple());
  settle();
  const TargetSubject renewed = second("web");
  EXPECT_THAT(targets->set_certificates({renewed}), ::testing::IsEmpty());
  const auto renewed_id = renewed.subject.certificate.fingerprint();
  targets->apply(renewed_id, nullptr);
  settle();
  EXPECT_FALSE(exists("web.ocsp")) << "it is about another certificate than the file beside it";
  EXPECT_EQ(log(), "reload\n");
  targets->apply(renewed_id, good_staple());
  settle();
  EXPECT_TRUE(exists("web.ocsp"));
  EXPECT_EQ(log(), "reload\nreload\n");
}

// nginx would serve the one before for ever, the file being gone or not.
TEST_F(TargetsChange, ARenewedCertificateWithoutAStapleEndsTheStapleBefore) {
  make({to_reloaded_file()});
  hand_over();
  EXPECT_THAT(targets->set_certificates({second("web")}), IsEmpty());
  targets->apply(second("web").subject.certificate.fingerprint(), nullptr);
  settle();
  advance(Seconds(99));
  EXPECT_EQ(log(), "reload\n");
  // Renewed once more meanwhile: what the server has loaded is still the first one's.
  EXPECT_THAT(targets->set_certificates({web()}), IsEmpty());
  targets->apply(id, nullptr);
  settle();
  EXPECT_EQ(log(), "reload\n");
  advance(Seconds(1));
  EXPECT_EQ(log(), "reload\nreload\n");
  advance(Seconds(1));
  EXPECT_EQ(log(), "reload\nreload\n") << "told once";
}

TEST_F(TargetsChange, OneCertificateIsAskedForAlone) {
  make({to_file()});
  const TargetSubject shop = second("shop");
  EXPECT_THAT(targets->set_certificates({web(), shop}), IsEmpty());
  ASSERT_EQ(targets->status().size(), 2U);
  const auto alone = targets->status(shop.subject.certificate.fingerprint());
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_EQ(alone[0].certificate, "shop");
  EXPECT_EQ(alone[0].target, targets->status()[0].target);
  // Who waits for another that took its name is told nothing of it.
  EXPECT_THAT(targets->set_certificates({renamed("shop")}), IsEmpty());
  EXPECT_THAT(targets->status(shop.subject.certificate.fingerprint()), IsEmpty());
  EXPECT_EQ(targets->status(id).size(), 1U);
}

TEST_F(TargetsChange, ARenamedCertificateLeavesItsFileUntilItsEnd) {
  make({to_file()});
  hand_over();
  EXPECT_THAT(targets->set_certificates({renamed("www")}), IsEmpty());
  targets->apply(id, good_staple(Seconds(3600)));
  settle();
  EXPECT_TRUE(exists("www.ocsp"));
  EXPECT_TRUE(exists("web.ocsp")) << "a server may still read it";
  advance(Seconds(100));
  EXPECT_FALSE(exists("web.ocsp"));
  EXPECT_TRUE(exists("www.ocsp"));
  EXPECT_EQ(targets->status().size(), 1U);
}

TEST_F(TargetsChange, ACommandIsNotToldThatARenamedCertificateHasNone) {
  TargetOptions target = to_command();
  target.file = dir.file("{name}.ocsp");
  make({target});
  hand_over();
  EXPECT_THAT(targets->set_certificates({renamed("www")}), IsEmpty());
  targets->apply(id, good_staple(Seconds(3600)));
  settle();
  advance(Seconds(100));
  EXPECT_FALSE(exists("web.ocsp"));
  EXPECT_THAT(log(), ::testing::AllOf(HasSubstr("staple www"), Not(HasSubstr("none"))));
}

TEST_F(TargetsChange, ACertificateThatComesBackIsLookedAtAgain) {
  TargetOptions target = to_file();
  target.probe = {"127.0.0.1:1"};
  make({target});
  targets->apply(id, good_staple());
  ASSERT_TRUE(turn_until(
      loop, [this] { return targets->settled() || status().delivery == Delivery::kDelivered; }));
  targets->set_certificates({second("other")});
  EXPECT_THAT(targets->set_certificates({web()}), IsEmpty());
  EXPECT_EQ(status().delivery, Delivery::kDelivered) << "it is the same as before";
  EXPECT_EQ(status().ports.size(), 1U);
}

// The command for the first name fails late; that is not about the second.
TEST_F(TargetsChange, TheAnswerToWhatWasHandedOverBeforeDoesNotCount) {
  TargetOptions target;
  target.kind = TargetKind::kExec;
  target.file = dir.file("{name}.ocsp");
  target.command = {"/bin/sh",
                    dir.write("push.sh", "[ $MUSTER_CERTIFICATE = www ] && exit 0\nwhile [ ! -e " +
                                             dir.file("go") + " ]; do :; done; exit 3\n")};
  make({target});
  targets->apply(id, good_staple());
  EXPECT_THAT(targets->set_certificates({renamed("www")}), IsEmpty());
  targets->apply(id, good_staple());
  dir.write("go", "");
  settle();
  EXPECT_EQ(status().certificate, "www");
  EXPECT_EQ(status().delivery, Delivery::kDelivered) << status().reason;
  EXPECT_EQ(status().reason, "");
}

TEST_F(TargetsChange, ThatThereIsNoneIsToldOnceAfterTheStart) {
  make({to_command()}, TellUnchanged::kNo);
  targets->apply(id, nullptr);
  settle();
  EXPECT_EQ(log(), "");
  make({to_command()}, TellUnchanged::kYes);
  targets->apply(id, nullptr);
  settle();
  EXPECT_EQ(log(), "none web  0\n") << "it expired while nobody ran";
  EXPECT_EQ(status().delivery, Delivery::kNothing);
  targets->apply(id, nullptr);
  settle();
  EXPECT_EQ(log(), "none web  0\n");
}

TEST_F(TargetsChange, AReloadKeepsWhatUnchangedTargetsKnow) {
  make({to_file()});
  hand_over();
  targets->set_certificates({second("other")});
  TargetOptions more;
  more.name = "more";
  more.file = dir.file("{name}.more");
  replace({to_file(), more});
  EXPECT_EQ(status().delivery, Delivery::kDelivered);
  targets->set_certificates({second("other")});
  replace({more, to_file()});
  targets->set_certificates({second("other")});
  EXPECT_TRUE(exists("web.ocsp"));
  advance(Seconds(100));
  EXPECT_FALSE(exists("web.ocsp")) << "it left before the reload";
}

TEST_F(TargetsChange, WhatATargetLeavesBehindThatWasTakenOutIsWithdrawnAtItsEnd) {
  TargetOptions more;
  more.name = "more";
  more.file = dir.file("{name}.more");
  make({more, to_reloaded_file()});
  hand_over();
  replace({more});
  targets->apply(id, good_staple(Seconds(3600)));
  settle();
  EXPECT_EQ(targets->status().size(), 1U);
  EXPECT_TRUE(exists("web.ocsp"));
  EXPECT_EQ(log(), "reload\n");
  advance(Seconds(100));
  EXPECT_FALSE(exists("web.ocsp"));
  EXPECT_TRUE(exists("web.more"));
  EXPECT_EQ(log(), "reload\nreload\n") << "it would serve it on";
}

TEST_F(TargetsChange, AChangedTargetTakesItsFilesOver) {
  make({to_reloaded_file()});
  hand_over();
  TargetOptions changed = to_reloaded_file();
  changed.probe_every = Seconds(60);
  replace({changed});
  targets->apply(id, good_staple(Seconds(3600)));
  settle();
  const std::string after = log();
  advance(Seconds(100));
  EXPECT_TRUE(exists("web.ocsp"));
  EXPECT_EQ(log(), after) << "nothing ended";
}

// The order of an end: while nginx' configuration names the file, the file is there.
TEST_F(TargetsChange, AFileStaysWhileASnippetThatCannotBeWrittenNamesIt) {
  TargetOptions nginx = to_reloaded_file();
  nginx.kind = TargetKind::kNginx;
  nginx.snippet = dir.file("web.conf");
  make({nginx});
  hand_over();
  {
    const FullDisk disk(32);
    advance(Seconds(100));
    EXPECT_TRUE(exists("web.ocsp"));
    EXPECT_THAT(testing::read_text(nginx.snippet), HasSubstr("ssl_stapling_file"));
    EXPECT_EQ(status().delivery, Delivery::kFailed);
    EXPECT_EQ(status().severity, Severity::kCritical);
  }
  advance(Seconds(5));
  EXPECT_FALSE(exists("web.ocsp"));
  EXPECT_THAT(testing::read_text(nginx.snippet), HasSubstr("ssl_stapling off;"));
  EXPECT_EQ(status().delivery, Delivery::kWithdrawn);
}

TEST_F(TargetsChange, WhatCannotBeReplacedIsWithdrawnAtItsEndAndTriedOn) {
  make({to_reloaded_file()});
  hand_over();
  {
    const FullDisk disk(32);
    targets->apply(id, good_staple(Seconds(3600), Seconds(5)));
    settle();
    EXPECT_EQ(status().delivery, Delivery::kFailed);
    EXPECT_TRUE(exists("web.ocsp")) << "the one before is valid";
    advance(Seconds(100));
    EXPECT_FALSE(exists("web.ocsp"));
    EXPECT_EQ(log(), "reload\nreload\n");
    EXPECT_EQ(status().delivery, Delivery::kFailed) << "there is one to hand over";
  }
  advance(Seconds(300));
  EXPECT_TRUE(exists("web.ocsp"));
  EXPECT_EQ(status().delivery, Delivery::kDelivered);
  EXPECT_EQ(log(), "reload\nreload\nreload\n");
}

// "Good" is true no more: rather none than that until its end.
TEST_F(TargetsChange, WhatARevokedOneCannotReplaceIsWithdrawnAtOnce) {
  make({to_reloaded_file()});
  hand_over();
  {
    const FullDisk disk(32);
    targets->apply(id, revoked_staple());
    settle();
    EXPECT_FALSE(exists("web.ocsp"));
    EXPECT_EQ(log(), "reload\nreload\n");
    EXPECT_EQ(status().delivery, Delivery::kFailed);
  }
  advance(Seconds(300));
  EXPECT_TRUE(exists("web.ocsp"));
  EXPECT_EQ(status().delivery, Delivery::kDelivered);
}

TEST_F(TargetsChange, ANameThatNoSecretCanHaveIsTold) {
  TargetOptions target = to_file();
  target.kind = TargetKind::kKubernetes;
  std::vector<TargetOptions> options = {target};
  ASSERT_EQ(check_targets(options), std::nullopt);
  Targets all(loop, clock, null_logger(), options, {}, TellUnchanged::kYes);
  EXPECT_THAT(all.set_certificates({renamed("Web_1")}),
              ::testing::Contains(HasSubstr("'Web_1' is no name of a Secret")));
  EXPECT_THAT(all.set_certificates({renamed("web-1")}), IsEmpty());
}

// req: OCSP-STAP-013
TEST(StaplerTargets, NoServerIsHandedTheStapleOfAnIntermediate) {
  const auto& pki = testing::standard_pki();
  testing::CertificateSpec spec = testing::ca_spec("watched ca");
  spec.ocsp_uris = {"http://127.0.0.1:1/"};
  const auto ca = issue(pki.root, spec);
  const auto leaf = issue(ca, testing::leaf_spec("leaf.example"));
  const testing::TempDir dir;
  StaplerOptions options;
  options.certificates = {{dir.write("web.pem", testing::to_pem({leaf.certificate, ca.certificate,
                                                                 pki.root.certificate})),
                           "",
                           "",
                           "",
                           {}}};
  options.inventory.chain = true;
  options.targets.resize(1);
  options.targets[0].file = dir.file("fixed.ocsp");
  ASSERT_EQ(check_targets(options.targets), std::nullopt);
  net::Loop loop;
  const auto fetcher = net::make_fetcher(loop);
  const testing::FakeClock clock{kTestNow};
  const auto stapler = Stapler::make(loop, *fetcher, clock, null_logger(), options, 1);
  ASSERT_TRUE(stapler);
  const StatusReport report = (*stapler)->status();
  EXPECT_EQ(report.certificates.size(), 2U);
  ASSERT_EQ(report.targets.size(), 1U);
  EXPECT_EQ(report.targets[0].certificate, "web");
  EXPECT_THAT(report.target_errors, IsEmpty());
}

}  // namespace
}  // namespace muster::stapler
