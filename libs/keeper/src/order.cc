#include "muster/keeper/order.h"

namespace muster::keeper {
namespace {

bool is_revocation(StapleStatus status) {
  return status == StapleStatus::kRevoked || status == StapleStatus::kOnHold;
}

Choice newer_wins(const StapleFacts& candidate, const StapleFacts& held, Choice when_newer) {
  if (candidate.this_update < held.this_update) {
    return Choice::kOlder;
  }
  if (candidate.this_update == held.this_update) {
    return candidate.status == held.status && candidate.expires > held.expires ? Choice::kTake
                                                                               : Choice::kSame;
  }
  return when_newer;
}

Choice first_of_its_kind(const StapleFacts& candidate) {
  return is_revocation(candidate.status) ? Choice::kTakeRevocation : Choice::kTake;
}

}  // namespace

std::string_view to_string(StapleStatus status) {
  switch (status) {
    case StapleStatus::kGood:
      return "good";
    case StapleStatus::kOnHold:
      return "on hold";
    case StapleStatus::kRevoked:
      return "revoked";
    case StapleStatus::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(Choice choice) {
  switch (choice) {
    case Choice::kTake:
      return "taken";
    case Choice::kTakeRevocation:
      return "taken: the certificate is revoked";
    case Choice::kTakeReinstatement:
      return "taken: the hold was lifted";
    case Choice::kHoldBack:
      return "held back until its thisUpdate";
    case Choice::kSame:
      return "no newer than the one held";
    case Choice::kOlder:
      return "older than the one held";
    case Choice::kExpired:
      return "expired";
    case Choice::kUnknownStatus:
      return "the responder does not know the certificate";
    case Choice::kRevocationStands:
      return "good after a final revocation: not believed while that lives";
  }
  return "";
}

Choice judge_candidate(const StapleFacts& candidate, const StapleFacts* held, UnixSeconds now) {
  if (candidate.expires <= now || candidate.expires <= candidate.this_update) {
    return Choice::kExpired;
  }
  if (candidate.status == StapleStatus::kUnknown) {
    return Choice::kUnknownStatus;
  }
  if (candidate.this_update > now) {
    // What will not be taken when it begins is no reason to wait until then.
    const Choice then = judge_candidate(candidate, held, candidate.this_update);
    return takes(then) ? Choice::kHoldBack : then;
  }
  if (held == nullptr) {
    return first_of_its_kind(candidate);
  }
  // What is held has begun once: if it seems to lie ahead, the clock was set back, and older is
  // older.
  const bool alive = now < held->expires;
  switch (held->status) {
    case StapleStatus::kRevoked:
      if (candidate.status == StapleStatus::kRevoked) {
        return alive ? newer_wins(candidate, *held, Choice::kTake) : Choice::kTake;
      }
      // An older "good" from a lagging replica must not undo the revocation, not even after that
      // expired here.
      if (alive) {
        return Choice::kRevocationStands;
      }
      return candidate.this_update > held->this_update ? first_of_its_kind(candidate)
                                                       : Choice::kOlder;
    case StapleStatus::kOnHold:
      if (candidate.status == StapleStatus::kRevoked) {
        return Choice::kTakeRevocation;
      }
      if (candidate.status == StapleStatus::kOnHold) {
        return alive ? newer_wins(candidate, *held, Choice::kTake) : Choice::kTake;
      }
      return newer_wins(candidate, *held, Choice::kTakeReinstatement);
    case StapleStatus::kGood:
      if (candidate.status == StapleStatus::kRevoked) {
        return Choice::kTakeRevocation;  // final, so its age does not matter
      }
      if (candidate.status == StapleStatus::kOnHold) {
        return candidate.this_update >= held->this_update ? Choice::kTakeRevocation
                                                          : Choice::kOlder;
      }
      return alive ? newer_wins(candidate, *held, Choice::kTake) : Choice::kTake;
    case StapleStatus::kUnknown:
      break;  // never held
  }
  return first_of_its_kind(candidate);
}

}  // namespace muster::keeper
