// What is to be said about a certificate: pure functions beside the keeper that acts.
#include <algorithm>

#include "muster/keeper/keeper.h"

namespace muster::keeper {
namespace {

CertificateState state_of(client::Freshness freshness) {
  switch (freshness) {
    case client::Freshness::kFresh:
    case client::Freshness::kNoNextUpdate:
      return CertificateState::kFresh;
    case client::Freshness::kDue:
      return CertificateState::kDue;
    case client::Freshness::kLate:
      return CertificateState::kLate;
    case client::Freshness::kCritical:
      return CertificateState::kCritical;
    case client::Freshness::kExpired:
    case client::Freshness::kNotYetValid:
      break;
  }
  return CertificateState::kExpired;
}

}  // namespace

std::string_view to_string(CertificateState state) {
  switch (state) {
    case CertificateState::kFresh:
      return "fresh";
    case CertificateState::kDue:
      return "due";
    case CertificateState::kLate:
      return "late";
    case CertificateState::kCritical:
      return "critical";
    case CertificateState::kOnHold:
      return "on-hold";
    case CertificateState::kRevoked:
      return "revoked";
    case CertificateState::kHeldBack:
      return "held-back";
    case CertificateState::kMissing:
      return "missing";
    case CertificateState::kExpired:
      return "expired";
    case CertificateState::kCertificateExpired:
      return "certificate-expired";
    case CertificateState::kNotNeeded:
      return "not-needed";
  }
  return "";
}

CertificateState judge_state(const StapleFacts* staple, bool held_back, UnixSeconds not_after,
                             UnixSeconds now) {
  if (not_after <= now) {
    return CertificateState::kCertificateExpired;
  }
  // What is held has begun once: if it seems to lie ahead, the clock was set back.
  if (staple != nullptr && now < staple->expires) {
    switch (staple->status) {
      case StapleStatus::kOnHold:
        return CertificateState::kOnHold;
      case StapleStatus::kRevoked:
        return CertificateState::kRevoked;
      case StapleStatus::kGood:
      case StapleStatus::kUnknown:
        break;
    }
    return state_of(client::classify_freshness(staple->this_update, staple->expires,
                                               std::max(now, staple->this_update)));
  }
  if (held_back) {
    return CertificateState::kHeldBack;
  }
  return staple != nullptr ? CertificateState::kExpired : CertificateState::kMissing;
}

bool is_neglected(const CertificateStatus& status, UnixSeconds start, UnixSeconds now) {
  using Real = std::chrono::duration<double>;
  if (status.state == CertificateState::kNotNeeded || status.not_after <= now || status.paused) {
    return false;
  }
  const UnixSeconds since = std::max(start, status.listed.value_or(start));
  const UnixSeconds asked =
      std::max({since, status.last_attempt.value_or(since), status.last_probe.value_or(since),
                status.resumed.value_or(since)});
  if (!status.staple || !status.staple->usable_at(now)) {
    const UnixSeconds missing = status.staple ? std::min(status.staple->expires, now) : since;
    return now - std::max(asked, missing) > kNeglectedWithout;
  }
  const Real remained = status.staple->expires - asked;
  return Real(now - asked) > Real(60) + remained * kNeglectedShare;
}

Applicability judge_applicability(const Watched& watched, const KeeperOptions& options) {
  const pki::Certificate& certificate = watched.subject.certificate;
  if (!watched.responders.empty()) {
    return {watched.responders, {}};  // the operator insists
  }
  if (certificate.facts().no_rev_avail) {
    return {{}, "its CA publishes no revocation status for it (noRevAvail)"};
  }
  const Seconds lifetime = certificate.not_after() - certificate.not_before();
  if (lifetime < options.skip_shorter_than) {
    return {{}, "it is short-lived (" + format_duration(lifetime) + ")"};
  }
  Applicability out{certificate.facts().access.ocsp, {}};
  std::erase_if(out.urls, [](const std::string& url) { return !client::is_http_url(url); });
  if (out.urls.empty()) {
    out.reason = certificate.facts().access.ocsp.empty()
                     ? "it names no OCSP responder"
                     : "no OCSP responder it names is reached by http or https";
  }
  return out;
}

}  // namespace muster::keeper
