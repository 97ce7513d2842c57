#include "muster/responder/policy.h"

#include <algorithm>

namespace muster::responder {
namespace {

constexpr Seconds kLongestRetention{100LL * 366 * 86400};

Err<PolicyError> fail(std::string detail) { return Err{PolicyError{std::move(detail)}}; }

std::string forbids(const ProfileRow& row) {
  return ", which profile " + std::string(row.name) + " forbids (" + std::string(row.source) +
         "); ";
}

Seconds longest_of(const IssuerPolicy& policy) {
  const ProfileLimits& limits = row_of(policy.profile).limits;
  return policy.certifies == Certifies::kCas ? limits.longest_for_cas : limits.longest;
}

Result<Unit, PolicyError> check_times(const IssuerPolicy& policy) {
  const ProfileRow& row = row_of(policy.profile);
  if (policy.validity < row.limits.shortest || policy.validity > longest_of(policy)) {
    return fail("validity " + format_duration(policy.validity) + " is outside " +
                format_duration(row.limits.shortest) + " to " +
                format_duration(longest_of(policy)) + ", which profile " + std::string(row.name) +
                " allows (" + std::string(row.source) + "); choose one inside, 7d is usual");
  }
  if (policy.refresh && (*policy.refresh <= Seconds(0) || *policy.refresh >= policy.validity)) {
    return fail("refresh " + format_duration(*policy.refresh) + " must be shorter than validity " +
                format_duration(policy.validity) + ", or answers expire before they are replaced");
  }
  if (policy.retain_expired &&
      (*policy.retain_expired < Seconds(0) || *policy.retain_expired > kLongestRetention)) {
    return fail("retain_expired must lie between 0 and 100 years");
  }
  return Unit{};
}

/// Whether a revoked CA certificate may carry `reason` (CA/B BR 7.2.2: neither unspecified nor
/// certificateHold).
bool is_permitted_for_cas(ReasonCode reason) {
  return reason != ReasonCode::kUnspecified && reason != ReasonCode::kCertificateHold &&
         reason != ReasonCode::kRemoveFromCrl;
}

/// A value the profile does not permit, and what to choose instead.
struct Breach {
  bool is_broken;
  const char* what;
  const char* instead;
};

Result<Unit, PolicyError> check_limits(const IssuerPolicy& policy) {
  const ProfileRow& row = row_of(policy.profile);
  const ProfileLimits& limits = row.limits;
  const auto no = [](Permitted permitted) { return permitted == Permitted::kNo; };
  const Breach breaches[] = {
      {no(limits.revoked_for_unissued) && policy.unissued == UnissuedAnswer::kRevoked,
       "unissued = \"revoked\" uses reason certificateHold",
       "choose \"unauthorized\" or \"unknown\""},
      {no(limits.good_for_unlisted) && policy.unlisted == UnlistedAnswer::kGood,
       "unlisted = \"good\" could call a serial good that was never issued",
       "choose \"unauthorized\", or serve from index.txt"},
      {no(limits.hold) && policy.hold == HoldForm::kHold,
       "hold = \"hold\" uses reason certificateHold", "choose hold = \"revoked\""},
      {no(limits.omitted_next_update) && policy.next_update == NextUpdate::kOmitted,
       "next_update = \"omitted\" leaves caches without an end", "leave it \"stated\""},
      {no(limits.beyond_signer) && policy.beyond_signer == Shown::kYes,
       "beyond_signer = true lets answers outlive the certificate that signed them",
       "leave it out"},
      {no(limits.beyond_signer) && policy.next_update == NextUpdate::kLast,
       "next_update = \"last\" lets answers outlive the certificate that signed them",
       "leave it \"stated\""},
      {no(limits.responder_by_name) && policy.responder_id == ResponderIdForm::kByName,
       "responder_id = \"name\" is for clients that do not know the key form", "leave it \"key\""},
      {no(limits.reasonless_cas) && policy.certifies == Certifies::kCas && !policy.default_reason,
       "certifies = \"cas\" without default_reason could show a revoked CA without a reason",
       "give default_reason, \"cessationOfOperation\" for instance"},
      {no(limits.signed_without_record) && policy.unissued != UnissuedAnswer::kUnauthorized,
       "unissued other than \"unauthorized\" signs a status for what has no record",
       "choose \"unauthorized\""},
      {no(limits.signed_without_record) && policy.unlisted == UnlistedAnswer::kUnknown,
       "unlisted = \"unknown\" signs a status for what has no record", "choose \"unauthorized\""},
  };
  for (const Breach& breach : breaches) {
    if (breach.is_broken) {
      return fail(breach.what + forbids(row) + breach.instead);
    }
  }
  if (limits.max_response_bytes != 0 &&
      (policy.max_response_bytes == 0 || policy.max_response_bytes > limits.max_response_bytes)) {
    return fail("max_response lets answers have more than " +
                std::to_string(limits.max_response_bytes) + " octets" + forbids(row) +
                "leave it out, or choose less");
  }
  const auto is_given = [&policy](auto holds) {
    return holds(policy.nonce) ||
           std::any_of(policy.nonce_by_client.begin(), policy.nonce_by_client.end(),
                       [&](const IssuerPolicy::NonceRule& rule) { return holds(rule.nonce); });
  };
  const bool echoes = is_given([](NoncePolicy nonce) { return nonce != NoncePolicy::kIgnore; });
  const bool echoes_long = is_given([](NoncePolicy nonce) {
    return nonce == NoncePolicy::kEcho || nonce == NoncePolicy::kRequire;
  });
  if (no(limits.nonces) && echoes) {
    return fail("nonces are answered" + forbids(row) + "choose nonce = \"ignore\"");
  }
  if (no(limits.long_nonces) && echoes_long) {
    return fail("nonce = \"echo\" and \"require\" repeat nonces of more than 32 octets" +
                forbids(row) + "choose \"echo-16-32\", \"rfc8954\" or \"ignore\"");
  }
  if (policy.next_update == NextUpdate::kLast && echoes) {
    return fail(
        "next_update = \"last\" makes answers that stand for ever, which a nonce would spoil; "
        "choose nonce = \"ignore\"");
  }
  return Unit{};
}

}  // namespace

Result<Unit, PolicyError> check_policy(const IssuerPolicy& policy) {
  MUSTER_CHECK(check_times(policy));
  MUSTER_CHECK(check_limits(policy));
  if (policy.default_reason && !is_permitted_for_cas(*policy.default_reason)) {
    return fail(
        "default_reason " + std::string(to_string(*policy.default_reason)) +
        " says nothing a client could use; choose another, \"cessationOfOperation\" for instance");
  }
  if (policy.cert_id_hashes == 0) {
    return fail(
        "cert_id_hashes is empty, so no request could be answered; leave it out for all of them");
  }
  if (!policy.requestors.empty() && policy.request_signatures != RequestSignatures::kRequired) {
    return fail(
        "requestors says who may ask, but unsigned requests are answered to everybody; set "
        "request_signatures = \"required\"");
  }
  return Unit{};
}

store::StatementRules statement_rules(const IssuerPolicy& policy) {
  return {policy.hold, policy.default_reason, policy.compromised_at};
}

Seconds refresh_age(const IssuerPolicy& policy) {
  const ProfileLimits& limits = row_of(policy.profile).limits;
  Seconds age = policy.refresh.value_or(policy.validity / 2);
  if (limits.beyond_half_life == Permitted::kNo) {
    age = std::min(age, policy.validity / 2);
  }
  if (policy.validity >= limits.long_validity) {
    age = std::min(age, policy.validity - limits.before_end);
  }
  if (policy.certifies == Certifies::kSubscribers) {
    age = std::min(age, limits.latest_refresh);
  }
  return std::max(age, Seconds(1));
}

NoncePolicy nonce_policy(const IssuerPolicy& policy, const IpAddress& client) {
  for (const IssuerPolicy::NonceRule& rule : policy.nonce_by_client) {
    if (contains(rule.clients, client)) {
      return rule.nonce;
    }
  }
  return policy.nonce;
}

bool is_open(const IssuerPolicy& policy) {
  const auto demands = [](const IssuerPolicy::NonceRule& rule) {
    return rule.nonce == NoncePolicy::kRequire;
  };
  return policy.clients.empty() && policy.request_signatures != RequestSignatures::kRequired &&
         policy.nonce != NoncePolicy::kRequire &&
         std::none_of(policy.nonce_by_client.begin(), policy.nonce_by_client.end(), demands);
}

}  // namespace muster::responder
