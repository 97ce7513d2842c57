#include <pthread.h>

#include "fault_fixture.h"

// What happens to signatures when the token dies, hangs, lies or comes back.
namespace muster::token {
namespace {

TEST_F(FaultsTest, EveryKindOfKeySigns) {
  for (const char* object : {"ec", "rsa", "ed"}) {
    load(object);
    const auto made = sign();
    EXPECT_TRUE(made) << object << ": " << made.error().detail;
    EXPECT_EQ(key_->remote()->counters().signatures.load(), 1u) << object;
    EXPECT_EQ(key_->remote()->name(), std::string("pkcs11:token=fault;object=") + object);
  }
}

TEST_F(FaultsTest, WeakAndForeignKeysAreToldFromGoodOnes) {
  token_.add_key("weak", 8, cached_key(KeyKind::kRsa1024).pem);
  const auto weak = load_token_key(uri("weak"), options_, {}, &clock_);
  ASSERT_TRUE(weak) << weak.error().detail;
  const auto signer = pki::Signer::make(*weak);
  ASSERT_FALSE(signer);
  EXPECT_EQ(signer.error().code, PkiErrc::kWeakAlgorithm);
  load("ec");
  EXPECT_FALSE(key_->matches(muster::testing::standard_pki().leaf.certificate));
  const auto misfit = pki::Signer::make(*key_, pki::SignatureScheme::kRsaSha256);
  ASSERT_FALSE(misfit);
  EXPECT_EQ(misfit.error().code, PkiErrc::kUnsupportedAlgorithm);
}

TEST_F(FaultsTest, AKeyWithoutPublicHalfIsRefused) {
  token_.add_key("lonely", 9, cached_key(KeyKind::kP256).pem, FaultToken::PublicHalf::kMissing);
  const auto key = load_token_key(uri("lonely"), options_, {}, &clock_);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, PkiErrc::kNotAKey);
  EXPECT_THAT(key.error().detail, HasSubstr("neither its public key nor its certificate"));
}

TEST_F(FaultsTest, LostSessionsAndLoginsAreMadeAnewWithoutAnError) {
  options_.sessions =
      1;  // else one fault may meet the session that still suffers from the one before
  load();
  ASSERT_TRUE(sign());
  token_.kill_sessions();  // CKR_SESSION_HANDLE_INVALID
  EXPECT_TRUE(sign());
  token_.log_out();  // CKR_USER_NOT_LOGGED_IN
  EXPECT_TRUE(sign());
  token_.fail_sign(CKR_DEVICE_REMOVED, 1);
  EXPECT_TRUE(sign());
  token_.fail_sign(CKR_GENERAL_ERROR, 1);
  EXPECT_TRUE(sign());
  EXPECT_EQ(key_->remote()->counters().failures.load(), 0u);
  EXPECT_EQ(key_->remote()->health(), KeyHealth::kWell);
  EXPECT_LE(token_.counts().sessions_open, options_.sessions);
}

TEST_F(FaultsTest, TheLastErrorNamesFunctionAndCode) {
  load();
  EXPECT_EQ(key_->remote()->last_error(), "");
  break_key();
  EXPECT_THAT(key_->remote()->last_error(),
              AllOf(HasSubstr("token=fault;object=ec"), HasSubstr("C_Sign"),
                    HasSubstr("CKR_DEVICE_ERROR"), Not(HasSubstr("1234"))));
}

TEST_F(FaultsTest, SessionDyingInFlightHeals) {
  load();
  token_.set_hanging(true);
  auto first = sign_later();
  ASSERT_TRUE(token_.wait_for_hanging(1));
  token_.kill_sessions();
  token_.set_hanging(false);
  const auto made = first.get();
  EXPECT_TRUE(made) << made.error().detail;
}

TEST_F(FaultsTest, AWrongSignatureIsNeverHandedOut) {
  load();
  token_.set_corrupt(true);
  const auto wrong = sign();
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().detail, HasSubstr("does not verify"));
  EXPECT_EQ(key_->remote()->counters().bad_signatures.load(), 2u) << "one, and one more try";
  token_.set_corrupt(false);
  EXPECT_TRUE(sign());
}

