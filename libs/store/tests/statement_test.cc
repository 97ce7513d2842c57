#include "muster/store/statement.h"

#include <gtest/gtest.h>

namespace muster::store {
namespace {

constexpr UnixSeconds kThen = unix_seconds(1'700'000'000);
constexpr UnixSeconds kLost = unix_seconds(1'690'000'000);

Status record(State state, std::optional<ReasonCode> reason = std::nullopt) {
  Status out;
  out.state = state;
  out.reason = reason;
  if (state != State::kGood) {
    out.revoked_at = kThen;
  }
  return out;
}

TEST(Statement, OfAGoodRecordThereIsNoneUnlessTheCaIsLost) {
  EXPECT_EQ(statement_of({}, record(State::kGood)), std::nullopt);
  EXPECT_EQ(statement_of({.compromised_at = kLost}, record(State::kGood)),
            (Statement{kLost, ReasonCode::kCaCompromise, std::nullopt}));
  EXPECT_EQ(statement_of({.compromised_at = kLost}, record(State::kRevoked)),
            (Statement{kThen, std::nullopt, std::nullopt}))
      << "it was revoked for itself";
}

TEST(Statement, OfAHoldSaysWhatTheRulesSay) {
  const Status hold = record(State::kHold, ReasonCode::kCertificateHold);
  EXPECT_EQ(statement_of({}, hold)->reason, ReasonCode::kCertificateHold);
  EXPECT_EQ(statement_of({.default_reason = ReasonCode::kSuperseded}, hold)->reason,
            ReasonCode::kCertificateHold);
  EXPECT_EQ(statement_of({.hold = HoldForm::kRevoked}, hold)->reason, std::nullopt);
  EXPECT_EQ(
      statement_of({.hold = HoldForm::kRevoked, .default_reason = ReasonCode::kSuperseded}, hold)
          ->reason,
      ReasonCode::kSuperseded);
}

TEST(Statement, OfARevocationNeverSaysUnspecifiedOrRemoved) {
  const auto reason = [](std::optional<ReasonCode> recorded,
                         std::optional<ReasonCode> by_default = std::nullopt) {
    return statement_of({.default_reason = by_default}, record(State::kRevoked, recorded))->reason;
  };
  EXPECT_EQ(reason(std::nullopt), std::nullopt);
  EXPECT_EQ(reason(ReasonCode::kUnspecified), std::nullopt);
  EXPECT_EQ(reason(ReasonCode::kRemoveFromCrl), std::nullopt);
  EXPECT_EQ(reason(ReasonCode::kKeyCompromise), ReasonCode::kKeyCompromise);
  EXPECT_EQ(reason(ReasonCode::kUnspecified, ReasonCode::kSuperseded), ReasonCode::kSuperseded);
  EXPECT_EQ(reason(ReasonCode::kRemoveFromCrl, ReasonCode::kSuperseded), ReasonCode::kSuperseded);
  EXPECT_EQ(reason(ReasonCode::kCertificateHold, ReasonCode::kSuperseded), ReasonCode::kSuperseded);
  EXPECT_EQ(reason(ReasonCode::kKeyCompromise, ReasonCode::kSuperseded),
            ReasonCode::kKeyCompromise);
}

}  // namespace
}  // namespace muster::store
