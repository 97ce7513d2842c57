#include <gmock/gmock.h>

#include <filesystem>

#include "issuers.h"
#include "stapler_world.h"

// Certificates that are replaced while the stapler runs (decision 053).
namespace muster::stapler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using RotationTest = StaplerWorld;

/// Names its issuer, who did not sign it, though its responder answers for it.
class ForgedTest : public StaplerWorld {
 protected:
  ForgedTest() {
    know(forged);
    use(put(forged));
  }
  static testing::Identity forge() {
    testing::CertificateSpec spec = testing::leaf_spec("forged.example");
    spec.break_signature = true;
    return testing::issue(testing::standard_pki().intermediate, spec);
  }
  void put_on_shelf() {
    const keeper::Fingerprint id = forged.certificate.fingerprint();
    dir.write("shelf/" + keeper::shelf_file_name(id),
              keeper::encode_shelf_file(id, kTestNow - Seconds(60), kUrl.front(),
                                        keeper::make_response(forged)));
  }
  void expect_refused() const {
    EXPECT_THAT(stapler->problems(), ElementsAre(HasSubstr("no certificate of its issuer")));
    EXPECT_EQ(staple_of(forged), nullptr);
    EXPECT_EQ(fetcher.asked, 0U);
  }

  const testing::Identity forged = forge();
};

TEST_F(ForgedTest, WithoutAnAnswerItIsRefusedBeforeTheStart) {
  make();
  expect_refused();
}

TEST_F(ForgedTest, WithAnAnswerOnTheShelfItIsRefusedSoonAfter) {
  put_on_shelf();
  make();
  EXPECT_NE(staple_of(forged), nullptr) << "signatures are verified when the start is over";
  EXPECT_THAT(stapler->problems(), IsEmpty());
  begin();
  expect_refused();
}

TEST_F(ForgedTest, WhoAsksForEverythingHasItProvenFirst) {
  put_on_shelf();
  make();
  stapler->start(keeper::Keeper::FirstFetch::kEverything, [](Readiness) {});
  expect_refused();
}

// req: OCSP-STAP-007
TEST_F(RotationTest, AReplacedFileIsTakenUpAndTheOldCertificateIsLookedAfterForADay) {
  use(put(leaf));
  start();
  ASSERT_TRUE(has_out_file_of(leaf));
  put(other);
  run_until([this] { return has_out_file_of(other); });
  const StatusReport report = stapler->status();
  ASSERT_EQ(report.certificates.size(), 1U);
  EXPECT_EQ(report.certificates[0].name, "web");
  EXPECT_EQ(report.certificates[0].certificate, other.certificate.fingerprint());
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_EQ(report.kept[0].name, "former/web");
  EXPECT_NE(staple_of(leaf), nullptr) << "a server may still use it";
  clock.advance(Seconds(86400));
  run_until([this] { return stapler->status().kept.empty(); });
}

TEST_F(RotationTest, AHalfWrittenFileChangesNothingUntilItIsWhole) {
  use(put(leaf));
  start();
  const std::string whole = testing::to_pem({other.certificate, pki.intermediate.certificate});
  dir.write("web.pem", std::string_view(whole).substr(0, 300));
  run_until([this] { return !stapler->problems().empty(); });
  EXPECT_THAT(stapler->problems().front(), HasSubstr("stays in use"));
  EXPECT_TRUE(has_out_file_of(leaf));
  dir.write("web.pem", whole);
  run_until([this] { return has_out_file_of(other); });
  EXPECT_TRUE(stapler->problems().empty());
}

TEST_F(RotationTest, ALinkThatIsSwappedAsAcmeClientsDo) {
  namespace fs = std::filesystem;
  put(leaf, "archive/fullchain1.pem");
  put(other, "archive/fullchain2.pem");
  fs::create_directories(dir.file("live/web"));
  fs::create_symlink("../../archive/fullchain1.pem", dir.file("live/web/fullchain.pem"));
  use(dir.file("live/web/fullchain.pem"));
  start();
  ASSERT_TRUE(has_out_file_of(leaf));
  fs::create_symlink("../../archive/fullchain2.pem", dir.file("live/web/new"));
  fs::rename(dir.file("live/web/new"), dir.file("live/web/fullchain.pem"));
  run_until([this] { return has_out_file_of(other); });
}

