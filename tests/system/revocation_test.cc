#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "revocation_world.h"

// The promise: once a revocation (or a hold) was acknowledged, nobody is told good any more,
// whatever happens: concurrent readers and writers, new index files and CRLs, complete and delta,
// `muster store set`, an issuer that goes over from CRLs to push and back, reloads good and bad,
// kill -9 in the middle of a commit, restarts. And the CRL published last lists it. What each
// thread would do next comes from one seed, which MUSTER_CHAOS_SEED gives again. How the threads
// mix and where a kill falls does not: a failure may take several runs of its seed to come back.
// MUSTER_CHAOS_SECONDS makes it longer.
namespace muster::testing {
namespace {

using Random = std::mt19937_64;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// A fault of the kind the test is for, put between responder and reader: the answer of an earlier
/// question.
enum class Planted : std::uint8_t { kNothing, kRemembersTooLong };

class Chaos {
 public:
  Chaos(std::uint64_t seed, Seconds duration, Planted planted)
      : seed_(seed), until_(std::chrono::steady_clock::now() + duration), planted_(planted) {}

  void run() {
    world_.start();
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 3; ++i) {
      threads.emplace_back([this, i] { read(Random(seed_ + 100 + i)); });
    }
    for (unsigned i = 0; i < 2; ++i) {
      threads.emplace_back([this, i] { write(Random(seed_ + 200 + i), i); });
    }
    disturb(Random(seed_));
    over_ = true;
    for (std::thread& thread : threads) {
      thread.join();
    }
    settle();
  }

  [[nodiscard]] std::string figures() const {
    return std::to_string(answers) + " answers, " + std::to_string(acknowledged) +
           " acknowledged, " + std::to_string(crashes) + " crashes, " + std::to_string(restarts) +
           " restarts, " + std::to_string(swaps) + " index files, " + std::to_string(crls) +
           " CRLs, " + std::to_string(sets) + " set by hand, " + std::to_string(changes) +
           " changes of source, " + std::to_string(reloads) + " reloads";
  }
  std::atomic<std::uint64_t> answers{0}, wrong{0}, acknowledged{0};
  unsigned crashes = 0, restarts = 0, swaps = 0, reloads = 0, crls = 0, sets = 0, changes = 0;
  std::vector<std::string> complaints;  ///< of the end

 private:
  /// A planted fault is looked for until it shows: on a loaded machine little happens in seconds.
  [[nodiscard]] bool is_time_up() const {
    return (planted_ != Planted::kNothing && wrong != 0) ||
           (crashes + restarts != 0 && std::chrono::steady_clock::now() >= until_);
  }
  static bool often(Random& random, unsigned percent) { return random() % 100 < percent; }

  void read(Random random) {
    std::map<std::pair<Fed, unsigned>, Told> remembered;
    while (!over_) {
      const Fed fed = often(random, 50)   ? Fed::kPushed
                      : often(random, 50) ? Fed::kIndexed
                                          : Fed::kListed;
      const auto serial = static_cast<unsigned>(random() % kSerials);
      const Buffer request = world_.request(
          fed, serial, often(random, 50) ? HashAlgorithm::kSha256 : HashAlgorithm::kSha1,
          often(random, 20));
      const bool from_memory = planted_ == Planted::kRemembersTooLong && often(random, 25);
      Track& track = world_.track(fed, serial);
      const std::uint32_t before = track.state.load();
      Told told = ask(world_.ocsp_address(), request);
      if (from_memory && remembered.contains({fed, serial})) {
        told = remembered[{fed, serial}];
      }
      if (told == Told::kGood && (before & Track::kAcknowledged) != 0 &&
          track.state.load() == before) {
        ++wrong;
      }
      remembered[{fed, serial}] = told;
      answers += told == Told::kNothing ? 0 : 1;
    }
  }

  /// Pushes; each writer has serials of its own.
  void write(Random random, unsigned which) {
    while (!over_) {
      const auto serial = static_cast<unsigned>(random() % (kSerials / 2)) * 2 + which;
      const auto choice = static_cast<unsigned>(random() % 100);
      const char* const verb = choice < 40   ? "issue"
                               : choice < 60 ? "hold"
                               : choice < 80 ? "unhold"
                               : choice < 90 ? "revoke"
                                             : "bulk";
      if (std::string_view(verb) == "bulk") {
        bulk(random, which);
      } else {
        push(verb, serial);
      }
      if (const std::uint64_t seen = answers; often(random, 30)) {
        while (answers < seen + 5 && !over_) {  // let the readers look
          std::this_thread::yield();
        }
      }
    }
  }