TEST_F(FaultsTest, WhatCanNeverWorkIsNotTriedAgain) {
  load();
  const unsigned before = token_.counts().signs;
  token_.fail_sign(CKR_KEY_FUNCTION_NOT_PERMITTED, 1);
  const auto made = sign();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, PkiErrc::kSigningFailed);
  EXPECT_THAT(made.error().detail, HasSubstr("CKA_SIGN"));
  EXPECT_EQ(token_.counts().signs, before + 1);
}

TEST_F(FaultsTest, TheDeadlineHoldsWhateverTheTokenDoes) {
  options_.deadline = Milliseconds(500);  // the job must have begun by then
  options_.sessions = 1;
  load();
  token_.set_hanging(true);
  const auto late = sign();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, PkiErrc::kUnavailable);
  EXPECT_THAT(late.error().detail, HasSubstr("in time"));
  EXPECT_EQ(key_->remote()->counters().timeouts.load(), 1u);
  // Its one session hangs: nothing more is begun, and nobody waits for nothing.
  EXPECT_EQ(key_->remote()->health(), KeyHealth::kFailing);
  const auto refused = sign();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("hangs"));
  EXPECT_EQ(token_.counts().signs, 1u);

  token_.set_hanging(false);  // the call comes back after all
  while (key_->remote()->health() != KeyHealth::kWell) {
    std::this_thread::yield();
  }
  while (!sign()) {  // the machine may be busy
  }
}

TEST_F(FaultsTest, JobsBeyondTheQueueAreRefusedAtOnce) {
  options_.max_waiting = 3;
  load();
  token_.set_hanging(true);
  std::vector<std::future<Result>> taken;
  for (unsigned i = 0; i < options_.sessions; ++i) {
    taken.push_back(sign_later());
    ASSERT_TRUE(token_.wait_for_hanging(i + 1));
  }
  for (std::size_t i = 0; i < options_.max_waiting; ++i) {
    taken.push_back(sign_later());
  }
  auto refused = sign_later();
  ASSERT_EQ(refused.wait_for(Milliseconds(0)), std::future_status::ready);
  EXPECT_THAT(refused.get().error().detail, HasSubstr("too many jobs"));
  EXPECT_EQ(key_->remote()->counters().refused_busy.load(), 1u);
  EXPECT_EQ(key_->remote()->health(), KeyHealth::kWell) << "busy is not broken";
  token_.set_hanging(false);
  for (auto& one : taken) {
    EXPECT_TRUE(one.get());
  }
  EXPECT_EQ(token_.counts().most_at_once, options_.sessions);
}

TEST_F(FaultsTest, AFailingKeyIsLeftAloneAndTriedAgainLater) {
  load();
  break_key();
  const unsigned signs = token_.counts().signs;
  const auto refused = sign();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, PkiErrc::kUnavailable);
  EXPECT_THAT(refused.error().detail, HasSubstr("tried again in 1000 ms"));
  EXPECT_EQ(token_.counts().signs, signs) << "the token was not asked";
  EXPECT_EQ(key_->remote()->counters().refused_failing.load(), 1u);

  clock_.advance(Milliseconds(1000));
  EXPECT_EQ(key_->remote()->health(), KeyHealth::kProbeDue);
  ASSERT_FALSE(sign());
  EXPECT_EQ(key_->remote()->health(), KeyHealth::kFailing);
  clock_.advance(Milliseconds(2000));
  token_.fail_sign(CKR_OK, 0);
  EXPECT_TRUE(sign());
  EXPECT_EQ(key_->remote()->health(), KeyHealth::kWell);
}