// Somebody else may reload a server at any moment, and then it takes up both files.
TEST_F(RotationTest, TheStapleOfTheCertificateBeforeGoesAtOnce) {
  options.settle = Seconds(3600);
  TargetOptions target;
  target.file = dir.file("target/{name}.der");
  options.targets = {target};
  ASSERT_EQ(check_targets(options.targets), std::nullopt);
  std::filesystem::create_directories(dir.file("target"));
  use(put(leaf));
  start();
  if (logger.count("inventory.watched_slowly") != 0) {
    GTEST_SKIP() << "this user has as many inotify instances as the kernel allows";
  }
  run_until([this] { return std::filesystem::exists(dir.file("target/web.der")); });
  fetcher.fails = true;
  put(other);
  run_until([this] { return !std::filesystem::exists(dir.file("target/web.der")); });
  EXPECT_TRUE(out_file().empty());
}

TEST_F(RotationTest, WhatChangesBetweenTheReadingAndTheStartIsTakenUp) {
  use(put(leaf));
  make();
  put(other);
  begin();
  run_until([this] { return has_out_file_of(other); });
}

TEST_F(RotationTest, WithoutWatchingOnlyAReloadReadsFiles) {
  options.watch = false;
  use(put(leaf));
  start();
  put(other);
  stapler->reload(nullptr);
  run_until([this] { return has_out_file_of(other); });
}

TEST_F(RotationTest, AReloadAsksAboutWhatIsNewAndNotAboutWhatIsFresh) {
  use(put(leaf));
  start();
  const std::size_t asked = fetcher.asked;
  use(put(other, "shop.pem"));
  stapler->reload(&options);
  run_until([this] { return staple_of(other) != nullptr; });
  clock.advance(Seconds(61));  // longer than a start is spread
  const std::uint64_t turns = stapler->turns();
  run_until([&] { return stapler->turns() > turns; });
  EXPECT_EQ(fetcher.asked, asked + 1);
}

// req: OCSP-STAP-012
TEST_F(RotationTest, APairOfCertificatesOfOneNameIsWaitedForTogether) {
  use(dir.write("web.pem", testing::to_pem({leaf.certificate, other.certificate,
                                            pki.intermediate.certificate})));
  start();
  const Bytes issuer = pki.intermediate.certificate.der();
  const Told told = ask(
      control::wait("web", {{leaf.certificate.der(), issuer}, {other.certificate.der(), issuer}},
                    Seconds(60), false));
  EXPECT_EQ(told.end.exit_code, 0) << told.lines;
  EXPECT_THAT(told.lines, ::testing::AllOf(HasSubstr("web: "), HasSubstr("web.2: ")));
}

TEST_F(RotationTest, OneWhoWaitsForWhatIsNotInTheInventoryHasItFetched) {
  use(put(leaf));
  start();
  const Told told = ask(wait_request(renewed));
  EXPECT_EQ(told.end.exit_code, 0) << told.lines << told.end.text;
  EXPECT_THAT(told.lines, HasSubstr("not in the inventory yet"));
  EXPECT_NE(staple_of(renewed), nullptr);
  EXPECT_EQ(stapler->status().kept.at(0).name, "staged/web");
  // Put into service now, nothing is asked any more: the staple is there at once.
  const std::size_t asked = fetcher.asked;
  put(renewed);
  const Told again = ask(wait_request(renewed));
  EXPECT_EQ(again.end.exit_code, 0) << again.lines;
  EXPECT_THAT(again.lines, HasSubstr("web: a staple until"));
  EXPECT_TRUE(has_out_file_of(renewed)) << "it was not waited for the watch";
  EXPECT_EQ(fetcher.asked, asked);
}