  void push(std::string_view verb, unsigned serial) {
    Track& track = world_.track(Fed::kPushed, serial);
    if (verb == "unhold" && !track.is_final) {
      track.begin_change();
    }
    track.is_issued = false;
    const auto status = world_.push(verb, serial);
    if (!status) {
      track.is_uncertain = true;
    } else if (*status == 200) {
      note(track, verb);
    } else if (track.is_final && verb == "unhold") {
      ++acknowledged;  // refused, as it must be
    }
  }

  void note(Track& track, std::string_view verb) {
    ++acknowledged;
    if (verb == "revoke") {
      track.is_final = true;
    }
    if (verb == "revoke" || verb == "hold") {
      track.acknowledge();
    } else if (!track.is_final) {
      track.is_issued = true;
    }
    if (verb == "unhold" || verb == "issue") {
      track.is_uncertain = false;  // its state is known again
    }
  }

  void bulk(Random& random, unsigned which) {
    std::vector<unsigned> serials;
    std::string lines;
    for (std::size_t i = 0, count = 1 + random() % 40; i < count; ++i) {
      const auto serial = static_cast<unsigned>(random() % (kSerials / 2)) * 2 + which;
      const bool hold = often(random, 95);
      serials.push_back(hold ? serial : serial + kSerials);
      lines += RevocationWorld::line(hold ? "hold" : "revoke", serial);
      world_.track(Fed::kPushed, serial).is_issued = false;
      world_.track(Fed::kPushed, serial).is_uncertain = true;
    }
    world_.push_bulk(lines, [&](std::size_t line) {
      const unsigned serial = serials.at(line - 1);
      note(world_.track(Fed::kPushed, serial % kSerials), serial < kSerials ? "hold" : "revoke");
    });
  }

  /// Everything that is not a request.
  void disturb(Random random) {
    std::vector<bool> revoked(kSerials, false);
    tell_in_every_way(random);
    while (!is_time_up()) {
      const std::uint64_t seen = answers;
      const auto choice = static_cast<unsigned>(random() % 100);
      if (choice < 20) {
        swap(random, revoked);
      } else if (choice < 40) {
        tell_listed(random);
      } else if (choice < 60) {
        const bool broken = often(random, 40);
        reloads += 1;
        EXPECT_TRUE(world_.reload(broken)) << world_.log();
      } else {
        // In the middle of whatever the writers do.
        const std::uint64_t until = acknowledged + random() % 20;
        while (acknowledged < until && !is_time_up()) {
          std::this_thread::yield();
        }
        if (choice < 90) {
          ++crashes;
          world_.crash();
        } else {
          ++restarts;
          world_.end();
        }
        if (often(random, 30)) {
          change_source();
        }
        world_.restart();
        if (::testing::Test::HasFatalFailure()) {
          return;
        }
      }
      while (answers < seen + 30 && !is_time_up()) {
        std::this_thread::yield();
      }
    }
  }

  void swap(Random& random, std::vector<bool>& revoked) {
    std::vector<unsigned> fresh;
    for (std::size_t i = 0, count = 1 + random() % 4; i < count; ++i) {
      const auto serial = static_cast<unsigned>(random() % kSerials);
      if (!revoked[serial]) {
        revoked[serial] = true;
        fresh.push_back(serial);
      }
    }
    ++swaps;
    ASSERT_TRUE(world_.swap_index(revoked)) << world_.log();
    for (const unsigned serial : fresh) {
      world_.track(Fed::kIndexed, serial).is_final = true;
      world_.track(Fed::kIndexed, serial).acknowledge();
    }
  }

  /// Once each, whatever the seed: told by CRL, by hand, by push, and then CRLs that know of the
  /// first alone.
  void tell_in_every_way(Random& random) {
    list(0, false);
    list(1, true);
    set(kByHand);
    for (int i = 0; i < 2; ++i) {
      world_.end();
      change_source();
      world_.restart();
      if (::testing::Test::HasFatalFailure()) {
        return;
      }
      tell_listed(random);
    }
    list(2, false);
    list(3, true);
  }