TEST_F(FaultsTest, ATokenThatWasAwayIsFoundAgain) {
  load();
  token_.set_removed(true);
  for (int i = 0; i < 3; ++i) {
    const auto made = sign();
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().detail, HasSubstr("no token that fits"));
  }
  token_.set_removed(false);
  clock_.advance(Milliseconds(1000));
  const auto made = sign();
  EXPECT_TRUE(made) << made.error().detail;
}

TEST_F(FaultsTest, AModuleThatNeedsARestartGetsOne) {
  load();
  ASSERT_TRUE(sign());
  const unsigned before = token_.counts().initialised;
  token_.need_restart();
  for (int i = 0; i < 3; ++i) {
    ASSERT_FALSE(sign());
  }
  EXPECT_EQ(token_.counts().initialised, before);
  clock_.advance(Milliseconds(1000));
  const auto made = sign();
  EXPECT_TRUE(made) << made.error().detail;
  EXPECT_EQ(token_.counts().initialised, before + 1);
}

TEST_F(FaultsTest, ManySessionsTryAWrongPinOnce) {
  load();
  ASSERT_TRUE(sign());
  token_.set_pin("other");
  token_.kill_sessions();
  std::vector<std::future<Result>> all;
  for (int i = 0; i < 6; ++i) {
    all.push_back(sign_later());
  }
  for (auto& one : all) {
    const auto made = one.get();
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().detail, Not(HasSubstr("1234")));
  }
  EXPECT_EQ(token_.counts().wrong_pins, 1u) << "a token locks itself after a few";
  dir_.write("pin", "other\n");
  clock_.advance(Milliseconds(60'000));
  const auto made = sign();
  EXPECT_TRUE(made) << made.error().detail;
  EXPECT_EQ(token_.counts().wrong_pins, 1u);
}

TEST_F(FaultsTest, KeysThatWantThePinForEachSignatureGetIt) {
  token_.set_always_authenticate(true);
  load();
  EXPECT_TRUE(sign());
  EXPECT_TRUE(sign());
  EXPECT_GE(token_.counts().logins, 3u);
}

TEST_F(FaultsTest, KeysOfOneTokenShareItsSessions) {
  load("ec");
  const auto other = load_token_key(uri("rsa"), options_, {}, &clock_);
  ASSERT_TRUE(other);
  auto rsa = pki::Signer::make(*other);
  ASSERT_TRUE(rsa);
  Buffer out;
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(sign());
    EXPECT_TRUE(rsa->sign(as_bytes("message"), out));
  }
  EXPECT_LE(token_.counts().sessions_opened, options_.sessions);
  // One key's trouble is not the other's.
  break_key();
  EXPECT_EQ(other->remote()->health(), KeyHealth::kWell);
}

TEST_F(FaultsTest, LettingGoOfAKeyEndsWhatIsUnderWay) {
  options_.deadline = Milliseconds(1'000);
  load();
  token_.set_hanging(true);
  auto running = sign_later();
  ASSERT_TRUE(token_.wait_for_hanging(1));
  auto second = sign_later();
  ASSERT_TRUE(token_.wait_for_hanging(2));
  auto waiting = sign_later();
  signer_.reset();
  key_.reset();
  for (auto* one : {&running, &second, &waiting}) {
    ASSERT_EQ(one->wait_for(std::chrono::seconds(0)), std::future_status::ready);
    EXPECT_FALSE(one->get());
  }
  token_.set_hanging(false);  // the threads that hung end by themselves
}

TEST_F(FaultsTest, LoadingHasADeadlineOfItsOwn) {
  options_.load_deadline = Milliseconds(30);
  token_.hang_in(FaultToken::Call::kOpen);
  const auto key = load_token_key(uri(), options_, {}, &clock_);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, PkiErrc::kUnavailable);
  EXPECT_THAT(key.error().detail, HasSubstr("in time"));
  token_.let_go();
}

