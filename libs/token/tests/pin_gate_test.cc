#include "pin_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

namespace muster::token {
namespace {

using pki::PkiErrc;

/// A module of which only C_Login is there; it answers as told and counts. PKCS#11 functions take
/// no context: hence static.
class PinGateTest : public ::testing::Test {
 protected:
  PinGateTest() {
    answer_ = CKR_OK;
    logins_ = 0;
    module_.C_Login = [](CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR*, CK_ULONG) -> CK_RV {
      ++logins_;
      return answer_;
    };
  }
  pki::PkiResult<Unit> login(const std::string& pin) {
    return gate_.login(
        module_, 1, CKU_USER, uri_, [pin] { return std::optional(pin); },
        std::chrono::steady_clock::now() + wait_);
  }

  Milliseconds wait_{60'000};
  static inline CK_RV answer_ = CKR_OK;
  static inline int logins_ = 0;
  CK_FUNCTION_LIST module_{};
  KeyUri uri_ = *KeyUri::parse("pkcs11:token=t;object=o");
  PinGate gate_;
};

TEST_F(PinGateTest, AWrongPinIsTriedOnce) {
  for (const CK_RV wrong : {CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE}) {
    const std::string pin = "wrong" + std::to_string(wrong);
    answer_ = wrong;
    logins_ = 0;
    for (int i = 0; i < 3; ++i) {
      const auto refused = login(pin);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, PkiErrc::kWrongPassphrase);
    }
    EXPECT_EQ(logins_, 1) << wrong;
  }
}

// Two places with a wrong PIN each, tried in turn, would lock the token if only the last one were
// remembered.
TEST_F(PinGateTest, SeveralWrongPinsAreTriedOnceEach) {
  answer_ = CKR_PIN_INCORRECT;
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(login("one"));
    EXPECT_FALSE(login("two"));
  }
  EXPECT_EQ(logins_, 2);
  answer_ = CKR_OK;
  EXPECT_TRUE(login("right"));
  EXPECT_FALSE(login("one"));
}

TEST_F(PinGateTest, ALockedPinSignsOnceItIsUnlocked) {
  for (const CK_RV mended :
       {CKR_PIN_LOCKED, CKR_PIN_EXPIRED, CKR_USER_PIN_NOT_INITIALIZED, CKR_DEVICE_ERROR}) {
    answer_ = mended;
    EXPECT_FALSE(login("right"));
    answer_ = CKR_OK;
    const auto in = login("right");
    EXPECT_TRUE(in) << in.error().detail;
  }
}

TEST_F(PinGateTest, ALoginThatHangsIsNotWaitedForByOthers) {
  static std::promise<void>*entered, *release;
  std::promise<void> in, out;
  entered = &in;
  release = &out;
  module_.C_Login = [](CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR*, CK_ULONG) -> CK_RV {
    ++logins_;
    entered->set_value();
    release->get_future().wait();
    return CKR_PIN_INCORRECT;
  };
  wait_ = Milliseconds(1000);
  auto hanging = std::async(std::launch::async, [&] { return login("wrong"); });
  in.get_future().wait();
  const auto refused = gate_.login(
      module_, 2, CKU_USER, uri_, [] { return std::optional<std::string>("wrong"); },
      std::chrono::steady_clock::now() + std::chrono::hours(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, PkiErrc::kUnavailable);
  EXPECT_THAT(refused.error().detail, ::testing::HasSubstr("C_Login"));
  out.set_value();
  EXPECT_FALSE(hanging.get());
  wait_ = Milliseconds(60'000);
  const auto again = login("wrong");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, PkiErrc::kWrongPassphrase);
  EXPECT_EQ(logins_, 1) << "what came back late is remembered, too";
}

TEST_F(PinGateTest, ATokenIsToldByWhatItSaysOfItself) {
  const auto token = [](const char* label, const char* serial) {
    CK_TOKEN_INFO info{};
    const auto pad = [](auto& field, const std::string& text) {
      std::fill(std::begin(field), std::end(field), CK_UTF8CHAR{' '});
      std::copy(text.begin(), text.end(), std::begin(field));
    };
    pad(info.label, label);
    pad(info.manufacturerID, "PinGateTest");
    pad(info.model, "");
    pad(info.serialNumber, serial);
    return info;
  };
  PinGate& one = PinGate::of(1, token("a", "17"));
  EXPECT_EQ(&PinGate::of(2, token("a", "17")), &one) << "the same in another slot or module";
  EXPECT_NE(&PinGate::of(1, token("a", "18")), &one);
  EXPECT_NE(&PinGate::of(1, token("b", "17")), &one);
  EXPECT_EQ(&PinGate::of(1, token("a", "")), &PinGate::of(1, token("a", "")));
  EXPECT_NE(&PinGate::of(1, token("a", "")), &PinGate::of(2, token("a", "")));
}

}  // namespace
}  // namespace muster::token
