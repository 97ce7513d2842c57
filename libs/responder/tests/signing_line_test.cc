#include "signing_line.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

namespace muster::responder {
namespace {

using std::chrono::microseconds;
using ::testing::ElementsAre;

using Place = SigningLine::Place;

/// A loop in simulated time: what is signed takes `cost`; whoever is taken up is noted.
struct Simulated {
  explicit Simulated(SigningLineLimits limits = {}) : line(limits) {}

  /// A request that needs a signature; where it went.
  Place ask() {
    const Place place = line.place(now, now - unread);
    if (place == Place::kNow) {
      const MonotonicTime began = now;
      now += cost;
      line.signed_at_once(now - began);
    } else if (place == Place::kFull) {
      line.refused(now);
    } else {
      asked.push_back(now);
      line.join(asked.size() - 1, now, now - unread);
    }
    return place;
  }
  /// What the loop does after its sockets, which take `sockets`.
  void turn(microseconds sockets = microseconds(0), bool is_behind = false) {
    now += sockets;
    line.serve(
        is_behind,
        [this](SigningLine::Ticket ticket, bool in_time) {
          now += in_time ? cost : microseconds(0);
          (in_time ? served : late).push_back(ticket);
          longest = std::max(longest, now - asked[ticket]);
        },
        [this] { return now; });
  }

  SigningLine line;
  MonotonicTime now{std::chrono::hours(1)};
  microseconds cost{50};
  microseconds unread{0};  ///< so long a request may have waited to be read
  std::vector<MonotonicTime> asked;
  std::vector<SigningLine::Ticket> served, late;
  std::chrono::nanoseconds longest{};
};

TEST(SigningLine, SignsAtOnceWhileThereIsTime) {
  Simulated s;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(s.ask(), Place::kNow);
    s.turn();
  }
  EXPECT_EQ(s.line.size(), 0u);
}

TEST(SigningLine, BoundsWhatIsSignedBetweenTwoLooksAtTheSockets) {
  Simulated s;
  int at_once = 0;
  while (s.ask() == Place::kNow) {
    ++at_once;
  }
  EXPECT_EQ(at_once, SigningLine::kSlice / s.cost);
  EXPECT_TRUE(s.line.wants_serving());
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(s.ask(), Place::kWait) << "a burst may wait";
  }
  const MonotonicTime before = s.now;
  s.turn();
  EXPECT_EQ(s.now - before, SigningLine::kSlice);
  EXPECT_EQ(s.ask(), Place::kWait) << "nobody overtakes those who wait";
}

// req: OCSP-RESP-083
TEST(SigningLine, SignsLessWhileTheSocketsAreBehind) {
  Simulated s;
  while (s.ask() == Place::kNow) {
  }
  for (int i = 0; i < 100; ++i) {
    s.ask();
  }
  MonotonicTime before = s.now;
  s.turn({}, true);
  EXPECT_EQ(s.now - before, SigningLine::kSliceWhenBehind);
  before = s.now;
  s.turn();
  EXPECT_EQ(s.now - before, SigningLine::kSlice) << "as soon as they are not";
  s.cost = microseconds(5000);
  const std::size_t served = s.served.size();
  s.turn({}, true);
  EXPECT_EQ(s.served.size(), served + 1) << "but never nothing";
}

