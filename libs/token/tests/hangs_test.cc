#include <filesystem>

#include "fault_fixture.h"
#include "registry.h"

// A call into the module that does not come back takes one thread, and nothing else with it.
namespace muster::token {
namespace {

using Call = FaultToken::Call;
using Loaded = pki::PkiResult<pki::PrivateKey>;

/// What is awaited here happens at once or never; "never" ends the test instead of hanging it.
constexpr std::chrono::seconds kNever{30};
/// For signatures that are to be late; the call that hangs must have begun by then.
constexpr Milliseconds kShort{500};

class HangsTest : public FaultsTest {
 protected:
  std::future<Loaded> load_later() {
    return std::async(std::launch::async, [this, options = options_] {
      return load_token_key(
          uri(), options, [] { return std::optional<std::string>("1234"); }, &clock_);
    });
  }
  /// What was let go comes back, and the key signs again.
  void expect_signs_again() {
    const auto end = std::chrono::steady_clock::now() + kNever;
    while (!sign()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end);
      clock_.advance(Milliseconds(60'000));
      std::this_thread::yield();
    }
  }
  /// Every session is open and logged in.
  void use_every_session() {
    token_.hang_in(Call::kSign);
    std::vector<std::future<Result>> all;
    for (unsigned i = 0; i < options_.sessions; ++i) {
      all.push_back(sign_later());
      ASSERT_TRUE(token_.wait_for_hanging(i + 1));
    }
    token_.let_go();
    for (auto& one : all) {
      ASSERT_TRUE(one.get());
    }
  }
  /// The module knows no way back but a restart, and the next signature tries that.
  void make_a_restart_due() {
    token_.need_restart();
    while (key_->remote()->health() == KeyHealth::kWell) {
      ASSERT_FALSE(sign());
    }
    clock_.advance(Milliseconds(60'000));
  }
};

TEST_F(HangsTest, AHangingLoginTakesOneSession) {
  options_.deadline = kShort;
  load();
  token_.kill_sessions();
  token_.hang_in(Call::kLogin);
  auto first = sign_later();
  ASSERT_TRUE(token_.wait_for_hanging(1));
  EXPECT_FALSE(sign());
  const auto late = first.get();
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().detail, HasSubstr("C_Login has not come back"));
  // The second session comes back at the deadline, or a little later on a busy machine.
  auto third = sign();
  for (const auto end = std::chrono::steady_clock::now() + kNever;
       std::chrono::steady_clock::now() < end && !third &&
       third.error().detail.find("every session") != std::string::npos;
       third = sign()) {
    std::this_thread::yield();
  }
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, PkiErrc::kUnavailable);
  EXPECT_THAT(third.error().detail, HasSubstr("C_Login")) << "its session is free and says why";

  // Another pool of the same token: it has all the time there is and does not wait for nothing.
  TokenOptions others = options_;
  others.sessions = 1;
  others.load_deadline = std::chrono::seconds(60);
  auto loading =
      std::async(std::launch::async, [&] { return load_token_key(uri(), others, {}, &clock_); });
  const auto came_back = loading.wait_for(kNever);
  token_.let_go();
  ASSERT_EQ(came_back, std::future_status::ready);
  const auto refused = loading.get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, PkiErrc::kUnavailable);
  EXPECT_THAT(refused.error().detail, HasSubstr("C_Login"));
  EXPECT_THAT(refused.error().detail, HasSubstr("restart"));

