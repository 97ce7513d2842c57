#include "muster/push/operation.h"

#include <array>

namespace muster::push {
namespace {

using store::State;
using store::Status;

constexpr std::array<std::string_view, kOperationKinds> kWords = {"issue", "revoke", "hold",
                                                                  "unhold", "forget"};

Decision conflict(const Status& known, std::string why) {
  return {Verdict::kConflict, known, std::move(why)};
}

std::string since(const Status& status) {
  return status.revoked_at ? " since " + format_iso8601(*status.revoked_at) : "";
}
Decision revoked_for_good(const Status& known) {
  return conflict(known, "the certificate is revoked" + since(known) +
                             "; a revocation cannot be undone, only a hold");
}

/// Why the expiry that the operation names is not taken; nothing: it is. The certificate itself
/// proves it, whatever was said before.
std::optional<std::string> why_no_expiry(const Operation& operation,
                                         const std::optional<Status>& known, UnixSeconds now) {
  const auto known_expiry = known ? known->expires : std::nullopt;
  if (!operation.expires || operation.expires == known_expiry ||
      operation.expires_by == Proof::kCertificate) {
    return std::nullopt;
  }
  if (known_expiry) {
    return "the certificate is known to expire at " + format_iso8601(*known_expiry);
  }
  if (known && known->state != State::kGood) {
    return "when a certificate that is revoked or on hold expires is read from the certificate "
           "itself (send \"certificate\")";
  }
  if (*operation.expires <= now) {
    return "that the certificate has expired already is read from the certificate itself (send "
           "\"certificate\")";
  }
  return std::nullopt;
}

/// `status` with what the operation says beyond the state, compared with what was there.
Decision settle(const Operation& operation, const std::optional<Status>& known, Status status,
                UnixSeconds now) {
  if (auto why = why_no_expiry(operation, known, now)) {
    return {Verdict::kConflict, known, *std::move(why)};
  }
  if (operation.expires) {
    status.expires = operation.expires;
  }
  status.told_by_crl = false;  // it was acknowledged here: no CRL ends it by silence any more
  return {known == status ? Verdict::kUnchanged : Verdict::kChanged, status, ""};
}

Decision issue(const Operation& operation, const std::optional<Status>& known, UnixSeconds now) {
  if (known && known->state == State::kRevoked) {
    return revoked_for_good(*known);
  }
  if (known && known->state == State::kHold) {
    return conflict(*known, "the certificate is on hold" + since(*known) + "; unhold lifts it");
  }
  return settle(operation, known, known.value_or(Status{}), now);
}

Decision revoke_again(const Operation& operation, const Status& known, UnixSeconds now) {
  const bool same =
      (!operation.at || operation.at == known.revoked_at) &&
      (!operation.reason || operation.reason == known.reason) &&
      (!operation.invalidity_date || operation.invalidity_date == known.invalidity_date);
  if (!same && operation.amend == Amend::kNo) {
    return conflict(known, "the certificate is revoked already" + since(known) +
                               " with other facts; \"amend\": true corrects reason, invalidity "
                               "date, or to an earlier time");
  }
  if (operation.at && known.revoked_at && *operation.at > *known.revoked_at) {
    return conflict(known, "the certificate is revoked" + since(known) +
                               "; a revocation cannot be moved to a later time");
  }
  Status status = known;
  status.revoked_at = operation.at ? operation.at : known.revoked_at;
  status.reason = operation.reason ? operation.reason : known.reason;
  status.invalidity_date =
      operation.invalidity_date ? operation.invalidity_date : known.invalidity_date;
  return settle(operation, known, status, now);
}

Decision revoke(const Operation& operation, const std::optional<Status>& known, UnixSeconds now) {
  if (known && known->state == State::kRevoked) {
    return revoke_again(operation, *known, now);
  }
  Status status = known.value_or(Status{});
  // A hold that becomes final keeps its time unless told otherwise: signatures made meanwhile stay
  // doubtful.
  const std::optional<UnixSeconds> held_at =
      known && known->state == State::kHold ? known->revoked_at : std::nullopt;
  status.state = State::kRevoked;
  status.revoked_at = operation.at ? *operation.at : held_at.value_or(now);
  status.reason = operation.reason;
  status.invalidity_date = operation.invalidity_date;
  return settle(operation, known, status, now);
}

Decision hold(const Operation& operation, const std::optional<Status>& known, UnixSeconds now) {
  if (known && known->state == State::kRevoked) {
    return revoked_for_good(*known);
  }
  if (known && known->state == State::kHold) {
    return !operation.at || operation.at == known->revoked_at
               ? settle(operation, known, *known, now)
               : conflict(*known, "the certificate is on hold already" + since(*known));
  }
  Status status = known.value_or(Status{});
  status.state = State::kHold;
  status.revoked_at = operation.at.value_or(now);
  status.reason = ReasonCode::kCertificateHold;
  return settle(operation, known, status, now);
}

Decision unhold(const Operation& operation, const std::optional<Status>& known, UnixSeconds now) {
  if (!known) {
    return {Verdict::kAbsent, std::nullopt, "no such certificate is known; issue it first"};
  }
  if (known->state == State::kRevoked) {
    return revoked_for_good(*known);
  }
  Status status = *known;
  status.state = State::kGood;
  status.revoked_at.reset();
  status.reason.reset();
  status.invalidity_date.reset();
  return settle(operation, known, status, now);
}

Decision forget(const std::optional<Status>& known, UnixSeconds now, Seconds keep_revoked) {
  if (!known) {
    return {Verdict::kUnchanged, std::nullopt, ""};
  }
  const auto kept_until =
      known->expires ? std::optional(*known->expires + keep_revoked) : std::nullopt;
  if (known->state != State::kGood && !(kept_until && *kept_until < now)) {
    return conflict(*known,
                    "a revocation or hold is kept until the certificate has expired and CRLs have "
                    "shown it since" +
                        (kept_until ? " (" + format_iso8601(*kept_until) + ")"
                                    : std::string("; when it expires is not known")));
  }
  return {Verdict::kChanged, std::nullopt, ""};
}

}  // namespace

std::string_view to_string(OperationKind kind) { return kWords.at(static_cast<std::size_t>(kind)); }

std::optional<OperationKind> parse_operation_kind(std::string_view word) {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (kWords.at(i) == word) {
      return static_cast<OperationKind>(i);
    }
  }
  return std::nullopt;
}

Decision decide(const Operation& operation, const std::optional<Status>& known, UnixSeconds now,
                Seconds keep_revoked) {
  switch (operation.kind) {
    case OperationKind::kIssue:
      return issue(operation, known, now);
    case OperationKind::kRevoke:
      return revoke(operation, known, now);
    case OperationKind::kHold:
      return hold(operation, known, now);
    case OperationKind::kUnhold:
      return unhold(operation, known, now);
    case OperationKind::kForget:
      break;
  }
  return forget(known, now, keep_revoked);
}

}  // namespace muster::push
