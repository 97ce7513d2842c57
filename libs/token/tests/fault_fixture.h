#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <p11-kit/pkcs11.h>

#include <future>
#include <thread>

#include "muster/testing/eventually.h"
#include "muster/testing/fault_token.h"
#include "muster/testing/pki_builder.h"
#include "muster/token/token_key.h"

namespace muster::token {

using muster::testing::cached_key;
using muster::testing::fault_token;
using muster::testing::FaultToken;
using muster::testing::KeyKind;
using pki::KeyHealth;
using pki::PkiErrc;
using ::testing::HasSubstr;
using ::testing::Not;

using Result = pki::PkiResult<Buffer>;

/// A token of ours with three keys, two sessions and simulated time for the pauses.
class FaultsTest : public ::testing::Test {
 protected:
  FaultsTest() {
    token_.reset();
    token_.add_key("ec", 1, cached_key(KeyKind::kP256).pem);
    token_.add_key("rsa", 2, cached_key(KeyKind::kRsa2048).pem);
    token_.add_key("ed", 3, cached_key(KeyKind::kEd25519).pem);
    options_.sessions = 2;
    options_.deadline = Milliseconds(10'000);  // a test that waits for it says so
    options_.failures_to_pause = 3;
  }
  ~FaultsTest() override {
    token_.let_go();
    key_.reset();
    signer_.reset();
    wait_for_shutdown();
  }

  /// What hung has left the module: the next one finds it as freshly loaded.
  void wait_for_shutdown() const {
    testing::eventually([this] { return token_.counts().finalised >= token_.counts().initialised; },
                        std::chrono::seconds(10));
  }
  /// A PIN file of its own makes the test's pool one of its own, too.
  std::string uri(const std::string& object = "ec") const {
    return "pkcs11:token=fault;object=" + object +
           "?module-path=" MUSTER_FAULT_TOKEN "&pin-source=file:" + dir_.file("pin");
  }
  void load(const std::string& object = "ec") {
    auto key = load_token_key(uri(object), options_, {}, &clock_);
    ASSERT_TRUE(key) << key.error().detail;
    key_.emplace(*std::move(key));
    auto signer = pki::Signer::make(*key_);
    ASSERT_TRUE(signer) << signer.error().detail;
    signer_.emplace(*std::move(signer));
  }
  Result sign() {
    Buffer out;
    if (auto made = signer_->sign(as_bytes("message"), out); !made) {
      return Err{made.error()};
    }
    return out;
  }
  std::future<Result> sign_later() {
    auto promise = std::make_shared<std::promise<Result>>();
    signer_->sign_later(as_bytes("message"),
                        [promise](Result r) { promise->set_value(std::move(r)); });
    return promise->get_future();
  }
  /// Three failures: the breaker is open.
  void break_key() {
    token_.fail_sign(CKR_DEVICE_ERROR, -1);
    for (int i = 0; i < 3; ++i) {
      ASSERT_FALSE(sign());
    }
    ASSERT_EQ(key_->remote()->health(), KeyHealth::kFailing);
  }

  muster::testing::TempDir dir_;
  std::string pin_path_ = dir_.write("pin", "1234\n");
  muster::testing::FakeClock clock_;
  FaultToken& token_ = fault_token(MUSTER_FAULT_TOKEN);
  TokenOptions options_;
  std::optional<pki::PrivateKey> key_;
  std::optional<pki::Signer> signer_;
};

}  // namespace muster::token
