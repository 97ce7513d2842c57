#include "waiting.h"

#include <algorithm>

namespace muster::stapler {
namespace {

using keeper::CertificateState;
using State = Waiting::State;

/// Why nothing is on offer.
Waiting judge_missing(const keeper::CertificateStatus& status, UnixSeconds now) {
  const std::string error = status.last_error.empty() ? "" : ": " + status.last_error;
  if (status.paused) {
    return {State::kVain,
            "there is no staple, and its questions are paused (muster stapler resume)"};
  }
  if (status.state == CertificateState::kHeldBack) {
    return {State::kPending, "a response is held that begins later"};
  }
  if (status.attempts == 0) {
    return {State::kPending, "nobody was asked yet"};
  }
  const std::string next = status.next_due && *status.next_due > now
                               ? "; the next try is in " + format_duration(*status.next_due - now)
                               : "";
  return {State::kPending, "no responder gave a staple yet" + error + next};
}

Waiting judge_target(const TargetStatus& t, bool served) {
  const std::string what = "target '" + t.target + "'";
  const bool has_it =
      t.delivery == Delivery::kDelivered && t.pushed_generation == t.wanted_generation;
  if (!has_it) {
    return {State::kPending, what + (t.reason.empty() ? " has not taken it yet (" +
                                                            std::string(to_string(t.delivery)) + ")"
                                                      : ": " + t.reason)};
  }
  if (served) {
    for (const PortStatus& port : t.ports) {
      if (port.state != ReadBack::kServed && port.state != ReadBack::kOther) {
        return {State::kPending, what + " does not serve it at " + port.address + " yet (" +
                                     std::string(to_string(port.state)) +
                                     (port.detail.empty() ? "" : ": " + port.detail) + ")"};
      }
    }
  }
  return {State::kOver, ""};
}

}  // namespace

Waiting judge_waiting(const WaitFacts& facts, UnixSeconds now) {
  if (!facts.status) {
    return {State::kVain, "it is not looked after any more"};
  }
  const keeper::CertificateStatus& status = *facts.status;
  switch (status.state) {
    case CertificateState::kNotNeeded:
      return status.must_staple
                 ? Waiting{State::kVain, "the certificate demands a staple, but " + status.reason}
                 : Waiting{State::kOver, "no staple is needed: " + status.reason};
    case CertificateState::kRevoked:
    case CertificateState::kOnHold:
      return {State::kVain, "the CA says that this certificate is " +
                                std::string(to_string(status.state)) +
                                " (do not put it into service)"};
    case CertificateState::kCertificateExpired:
      return {State::kVain, "the certificate has expired"};
    case CertificateState::kFresh:
    case CertificateState::kDue:
    case CertificateState::kLate:
    case CertificateState::kCritical:
    case CertificateState::kHeldBack:
    case CertificateState::kMissing:
    case CertificateState::kExpired:
      break;
  }
  if (!facts.on_offer || facts.on_offer->facts.status != keeper::StapleStatus::kGood ||
      !facts.on_offer->facts.usable_at(now)) {
    return judge_missing(status, now);
  }
  if (!facts.disk_error.empty()) {
    return {State::kPending,
            "a staple is there, but the shelf cannot be written: " + facts.disk_error};
  }
  const std::string until = "a staple until " + format_iso8601(facts.on_offer->facts.expires);
  if (!facts.is_in_inventory && (facts.placed || facts.served)) {
    return {State::kPending,
            "a staple is on the shelf, but the stapler has not taken the certificate up (can it "
            "read the file? see `muster stapler status`)"};
  }
  if (!facts.is_in_inventory) {
    return {State::kOver,
            until + " is on the shelf, for a certificate that is not in the inventory yet"};
  }
  if (!facts.file_failure.empty()) {
    return {State::kPending, "a staple is there, but its file is not: " + facts.file_failure};
  }
  if (facts.served && std::all_of(facts.targets.begin(), facts.targets.end(),
                                  [](const TargetStatus& t) { return t.ports.empty(); })) {
    return {State::kVain,
            "no target of it has an address to 'probe', so nobody can tell whether it is served"};
  }
  for (const TargetStatus& target : facts.targets) {
    if (auto judged = judge_target(target, facts.served); judged.state != State::kOver) {
      return judged;
    }
  }
  const std::size_t n = facts.targets.size();
  return {State::kOver, until + " is on the shelf" +
                            (n == 0   ? ""
                             : n == 1 ? " and at its target"
                                      : " and at its " + std::to_string(n) + " targets") +
                            (facts.served && n != 0 ? ", and served" : "")};
}

}  // namespace muster::stapler