// req: OCSP-RESP-083
TEST(SigningLine, ARefusalMakesItAnOverloadForAWhile) {
  const auto places = [](Simulated& s) {
    std::size_t waiting = 0;
    while (s.ask() != Place::kFull) {
      waiting = s.line.size();
    }
    return static_cast<double>(waiting);
  };
  Simulated s({.most = 100'000, .wait = Milliseconds(50), .wait_busy = Milliseconds(10)});
  EXPECT_NEAR(places(s), 1000, 10);
  while (s.line.size() != 0) {
    s.turn();  // it empties itself
  }
  EXPECT_NEAR(places(s), 200, 10);
  while (s.line.size() != 0) {
    s.turn();
  }
  s.now += SigningLine::kOverloadLasts;
  EXPECT_NEAR(places(s), 1000, 10) << "a burst again";
}

// req: OCSP-RESP-083
TEST(SigningLine, InAnOverloadTimeUnreadCountsAndTurnsAreShort) {
  Simulated s({.most = 100'000, .wait = Milliseconds(50), .wait_busy = Milliseconds(10)});
  s.unread = Milliseconds(40);
  EXPECT_EQ(s.ask(), Place::kNow) << "held up, but nobody was refused: late is better than never";
  while (s.ask() != Place::kFull) {
  }
  MonotonicTime before = s.now;
  s.turn();
  EXPECT_EQ(s.now - before, SigningLine::kSliceInOverload);
  while (s.line.size() != 0) {
    s.turn();
  }
  EXPECT_EQ(s.ask(), Place::kFull) << "even with nobody in front";
  s.unread = Milliseconds(6);
  std::size_t waiting = 0;
  while (s.ask() != Place::kFull) {
    waiting = s.line.size();
  }
  EXPECT_NEAR(static_cast<double>(waiting), 4000.0 / 50, 10) << "what is left of wait_busy";
}

// req: OCSP-RESP-083
TEST(SigningLine, ItIsNotIdleForLongWhileEverybodyIsTooLate) {
  Simulated s({.most = 100'000, .wait = Milliseconds(50), .wait_busy = Milliseconds(10)});
  while (s.ask() != Place::kFull) {
  }
  while (s.line.size() != 0) {
    s.turn();
  }
  s.unread = Milliseconds(40);
  std::size_t signed_at_once = 0;
  for (int i = 0; i < 1000; ++i) {
    signed_at_once += s.ask() == Place::kNow ? 1U : 0U;
    s.turn(microseconds(1000), true);
  }
  EXPECT_GE(signed_at_once, 1000U / 13);
  EXPECT_LE(signed_at_once, 1000U / 10);
}

// req: OCSP-RESP-083
TEST(SigningLine, WhoWasPromisedLessIsRefusedSooner) {
  Simulated s({.most = 100'000, .wait = Milliseconds(50), .wait_busy = Milliseconds(10)});
  const MonotonicTime begin = s.now;
  while (s.now - begin < Milliseconds(200)) {
    for (int i = 0; i < 100; ++i) {
      s.ask();
    }
    s.turn(microseconds(5));
  }
  ASSERT_TRUE(s.late.empty());
  const std::size_t waiting = s.line.size();
  ASSERT_GT(waiting, 0U);
  s.now += Milliseconds(16);  // the loop was held up
  s.turn();
  EXPECT_EQ(s.late.size(), waiting) << "in an overload nobody is promised more than wait_busy";
  EXPECT_EQ(s.line.size(), 0U);
}

TEST(SigningLine, ServesThoseWhoCameFirstFirst) {
  Simulated s;
  while (s.ask() == Place::kNow) {
  }
  s.ask();
  s.ask();
  s.turn();
  EXPECT_THAT(s.served, ElementsAre(0, 1, 2));
  EXPECT_FALSE(s.line.wants_serving());
  EXPECT_EQ(s.ask(), Place::kNow);
}

// req: OCSP-RESP-083
TEST(SigningLine, RefusesAtOnceWhoWouldWaitTooLong) {
  Simulated s({.most = 100'000, .wait = Milliseconds(50), .wait_busy = Milliseconds(10)});
  while (s.ask() == Place::kNow) {
  }
  std::size_t waiting = s.line.size();
  while (s.ask() == Place::kWait) {
    ++waiting;
  }
  EXPECT_NEAR(static_cast<double>(waiting), 50'000.0 / 50, 10) << "what is signed in `wait`";
}

TEST(SigningLine, ItsLengthIsBounded) {
  Simulated s({.most = 3});
  while (s.ask() == Place::kNow) {
  }
  EXPECT_EQ(s.ask(), Place::kWait);
  EXPECT_EQ(s.ask(), Place::kWait);
  EXPECT_EQ(s.ask(), Place::kFull);
  EXPECT_EQ(s.line.size(), 3u);
}

struct Load {
  double times;  ///< of what can be signed
  microseconds cost;
  Milliseconds longest;  ///< anybody in line may wait once the load has lasted
};
class Overload : public ::testing::TestWithParam<Load> {};

// req: OCSP-RESP-083
TEST_P(Overload, KeepsTheLineShortAndTheSignerBusy) {
  const Load& load = GetParam();
  Simulated s({.most = 100'000});
  s.cost = load.cost;
  double due = 0;
  int refused = 0;
  std::size_t at_once = 0;
  const MonotonicTime begin = s.now;
  MonotonicTime seen = s.now;
  bool settled = false;
  while (s.now - begin < std::chrono::seconds(2)) {
    due += load.times * std::chrono::duration<double>(s.now - seen) / s.cost;
    seen = s.now;
    for (; due >= 1; due -= 1) {
      s.now += microseconds(1);  // what reading and refusing takes
      const Place place = s.ask();
      refused += place == Place::kFull ? 1 : 0;
      at_once += place == Place::kNow ? 1 : 0;
    }
    s.turn(microseconds(5));
    if (!settled && s.now - begin > Milliseconds(300)) {
      settled = true;
      s.longest = {};
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_LE(s.longest, load.longest);
  EXPECT_TRUE(s.late.empty());
  const auto made = static_cast<double>(s.served.size() + at_once);
  EXPECT_GT(made * std::chrono::duration<double>(s.cost).count(), 2 * 0.8)
      << "of two seconds, spent on signing";
}
INSTANTIATE_TEST_SUITE_P(Loads, Overload,
                         ::testing::Values(Load{1.5, microseconds(30), Milliseconds(16)},
                                           Load{3, microseconds(30), Milliseconds(16)},
                                           Load{3, microseconds(600), Milliseconds(16)},
                                           Load{10, microseconds(300), Milliseconds(16)}));

TEST(SigningLine, IsOverAsSoonAsTheLoadIs) {
  Simulated s;
  for (int i = 0; i < 4000; ++i) {
    for (int n = 0; n < 200; ++n) {
      s.ask();
    }
    s.turn();
  }
  const MonotonicTime end = s.now;
  while (s.line.size() != 0) {
    s.turn();
  }
  EXPECT_LE(s.now - end, Milliseconds(12));
  EXPECT_EQ(s.ask(), Place::kNow);
}

TEST(SigningLine, ALoopThatWasHeldUpSignsForNobodyWhoMustHaveGone) {
  Simulated s;
  while (s.ask() == Place::kNow) {
  }
  s.ask();
  s.now += std::chrono::seconds(1);
  s.ask();
  s.turn();
  EXPECT_THAT(s.late, ElementsAre(0, 1));
  EXPECT_THAT(s.served, ElementsAre(2));
}

}  // namespace
}  // namespace muster::responder
