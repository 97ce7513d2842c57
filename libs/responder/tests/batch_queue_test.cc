#include <gmock/gmock.h>

#include <deque>

#include "batch_run.h"
#include "fixture.h"

namespace muster::responder {
namespace {

/// A loop: what was posted to it runs when it turns.
struct QueueWorld : World {
  QueueWorld()
      : queue(
            answerer, clock,
            [this](std::function<void()> action) { posted.push_back(std::move(action)); },
            [this](const Answer& answer, Bytes, const Client&, UnixSeconds) {
              ++answered;
              unissued += answer.unissued == UnissuedSeen::kYes ? 1 : 0;
            }) {}
  /// Certificates of their own each time.
  BatchQueue::Questions questions(std::size_t count, bool issued = true) {
    auto out = std::make_shared<std::vector<BatchQuestion>>();
    for (std::size_t i = 0; i < count; ++i) {
      const Serial serial = testing::make_serial(++last_serial);
      if (issued) {
        store.set(kIssuer, serial, store::Status{});
      }
      ocsp::Request request;
      request.requests.push_back(
          {pki::make_cert_id(HashAlgorithm::kSha256, standard_pki().intermediate.certificate,
                             serial),
           {}});
      out->push_back({ocsp::encode_request(request), {}});
    }
    return out;
  }
  void turn() {
    auto now = std::exchange(posted, {});  // as a loop does: what they post waits for the next turn
    for (const auto& action : now) {
      action();
    }
  }
  testing::FakeClock clock;
  std::deque<std::function<void()>> posted;
  std::size_t answered = 0, unissued = 0;
  std::uint64_t last_serial = 9000;
  BatchQueue queue;
};

// A peer with sixteen calls under way keeps others waiting no longer than one with one.
TEST(BatchQueue, ManyBatchesShareOneTurn) {
  QueueWorld world;
  std::vector<std::size_t> done;
  for (int i = 0; i < 16; ++i) {
    world.queue.add(world.questions(20), {}, [&done](const std::vector<BatchReply>& replies) {
      done.push_back(replies.size());
      for (const BatchReply& reply : replies) {
        EXPECT_TRUE(reply && ocsp::parse_response(*reply)->basic);
      }
    });
  }
  for (int turns = 0; !world.posted.empty(); ++turns) {
    ASSERT_LT(turns, 16 * 20 + 1);
    const std::size_t before = world.answered;
    world.turn();
    EXPECT_LE(world.answered - before, BatchQueue::kPerTurn);
    EXPECT_GT(world.answered, before);
  }
  EXPECT_EQ(done, std::vector<std::size_t>(16, 20));
  EXPECT_EQ(world.answered, 320U);
}

TEST(BatchQueue, ASmallBatchDoesNotWaitForALargeOne) {
  QueueWorld world;
  std::vector<std::string> done;
  world.queue.add(world.questions(100), {}, [&](const auto&) { done.emplace_back("large"); });
  world.queue.add(world.questions(3), {}, [&](const auto&) { done.emplace_back("small"); });
  while (!world.posted.empty()) {
    world.turn();
  }
  EXPECT_EQ(done, (std::vector<std::string>{"small", "large"}));
}

TEST(BatchQueue, EachAnswerIsNoted) {
  QueueWorld world;
  bool done = false;
  world.queue.add(world.questions(5, false), {}, [&](const auto&) { done = true; });
  while (!world.posted.empty()) {
    world.turn();
  }
  EXPECT_TRUE(done);
  EXPECT_EQ(world.unissued, 5U);
}

}  // namespace
}  // namespace muster::responder
