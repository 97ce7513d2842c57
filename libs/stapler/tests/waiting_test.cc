#include "waiting.h"

#include <gmock/gmock.h>

#include "staples.h"

namespace muster::stapler {
namespace {

using keeper::CertificateState;
using testing::kTestNow;
using State = Waiting::State;
using ::testing::HasSubstr;

WaitFacts well() {
  WaitFacts facts;
  facts.status.emplace();
  facts.status->state = CertificateState::kFresh;
  facts.status->attempts = 1;
  facts.on_offer = testing_staples::good_staple();
  facts.is_in_inventory = true;
  TargetStatus target;
  target.target = "edge";
  target.delivery = Delivery::kDelivered;
  target.wanted_generation = target.pushed_generation = 2;
  target.ports = {{"127.0.0.1:443", ReadBack::kServed}};
  facts.targets = {target};
  return facts;
}

TEST(JudgeWaiting, EveryReasonHasItsWords) {
  struct Row {
    void (*spoil)(WaitFacts&);
    State state;
    const char* text;
  };
  const Row rows[] = {
      {[](WaitFacts&) {}, State::kOver, "on the shelf and at its target"},
      {[](WaitFacts& f) { f.status.reset(); }, State::kVain, "not looked after"},
      {[](WaitFacts& f) { f.status->state = CertificateState::kRevoked; }, State::kVain, "revoked"},
      {[](WaitFacts& f) { f.status->state = CertificateState::kOnHold; }, State::kVain, "on-hold"},
      {[](WaitFacts& f) { f.status->state = CertificateState::kCertificateExpired; }, State::kVain,
       "expired"},
      {[](WaitFacts& f) {
         f.status->state = CertificateState::kNotNeeded;
         f.status->reason = "it names no OCSP responder";
       },
       State::kOver, "no staple is needed: it names no"},
      {[](WaitFacts& f) {
         f.status->state = CertificateState::kNotNeeded;
         f.status->must_staple = true;
       },
       State::kVain, "demands a staple"},
      {[](WaitFacts& f) {
         f.on_offer = nullptr;
         f.status->last_error = "nobody listens";
       },
       State::kPending, "nobody listens"},
      {[](WaitFacts& f) {
         f.on_offer = nullptr;
         f.status->attempts = 0;
       },
       State::kPending, "nobody was asked yet"},
      {[](WaitFacts& f) {
         f.on_offer = nullptr;
         f.status->paused = true;
       },
       State::kVain, "paused"},
      {[](WaitFacts& f) {
         f.on_offer = nullptr;
         f.status->state = CertificateState::kHeldBack;
       },
       State::kPending, "begins later"},
      {[](WaitFacts& f) { f.on_offer = testing_staples::good_staple(Seconds(0)); }, State::kPending,
       "no responder gave"},
      {[](WaitFacts& f) {
         f.on_offer = testing_staples::make_staple({.entries = {testing_staples::web_entry()}},
                                                   Seconds(3600), keeper::StapleStatus::kRevoked);
       },
       State::kPending, "no responder gave"},
      {[](WaitFacts& f) { f.disk_error = "disk full"; }, State::kPending, "disk full"},
      {[](WaitFacts& f) { f.file_failure = "denied"; }, State::kPending, "denied"},
      {[](WaitFacts& f) { f.targets[0].delivery = Delivery::kWaiting; }, State::kPending,
       "has not taken it yet (waiting)"},
      {[](WaitFacts& f) { f.targets[0].wanted_generation = 3; }, State::kPending,
       "has not taken it yet"},
      {[](WaitFacts& f) {
         f.targets[0].delivery = Delivery::kFailed;
         f.targets[0].reason = "no such socket";
       },
       State::kPending, "no such socket"},
      {[](WaitFacts& f) { f.targets[0].ports[0].state = ReadBack::kNone; }, State::kOver,
       "at its target"},
      {[](WaitFacts& f) {
         f.targets[0].ports[0].state = ReadBack::kNone;
         f.served = true;
       },
       State::kPending, "does not serve it at 127.0.0.1:443 yet (none)"},
      {[](WaitFacts& f) { f.served = true; }, State::kOver, "and served"},
      {[](WaitFacts& f) {
         f.is_in_inventory = false;
         f.targets.clear();
       },
       State::kOver, "not in the inventory yet"},
      {[](WaitFacts& f) {
         f.is_in_inventory = false;
         f.placed = true;
       },
       State::kPending, "has not taken the certificate up"},
      {[](WaitFacts& f) {
         f.is_in_inventory = false;
         f.served = true;
       },
       State::kPending, "has not taken the certificate up"},
      {[](WaitFacts& f) { f.placed = true; }, State::kOver, "on the shelf and at its target"},
      {[](WaitFacts& f) {
         f.served = true;
         f.targets[0].ports.clear();
       },
       State::kVain, "nobody can tell whether it is served"},
      {[](WaitFacts& f) {
         f.served = true;
         f.targets.clear();
       },
       State::kVain, "nobody can tell whether it is served"},
      {[](WaitFacts& f) { f.targets.clear(); }, State::kOver, "on the shelf"},
      {[](WaitFacts& f) { f.file_failure = "denied"; }, State::kPending, "denied"},
  };
  for (const auto& [spoil, state, text] : rows) {
    WaitFacts facts = well();
    spoil(facts);
    const Waiting judged = judge_waiting(facts, kTestNow);
    EXPECT_EQ(judged.state, state) << text << " / " << judged.text;
    EXPECT_THAT(judged.text, HasSubstr(text));
  }
}

}  // namespace
}  // namespace muster::stapler
