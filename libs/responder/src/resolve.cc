#include "resolve.h"

#include <algorithm>

namespace muster::responder {
namespace {

/// 99991231235959Z.
constexpr UnixSeconds kNever = unix_seconds(253402300799);

/// As on a CRL, but that reasons may be kept to ourselves. A hold is shown all the same: it may end
/// (RFC 6960 section 2.2).
ocsp::Revoked revoked_of(const IssuerPolicy& policy, const store::Status& record,
                         const store::Statement& said) {
  const bool is_shown = policy.reasons == Shown::kYes || record.state != store::State::kRevoked;
  return {said.since, is_shown ? said.reason : std::nullopt};
}

Resolved refuse(Cause cause) {
  Resolved out;
  out.cause = cause;
  return out;
}

void answer_unissued(const IssuerPolicy& policy, Resolved& out) {
  out.rule = Rule::kUnissued;
  switch (policy.unissued) {
    case UnissuedAnswer::kUnknown:
      out.status = ocsp::Unknown{};
      return;
    case UnissuedAnswer::kUnauthorized:
      out.cause = Cause::kUnissued;
      return;
    case UnissuedAnswer::kRevoked:
      out.status =
          ocsp::Revoked{UnixSeconds{}, ReasonCode::kCertificateHold};  // RFC 6960 section 2.2
      out.never_issued = NeverIssued::kYes;
      return;
  }
}

void answer_unlisted(const IssuerPolicy& policy, Resolved& out) {
  out.rule = Rule::kUnlisted;
  // A store written by others may hold CRL data nobody decided about: refusing is the one safe
  // reading.
  switch (policy.unlisted.value_or(UnlistedAnswer::kUnauthorized)) {
    case UnlistedAnswer::kGood:
      out.status = ocsp::Good{};
      return;
    case UnlistedAnswer::kUnknown:
      out.status = ocsp::Unknown{};
      return;
    case UnlistedAnswer::kUnauthorized:
      out.cause = Cause::kUnlisted;
      return;
  }
}

/// Until when the source vouches for what it says of a serial; nothing: a live source, no end. A
/// set of CRLs with one missing still knows revocations, and a list of issued serials that lags
/// still knows the others (decisions 028 and 029).
std::optional<UnixSeconds> known_until(const store::IssuerState& state,
                                       const std::optional<store::Status>& record) {
  std::optional<UnixSeconds> until = state.next_update;
  const auto limit = [&until](const std::optional<UnixSeconds>& end) {
    if (end) {
      until = std::min(until.value_or(*end), *end);
    }
  };
  if (!record || record->state == store::State::kGood) {
    limit(state.not_revoked_until);
  }
  if (!record && state.knows_issued == store::KnowsIssued::kYes) {
    limit(state.never_issued_until);
  }
  return until;
}

bool promises_retention(const IssuerPolicy& policy) {
  return policy.archive_cutoff == ArchiveCutoff::kIssuer ||
         (policy.archive_cutoff == ArchiveCutoff::kRetention && policy.retain_expired);
}

/// Whether a CRL need not name the certificate if it was revoked, so that its silence says nothing
/// (RFC 5280 section 3.3).
bool may_be_dropped(const store::IssuerState& state, const store::Status& record) {
  return state.this_update && record.expires && *record.expires < *state.this_update;
}

/// Whether the status of a serial changes no more: what holds for ever must not be said of one that
/// may be revoked, released or issued yet.
bool is_final(const IssuerPolicy& policy, const std::optional<store::Status>& record,
              UnixSeconds now) {
  const bool revoked = policy.compromised_at || (record && record->state == store::State::kRevoked);
  return revoked || (record && record->expires && *record->expires < now);
}

}  // namespace

std::string_view to_string(Rule rule) {
  switch (rule) {
    case Rule::kRecord:
      return "record";
    case Rule::kCompromisedCa:
      return "compromised_ca";
    case Rule::kUnissued:
      return "unissued";
    case Rule::kUnlisted:
      return "unlisted";
  }
  return "";
}

bool same_answer(const Resolved& a, const Resolved& b) {
  return a.source_this_update == b.source_this_update &&
         a.source_next_update == b.source_next_update && same_status(a, b);
}

bool same_status(const Resolved& a, const Resolved& b) {
  if (a.cause != b.cause || a.never_issued != b.never_issued ||
      a.invalidity_date != b.invalidity_date || a.rule != b.rule ||
      a.status.index() != b.status.index()) {
    return false;
  }
  const auto* x = std::get_if<ocsp::Revoked>(&a.status);
  const auto* y = std::get_if<ocsp::Revoked>(&b.status);
  return x == nullptr || (x->time == y->time && x->reason == y->reason);
}

Resolved resolve(const Terms& terms, const SignerBounds& signer, const store::IssuerState* state,
                 const std::optional<store::Status>& record, UnixSeconds now) {
  if (now < signer.not_before || now >= signer.not_after) {
    return refuse(Cause::kSignerExpired);
  }
  const bool live_store = terms.origin == DataOrigin::kStoreItself;
  if (state == nullptr || (!live_store && state->loaded_at == UnixSeconds{})) {
    return refuse(Cause::kSourceNotLoaded);
  }
  const std::optional<UnixSeconds> until = known_until(*state, record);
  if (until && *until <= now) {
    return refuse(Cause::kSourceStale);
  }

  Resolved out;
  out.source_this_update = state->this_update;
  out.source_next_update = until;
  // A CRL was right when it was issued, a live source when it was last read; neither may lie ahead
  // of the clock.
  const UnixSeconds known = state->this_update ? *state->this_update
                            : live_store       ? now
                                               : state->loaded_at;
  out.this_update = std::min(known, now);
  // A CRL says itself how long it holds; a live source that nobody could read for a whole validity
  // is not to be believed.
  const UnixSeconds from = state->this_update ? now : out.this_update;
  out.next_update = from + terms.policy.validity - Seconds(1);
  if (terms.policy.beyond_signer == Shown::kNo) {
    out.next_update = std::min(out.next_update, signer.not_after);
  }
  if (until) {
    out.next_update = std::min(out.next_update, *until);
  }
  if (out.next_update <= now) {
    return refuse(Cause::kSourceStale);
  }
  if (terms.policy.next_update == NextUpdate::kLast && is_final(terms.policy, record, now) &&
      (!until || *until >= kNever)) {
    out.next_update = kNever;
  }
  if (record && record->expires && terms.policy.retain_expired &&
      *record->expires + *terms.policy.retain_expired < now) {
    return refuse(Cause::kRetired);
  }

  // The whole CA is revoked with certificates that have no record, too.
  const auto said =
      store::statement_of(statement_rules(terms.policy), record.value_or(store::Status{}));
  if (said) {
    const bool by_itself = record && record->state != store::State::kGood;
    out.rule = by_itself ? Rule::kRecord : Rule::kCompromisedCa;
    out.status = revoked_of(terms.policy, record.value_or(store::Status{}), *said);
    if (by_itself && terms.policy.invalidity_date == Shown::kYes) {
      out.invalidity_date = said->invalidity_date;
    }
  } else if (record) {
    if (promises_retention(terms.policy) && may_be_dropped(*state, *record)) {
      return refuse(Cause::kRetired);
    }
    out.status = ocsp::Good{};
  } else if (state->knows_issued == store::KnowsIssued::kYes) {
    answer_unissued(terms.policy, out);
  } else {
    answer_unlisted(terms.policy, out);
  }
  return out;
}

}  // namespace muster::responder