TEST_F(FaultsTest, ATokenWithoutSessionsLeftSaysSo) {
  token_.fail_open(CKR_SESSION_COUNT);
  const auto key = load_token_key(uri(), options_, {}, &clock_);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, PkiErrc::kUnavailable);
  EXPECT_THAT(key.error().detail, HasSubstr("CKR_SESSION_COUNT"));
}

TEST_F(FaultsTest, ASystemWithoutThreadsIsAnErrorAndNotTheEnd) {
  pthread_attr_t before, huge;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(pthread_attr_init(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, std::size_t{1} << 50), 0) << "more than there can be";
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  const auto refused = load_token_key(uri(), options_, {}, &clock_);
  ASSERT_EQ(pthread_setattr_default_np(&before), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, PkiErrc::kUnavailable);
  EXPECT_THAT(refused.error().detail, HasSubstr("token_sessions"));
  load();
  EXPECT_TRUE(sign());
}

// Two issuers, say, and one of them has the wrong key_pass: nobody notices while the token is
// logged in.
TEST_F(FaultsTest, AWrongPinOfOneKeyIsNotThatOfItsNeighbours) {
  const auto key = [&](const std::string& object, const char* pin) {
    return load_token_key(
        "pkcs11:token=fault;object=" + object + "?module-path=" MUSTER_FAULT_TOKEN, options_,
        [pin] { return std::optional<std::string>(pin); }, &clock_);
  };
  const auto right = key("ec", "1234");
  ASSERT_TRUE(right) << right.error().detail;
  const auto wrong = key("rsa", "4321");
  ASSERT_TRUE(wrong) << wrong.error().detail;
  auto signer = pki::Signer::make(*right);
  auto misled = pki::Signer::make(*wrong);
  ASSERT_TRUE(signer && misled);
  token_.kill_sessions();
  Buffer out;
  const auto refused = misled->sign(as_bytes("message"), out);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, PkiErrc::kWrongPassphrase);
  const auto made = signer->sign(as_bytes("message"), out);
  EXPECT_TRUE(made) << made.error().detail;
  EXPECT_EQ(token_.counts().wrong_pins, 1u);
}

// Keys without a PIN of their own profit from that of a neighbour.
TEST_F(FaultsTest, OnePinServesAllKeysOfAToken) {
  const std::string rest = "?module-path=" MUSTER_FAULT_TOKEN;
  const auto with = load_token_key(
      "pkcs11:token=fault;object=ec" + rest, options_,
      [] { return std::optional<std::string>("1234"); }, &clock_);
  const auto without =
      load_token_key("pkcs11:token=fault;object=rsa" + rest, options_, {}, &clock_);
  ASSERT_TRUE(with && without);
  auto signer = pki::Signer::make(*without);
  ASSERT_TRUE(signer);
  token_.kill_sessions();
  Buffer out;
  const auto made = signer->sign(as_bytes("message"), out);
  EXPECT_TRUE(made) << made.error().detail;
}

TEST_F(FaultsTest, ATokenThatIsNotFoundSaysWhatWasSeenInstead) {
  token_.fail_info(CKR_DEVICE_ERROR);
  auto key = load_token_key(uri(), options_, {}, &clock_);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, PkiErrc::kUnavailable);
  EXPECT_THAT(key.error().detail, HasSubstr("slot 7: C_GetTokenInfo: CKR_DEVICE_ERROR"));
  token_.fail_info(CKR_OK);
  token_.set_slots(1025);
  key = load_token_key(uri(), options_, {}, &clock_);
  ASSERT_FALSE(key) << "more slots than are looked at";
  EXPECT_THAT(key.error().detail, HasSubstr("C_GetSlotList: CKR_BUFFER_TOO_SMALL"));
  token_.set_slots(1024);
  load();
  EXPECT_TRUE(sign());
}

}  // namespace
}  // namespace muster::token