  expect_signs_again();
  const auto key = load_token_key(uri(), others, {}, &clock_);
  EXPECT_TRUE(key) << key.error().detail;
}

TEST_F(HangsTest, ALoadIsOverInTimeWhileTheModuleHangsInItsStart) {
  options_.load_deadline = kShort;
  token_.hang_in(Call::kInitialise);
  auto first = load_later();
  const bool hangs = token_.wait_for_hanging(1);
  auto second = load_later();
  const auto first_came_back = first.wait_for(kNever);
  const auto second_came_back = second.wait_for(kNever);
  token_.let_go();
  ASSERT_TRUE(hangs);
  ASSERT_EQ(first_came_back, std::future_status::ready);
  ASSERT_EQ(second_came_back, std::future_status::ready);
  for (auto* one : {&first, &second}) {
    const auto key = one->get();
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, PkiErrc::kUnavailable);
    EXPECT_THAT(key.error().detail, HasSubstr("C_Initialize"));
    EXPECT_THAT(key.error().detail, HasSubstr("restart this process"));
  }
  // What was let go needs a moment to come back, and until then nobody waits for it.
  options_.load_deadline = Milliseconds(10'000);
  const auto end = std::chrono::steady_clock::now() + kNever;
  auto key = load_token_key(uri(), options_, {}, &clock_);
  while (!key && std::chrono::steady_clock::now() < end) {
    key = load_token_key(uri(), options_, {}, &clock_);
  }
  EXPECT_TRUE(key) << key.error().detail;
}

// Reloading loads the keys that are in use once more.
TEST_F(HangsTest, AReloadIsOverInTimeWhileTheModuleHangsInItsRestart) {
  options_.deadline = kShort;
  options_.load_deadline = std::chrono::seconds(2);
  load();
  make_a_restart_due();
  token_.hang_in(Call::kInitialise);
  auto probe = sign_later();
  const bool hangs = token_.wait_for_hanging(1);
  auto reload = load_later();
  const auto came_back = reload.wait_for(kNever);
  token_.let_go();
  ASSERT_TRUE(hangs);
  EXPECT_FALSE(probe.get());
  ASSERT_EQ(came_back, std::future_status::ready);
  const auto key = reload.get();
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, PkiErrc::kUnavailable);
  EXPECT_THAT(key.error().detail, HasSubstr("C_Initialize"));
  expect_signs_again();
}

TEST_F(HangsTest, ARestartThatHangsIsAPoolThatHangs) {
  options_.deadline = kShort;
  load();
  const auto rsa = load_token_key(uri("rsa"), options_, {}, &clock_);
  const auto ed = load_token_key(uri("ed"), options_, {}, &clock_);
  ASSERT_TRUE(rsa && ed);
  auto rsa_signer = pki::Signer::make(*rsa);
  auto ed_signer = pki::Signer::make(*ed);
  ASSERT_TRUE(rsa_signer && ed_signer);
  Buffer out;
  token_.need_restart();
  while (rsa->remote()->health() == KeyHealth::kWell) {
    ASSERT_FALSE(rsa_signer->sign(as_bytes("message"), out));
  }
  make_a_restart_due();
  token_.hang_in(Call::kFinalise);
  auto probe = sign_later();
  ASSERT_TRUE(token_.wait_for_hanging(1));
  EXPECT_FALSE(rsa_signer->sign(as_bytes("message"), out)) << "a probe that waits for a session";
  const auto late = probe.get();
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().detail, HasSubstr("C_Finalize"));
  EXPECT_EQ(ed->remote()->health(), KeyHealth::kFailing) << "no session takes its jobs";
  const auto refused = ed_signer->sign(as_bytes("message"), out);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("every session of the token hangs"));
  EXPECT_EQ(ed->remote()->counters().timeouts.load(), 0u) << "refused at once";

  token_.let_go();
  testing::eventually([&] { return ed->remote()->health() == KeyHealth::kWell; }, kNever);
  EXPECT_EQ(key_->remote()->health(), KeyHealth::kFailing) << "its probe failed";
  EXPECT_EQ(rsa->remote()->health(), KeyHealth::kFailing) << "the one that waited failed, too";
  expect_signs_again();
}

// A probe that closes everybody's sessions, and sessions that leave, must not close the same one.
TEST_F(HangsTest, ASessionIsClosedOnceWhenTheKeyGoesDuringARestart) {
  options_.sessions = 3;
  options_.failures_to_pause = 1;
  load();
  use_every_session();
  make_a_restart_due();
  const unsigned before = token_.counts().closes;
  // Two sessions are open. Whichever thread gets the probe, the restart closes the second of them.
  token_.hang_in(Call::kClose, 2);
  auto probe = sign_later();
  ASSERT_TRUE(token_.wait_for_hanging(1));
  signer_.reset();
  key_.reset();
  EXPECT_EQ(token_.counts().closes - before, 2u);
  EXPECT_FALSE(probe.get());
  token_.let_go();
}