TEST_F(RotationTest, OneWhoWaitsForWhatIsNotInTheInventoryHasNothingElseGoneOver) {
  use(put(leaf));
  const testing::Identity plain = issue({});
  options.certificates.push_back({put(plain, "plain.pem"), "", "", "", {}});
  start();
  // Told whenever the keeper is given all certificates.
  const std::size_t given = logger.count("certificate.not_needed");
  ASSERT_GT(given, 0U);
  for (int i = 0; i < 2; ++i) {
    const Told told = ask(wait_request(renewed));
    EXPECT_EQ(told.end.exit_code, 0) << told.lines << told.end.text;
    EXPECT_EQ(stapler->status().kept.size(), 1U);
    EXPECT_EQ(logger.count("certificate.not_needed"), given);
  }
}

// The command may know of fewer issuers than the stapler does.
TEST_F(RotationTest, TheIssuerOfWhatIsWaitedForIsLookedForWhereTheStaplerFindsThem) {
  const std::string root = dir.write("issuers/root.pem", testing::to_pem({pki.root.certificate}));
  options.certificates.push_back(
      {dir.write("web.pem", testing::to_pem({leaf.certificate})),
       dir.write("issuers/ca.pem", testing::to_pem({pki.intermediate.certificate})), "", "", kUrl});
  start();
  const auto wait_for = [this](const testing::Identity& identity) {
    return ask(control::wait("web", {{identity.certificate.der(), {}}}, Seconds(60), false));
  };
  const Told told = wait_for(renewed);
  EXPECT_EQ(told.end.exit_code, 0) << told.lines << told.end.text;
  const Told unknown = wait_for(testing::issue(pki.root, testing::leaf_spec("web.example")));
  EXPECT_EQ(unknown.end.exit_code, kControlInput);
  EXPECT_THAT(unknown.end.text, HasSubstr("no certificate of the issuer"));
  EXPECT_TRUE(find_known_issuer(pki.intermediate.certificate, {}, {{"x", root, "", "", {}}}, {})
                  .has_value())
      << "in the file of a certificate's issuer";
  InventoryOptions with_root;
  with_root.issuers = {dir.file("nowhere.pem"), root};
  EXPECT_TRUE(find_known_issuer(pki.intermediate.certificate, {}, {}, with_root).has_value());
  EXPECT_FALSE(find_known_issuer(leaf.certificate, {}, {}, with_root).has_value());
}

TEST_F(RotationTest, TooManyAreNotWaitedForAtATime) {
  use(put(leaf));
  start();
  const std::vector<control::Pair> many(17, control::Pair{leaf.certificate.der(), {}});
  const Told told = ask(control::wait("web", many, Seconds(60), false));
  EXPECT_EQ(told.end.exit_code, kControlUsage);
  EXPECT_THAT(told.end.text, HasSubstr("one to 16"));
}

TEST_F(RotationTest, ACertificateThatIsNotValidYetIsFetchedFor) {
  const testing::Identity soon = issue(kUrl, kTestNow + Seconds(6 * 3600));
  know(soon);
  use(put(leaf));
  start();
  const Told told = ask(wait_request(soon));
  EXPECT_EQ(told.end.exit_code, 0) << told.lines;
  EXPECT_NE(staple_of(soon), nullptr);
}

TEST_F(RotationTest, OneWhoWaitsInVainIsToldWhy) {
  use(put(leaf));
  start();
  const testing::Identity fresh = issue(kUrl);
  fetcher.fails = true;
  fetcher.on_answered = [this] { clock.advance(Seconds(31)); };
  const Told late = ask(wait_request(fresh, Seconds(30)));
  EXPECT_EQ(late.end.exit_code, 1);
  EXPECT_THAT(late.lines,
              ::testing::AllOf(HasSubstr("not within 30s"), HasSubstr("nobody listens")));
  fetcher.on_answered = {};
  fetcher.fails = false;
  fetcher.status = keeper::revoked();
  const Told revoked = ask(wait_request(renewed));
  EXPECT_EQ(revoked.end.exit_code, 1);
  EXPECT_THAT(revoked.lines, HasSubstr("do not put it into service"));
}

