#include "muster/push/operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/testing/fake_clock.h"

namespace muster::push {
namespace {

using store::State;
using store::Status;
using ::testing::HasSubstr;
using testing::kTestNow;

constexpr UnixSeconds kEarlier = kTestNow - Seconds(3600);

Operation op(OperationKind kind) {
  return {.kind = kind,
          .serial = *Serial::from_hex("4A19"),
          .expires = {},
          .expires_by = Proof::kWord,
          .at = {},
          .reason = {},
          .invalidity_date = {},
          .amend = Amend::kNo};
}
Status status(State state, std::optional<ReasonCode> reason = std::nullopt) {
  Status out;
  out.state = state;
  if (state != State::kGood) {
    out.revoked_at = kEarlier;
  }
  out.reason = reason;
  return out;
}
const Status kGood = status(State::kGood);
const Status kHeld = status(State::kHold, ReasonCode::kCertificateHold);
const Status kRevoked = status(State::kRevoked, ReasonCode::kKeyCompromise);

struct Row {
  OperationKind kind;
  std::optional<Status> known;
  Verdict verdict;
  std::optional<State> then;  ///< nothing: no record
};

// What is acknowledged here no CRL ends by silence (decision 009), should the issuer's source
// become one again. req: OCSP-CRL-051
TEST(Decide, TakesOverWhatACrlTold) {
  using K = OperationKind;
  for (const auto& [kind, known] : {std::pair{K::kRevoke, kRevoked}, {K::kHold, kHeld}}) {
    Status of_crl = known;
    of_crl.told_by_crl = true;
    const Decision decision = decide(op(kind), of_crl, kTestNow);
    EXPECT_EQ(decision.verdict, Verdict::kChanged);
    EXPECT_EQ(decision.status, known);
  }
}

/// Every operation on every state.
// req: OCSP-CRL-051
TEST(Decide, Table) {
  using K = OperationKind;
  const std::vector<Row> rows = {
      {K::kIssue, std::nullopt, Verdict::kChanged, State::kGood},
      {K::kIssue, kGood, Verdict::kUnchanged, State::kGood},
      {K::kIssue, kHeld, Verdict::kConflict, State::kHold},
      {K::kIssue, kRevoked, Verdict::kConflict, State::kRevoked},
      {K::kRevoke, std::nullopt, Verdict::kChanged, State::kRevoked},
      {K::kRevoke, kGood, Verdict::kChanged, State::kRevoked},
      {K::kRevoke, kHeld, Verdict::kChanged, State::kRevoked},
      {K::kRevoke, kRevoked, Verdict::kUnchanged, State::kRevoked},
      {K::kHold, std::nullopt, Verdict::kChanged, State::kHold},
      {K::kHold, kGood, Verdict::kChanged, State::kHold},
      {K::kHold, kHeld, Verdict::kUnchanged, State::kHold},
      {K::kHold, kRevoked, Verdict::kConflict, State::kRevoked},
      {K::kUnhold, std::nullopt, Verdict::kAbsent, std::nullopt},
      {K::kUnhold, kGood, Verdict::kUnchanged, State::kGood},
      {K::kUnhold, kHeld, Verdict::kChanged, State::kGood},
      {K::kUnhold, kRevoked, Verdict::kConflict, State::kRevoked},
      {K::kForget, std::nullopt, Verdict::kUnchanged, std::nullopt},
      {K::kForget, kGood, Verdict::kChanged, std::nullopt},
      {K::kForget, kHeld, Verdict::kConflict, State::kHold},
      {K::kForget, kRevoked, Verdict::kConflict, State::kRevoked},
  };
  for (const Row& row : rows) {
    const Decision decision = decide(op(row.kind), row.known, kTestNow);
    const std::string what =
        std::string(to_string(row.kind)) + " on " +
        (row.known ? std::to_string(static_cast<int>(row.known->state)) : "nothing");
    EXPECT_EQ(decision.verdict, row.verdict) << what;
    EXPECT_EQ(decision.status ? std::optional(decision.status->state) : std::nullopt, row.then)
        << what;
    EXPECT_EQ(decision.why.empty(),
              row.verdict == Verdict::kChanged || row.verdict == Verdict::kUnchanged)
        << what;
    if (row.verdict == Verdict::kChanged) {
      EXPECT_EQ(decide(op(row.kind), decision.status, kTestNow + Seconds(5)).verdict,
                Verdict::kUnchanged)
          << what << ": the same request again has the same result";
    }
  }
}

TEST(Decide, ARevocationSaysWhenAndWhy) {
  Operation revoke = op(OperationKind::kRevoke);
  EXPECT_EQ(decide(revoke, kGood, kTestNow).status->revoked_at, kTestNow);
  revoke.at = kEarlier;
  revoke.reason = ReasonCode::kSuperseded;
  revoke.invalidity_date = kEarlier - Seconds(60);
  const Status made = *decide(revoke, kGood, kTestNow).status;
  EXPECT_EQ(made.revoked_at, kEarlier);
  EXPECT_EQ(made.reason, ReasonCode::kSuperseded);
  EXPECT_EQ(made.invalidity_date, kEarlier - Seconds(60));
}

TEST(Decide, AHoldThatBecomesFinalKeepsItsTime) {
  EXPECT_EQ(decide(op(OperationKind::kRevoke), kHeld, kTestNow).status->revoked_at, kEarlier);
  EXPECT_EQ(decide(op(OperationKind::kRevoke), kHeld, kTestNow).status->reason, std::nullopt);
  Operation now = op(OperationKind::kRevoke);
  now.at = kTestNow;
  EXPECT_EQ(decide(now, kHeld, kTestNow).status->revoked_at, kTestNow);
}

TEST(Decide, OtherFactsAboutARevocationConflictUnlessAmended) {
  Operation revoke = op(OperationKind::kRevoke);
  revoke.reason = ReasonCode::kSuperseded;
  EXPECT_EQ(decide(revoke, kRevoked, kTestNow).verdict, Verdict::kConflict);
  revoke.amend = Amend::kYes;
  EXPECT_EQ(decide(revoke, kRevoked, kTestNow).status->reason, ReasonCode::kSuperseded);
  EXPECT_EQ(decide(revoke, kRevoked, kTestNow).status->revoked_at, kEarlier);
  revoke.at = kEarlier - Seconds(1);
  EXPECT_EQ(decide(revoke, kRevoked, kTestNow).status->revoked_at, kEarlier - Seconds(1));
  revoke.at = kEarlier + Seconds(1);
  const Decision later = decide(revoke, kRevoked, kTestNow);
  EXPECT_EQ(later.verdict, Verdict::kConflict) << "some of its past would be good again";
  EXPECT_THAT(later.why, HasSubstr("later"));
}

TEST(Decide, TheExpiryIsLearntOnce) {
  Operation issue = op(OperationKind::kIssue);
  issue.expires = kTestNow + Seconds(100);
  const Decision first = decide(issue, kGood, kTestNow);
  EXPECT_EQ(first.verdict, Verdict::kChanged);
  EXPECT_EQ(decide(op(OperationKind::kIssue), first.status, kTestNow).status->expires,
            issue.expires);
  issue.expires = kTestNow + Seconds(101);
  EXPECT_EQ(decide(issue, first.status, kTestNow).verdict, Verdict::kConflict);
}

/// An expiry in the past would take a revocation off every CRL and out of every answer.
// req: OCSP-CRL-051, OCSP-RESP-068
TEST(Decide, AnExpiryOfWhatIsRevokedComesFromTheCertificateAlone) {
  for (const OperationKind kind :
       {OperationKind::kRevoke, OperationKind::kHold, OperationKind::kUnhold}) {
    const Status& known = kind == OperationKind::kRevoke ? kRevoked : kHeld;
    for (const UnixSeconds expires : {kTestNow - Seconds(1), kTestNow + Seconds(2)}) {
      Operation operation = op(kind);
      operation.expires = expires;
      const Decision said = decide(operation, known, kTestNow);
      EXPECT_EQ(said.verdict, Verdict::kConflict) << to_string(kind);
      EXPECT_EQ(said.status, known) << to_string(kind);
      EXPECT_THAT(said.why, HasSubstr("certificate itself"));
      operation.expires_by = Proof::kCertificate;
      EXPECT_EQ(decide(operation, known, kTestNow).status->expires, expires) << to_string(kind);
    }
  }
}

// req: OCSP-CRL-051
TEST(Decide, NobodyPlantsAPastExpiry) {
  for (const OperationKind kind :
       {OperationKind::kIssue, OperationKind::kRevoke, OperationKind::kHold}) {
    for (const std::optional<Status>& known :
         {std::optional<Status>(), std::optional<Status>(kGood)}) {
      Operation operation = op(kind);
      operation.expires = kTestNow;
      EXPECT_EQ(decide(operation, known, kTestNow).verdict, Verdict::kConflict) << to_string(kind);
      EXPECT_EQ(decide(operation, known, kTestNow).status, known) << to_string(kind);
      operation.expires_by = Proof::kCertificate;
      EXPECT_EQ(decide(operation, known, kTestNow).verdict, Verdict::kChanged) << to_string(kind);
    }
  }
  Status over = kGood;
  over.expires = kTestNow - Seconds(1);
  Operation again = op(OperationKind::kIssue);
  again.expires = over.expires;
  EXPECT_EQ(decide(again, over, kTestNow).verdict, Verdict::kUnchanged) << "known already";
}

TEST(Decide, TheCertificateCorrectsAWrongExpiry) {
  Status wrong = kGood;
  wrong.expires = kTestNow + Seconds(1);
  Operation revoke = op(OperationKind::kRevoke);
  revoke.expires = kTestNow + Seconds(100'000);
  EXPECT_EQ(decide(revoke, wrong, kTestNow).verdict, Verdict::kConflict);
  revoke.expires_by = Proof::kCertificate;
  EXPECT_EQ(decide(revoke, wrong, kTestNow).status->expires, revoke.expires);
}

// req: OCSP-RESP-068, OCSP-CRL-013
TEST(Decide, ARevocationIsForgottenOnlyAWhileBehindTheExpiry) {
  constexpr Seconds kKeep{14 * 86400};
  for (Status status : {kRevoked, kHeld}) {
    status.expires = kTestNow;
    for (const Seconds later : {Seconds(0), Seconds(1), kKeep}) {
      const Decision kept = decide(op(OperationKind::kForget), status, kTestNow + later, kKeep);
      EXPECT_EQ(kept.verdict, Verdict::kConflict) << to_int(kTestNow + later);
      EXPECT_THAT(kept.why, HasSubstr(format_iso8601(kTestNow + kKeep)));
    }
    EXPECT_EQ(
        decide(op(OperationKind::kForget), status, kTestNow + kKeep + Seconds(1), kKeep).verdict,
        Verdict::kChanged);
    EXPECT_EQ(decide(op(OperationKind::kForget), status, kTestNow + kKeep + Seconds(1)).verdict,
              Verdict::kConflict)
        << "usually longer: CRLs about CAs come once a year";
  }
}

}  // namespace
}  // namespace muster::push
