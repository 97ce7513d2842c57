#include "muster/keeper/order.h"

#include <gmock/gmock.h>

namespace muster::keeper {
namespace {

constexpr UnixSeconds kNow = unix_seconds(1'000'000);

StapleFacts facts(StapleStatus status, std::int64_t this_update, std::int64_t expires) {
  return {status, kNow + Seconds(this_update), kNow + Seconds(expires)};
}

struct Case {
  const char* name;
  StapleFacts candidate;
  std::optional<StapleFacts> held;
  Choice expected;
};

constexpr StapleStatus kGood = StapleStatus::kGood;
constexpr StapleStatus kRevoked = StapleStatus::kRevoked;
constexpr StapleStatus kOnHold = StapleStatus::kOnHold;

// req: OCSP-STAP-001 OCSP-STAP-002 OCSP-STAP-003 OCSP-STAP-006
TEST(Order, JudgesEveryPairOfCandidateAndHeld) {
  const auto good = facts(kGood, -100, 900);
  const auto revoked = facts(kRevoked, -100, 900);
  const auto hold = facts(kOnHold, -100, 900);
  const Case cases[] = {
      {"anything good beats nothing", good, {}, Choice::kTake},
      {"revoked beats nothing and is news", revoked, {}, Choice::kTakeRevocation},
      {"unknown is never taken",
       facts(StapleStatus::kUnknown, -1, 900),
       {},
       Choice::kUnknownStatus},
      {"unknown does not replace good", facts(StapleStatus::kUnknown, -1, 900), good,
       Choice::kUnknownStatus},
      {"expired is never taken", facts(kGood, -100, 0), {}, Choice::kExpired},
      {"one second before expiry it still is", facts(kGood, -100, 1), {}, Choice::kTake},
      {"expired revoked is not taken either", facts(kRevoked, -100, -1), good, Choice::kExpired},
      {"an empty window is never usable", facts(kGood, 50, 50), {}, Choice::kExpired},
      {"thisUpdate ahead is held back", facts(kGood, 1, 900), {}, Choice::kHoldBack},
      {"thisUpdate now is not ahead", facts(kGood, 0, 900), {}, Choice::kTake},
      {"held back even when good is held", facts(kGood, 30, 900), good, Choice::kHoldBack},
      {"a revocation that begins later is held back", facts(kRevoked, 30, 900), good,
       Choice::kHoldBack},
      {"not when it will not be taken then: a revocation stands", facts(kGood, 30, 1900), revoked,
       Choice::kRevocationStands},
      {"but when that will have ended", facts(kGood, 900, 1900), revoked, Choice::kHoldBack},
      {"nor when what is held seems to begin later still", facts(kGood, 30, 900),
       facts(kGood, 40, 900), Choice::kOlder},

      {"newer good replaces good", facts(kGood, -99, 900), good, Choice::kTake},
      {"newer good replaces good that lasts longer", facts(kGood, -99, 10), good, Choice::kTake},
      {"the same is the same", good, good, Choice::kSame},
      {"same thisUpdate, later expiry", facts(kGood, -100, 901), good, Choice::kTake},
      {"same thisUpdate, earlier expiry", facts(kGood, -100, 899), good, Choice::kSame},
      {"older never replaces, however long it lasts", facts(kGood, -101, 9000), good,
       Choice::kOlder},
      {"older but alive replaces what has expired", facts(kGood, -101, 900), facts(kGood, -100, 0),
       Choice::kTake},
      {"older does not replace what has begun though the clock was set back since",
       facts(kGood, -101, 900), facts(kGood, 100, 900), Choice::kOlder},

      {"revoked replaces good", facts(kRevoked, -50, 900), good, Choice::kTakeRevocation},
      {"revoked is final: even an older one replaces good", facts(kRevoked, -500, 900), good,
       Choice::kTakeRevocation},
      {"a newer hold replaces good", facts(kOnHold, -50, 900), good, Choice::kTakeRevocation},
      {"an older hold does not", facts(kOnHold, -500, 900), good, Choice::kOlder},

      {"newer good does not undo a final revocation", facts(kGood, -1, 900), revoked,
       Choice::kRevocationStands},
      {"older good does not either", facts(kGood, -500, 900), revoked, Choice::kRevocationStands},
      {"a hold does not soften a final revocation", facts(kOnHold, -1, 900), revoked,
       Choice::kRevocationStands},
      {"newer revoked replaces revoked quietly", facts(kRevoked, -1, 900), revoked, Choice::kTake},
      {"older revoked does not", facts(kRevoked, -500, 900), revoked, Choice::kOlder},
      {"after the revocation expired, older good still does not", facts(kGood, -101, 900),
       facts(kRevoked, -100, 0), Choice::kOlder},
      {"after the revocation expired, newer good is believed", facts(kGood, -99, 900),
       facts(kRevoked, -100, 0), Choice::kTake},

      {"a hold is lifted by newer good", facts(kGood, -99, 900), hold, Choice::kTakeReinstatement},
      {"not by good of the same thisUpdate", good, hold, Choice::kSame},
      {"not by older good", facts(kGood, -101, 900), hold, Choice::kOlder},
      {"not by older good after it expired", facts(kGood, -101, 900), facts(kOnHold, -100, 0),
       Choice::kOlder},
      {"a hold becomes final", facts(kRevoked, -200, 900), hold, Choice::kTakeRevocation},
      {"a newer hold replaces a hold quietly", facts(kOnHold, -1, 900), hold, Choice::kTake},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(judge_candidate(c.candidate, c.held ? &*c.held : nullptr, kNow), c.expected)
        << c.name;
  }
}

TEST(Order, IsIrreflexiveAndAsymmetricAmongLiveResponses) {
  const auto is_taken = [](const StapleFacts& candidate, const StapleFacts& held) {
    return takes(judge_candidate(candidate, &held, kNow));
  };
  std::vector<StapleFacts> all;
  for (const StapleStatus status : {kGood, kRevoked, kOnHold}) {
    for (const int this_update : {-300, -200, -100, 0}) {
      for (const int expires : {1, 100, 1000}) {
        all.push_back(facts(status, this_update, expires));
      }
    }
  }
  for (const StapleFacts& a : all) {
    EXPECT_FALSE(is_taken(a, a));
    for (const StapleFacts& b : all) {
      EXPECT_FALSE(is_taken(a, b) && is_taken(b, a));
    }
  }
}

}  // namespace
}  // namespace muster::keeper
