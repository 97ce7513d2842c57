#include "shelf_rules.h"

namespace muster::keeper {

StapleStatus status_of(const ocsp::CertStatus& status) {
  if (std::holds_alternative<ocsp::Good>(status)) {
    return StapleStatus::kGood;
  }
  if (const auto* revoked = std::get_if<ocsp::Revoked>(&status)) {
    return revoked->reason == ReasonCode::kCertificateHold ? StapleStatus::kOnHold
                                                           : StapleStatus::kRevoked;
  }
  return StapleStatus::kUnknown;
}

ShelfChange change_for(Choice choice) {
  switch (choice) {
    case Choice::kTakeRevocation:
      return ShelfChange::kRevoked;
    case Choice::kTakeReinstatement:
      return ShelfChange::kReinstated;
    case Choice::kTake:
    case Choice::kHoldBack:
    case Choice::kSame:
    case Choice::kOlder:
    case Choice::kExpired:
    case Choice::kUnknownStatus:
    case Choice::kRevocationStands:
      break;
  }
  return ShelfChange::kReplaced;
}

bool have_same_key(const pki::Certificate& issuer, const pki::Certificate& other) {
  return equal(issuer.public_key_info(), other.public_key_info());
}

/// A crash between creating a temporary file and its rename leaves it behind.
void remove_leftovers(FileSystem& files, const std::string& directory) {
  for (const std::string& name : files.list(directory)) {
    if (name.find(".staple.tmp.") == 64 || name.find(".pin.tmp.") == 64) {
      files.remove(directory + '/' + name);
    }
  }
}

}  // namespace muster::keeper
