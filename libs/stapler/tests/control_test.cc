#include "muster/stapler/control.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "muster/net/address.h"
#include "muster/stapler/history.h"
#include "stapler_world.h"

// What operators tell a running stapler (docs/formats/stapler-control.md, decision 053).
namespace muster::stapler {
namespace {

using ::testing::HasSubstr;
using How = ControlEnd::How;

class ControlTest : public StaplerWorld {
 protected:
  void SetUp() override {
    use(put(leaf));
    use(put(other, "shop.pem"));
    start();
  }
  void restart() {
    end();
    is_ready = false;
    start();
  }
  [[nodiscard]] Buffer response(std::int64_t from, std::int64_t until,
                                ocsp::CertStatus status = ocsp::Good{}) const {
    return keeper::make_response(leaf, {from, until}, status);
  }
  [[nodiscard]] bool offers(const Buffer& octets) const {
    const auto staple = staple_of(leaf);
    return staple && equal(staple->der(), octets);
  }
  [[nodiscard]] std::string history(const std::string& certificate = "web") const {
    const auto events = read_history(options.shelf, {certificate, 0});
    return events ? render_history(*events) : events.error();
  }
};

TEST_F(ControlTest, TheSocketIsForItsOwnerAlone) {
  struct stat info {};
  ASSERT_EQ(::stat((options.shelf + "/control.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  end();
  EXPECT_NE(::stat((options.shelf + "/control.sock").c_str(), &info), 0) << "gone with it";
  EXPECT_EQ(ask_stapler(options.shelf, "{}", Seconds(5), {}).how, How::kNobody);
}

TEST_F(ControlTest, RefreshAsksAtOnceAndTellsWhatCameOfIt) {
  const std::size_t asked = fetcher.asked;
  const Told told = ask(control::refresh({"web"}, Seconds(60), true));
  EXPECT_EQ(told.end.exit_code, 0) << told.end.text;
  EXPECT_THAT(told.lines, HasSubstr("web: no newer than the one held (http://ocsp.example/"));
  EXPECT_EQ(fetcher.asked, asked + 1);
  EXPECT_THAT(history(), HasSubstr("nothing-newer"));
  fetcher.fails = true;
  const Told failed = ask(control::refresh({"web", "shop"}, Seconds(60), true));
  EXPECT_EQ(failed.end.exit_code, 1);
  EXPECT_THAT(failed.lines, ::testing::AllOf(HasSubstr("web: "), HasSubstr("shop: ")));
}

TEST_F(ControlTest, AFingerprintNamesACertificateToo) {
  const std::string id = to_hex(leaf.certificate.fingerprint());
  EXPECT_EQ(ask(control::refresh({id}, Seconds(60), false)).end.exit_code, 0);
  const Told nobody = ask(control::refresh({"wev"}, Seconds(60), true));
  EXPECT_EQ(nobody.end.exit_code, kControlInput);
  EXPECT_THAT(nobody.end.text, HasSubstr("'wev'"));
}

TEST_F(ControlTest, OneRequestNamesNotTooMany) {
  const std::vector<std::string> many(1001, "web");
  const Told told = ask(control::refresh(many, Seconds(60), false));
  EXPECT_EQ(told.end.exit_code, kControlUsage);
  EXPECT_THAT(told.end.text, HasSubstr("at most 1000"));
}

TEST_F(ControlTest, AStagedCertificateIsAskedAboutWhereThoseOfItsIssuerAre) {
  const testing::Identity plain = issue({});  // does not say where to ask; the configuration does
  know(plain);
  const Told told = ask(wait_request(plain));
  EXPECT_EQ(told.end.exit_code, 0) << told.lines;
  EXPECT_THAT(told.lines, HasSubstr("not in the inventory yet"));
  EXPECT_NE(staple_of(plain), nullptr);
}

TEST_F(ControlTest, AFileOfTheInventoryThatWasNotTakenUpIsWaitedFor) {
  fetcher.on_answered = [this] { clock.advance(Seconds(31)); };
  const Told told = ask(control::wait(
      "web", {{renewed.certificate.der(), pki.intermediate.certificate.der()}}, Seconds(30), false,
      dir.file("web.pem")));  // which the stapler sees another certificate in
  fetcher.on_answered = {};
  EXPECT_EQ(told.end.exit_code, 1);
  EXPECT_THAT(told.lines, ::testing::AllOf(HasSubstr("not within 30s"),
                                           HasSubstr("has not taken the certificate up")));
}

TEST_F(ControlTest, APinIsOnOfferAndInTheFileOverARestartUntilItEnds) {
  const Buffer older = response(-7200, 86400);
  const Told told = ask(control::pin("web", older, "file:good.der", clock.now() + Seconds(3600)));
  ASSERT_EQ(told.end.exit_code, 0) << told.end.text;
  EXPECT_TRUE(offers(older));
  EXPECT_TRUE(equal(out_file(), older));
  ask(control::refresh({"web"}, Seconds(60), true));
  EXPECT_TRUE(offers(older));
  restart();
  EXPECT_TRUE(offers(older));
  EXPECT_TRUE(stapler->status().certificates.at(0).pin);
  EXPECT_EQ(ask(control::unpin("web")).end.exit_code, 0);
  EXPECT_FALSE(offers(older));
  EXPECT_TRUE(has_out_file_of(leaf));
  EXPECT_EQ(ask(control::unpin("web")).end.exit_code, 1) << "there was none";
  EXPECT_THAT(history(), ::testing::AllOf(HasSubstr("pin "), HasSubstr("unpin")));
}

TEST_F(ControlTest, WhatDoesNotVerifyOrHidesARevocationIsNotPinned) {
  const UnixSeconds until = clock.now() + Seconds(3600);
  Buffer damaged = response(-7200, 86400);
  damaged[damaged.size() / 2] ^= 1;
  const Buffer foreign = keeper::make_response(other);
  for (const Buffer& bad : {damaged, foreign, response(-7200, -10), Buffer(3, 'x'),
                            response(-7200, 86400, keeper::revoked())}) {
    const Told told = ask(control::pin("web", bad, "file:x", until));
    EXPECT_EQ(told.end.exit_code, kControlInput);
    EXPECT_THAT(told.end.text, HasSubstr("not pinned"));
    EXPECT_FALSE(stapler->status().certificates.at(0).pin);
  }
  ASSERT_EQ(ask(control::pin("web", response(-7200, 86400), "file:x", until)).end.exit_code, 0);
  fetcher.status = keeper::revoked();
  ask(control::refresh({"web"}, Seconds(60), true));
  EXPECT_EQ(staple_of(leaf)->facts.status, keeper::StapleStatus::kRevoked);
  EXPECT_EQ(ask(control::pin("web", response(-7200, 86400), "file:x", until)).end.exit_code,
            kControlInput);
}

TEST_F(ControlTest, APauseHoldsOverARestartAndEndsByItself) {
  const Told told = ask(control::pause({"web"}, Seconds(600)));
  ASSERT_EQ(told.end.exit_code, 0) << told.end.text;
  const Told refused = ask(control::refresh({"web"}, Seconds(60), true));
  EXPECT_EQ(refused.end.exit_code, 1);
  EXPECT_THAT(refused.lines, HasSubstr("paused"));
  restart();
  EXPECT_TRUE(stapler->status().certificates.at(0).paused);
  EXPECT_FALSE(stapler->status().certificates.at(1).paused);
  EXPECT_NE(staple_of(leaf), nullptr);
  clock.advance(Seconds(600));
  run_until([this] { return !stapler->status().certificates.at(0).paused; });
  EXPECT_THAT(history(), HasSubstr("resume"));
}

TEST_F(ControlTest, PauseAllAndResume) {
  ASSERT_EQ(ask(control::pause({}, std::nullopt)).end.exit_code, 0);
  EXPECT_TRUE(stapler->status().all_paused);
  const Told still = ask(control::resume({"web"}));
  EXPECT_EQ(still.end.exit_code, 1);
  EXPECT_THAT(still.end.text, HasSubstr("--all"));
  EXPECT_EQ(ask(control::resume({})).end.exit_code, 0);
  EXPECT_FALSE(stapler->status().all_paused);
  EXPECT_EQ(ask(control::refresh({"web"}, Seconds(60), true)).end.exit_code, 0);
}

TEST_F(ControlTest, AnswersFromFilesAreVerifiedAndHeld) {
  ASSERT_EQ(ask(control::pause({}, std::nullopt)).end.exit_code, 0);
  clock.advance(Seconds(1000));
  const Buffer newer = response(900, 90'000);
  const Told told = ask(control::import(newer, "file:web.der"));
  EXPECT_EQ(told.end.exit_code, 0) << told.lines;
  EXPECT_THAT(told.lines, HasSubstr("web: taken (good"));
  EXPECT_TRUE(offers(newer));
  EXPECT_EQ(ask(control::import(newer, "file:web.der")).end.exit_code, 0) << "it is held";
  Buffer damaged = newer;
  damaged[damaged.size() - 3] ^= 1;
  const testing::Identity stranger =
      testing::issue(pki.intermediate, testing::leaf_spec("stranger.example"));
  for (const Buffer& bad :
       {damaged, Buffer{}, response(-7200, -10), keeper::make_response(stranger),
        ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater), response(-3600, 90'000)}) {
    EXPECT_EQ(ask(control::import(bad, "file:x")).end.exit_code, kControlInput);
    EXPECT_TRUE(offers(newer));
  }
}

TEST_F(ControlTest, RubbishIsRefusedAndTheNextRequestIsDone) {
  const std::string deep(100'000, '[');
  for (const std::string& bad :
       {std::string(), std::string("x"), std::string("[]"), std::string("{}"), deep,
        std::string(R"({"command":"fly"})"), std::string(R"({"command":7})"),
        std::string(R"({"command":"refresh","certificates":7})"),
        std::string(R"({"command":"refresh","certificates":[7]})"),
        R"({"command":"refresh","certificates":)" + std::string(1'500'000, '[') +
            std::string(1'500'000, ']') + '}',
        std::string(R"({"command":"pin","certificate":"web"})"),
        std::string(R"({"command":"import"})"), std::string(R"({"command":"wait"})"),
        std::string(R"({"command":"wait","certificates":[{"certificate":"AA=="}]})"),
        std::string(R"({"command":"wait","certificates":[7],"timeout":-1})")}) {
    const Told told = ask(bad);
    ASSERT_EQ(told.end.how, How::kAnswered) << bad.substr(0, 80);
    EXPECT_NE(told.end.exit_code, 0) << bad.substr(0, 80);
  }
  EXPECT_EQ(ask(std::string(4 << 20, ' ')).end.exit_code, kControlUsage) << "too long";
  EXPECT_EQ(ask(control::refresh({}, Seconds(60), false)).end.exit_code, 0);
}

TEST_F(ControlTest, AShelfWhosePathIsLongCanBeControlledToo) {
  end();
  options.shelf = dir.file(std::string(100, 'a') + "/" + std::string(100, 'b'));
  ::mkdir(dir.file(std::string(100, 'a')).c_str(), 0755);
  is_ready = false;
  start();
  EXPECT_EQ(ask(control::refresh({"web"}, Seconds(60), true)).end.exit_code, 0);
}

TEST_F(ControlTest, ManyWhoSayNothingKeepNobodyOutForGood) {
  std::vector<UniqueFd> silent;
  const auto address = net::SocketAddress::parse("unix:" + options.shelf + "/control.sock");
  for (int i = 0; i < 32; ++i) {
    silent.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(silent.back().get(), address->data(), address->size()), 0);
    loop.after(Milliseconds(1), [this] { loop.stop(); });
    loop.run();
  }
  const Told busy = ask(control::refresh({}, Seconds(60), false));
  EXPECT_EQ(busy.end.exit_code, kControlBusy) << busy.end.text;
  silent.clear();
  loop.after(Milliseconds(1), [this] { loop.stop(); });
  loop.run();
  EXPECT_EQ(ask(control::refresh({}, Seconds(60), false)).end.exit_code, 0);
}

TEST(AskStapler, OneThatTakesNobodyUpIsNotWaitedForForEver) {
  const testing::TempDir dir;
  const auto address = net::SocketAddress::parse("unix:" + dir.file("control.sock"));
  ASSERT_TRUE(address);
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), address->data(), address->size()), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  std::vector<UniqueFd> queued;
  do {
    queued.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  } while (queued.size() < 64 &&
           ::connect(queued.back().get(), address->data(), address->size()) == 0);
  const ControlEnd end = ask_stapler(dir.path(), "{}", Milliseconds(50), {});
  EXPECT_EQ(end.how, How::kFailed);
  EXPECT_THAT(end.text, HasSubstr("takes no conversation up"));
}

}  // namespace
}  // namespace muster::stapler