// Whoever may write a URI into the signers' directory could otherwise use up the token's tries.
TEST_F(HangsTest, AWrongPinIsTriedOnceHoweverTheTokenIsNamed) {
  token_.set_pin("other");
  const std::string link = dir_.file("module.so");
  std::filesystem::create_symlink(MUSTER_FAULT_TOKEN, link);
  std::vector<std::string> spellings;
  for (const std::string& token :
       {std::string("token=fault"), "serial=" + token_.serial(), std::string("slot-id=7"),
        std::string("token=fault;manufacturer=muster"), std::string("model=test;token=fault")}) {
    spellings.push_back(
        "pkcs11:" + token +
        ";object=ec?module-path=" MUSTER_FAULT_TOKEN "&pin-source=file:" + pin_path_);
  }
  spellings.push_back("pkcs11:token=fault;object=ec?module-path=" + link +
                      "&pin-source=file:" + pin_path_);
  for (const std::string& spelling : spellings) {
    const auto key = load_token_key(spelling, options_, {}, &clock_);
    ASSERT_FALSE(key) << spelling;
    EXPECT_EQ(key.error().code, PkiErrc::kWrongPassphrase) << spelling;
  }
  EXPECT_EQ(token_.counts().wrong_pins, 1u);
  dir_.write("pin", "other\n");
  for (const std::string& spelling : spellings) {
    const auto key = load_token_key(spelling, options_, {}, &clock_);
    EXPECT_TRUE(key) << spelling << ": " << key.error().detail;
  }
}

// As an answer does that waits for its signature while a reload replaces the signers.
TEST_F(HangsTest, TheLastOneToHoldAKeyMayBeTheCallbackThatIsToldOfALateSignature) {
  struct Holder {
    struct Last {
      std::promise<void> gone;
      ~Last() { gone.set_value(); }
    } last;  // goes after the others
    std::optional<pki::PrivateKey> key;
    std::optional<pki::Signer> signer;
  };
  options_.deadline = kShort;
  load();
  auto holder = std::make_shared<Holder>();
  auto gone = holder->last.gone.get_future();
  holder->key = std::exchange(key_, std::nullopt);
  holder->signer.emplace(*std::exchange(signer_, std::nullopt));
  token_.hang_in(Call::kSign);
  pki::Signer& signer = *holder->signer;
  signer.sign_later(as_bytes("message"), [holder](const Result&) {});
  ASSERT_TRUE(token_.wait_for_hanging(1));
  holder.reset();
  EXPECT_EQ(gone.wait_for(kNever), std::future_status::ready);
}

// That may be an event loop, or whoever handles SIGTERM.
TEST_F(HangsTest, LettingGoOfTheLastKeyDoesNotHangWithTheModule) {
  for (const Call call : {Call::kClose, Call::kFinalise}) {
    options_.deadline = kShort;
    load();
    token_.hang_in(call);
    auto gone = std::async(std::launch::async, [this] {
      signer_.reset();
      key_.reset();
    });
    const auto came_back = gone.wait_for(kNever);
    const bool hung = token_.wait_for_hanging(1);
    token_.let_go();
    ASSERT_EQ(came_back, std::future_status::ready);
    EXPECT_TRUE(hung);
    wait_for_shutdown();
  }
}

// A delegate's key is loaded again and again until it works.
TEST_F(HangsTest, LoadingAgainAndAgainDoesNotLoseAThreadEachTime) {
  options_.sessions = 1;
  options_.load_deadline = Milliseconds(200);  // it hangs by then: one that is late only comes back
  token_.hang_in(Call::kOpen);
  const auto load_until = [&](const char* says) {
    const auto end = std::chrono::steady_clock::now() + kNever;
    auto key = load_token_key(uri(), options_, {}, &clock_);
    while (!key && key.error().detail.find(says) == std::string::npos &&
           std::chrono::steady_clock::now() < end) {
      EXPECT_EQ(key.error().code, PkiErrc::kUnavailable);
      key = load_token_key(uri(), options_, {}, &clock_);
    }
    return key;
  };
  // One hangs. From now on nobody waits for the whole time that loading may take.
  while (ModuleUse::of(*KeyUri::parse(uri())).lost == 0) {
    ASSERT_FALSE(load_token_key(uri(), options_, {}, &clock_));
  }
  options_.load_deadline = std::chrono::minutes(1);
  options_.deadline = Milliseconds(50);
  const auto refused = load_until("no more are begun");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("threads hang"));
  EXPECT_THAT(refused.error().detail, HasSubstr(MUSTER_FAULT_TOKEN));
  // The others are late and end by themselves, on a busy machine.
  EXPECT_TRUE(token_.wait_for_hanging(kMaxLostThreads / 2));
  token_.let_go();
  options_.load_deadline = options_.deadline = Milliseconds(10'000);
  const auto key = load_until("nothing that is ever said");
  EXPECT_TRUE(key) << "they came back: " << key.error().detail;
}

}  // namespace
}  // namespace muster::token
