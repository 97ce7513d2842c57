#include "muster/source/watcher.h"

#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include "muster/net/http_server.h"
#include "muster/testing/eventually.h"
#include "source_fixture.h"

namespace muster::source {
namespace {

using muster::testing::FakeClock;
using store::State;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::revoked_line;
using testing::SourceTest;
using testing::valid_line;

/// Collects what a watcher tells and lets a test wait for it.
class Listener {
 public:
  void operator()(const SourceStatus& status) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(status);
    changed_.notify_all();
  }
  /// The first status from number `from` on that satisfies `wanted`.
  std::optional<SourceStatus> wait_for(const std::function<bool(const SourceStatus&)>& wanted) {
    std::unique_lock lock(mutex_);
    std::optional<SourceStatus> found;
    changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      for (; next_ < seen_.size() && !found; ++next_) {
        if (wanted(seen_[next_])) {
          found = seen_[next_];
        }
      }
      return found.has_value();
    });
    return found;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<SourceStatus> seen_;
  std::size_t next_ = 0;
};

/// The wall clock of the CRL's PKI, with monotonic time running.
class RunningAtTestNow final : public Clock {
 public:
  [[nodiscard]] UnixSeconds now() const override { return kTestNow; }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return std::chrono::steady_clock::now();
  }
};
const RunningAtTestNow crl_clock;

class Watcher : public SourceTest {
 protected:
  void start(SourceKind kind = SourceKind::kIndexTxt, std::string_view name = "index.txt") {
    options.poll = Milliseconds(20);
    options.settle = Milliseconds(0);
    watcher = std::make_unique<SourceWatcher>(
        *store_, std::vector{spec(kind, name)}, options, clock, null_logger(),
        [this](const SourceStatus& status) { listener(status); });
  }
  /// As careful programs do it: a new file under another name, renamed.
  void replace(std::string_view text) {
    const std::string temporary = directory_.write("index.txt.new", text);
    ASSERT_EQ(std::rename(temporary.c_str(), directory_.file("index.txt").c_str()), 0);
  }
  // What the watcher's thread uses stands before the watcher, so that it goes after it.
  SystemClock clock;
  FakeClock jumping;
  WatchOptions options;
  Listener listener;
  std::unique_ptr<SourceWatcher> watcher;
};

bool loaded(const SourceStatus& s) { return !s.error; }
bool failed(const SourceStatus& s) { return s.error.has_value(); }
std::function<bool(const SourceStatus&)> failed_with(std::string text) {
  return [text = std::move(text)](const SourceStatus& s) {
    return s.error && s.error->detail.find(text) != std::string::npos;
  };
}

TEST_F(Watcher, LoadsAtTheStartAndOnEveryChange) {
  directory_.write("index.txt", valid_line("01"));
  start();
  const auto first = watcher->wait_until_checked(Milliseconds(20'000));
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->at(0).error);
  EXPECT_EQ(first->at(0).records, 1u);
  EXPECT_EQ(find("01")->state, State::kGood);
  ASSERT_TRUE(listener.wait_for(loaded));
  replace(revoked_line("01"));
  const auto second = listener.wait_for(loaded);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->revoked, 1u);
  ASSERT_TRUE(second->propagation);
  EXPECT_LT(*second->propagation, Seconds(60)) << "since the file was written";
  EXPECT_EQ(find("01")->state, State::kRevoked);
  EXPECT_EQ(watcher->status().at(0).loads, 2u);
}

TEST_F(Watcher, ABrokenFileIsToldAndRecoveredFrom) {
  directory_.write("index.txt", revoked_line("01"));
  start();
  ASSERT_TRUE(listener.wait_for(loaded));
  replace("half a li");
  const auto broken = listener.wait_for(failed);
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->error->code, SourceErrc::kMalformed);
  EXPECT_TRUE(broken->failing_since);
  EXPECT_TRUE(broken->last_success) << "the age of the old state stays visible";
  EXPECT_EQ(find("01")->state, State::kRevoked);
  replace(revoked_line("01") + valid_line("02"));
  const auto again = listener.wait_for(loaded);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->failing_since);
  EXPECT_TRUE(find("02"));
}

TEST_F(Watcher, AnIndexThatLostCertificatesIsAnAlarmUntilItHasThemAgain) {
  directory_.write("index.txt", valid_line("01") + valid_line("02"));
  start();
  ASSERT_TRUE(listener.wait_for(loaded));
  replace(valid_line("01"));
  const auto cut = listener.wait_for(loaded);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->kept_good, 1u);
  EXPECT_EQ(cut->kept_revoked, 0u);
  EXPECT_EQ(cut->records, 2u);
  replace(valid_line("01") + valid_line("02"));
  const auto whole = listener.wait_for(loaded);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->kept_good, 0u);
}

