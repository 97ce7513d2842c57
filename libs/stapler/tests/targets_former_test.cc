#include <gmock/gmock.h>
#include <sys/socket.h>

#include <mutex>

#include "peer.h"
#include "targets_fixture.h"

// A certificate that is revoked after another took its place: servers may have its staple still.
namespace muster::stapler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using namespace testing_staples;

class TargetsFormer : public TargetsFixture {
 protected:
  void hand_over(Seconds life = Seconds(1000)) {
    targets->apply(id, good_staple(life));
    settle();
  }
  /// Another certificate comes in its place, without a staple.
  void replace_certificate(const std::string& name = "web") {
    const TargetSubject subject = second(name);
    EXPECT_THAT(targets->set_certificates({subject}), IsEmpty());
    targets->apply(subject.subject.certificate.fingerprint(), nullptr);
    settle();
  }
  void tell_former(const keeper::StaplePointer& staple) {
    targets->tell_former(id, staple);
    settle();
  }
  [[nodiscard]] bool holds(const char* name, const keeper::StaplePointer& staple) const {
    return exists(name) && equal(testing::read_octets(dir.file(name)), staple->der());
  }
};

// nginx would staple good for the revoked one until that ends, or the new one's staple comes.
TEST_F(TargetsFormer, AServerThatHasItLoadedIsToldToLoadTheOtherOne) {
  make({to_reloaded_file()});
  hand_over();
  replace_certificate();
  EXPECT_EQ(log(), "reload\n");
  tell_former(revoked_staple());
  EXPECT_EQ(log(), "reload\nreload\n");
  EXPECT_FALSE(exists("web.ocsp")) << "the file is about another certificate";
  tell_former(revoked_staple(Seconds(2000)));
  advance(Seconds(1000));
  EXPECT_EQ(log(), "reload\nreload\n") << "once";
}

TEST_F(TargetsFormer, SoIsOneWhoseSuccessorWasReplacedBeforeItHadAStaple) {
  make({to_reloaded_file()});
  hand_over();
  replace_certificate();
  const auto& pki = testing::standard_pki();
  const TargetSubject third{{"web", pki.ocsp_signer.certificate, pki.intermediate.certificate},
                            "/x"};
  EXPECT_THAT(targets->set_certificates({third}), IsEmpty());
  targets->apply(third.subject.certificate.fingerprint(), nullptr);
  settle();
  EXPECT_EQ(log(), "reload\n");
  tell_former(revoked_staple());
  EXPECT_EQ(log(), "reload\nreload\n");
}

// A mass revocation: the CA revokes, the operator renews.
TEST_F(TargetsFormer, WhatWasRevokedBeforeItWasReplacedHoldsNothingBack) {
  make({to_reloaded_file()});
  hand_over();
  targets->apply(id, revoked_staple());
  settle();
  EXPECT_EQ(log(), "reload\nreload\n");
  replace_certificate();
  EXPECT_EQ(log(), "reload\nreload\nreload\n");
}

TEST_F(TargetsFormer, AlsoWhenTheRevokedStapleIsWithheld) {
  make({to_reloaded_file()});
  hand_over();
  replace_certificate();
  tell_former(nullptr);
  EXPECT_EQ(log(), "reload\nreload\n");
}

TEST_F(TargetsFormer, GoodNewsDoNotHurryAReload) {
  make({to_reloaded_file()});
  hand_over();
  replace_certificate();
  tell_former(good_staple(Seconds(2000), Seconds(5)));
  EXPECT_EQ(log(), "reload\n");
}

TEST_F(TargetsFormer, WhatItLeftInAFileOfItsOwnFollows) {
  make({to_file()});
  hand_over();
  replace_certificate("other");
  const auto news = revoked_staple();
  ASSERT_TRUE(exists("web.ocsp"));
  tell_former(news);
  EXPECT_TRUE(holds("web.ocsp", news));
  const auto good = good_staple(Seconds(1500), Seconds(1));
  tell_former(good);
  EXPECT_TRUE(holds("web.ocsp", good)) << "it was on hold";
  tell_former(nullptr);
  EXPECT_FALSE(exists("web.ocsp")) << "withheld";
}

