#include "muster/crl/defect.h"

#include "muster/base/assert.h"

namespace muster::crl {

std::string_view to_string(Defect defect) {
  switch (defect) {
    case Defect::kEmptyRevokedList:
      return "empty-revoked-list";
    case Defect::kEmptyExtensions:
      return "empty-extensions";
    case Defect::kNumberOutOfRange:
      return "crl-number-out-of-range";
    case Defect::kWrongCriticality:
      return "wrong-criticality";
    case Defect::kBadInvalidityDate:
      return "bad-invalidity-date";
    case Defect::kEmptyIssuingDistributionPoint:
      return "empty-issuing-distribution-point";
    case Defect::kFreshestCrlMisused:
      return "freshest-crl-misused";
    case Defect::kDuplicateExtension:
      return "duplicate-extension";
    case Defect::kBadReasonCode:
      return "bad-reason-code";
    case Defect::kRemoveFromCrlInCompleteCrl:
      return "remove-from-crl-in-complete-crl";
    case Defect::kBadCertificateIssuer:
      return "bad-certificate-issuer";
    case Defect::kCertificateIssuerInDirectCrl:
      return "certificate-issuer-in-direct-crl";
  }
  return "unknown-defect";
}

bool is_disqualifying(Defect defect) { return defect >= Defect::kDuplicateExtension; }

void Defects::note(Defect defect, std::uint32_t offset) {
  if (!has(defect)) {
    bits_ |= bit(defect);
    first_offset_[static_cast<std::size_t>(defect)] = offset;
  }
}

void Defects::merge(const Defects& other) {
  if (other.none()) {
    return;
  }
  for (std::size_t i = 0; i < kDefectCount; ++i) {
    if (const auto defect = static_cast<Defect>(i); other.has(defect)) {
      note(defect, other.first_offset_[i]);
    }
  }
}

std::uint32_t Defects::first_offset(Defect defect) const {
  MUSTER_ASSERT(has(defect));
  return first_offset_[static_cast<std::size_t>(defect)];
}

std::optional<Defect> Defects::disqualifying() const {
  for (std::size_t i = 0; i < kDefectCount; ++i) {
    if (const auto defect = static_cast<Defect>(i); has(defect) && is_disqualifying(defect)) {
      return defect;
    }
  }
  return std::nullopt;
}

}  // namespace muster::crl