TEST_F(Watcher, AMissingFileIsAnErrorUntilItComes) {
  start();
  const auto missing = listener.wait_for(failed);
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->error->code, SourceErrc::kUnreadable);
  EXPECT_THAT(missing->error->detail, HasSubstr("index.txt: No such file or directory (check"))
      << "nothing is in force yet";
  replace(valid_line("01"));
  ASSERT_TRUE(listener.wait_for(loaded));
  ASSERT_EQ(std::remove(directory_.file("index.txt").c_str()), 0);
  EXPECT_TRUE(listener.wait_for(failed_with("what was loaded before stays in force")));
  EXPECT_TRUE(find("01")) << "what was loaded stays in force";
}

TEST_F(Watcher, WhatIsThereInPlaceOfAFileIsNamed) {
  const std::string path = directory_.file("index.txt");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  start();
  EXPECT_TRUE(listener.wait_for(failed_with("a pipe, socket or device, not a file")));
  watcher.reset();
  ASSERT_EQ(std::remove(path.c_str()), 0);
  ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
  start();
  EXPECT_TRUE(listener.wait_for(failed_with("a directory, not a file")));
}

// The part of OCSP-CRL-053 that concerns files: the previous valid CRL is kept.
TEST_F(Watcher, ABrokenCrlLeavesTheOldOneInForce) {
  muster::testing::CrlSpec crl;
  crl.entries = {muster::testing::revoked_entry(muster::testing::make_serial(3))};
  directory_.write("ca.crl", muster::testing::build_crl(issuer(), crl));
  options.poll = Milliseconds(20);
  options.settle = Milliseconds(0);
  watcher = std::make_unique<SourceWatcher>(
      *store_, std::vector{spec(SourceKind::kCrl, "ca.crl")}, options, crl_clock, null_logger(),
      [this](const SourceStatus& status) { listener(status); });
  const auto first = listener.wait_for(loaded);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->this_update, crl.this_update);
  EXPECT_EQ(first->next_update, crl.next_update);
  crl.entries.clear();
  crl.number = 2;
  crl.break_signature = true;
  directory_.write("ca.crl", muster::testing::build_crl(issuer(), crl));
  const auto broken = listener.wait_for(
      [](const SourceStatus& s) { return s.error && s.error->code == SourceErrc::kNotTrusted; });
  ASSERT_TRUE(broken);
  EXPECT_EQ(find("03")->state, State::kRevoked);
}

TEST_F(Watcher, ASetIsPutTogetherFromADirectoryAndAUrl) {
  class OneCrl final : public net::HttpHandler {
   public:
    explicit OneCrl(Buffer crl) : crl_(std::move(crl)) {}
    void handle(const http::RequestView&, net::HttpReply& reply) override {
      reply.send(200, "application/pkix-crl", "", crl_);
    }

   private:
    const Buffer crl_;
  };
  const auto scoped = [&](std::uint64_t serial, bool for_users) {
    crl::IssuingDistributionPoint point;
    (for_users ? point.only_user_certs : point.only_ca_certs) = true;
    muster::testing::CrlSpec crl;
    crl.entries = {muster::testing::revoked_entry(muster::testing::make_serial(serial))};
    crl.extensions.push_back({to_buffer(oid::kCeIssuingDistributionPoint), true,
                              crl::encode_issuing_distribution_point(point)});
    return muster::testing::build_crl(issuer(), crl);
  };
  net::Loop loop;
  OneCrl handler(scoped(2, false));
  const auto server = net::HttpServer::listen(loop, "127.0.0.1:0", {}, handler);
  ASSERT_TRUE(server);
  std::thread serving([&] { loop.run(); });

  SourceSpec set = spec(SourceKind::kCrlSet, "set");
  set.crls.directories = {directory_.file("crls")};
  set.crls.locations = {{"http://" + (*server)->address() + "/ca.crl"}};
  directory_.write("crls/.keep", "");
  options.poll = Milliseconds(3'600'000);  // so that only events make it look again
  options.settle = Milliseconds(0);
  options.load.state_directory = directory_.file("state");
  watcher =
      std::make_unique<SourceWatcher>(*store_, std::vector{set}, options, crl_clock, null_logger(),
                                      [this](const SourceStatus& status) { listener(status); });
  const auto half = listener.wait_for([](const SourceStatus& s) { return s.loads == 1; });
  ASSERT_TRUE(half);
  EXPECT_TRUE(find("02"));
  EXPECT_FALSE(half->is_usable(kTestNow)) << "CA certificates alone";
  directory_.write("crls/user.crl.part", "");
  const std::string temporary = directory_.write("crls/user.part", scoped(3, true));
  ASSERT_EQ(std::rename(temporary.c_str(), directory_.file("crls/user.crl").c_str()), 0);
  const auto whole = listener.wait_for(loaded);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->is_usable(kTestNow));
  EXPECT_EQ(whole->revoked, 2u);
  EXPECT_EQ(whole->parts.size(), 2u);
  EXPECT_EQ(whole->age(kTestNow), Seconds(3600));
  EXPECT_EQ(whole->lag(kTestNow), Seconds(0));
  EXPECT_EQ(whole->knows_issued, store::KnowsIssued::kNo);
  watcher.reset();
  loop.stop();
  serving.join();
}