TEST_F(TargetsFormer, ARevokedStapleInAFileIsWithdrawnAtItsEndToo) {
  make({to_file()});
  hand_over();
  replace_certificate("other");
  tell_former(revoked_staple(Seconds(2000)));
  advance(Seconds(1999));
  EXPECT_TRUE(exists("web.ocsp"));
  advance(Seconds(1));
  EXPECT_FALSE(exists("web.ocsp"));
}

TEST_F(TargetsFormer, AServerThatStaplesNothingButGoodHasItWithdrawn) {
  TargetOptions exim = to_file();
  exim.kind = TargetKind::kExim;
  make({exim});
  hand_over();
  replace_certificate("other");
  ASSERT_TRUE(exists("web.ocsp"));
  tell_former(revoked_staple());
  EXPECT_FALSE(exists("web.ocsp"));
}

TEST_F(TargetsFormer, ATargetThatWasTakenOutFollowsToo) {
  TargetOptions more;
  more.name = "more";
  more.file = dir.file("{name}.more");
  make({more, to_file()});
  hand_over();
  replace({more});
  ASSERT_TRUE(exists("web.ocsp"));
  const auto news = revoked_staple();
  tell_former(news);
  EXPECT_TRUE(holds("web.ocsp", news));
}

// A command goes by the name, and that is the other one's now.
TEST_F(TargetsFormer, ACommandIsNotToldOfItUnderTheNameOfTheOtherOne) {
  make({to_command()});
  hand_over();
  replace_certificate();
  const std::string before = log();
  tell_former(revoked_staple());
  EXPECT_EQ(log(), before);
}

/// A HAProxy that has an entry for the certificate, or has none any more.
class Haproxy {
 public:
  explicit Haproxy(const std::string& path) : peer_(path, [this](int fd) { serve(fd); }) {}
  /// Questions up to now.
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  void forget_certificate() {
    const std::lock_guard lock(mutex_);
    knows_ = false;
  }

 private:
  void serve(int fd) {
    const std::string question = read_question(fd);
    if (question.empty()) {
      return;
    }
    const std::lock_guard lock(mutex_);
    heard_.push_back(question);
    const std::string answer =
        knows_ ? "OCSP Response updated!\n"
               : "OCSP single response: Certificate ID does not match any certificate.\n";
    ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  std::mutex mutex_;
  std::vector<std::string> heard_;  // guarded
  bool knows_ = true;               // guarded
  Peer peer_;
};

TEST_F(TargetsFormer, HaproxyIsTold) {
  Haproxy haproxy(dir.file("s"));
  TargetOptions target = to_file();
  target.kind = TargetKind::kHaproxy;
  target.socket = "unix:" + dir.file("s");
  make({target});
  hand_over();
  ASSERT_THAT(haproxy.heard(), ElementsAre(StartsWith("set ssl ocsp-response")));
  replace_certificate();
  ASSERT_THAT(haproxy.heard(), ::testing::SizeIs(1));
  tell_former(revoked_staple());
  const auto heard = haproxy.heard();
  ASSERT_THAT(
      heard, ElementsAre(StartsWith("set ssl ocsp-response"), StartsWith("set ssl ocsp-response")));
  EXPECT_NE(heard[0], heard[1]);
  // Reloaded meanwhile, it has none: nothing is to be made for it again.
  haproxy.forget_certificate();
  tell_former(good_staple(Seconds(2000), Seconds(1)));
  EXPECT_THAT(haproxy.heard(), ::testing::SizeIs(3)) << "no entry was asked for";
  advance(Seconds(10));
  EXPECT_THAT(haproxy.heard(), ::testing::SizeIs(3)) << "nor is it tried again";
}

}  // namespace
}  // namespace muster::stapler
