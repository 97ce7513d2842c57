#include "muster/keeper/outcome.h"

#include <gmock/gmock.h>

namespace muster::keeper {
namespace {

client::LiveFailure transport(net::FetchErrc code, unsigned http_status = 0) {
  return {client::LiveErrc::kTransport, "x", net::FetchError{code, "x", http_status, std::nullopt},
          std::nullopt, std::nullopt};
}
client::LiveFailure answer(client::VerifyErrc code,
                           std::optional<ocsp::ResponseStatus> status = {}) {
  return {client::LiveErrc::kUnacceptable, "x", std::nullopt,
          client::VerifyError{code, "x", status, std::nullopt, std::nullopt}, std::nullopt};
}

TEST(Outcome, EachFailureHasItsClass) {
  using client::VerifyErrc;
  using net::FetchErrc;
  using Status = ocsp::ResponseStatus;
  const struct {
    client::LiveFailure failure;
    FailureClass expected;
    OutcomeKind kind;
  } cases[] = {
      {transport(FetchErrc::kResolve), FailureClass::kUnreachable, OutcomeKind::kUnreachable},
      {transport(FetchErrc::kTls), FailureClass::kUnreachable, OutcomeKind::kUnreachable},
      {transport(FetchErrc::kProtocol), FailureClass::kUnreachable, OutcomeKind::kUnreachable},
      {transport(FetchErrc::kHttpStatus, 503), FailureClass::kServerError,
       OutcomeKind::kUnreachable},
      {transport(FetchErrc::kHttpStatus, 429), FailureClass::kServerError,
       OutcomeKind::kUnreachable},
      {transport(FetchErrc::kHttpStatus, 403), FailureClass::kHttpRefused, OutcomeKind::kRefused},
      {transport(FetchErrc::kTooLarge), FailureClass::kTooLarge, OutcomeKind::kUnacceptable},
      {transport(FetchErrc::kForbidden), FailureClass::kTooLarge, OutcomeKind::kUnacceptable},
      {answer(VerifyErrc::kResponseStatus, Status::kTryLater), FailureClass::kTryLater,
       OutcomeKind::kUnreachable},
      {answer(VerifyErrc::kResponseStatus, Status::kInternalError), FailureClass::kTryLater,
       OutcomeKind::kUnreachable},
      {answer(VerifyErrc::kResponseStatus, Status::kUnauthorized), FailureClass::kUnauthorized,
       OutcomeKind::kRefused},
      {answer(VerifyErrc::kMalformed), FailureClass::kMalformed, OutcomeKind::kUnacceptable},
      {answer(VerifyErrc::kNoMatch), FailureClass::kWrongCertId, OutcomeKind::kUnacceptable},
      {answer(VerifyErrc::kSignerUnauthorised), FailureClass::kBadSignature,
       OutcomeKind::kUnacceptable},
      {answer(VerifyErrc::kNotYetValid), FailureClass::kNotYetValid, OutcomeKind::kUnacceptable},
      {answer(VerifyErrc::kTooOld), FailureClass::kExpired, OutcomeKind::kUnacceptable},
      // Whoever fails without saying more still has a class.
      {{client::LiveErrc::kNoUrl, "x", std::nullopt, std::nullopt, std::nullopt},
       FailureClass::kTooLarge,
       OutcomeKind::kUnacceptable},
      {{client::LiveErrc::kTransport, "x", std::nullopt, std::nullopt, std::nullopt},
       FailureClass::kUnreachable,
       OutcomeKind::kUnreachable},
      {{client::LiveErrc::kUnacceptable, "x", std::nullopt, std::nullopt, std::nullopt},
       FailureClass::kMalformed,
       OutcomeKind::kUnacceptable},
      {{client::LiveErrc::kResponderError, "x", std::nullopt, std::nullopt, std::nullopt},
       FailureClass::kMalformed,
       OutcomeKind::kUnacceptable},
  };
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(classify(cases[i].failure), cases[i].expected) << "row " << i;
    EXPECT_EQ(outcome_of(cases[i].failure), cases[i].kind) << "row " << i;
  }
}

TEST(Outcome, AnAnswerNoBetterCountsAsOneOnlyWhileWhatIsHeldLives) {
  const UnixSeconds now = unix_seconds(1'000'000);
  const StapleFacts live{StapleStatus::kGood, now - Seconds(10), now + Seconds(10)};
  for (const Choice choice : {Choice::kSame, Choice::kOlder, Choice::kRevocationStands}) {
    EXPECT_EQ(outcome_of(choice, live, now), OutcomeKind::kNothingNewer);
    EXPECT_EQ(outcome_of(choice, live, now + Seconds(10)), OutcomeKind::kUnacceptable);
    EXPECT_EQ(outcome_of(choice, live, now - Seconds(20)), OutcomeKind::kNothingNewer)
        << "the clock was set back";
    EXPECT_EQ(outcome_of(choice, std::nullopt, now), OutcomeKind::kUnacceptable);
    EXPECT_EQ(classify(choice), FailureClass::kNotBetter);
  }
  EXPECT_EQ(outcome_of(Choice::kTake, live, now), OutcomeKind::kTaken);
  EXPECT_EQ(outcome_of(Choice::kHoldBack, std::nullopt, now), OutcomeKind::kHeldBack);
  EXPECT_EQ(outcome_of(Choice::kUnknownStatus, live, now), OutcomeKind::kRefused);
  EXPECT_EQ(outcome_of(Choice::kExpired, live, now), OutcomeKind::kUnacceptable);
}

}  // namespace
}  // namespace muster::keeper
