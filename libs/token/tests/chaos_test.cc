#include <filesystem>
#include <random>

#include "fault_fixture.h"
#include "muster/der/der.h"
#include "muster/der/pkix.h"

// Everything that goes wrong, in any order. Whatever happens: every call returns by its deadline,
// no signature comes out that does not verify, and when the token is well again, so is the key.
namespace muster::token {
namespace {

using Call = FaultToken::Call;
using std::chrono::steady_clock;

constexpr Milliseconds kRunTime{2'500};
constexpr unsigned kThreads = 4;
/// A busy machine wakes threads late. A call that is not back by then never comes back.
constexpr std::chrono::seconds kLate{10};

class ChaosTest : public FaultsTest {
 protected:
  ChaosTest() {
    token_.add_key("chaos", 4, identity_.key_pem);
    options_.sessions = 3;
    options_.deadline = Milliseconds(40);
    options_.max_waiting = 8;
    options_.pause_first = Milliseconds(1'000);
  }

  /// One signature after the other, each judged, until told to stop.
  void sign_on(unsigned number) {
    auto signer = pki::Signer::make(*key_);  // each thread has its own
    ASSERT_TRUE(signer) << signer.error().detail;
    for (unsigned i = 0; !stop_.load(); ++i) {
      const std::string message = std::to_string(number) + " " + std::to_string(i);
      auto promise = std::make_shared<std::promise<Result>>();
      auto made = promise->get_future();
      signer->sign_later(as_bytes(message),
                         [promise](Result r) { promise->set_value(std::move(r)); });
      if (made.wait_for(options_.deadline + kLate) != std::future_status::ready) {
        ++never_back_;
        break;
      }
      const Result result = made.get();
      const std::lock_guard lock(mutex_);
      ++(result ? signed_ : failed_);
      if (result && !verifies(message, *result)) {
        ++wrong_;
      }
      progress_.notify_all();
    }
  }
  bool verifies(const std::string& message, const Buffer& signature) const {
    der::Reader in(signer_->algorithm());
    const auto algorithm = der::read_algorithm(in, "algorithm");
    return algorithm &&
           pki::verify_signature(*algorithm, as_bytes(message), signature, identity_.certificate);
  }
  /// Until `calls` more came back, or one of them because its time was up.
  void let_calls_come_back(unsigned calls) {
    std::unique_lock lock(mutex_);
    const unsigned enough = signed_ + failed_ + calls;
    const auto timeouts = key_->remote()->counters().timeouts.load();
    progress_.wait_for(lock, kLate, [&] {
      return signed_ + failed_ >= enough || key_->remote()->counters().timeouts.load() > timeouts;
    });
  }
  /// The PIN file is replaced in one step, as whoever maintains it should.
  void write_pin(const std::string& pin) {
    std::filesystem::rename(dir_.write("pin.new", pin + "\n"), pin_path_);
  }
  void do_harm(std::mt19937& random) {
    const auto any = [&](unsigned bound) {
      return std::uniform_int_distribution<unsigned>(0, bound - 1)(random);
    };
    static constexpr CK_RV kErrors[] = {CKR_DEVICE_ERROR, CKR_SESSION_HANDLE_INVALID,
                                        CKR_KEY_HANDLE_INVALID, CKR_GENERAL_ERROR};
    switch (any(9)) {
      case 0:
      case 1: {
        const auto call = static_cast<Call>(any(6));
        if (call == Call::kLogin || call == Call::kOpen) {
          token_.kill_sessions();
        } else if (call == Call::kFinalise || call == Call::kInitialise) {
          token_.need_restart();
        }
        token_.hang_in(call, 1 + any(3));
        break;
      }
      case 2:
        token_.fail_sign(kErrors[any(4)], static_cast<int>(1 + any(6)));
        break;
      case 3:
        token_.kill_sessions();
        break;
      case 4:
        token_.log_out();
        break;
      case 5:
        token_.set_pin(pin_ = "pin " + std::to_string(++pins_));
        token_.kill_sessions();
        break;
      case 6:
        token_.need_restart();
        break;
      case 7:
        token_.set_corrupt(true);
        break;
      case 8:
        token_.set_removed(true);
        break;
    }
    let_calls_come_back(1 + any(40));
  }
  void end_harm() {
    token_.let_go();
    token_.set_corrupt(false);
    token_.set_removed(false);
    token_.fail_sign(CKR_OK, 0);
    write_pin(pin_);
  }

  const muster::testing::Identity& identity_ = muster::testing::standard_pki().ocsp_signer;
  std::string pin_ = "1234";
  unsigned pins_ = 0;  // how often it was changed
  std::atomic<bool> stop_{false};
  std::atomic<unsigned> never_back_{0};
  std::mutex mutex_;  // guards what follows
  std::condition_variable progress_;
  unsigned signed_ = 0, failed_ = 0, wrong_ = 0;
};

// req: OCSP-OPS-007
TEST_F(ChaosTest, NeitherAHangNorAWrongSignatureComesOutAndTheKeyComesBack) {
  constexpr unsigned kSeed = 20261121;
  std::mt19937 random(kSeed);
  load("chaos");
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i] { sign_on(i); });
  }
  unsigned steps = 0;
  for (const auto end = steady_clock::now() + kRunTime; steady_clock::now() < end; ++steps) {
    do_harm(random);
    // The harm lasts over some pauses of the key at times.
    if (random() % 3 != 0) {
      end_harm();
    }
    clock_.advance(Milliseconds(random() % 4'000));
    let_calls_come_back(1);
  }
  end_harm();
  stop_ = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(never_back_.load(), 0u);
  EXPECT_EQ(wrong_, 0u);
  EXPECT_GT(signed_, 0u);
  EXPECT_GT(failed_, 0u);
  EXPECT_LE(token_.counts().wrong_pins, pins_) << "each was tried once at most";

  bool signs = false;
  for (const auto end = steady_clock::now() + kLate; !signs && steady_clock::now() < end;) {
    clock_.advance(options_.pause_most);
    signs = static_cast<bool>(sign());
  }
  EXPECT_TRUE(signs) << sign().error().detail;
  EXPECT_LE(token_.counts().sessions_open, options_.sessions);
  RecordProperty("steps", std::to_string(steps));
  RecordProperty("signed", std::to_string(signed_));
  RecordProperty("failed", std::to_string(failed_));
}

}  // namespace
}  // namespace muster::token