TEST_F(RotationTest, ACertificateThatNeedsNoneHoldsNobodyUp) {
  // Without responders, which a certificate of the same issuer would be asked about at.
  options.certificates.push_back({put(renewed), "", "", "", {}});
  start();
  const testing::Identity plain = issue({});
  const Told told = ask(wait_request(plain));
  EXPECT_EQ(told.end.exit_code, 0) << told.lines;
  EXPECT_THAT(told.lines, HasSubstr("no staple is needed"));
}

// As after a compromise: first the new certificate, then the revocation of the old one.
TEST_F(RotationTest, WhatAReplacedCertificateLeftFollowsWhenItIsRevoked) {
  TargetOptions target;
  target.file = dir.file("target/{name}.der");
  options.targets = {target};
  ASSERT_EQ(check_targets(options.targets), std::nullopt);
  std::filesystem::create_directories(dir.file("target"));
  use(dir.write("web.pem", testing::to_pem({other.certificate, leaf.certificate,
                                            pki.intermediate.certificate})));
  start();
  run_until([this] { return !out_file("web.2").empty(); });
  put(other);
  run_until([this] { return !stapler->status().kept.empty(); });
  ASSERT_EQ(stapler->status().kept.at(0).name, "former/web.2");
  ASSERT_FALSE(out_file("web.2").empty());
  fetcher.status = keeper::revoked();
  ask(control::refresh({"former/web.2"}, Seconds(60), true));
  run_until([this] {
    const auto staple = staple_of(leaf);
    return staple && staple->facts.status == keeper::StapleStatus::kRevoked;
  });
  const auto news = staple_of(leaf);
  run_until([&] { return equal(out_file("web.2"), news->der()); });
  run_until([&] {
    const auto content = read_file(dir.file("target/web.2.der"), 1 << 20);
    return content && equal(*content, news->der());
  });
}

// The first target of its kind may come by SIGHUP, as a certificate does.
TEST_F(RotationTest, WhatNewTargetsAskOfShelfAndPlanIsInForceAtOnce) {
  options.keeper.plan.refresh_jitter = 0;
  use(put(leaf));
  start();
  const UnixSeconds end = staple_of(leaf)->facts.expires;
  const auto pause = [this] {
    return stapler->status().certificates.at(0).next_due.value_or(kTestNow) - clock.now();
  };
  const Seconds pause_before = pause();
  TargetOptions reloaded, haproxy;
  reloaded.file = dir.file("web.staple");
  reloaded.reload = {"/bin/true"};
  haproxy.kind = TargetKind::kHaproxy;
  haproxy.socket = dir.file("haproxy.sock");  // nobody is there
  StaplerOptions next = options;
  next.targets = {reloaded, haproxy};
  ASSERT_EQ(check_targets(next.targets), std::nullopt);
  stapler->reload(&next);
  EXPECT_EQ(staple_of(leaf)->facts.expires, end - Seconds(4)) << "five seconds early, not one";
  clock.advance(Seconds(60));
  ask(control::refresh({"web"}, Seconds(60), true));
  EXPECT_LT(pause(), pause_before - Seconds(60)) << "HAProxy makes no use of the last 300 s";
  const UnixSeconds next_end = staple_of(leaf)->facts.expires;
  next.targets.clear();
  stapler->reload(&next);
  EXPECT_EQ(staple_of(leaf)->facts.expires, next_end + Seconds(4));
}

TEST_F(RotationTest, TheStapleIsHandedToTargetsBeforeTheWaitIsOver) {
  TargetOptions target;
  target.file = dir.file("target/{name}.der");
  target.reload = {"/bin/sh", dir.write("reload.sh", "cp " + dir.file("target/web.der") + " " +
                                                         dir.file("loaded"))};
  options.targets = {target};
  ASSERT_EQ(check_targets(options.targets), std::nullopt);
  std::filesystem::create_directories(dir.file("target"));
  use(put(leaf));
  start();
  put(other);
  const Told told = ask(wait_request(other));
  EXPECT_EQ(told.end.exit_code, 0) << told.lines;
  EXPECT_THAT(told.lines, HasSubstr("at its target"));
  EXPECT_TRUE(equal(testing::read_octets(dir.file("loaded")), staple_of(other)->der()));
}

}  // namespace
}  // namespace muster::stapler
