#include "resolve.h"

#include <gtest/gtest.h>

namespace muster::responder {
namespace {

using std::chrono::hours;
constexpr UnixSeconds kNow = unix_seconds(1795514400);

Terms terms() { return {}; }
constexpr SignerBounds kSigner{kNow - hours(24 * 30), kNow + hours(24 * 300)};
/// What a signer in the middle of its life would say.
Resolved resolve(const Terms& terms, const store::IssuerState* state,
                 const std::optional<store::Status>& record, UnixSeconds now) {
  return responder::resolve(terms, kSigner, state, record, now);
}
store::IssuerState live(store::KnowsIssued knows = store::KnowsIssued::kYes) {
  store::IssuerState state;
  state.knows_issued = knows;
  state.loaded_at = kNow - Seconds(5);
  state.sequence = 3;
  return state;
}
store::IssuerState crl() {
  store::IssuerState state = live(store::KnowsIssued::kNo);
  state.this_update = kNow - hours(1);
  state.next_update = kNow + hours(23);
  return state;
}
store::Status revoked(std::optional<ReasonCode> reason,
                      store::State what = store::State::kRevoked) {
  store::Status status;
  status.state = what;
  status.revoked_at = kNow - hours(48);
  status.reason = reason;
  return status;
}
const store::Status kGoodRecord;

// req: OCSP-RESP-004
TEST(Resolve, SaysWhatTheRecordSays) {
  const auto state = live();
  EXPECT_TRUE(
      std::holds_alternative<ocsp::Good>(resolve(terms(), &state, kGoodRecord, kNow).status));
  const Resolved held = resolve(terms(), &state, revoked(std::nullopt, store::State::kHold), kNow);
  EXPECT_EQ(std::get<ocsp::Revoked>(held.status).reason, ReasonCode::kCertificateHold);
  const Resolved gone = resolve(terms(), &state, revoked(ReasonCode::kKeyCompromise), kNow);
  EXPECT_EQ(std::get<ocsp::Revoked>(gone.status).reason, ReasonCode::kKeyCompromise);
}

// req: OCSP-RESP-013
TEST(Resolve, KeepsTheRevocationTime) {
  const auto state = live();
  EXPECT_EQ(std::get<ocsp::Revoked>(resolve(terms(), &state, revoked({}), kNow).status).time,
            kNow - hours(48));
}

TEST(Resolve, SaysUnspecifiedByAbsence) {
  const auto state = live();
  EXPECT_FALSE(std::get<ocsp::Revoked>(
                   resolve(terms(), &state, revoked(ReasonCode::kUnspecified), kNow).status)
                   .reason);
}

// req: OCSP-RESP-006 OCSP-RESP-062 OCSP-RESP-063
TEST(Resolve, NeverSaysGoodForUnissued) {
  const auto state = live();
  Terms t = terms();
  EXPECT_TRUE(std::holds_alternative<ocsp::Unknown>(resolve(t, &state, std::nullopt, kNow).status));
  t.policy.unissued = UnissuedAnswer::kUnauthorized;
  EXPECT_EQ(resolve(t, &state, std::nullopt, kNow).cause, Cause::kUnissued);
  t.policy.unissued = UnissuedAnswer::kRevoked;
  const Resolved out = resolve(t, &state, std::nullopt, kNow);
  EXPECT_EQ(out.never_issued, NeverIssued::kYes);
  EXPECT_EQ(std::get<ocsp::Revoked>(out.status).time, unix_seconds(0));
  EXPECT_EQ(std::get<ocsp::Revoked>(out.status).reason, ReasonCode::kCertificateHold);
  // A choice made for CRLs must not leak into a list of all issued.
  t.policy.unissued = UnissuedAnswer::kUnknown;
  t.policy.unlisted = UnlistedAnswer::kGood;
  EXPECT_TRUE(std::holds_alternative<ocsp::Unknown>(resolve(t, &state, std::nullopt, kNow).status));
}

TEST(Resolve, AnswersUnlistedAsDecided) {
  const auto state = crl();
  Terms t = terms();
  EXPECT_EQ(resolve(t, &state, std::nullopt, kNow).cause, Cause::kUnlisted)
      << "undecided must refuse";
  t.policy.unlisted = UnlistedAnswer::kGood;
  EXPECT_TRUE(std::holds_alternative<ocsp::Good>(resolve(t, &state, std::nullopt, kNow).status));
  t.policy.unlisted = UnlistedAnswer::kUnknown;
  EXPECT_TRUE(std::holds_alternative<ocsp::Unknown>(resolve(t, &state, std::nullopt, kNow).status));
  t.policy.unlisted = UnlistedAnswer::kUnauthorized;
  EXPECT_EQ(resolve(t, &state, std::nullopt, kNow).cause, Cause::kUnlisted);
}

// req: OCSP-RESP-009
TEST(Resolve, TriesLaterWithoutCurrentData) {
  Terms t = terms();
  t.policy.unlisted = UnlistedAnswer::kGood;
  EXPECT_EQ(resolve(t, nullptr, kGoodRecord, kNow).cause, Cause::kSourceNotLoaded);
  store::IssuerState never = live();
  never.loaded_at = UnixSeconds{};
  EXPECT_EQ(resolve(t, &never, kGoodRecord, kNow).cause, Cause::kSourceNotLoaded);
  store::IssuerState stale = crl();
  stale.next_update = kNow;
  EXPECT_EQ(resolve(t, &stale, std::nullopt, kNow).cause, Cause::kSourceStale);
  stale.next_update = kNow + Seconds(1);
  EXPECT_EQ(resolve(t, &stale, std::nullopt, kNow).cause, Cause::kNone);
  EXPECT_EQ(status_for(Cause::kSourceStale), ocsp::ResponseStatus::kTryLater);
  EXPECT_EQ(status_for(Cause::kSourceNotLoaded), ocsp::ResponseStatus::kTryLater);
}

TEST(Resolve, TriesLaterWhenALiveSourceWasUnreadableForAWholeValidity) {
  store::IssuerState state = live();
  state.loaded_at = kNow - terms().policy.validity;
  EXPECT_EQ(resolve(terms(), &state, kGoodRecord, kNow).cause, Cause::kSourceStale);
}

TEST(Resolve, DatesTheAnswerByItsData) {
  const auto state = crl();
  Terms t = terms();
  t.policy.unlisted = UnlistedAnswer::kGood;
  EXPECT_EQ(resolve(t, &state, std::nullopt, kNow).this_update, kNow - hours(1));
  const auto index = live();
  EXPECT_EQ(resolve(t, &index, kGoodRecord, kNow).this_update, kNow - Seconds(5));
  t.origin = DataOrigin::kStoreItself;
  EXPECT_EQ(resolve(t, &index, kGoodRecord, kNow).this_update, kNow);
}

TEST(Resolve, NeverDatesTheAnswerAheadOfTheClock) {
  store::IssuerState state = live();
  state.loaded_at = kNow + hours(1);
  EXPECT_EQ(resolve(terms(), &state, kGoodRecord, kNow).this_update, kNow);
}

// A CRL of the set is missing: what is revoked is known, what is not revoked is not.
TEST(Resolve, KnowsRevocationsAloneWhileACrlIsMissing) {
  store::IssuerState state = crl();
  state.not_revoked_until = kNow;
  Terms t = terms();
  t.policy.unlisted = UnlistedAnswer::kGood;
  EXPECT_EQ(resolve(t, &state, std::nullopt, kNow).cause, Cause::kSourceStale);
  EXPECT_EQ(resolve(t, &state, kGoodRecord, kNow).cause, Cause::kSourceStale);
  EXPECT_EQ(resolve(t, &state, revoked({}), kNow).cause, Cause::kNone);
  state.not_revoked_until = kNow + Seconds(1);
  EXPECT_EQ(resolve(t, &state, std::nullopt, kNow).next_update, kNow + Seconds(1))
      << "good never outlives what it rests on";
  EXPECT_EQ(resolve(t, &state, revoked({}), kNow).next_update, *state.next_update);
}

TEST(Resolve, CallsNothingNeverIssuedByAnOldListOfWhatWas) {
  store::IssuerState state = crl();
  state.knows_issued = store::KnowsIssued::kYes;
  state.never_issued_until = kNow;
  EXPECT_EQ(resolve(terms(), &state, std::nullopt, kNow).cause, Cause::kSourceStale);
  EXPECT_TRUE(
      std::holds_alternative<ocsp::Good>(resolve(terms(), &state, kGoodRecord, kNow).status));
  state.never_issued_until = kNow + Seconds(1);
  EXPECT_TRUE(
      std::holds_alternative<ocsp::Unknown>(resolve(terms(), &state, std::nullopt, kNow).status));
}

// req: OCSP-RESP-044 OCSP-RESP-058 OCSP-RESP-072
TEST(Resolve, EndsWithWhateverEndsFirst) {
  const auto index = live();
  Terms t = terms();
  const Resolved plain = resolve(t, &index, kGoodRecord, kNow);
  EXPECT_EQ(plain.next_update - plain.this_update, Seconds(604799)) << "both ends count";
  const SignerBounds brief{kSigner.not_before, kNow + hours(48)};
  EXPECT_EQ(responder::resolve(t, brief, &index, kGoodRecord, kNow).next_update, kNow + hours(48));
  const auto list = crl();
  t.policy.unlisted = UnlistedAnswer::kGood;
  EXPECT_EQ(resolve(t, &list, std::nullopt, kNow).next_update, kNow + hours(23));
  t.policy.validity = hours(2);
  EXPECT_EQ(resolve(t, &list, std::nullopt, kNow).next_update, kNow + hours(2) - Seconds(1));
}

TEST(Resolve, RefusesOutsideTheSignersLife) {
  const auto state = live();
  const SignerBounds ended{kSigner.not_before, kNow};
  EXPECT_EQ(responder::resolve(terms(), ended, &state, kGoodRecord, kNow).cause,
            Cause::kSignerExpired);
  const SignerBounds unborn{kNow + Seconds(1), kSigner.not_after};
  EXPECT_EQ(responder::resolve(terms(), unborn, &state, kGoodRecord, kNow).cause,
            Cause::kSignerExpired);
}

// req: OCSP-RESP-014
TEST(Resolve, RevokesEverythingOfACompromisedCa) {
  const auto state = live();
  Terms t = terms();
  t.policy.compromised_at = kNow - hours(3);
  for (const std::optional<store::Status>& record :
       {std::optional(kGoodRecord), std::optional<store::Status>()}) {
    const Resolved out = resolve(t, &state, record, kNow);
    EXPECT_EQ(std::get<ocsp::Revoked>(out.status).reason, ReasonCode::kCaCompromise);
    EXPECT_EQ(std::get<ocsp::Revoked>(out.status).time, kNow - hours(3));
  }
  const Resolved before = resolve(t, &state, revoked(ReasonCode::kSuperseded), kNow);
  EXPECT_EQ(std::get<ocsp::Revoked>(before.status).reason, ReasonCode::kSuperseded);
}

// req: OCSP-RESP-074
TEST(Resolve, LastAnswersAreThoseThatCanChangeNoMore) {
  Terms t = terms();
  t.policy.next_update = NextUpdate::kLast;
  constexpr UnixSeconds kForEver = unix_seconds(253402300799);
  const auto index = live();
  const auto end = [&](const store::IssuerState& state,
                       const std::optional<store::Status>& record) {
    return resolve(t, &state, record, kNow).next_update;
  };
  store::Status expired;
  expired.expires = kNow - Seconds(1);
  store::Status held = revoked({}, store::State::kHold);
  EXPECT_EQ(end(index, revoked({})), kForEver);
  EXPECT_EQ(end(index, expired), kForEver);
  store::Status valid;
  valid.expires = kNow;
  EXPECT_LT(end(index, valid), kForEver) << "may be revoked yet";
  EXPECT_LT(end(index, kGoodRecord), kForEver) << "nobody knows that it expired";
  EXPECT_LT(end(index, held), kForEver) << "may be released";
  held.expires = expired.expires;
  EXPECT_EQ(end(index, held), kForEver);
  EXPECT_LT(end(index, std::nullopt), kForEver) << "may be issued yet";
  t.policy.unlisted = UnlistedAnswer::kGood;
  store::IssuerState list = crl();
  EXPECT_LT(end(list, std::nullopt), kForEver);
  EXPECT_EQ(end(list, revoked({})), *list.next_update) << "beyond the CRL nobody knows";
  list.next_update = kForEver;
  EXPECT_EQ(end(list, revoked({})), kForEver) << "the CRL is a last one itself";
  t.policy.compromised_at = kNow - hours(3);
  EXPECT_EQ(end(index, kGoodRecord), kForEver) << "revoked with its CA";
}

TEST(SameAnswer, SeesEveryDifferenceThatMatters) {
  const auto index = live();
  const Resolved good = resolve(terms(), &index, kGoodRecord, kNow);
  EXPECT_TRUE(same_answer(good, resolve(terms(), &index, kGoodRecord, kNow + Seconds(9))));
  const Resolved a = resolve(terms(), &index, revoked(ReasonCode::kSuperseded), kNow);
  EXPECT_FALSE(same_answer(good, a));
  EXPECT_FALSE(same_answer(a, resolve(terms(), &index, revoked(ReasonCode::kKeyCompromise), kNow)));
  store::Status moved = revoked(ReasonCode::kSuperseded);
  moved.revoked_at = kNow;
  EXPECT_FALSE(same_answer(a, resolve(terms(), &index, moved, kNow)));
  Terms t = terms();
  t.policy.unlisted = UnlistedAnswer::kGood;
  auto list = crl();
  const Resolved from_crl = resolve(t, &list, std::nullopt, kNow);
  list.this_update = kNow - Seconds(1);
  EXPECT_FALSE(same_answer(from_crl, resolve(t, &list, std::nullopt, kNow)))
      << "a newer CRL is news";
}

}  // namespace
}  // namespace muster::responder