  /// The issuer that changes its source: by the one it has now, or by hand.
  void tell_listed(Random& random) {
    const auto which = static_cast<unsigned>(random() % kByHand);
    if (often(random, 30)) {
      set(kByHand + which);
    } else if (world_.is_listed_by_crl()) {
      list(which, often(random, 50));
    } else if (const auto status = world_.push("revoke", kByPush + which, Fed::kListed);
               status && *status == 200) {
      acknowledge_listed(kByPush + which);
    }
  }
  void list(unsigned serial, bool is_delta) {
    ++crls;
    listed_[serial] = true;
    ASSERT_TRUE(world_.list(listed_, {serial}, is_delta)) << world_.log();
    acknowledge_listed(serial);
  }
  void set(unsigned serial) {
    ++sets;
    if (world_.set_revoked(serial)) {
      acknowledge_listed(serial);
    }
  }
  void acknowledge_listed(unsigned serial) {
    ++acknowledged;
    world_.track(Fed::kListed, serial).is_final = true;
    world_.track(Fed::kListed, serial).acknowledge();
  }
  void change_source() {
    ++changes;
    publish();
    world_.change_source();
  }
  void publish() {
    if (const std::string complaint = world_.publish(); !complaint.empty()) {
      complaints.push_back(complaint);
    }
  }

  /// At rest, after one more crash: everything acknowledged is there.
  void settle() {
    world_.crash();
    world_.restart();
    publish();
    for (const Fed fed : kAllFed) {
      for (unsigned serial = 0; serial < kSerials; ++serial) {
        const Track& track = world_.track(fed, serial);
        const Told told =
            ask(world_.ocsp_address(), world_.request(fed, serial, HashAlgorithm::kSha256, false));
        const bool is_held = (track.state & Track::kAcknowledged) != 0;
        if (is_held && told != Told::kRevoked) {
          complaints.push_back("serial " + std::to_string(serial) + " of " + name_of(fed) +
                               " was acknowledged as revoked or held");
        }
        if (is_held && !world_.is_published(fed, serial)) {
          complaints.push_back("serial " + std::to_string(serial) + " of " + name_of(fed) +
                               " was acknowledged as revoked or held, and is on no CRL");
        }
        if (fed == Fed::kPushed && track.is_issued && !track.is_uncertain && !is_held &&
            told != Told::kGood) {
          complaints.push_back("serial " + std::to_string(serial) + " was acknowledged as issued");
        }
      }
    }
    world_.end();
    lose_store();
  }

  /// Where what is not listed is good, and push alone tells: a store without memory must not guess.
  void lose_store() {
    if (world_.is_listed_by_crl()) {
      world_.change_source();
    }
    world_.lose_store();
    world_.restart();
    for (unsigned serial = 0; serial < kSerials; ++serial) {
      if (ask(world_.ocsp_address(),
              world_.request(Fed::kListed, serial, HashAlgorithm::kSha256, false)) == Told::kGood) {
        complaints.push_back("serial " + std::to_string(serial) + " is good after a loss");
      }
    }
    world_.end();
  }

  static std::string name_of(Fed fed) {
    return fed == Fed::kPushed ? "pushed" : fed == Fed::kIndexed ? "indexed" : "listed";
  }

  /// Serials of the issuer that changes its source: first those that CRLs tell.
  static constexpr unsigned kByHand = kSerials / 3, kByPush = 2 * kByHand;
  std::vector<bool> listed_ = std::vector<bool>(kByHand, false);
  const std::uint64_t seed_;
  const MonotonicTime until_;
  const Planted planted_;
  RevocationWorld world_;
  std::atomic<bool> over_{false};
};

std::uint64_t seed_of_this_run() {
  return from_environment("MUSTER_CHAOS_SEED", std::random_device()());
}

// req: OCSP-RESP-061 OCSP-RESP-068 OCSP-CRL-051
TEST(AcknowledgedRevocation, IsNeverAnsweredGoodAgain) {
  const std::uint64_t seed = seed_of_this_run();
  const Seconds duration(static_cast<Seconds::rep>(from_environment("MUSTER_CHAOS_SECONDS", 12)));
  std::printf("MUSTER_CHAOS_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  Chaos chaos(seed, duration, Planted::kNothing);
  chaos.run();
  std::printf("%s\n", chaos.figures().c_str());
  EXPECT_EQ(chaos.wrong, 0U) << "the same decisions: MUSTER_CHAOS_SEED=" << seed;
  EXPECT_THAT(chaos.complaints, ::testing::IsEmpty())
      << "the same decisions: MUSTER_CHAOS_SEED=" << seed;
  EXPECT_GT(chaos.answers, 100U);
  EXPECT_GT(chaos.acknowledged, 20U);
  EXPECT_GT(chaos.crashes + chaos.restarts, 0U);
}

/// The test can fail: a cache that outlives a revocation is noticed.
TEST(AcknowledgedRevocation, ARememberedGoodIsNoticed) {
  Chaos chaos(seed_of_this_run(), Seconds(90), Planted::kRemembersTooLong);
  chaos.run();
  EXPECT_GT(chaos.wrong, 0U) << chaos.figures();
}

}  // namespace
}  // namespace muster::testing