TEST_F(Watcher, ConfirmsAnUnchangedSourceSoThatItsAgeIsKnown) {
  directory_.write("index.txt", valid_line("01"));
  options.confirm = Milliseconds(1);
  start();
  ASSERT_TRUE(watcher->wait_until_checked(Milliseconds(20'000)));
  const std::uint64_t loaded_at_sequence = watcher->status().at(0).sequence;
  const auto reader = store_->reader();
  EXPECT_TRUE(muster::testing::eventually([&] {
    const std::uint64_t sequence = reader->renew();
    reader->release();
    return sequence > loaded_at_sequence;
  }));
  EXPECT_EQ(watcher->status().at(0).loads, 1u);
}

// An index that cannot be read is believed for a while from its last good look: not from one that a
// wrong clock put into the future.
TEST_F(Watcher, AClockPutBackDoesNotMakeAnIndexYounger) {
  const UnixSeconds ahead = kTestNow + std::chrono::hours(24 * 365);
  const auto counts_from = [&](UnixSeconds from, UnixSeconds to) {
    return muster::testing::eventually([&] {
      const UnixSeconds at = state().loaded_at;
      return from <= at && at <= to;
    });
  };
  const auto watch = [&] {
    options.poll = Milliseconds(20);
    options.settle = Milliseconds(0);
    watcher = std::make_unique<SourceWatcher>(
        *store_, std::vector{spec(SourceKind::kIndexTxt, "index.txt")}, options, jumping,
        null_logger(), [this](const SourceStatus& status) { listener(status); });
  };
  directory_.write("index.txt", valid_line("01"));
  jumping.jump_to(ahead);
  watch();
  ASSERT_TRUE(counts_from(ahead, ahead));
  ASSERT_TRUE(listener.wait_for(loaded));
  ASSERT_EQ(std::remove(directory_.file("index.txt").c_str()), 0);
  ASSERT_TRUE(listener.wait_for(failed));
  jumping.advance(Milliseconds(90'000));
  jumping.jump_to(kTestNow);
  watcher->look_now();
  EXPECT_TRUE(counts_from(kTestNow - Seconds(91), kTestNow - Seconds(90)));
  watcher.reset();
  jumping.jump_to(kTestNow - std::chrono::hours(1));  // and over a restart
  watch();
  EXPECT_TRUE(counts_from(kTestNow - std::chrono::hours(1), kTestNow - std::chrono::hours(1)));
}

// Readers ask for 20 serials of one state while the file is swapped all the time: all good or all
// revoked, never a mixture. req: OCSP-RESP-082
TEST_F(Watcher, ReadersSeeOneConsistentStateDuringContinuousReload) {
  std::string all_good;
  std::string all_held;
  std::vector<Buffer> serials;
  for (unsigned n = 0x10; n < 0x10 + 20; ++n) {
    const Serial serial = muster::testing::make_serial(n);
    serials.push_back(to_buffer(serial.octets()));
    all_good += valid_line(serial.to_hex());
    all_held += revoked_line(serial.to_hex(), "260101000000Z,certificateHold");
  }
  directory_.write("index.txt", all_good);
  start();
  ASSERT_TRUE(listener.wait_for(loaded));
  std::atomic<bool> stop{false};
  std::atomic<unsigned> mixtures{0};
  std::atomic<unsigned> states_seen{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      const auto reader = store_->reader();
      std::uint64_t last = 0;
      while (!stop) {
        const std::uint64_t sequence = reader->renew();
        states_seen += sequence != last ? 1u : 0u;
        last = sequence;
        unsigned held = 0;
        for (const Buffer& serial : serials) {
          const auto found = reader->find(id_, serial);
          held += found && *found && (*found)->state == State::kHold ? 1u : 0u;
        }
        mixtures += held != 0 && held != serials.size() ? 1u : 0u;
        const store::IssuerState* state = reader->issuer_state(id_);
        mixtures += state == nullptr || state->revoked != held ? 1u : 0u;
      }
    });
  }
  for (int round = 0; round < 30; ++round) {
    replace(round % 2 == 0 ? all_held : all_good);
    ASSERT_TRUE(listener.wait_for(loaded)) << round;
  }
  stop = true;
  readers.clear();
  EXPECT_EQ(mixtures, 0u);
  EXPECT_GT(states_seen, 2u);
}

}  // namespace
}  // namespace muster::source
