#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "environment.h"
#include "store_fixture.h"

// A writer is killed at random instants; what it acknowledged must be there, and nothing half done.
namespace muster::store {
namespace {

using muster::testing::kTestNow;
using testing::contents;
using testing::good;
using testing::key_of;
using testing::Model;
using testing::must;
using testing::must_open;
using testing::revoked;
using testing::serial_of;
using testing::StoreTest;

constexpr std::uint64_t kSerials = 300;
constexpr unsigned kReplaceEvery = 4;

/// What operation number `n` writes: the same in the writer and in the judge.
struct Operation {
  bool replaces = false;
  std::vector<Change> changes;
};
Operation operation(std::uint64_t n) {
  std::minstd_rand random(static_cast<unsigned>(n * 7919 + 1));
  Operation op;
  op.replaces = n % kReplaceEvery == 0;
  const std::size_t count = op.replaces ? 100 + random() % 200 : 1 + random() % 8;
  for (std::size_t i = 0; i < count; ++i) {
    Change change{serial_of(random() % kSerials), good(kTestNow + Seconds(static_cast<int>(n)))};
    if (random() % 2 != 0) {
      change.status = revoked(kTestNow + Seconds(static_cast<int>(n)), ReasonCode::kSuperseded);
    } else if (!op.replaces && random() % 4 == 0) {
      change.status.reset();
    }
    op.changes.push_back(change);
  }
  return op;
}

void apply_to(Model& model, std::uint64_t n) {
  const Operation op = operation(n);
  if (op.replaces) {
    model.clear();
  }
  for (const Change& change : op.changes) {
    if (change.status) {
      model[change.serial] = *change.status;
    } else {
      model.erase(change.serial);
    }
  }
}

/// Writes operations from `next` on and acknowledges each on `pipe`; never returns.
[[noreturn]] void write_until_killed(const std::string& path, IssuerId issuer, std::uint64_t next,
                                     int pipe) {
  const auto store = Store::open(path);
  for (; store; ++next) {
    const Operation op = operation(next);
    bool done = false;
    if (op.replaces) {
      ReplacementOptions options;
      options.sort_memory_bytes = 2000;  // spills
      // Differs from the model, so that even small replacements are loaded aside and switched.
      auto replacement = (*store)->begin_replacement(issuer, options);
      if (replacement) {
        done = true;
        for (const Change& change : op.changes) {
          done = done && (*replacement)->put(change.serial, *change.status);
        }
        done = done && (*replacement)->commit({});
      }
    } else {
      done = static_cast<bool>((*store)->apply(issuer, op.changes));
    }
    if (!done || ::write(pipe, &next, sizeof next) != sizeof next) {
      break;
    }
  }
  ::_exit(1);
}

class CrashTest : public StoreTest {};

TEST_F(CrashTest, EveryAcknowledgedChangeSurvivesKillAtAnyInstant) {
  const IssuerId issuer = must(must_open(path())->ensure_issuer(key_of(1), "CA"));
  Model model;
  std::uint64_t done = 0;  // operations 1..done are in the model
  std::minstd_rand random(5);
  unsigned unacknowledged_survivors = 0;
  for (int round = 0; round < 60; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(pipe[0]);
      write_until_killed(path(), issuer, done + 1, pipe[1]);
    }
    ::close(pipe[1]);
    // Kill after a random number of acknowledgements and a random stretch of further work.
    const std::uint64_t wanted = done + random() % 12;
    std::uint64_t acknowledged = done;
    while (acknowledged < wanted) {
      ASSERT_EQ(::read(pipe[0], &acknowledged, sizeof acknowledged),
                static_cast<ssize_t>(sizeof acknowledged))
          << "the writer failed by itself";
    }
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 3000);
    while (std::chrono::steady_clock::now() < until) {
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself with " << status;
    std::uint64_t last = 0;
    while (::read(pipe[0], &last, sizeof last) == static_cast<ssize_t>(sizeof last)) {
      acknowledged = last;
    }
    ::close(pipe[0]);

    for (; done < acknowledged; ++done) {
      apply_to(model, done + 1);
    }
    const auto store = must_open(path());
    const Model found = contents(*store, issuer);
    if (found != model) {  // then the one that was under way is there, whole
      apply_to(model, ++done);
      ++unacknowledged_survivors;
      ASSERT_EQ(found, model) << "round " << round << ": neither " << acknowledged
                              << " operations nor one more";
    }
    ASSERT_TRUE(store->verify(issuer));
    // What killed loaders left behind is used again: the live partition, one being loaded, no more.
    const auto env = Environment::open(path(), {});
    ASSERT_TRUE(env);
    ASSERT_LE((*env)->partitions_open(), 2u);
  }
  EXPECT_GT(done, 100u);
  RecordProperty("operations", std::to_string(done));
  RecordProperty("unacknowledged_survivors", std::to_string(unacknowledged_survivors));
}

}  // namespace
}  // namespace muster::store
