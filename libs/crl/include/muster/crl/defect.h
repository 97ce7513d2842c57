#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace muster::crl {

/// What is wrong with a CRL that nevertheless decodes. Decoding notes a defect, use judges it: a
/// CRL with a disqualifying one says nothing about any certificate, the others are for people and
/// lints. Values are persistent.
enum class Defect : std::uint8_t {
  kEmptyRevokedList,   ///< revokedCertificates present and empty (section 5.1.2.6); tolerated
  kEmptyExtensions,    ///< an empty Extensions list; tolerated
  kNumberOutOfRange,   ///< CRL number negative or beyond 20 octets (section 5.2.3): taken as absent
  kWrongCriticality,   ///< an extension critical or not against its definition; tolerated
  kBadInvalidityDate,  ///< not a GeneralizedTime (section 5.3.2): taken as absent
  kEmptyIssuingDistributionPoint,  ///< section 5.2.5 forbids it; it limits nothing
  kFreshestCrlMisused,  ///< in a delta CRL, or with reasons or cRLIssuer (section 5.2.6); the
                        ///< pointer is no evidence
  kDuplicateExtension,  ///< the same OID twice in one list; disqualifying
  kBadReasonCode,       ///< 7, above 10 or not an ENUMERATED (section 5.3.1); disqualifying
  kRemoveFromCrlInCompleteCrl,    ///< only deltas may (section 5.3.1); disqualifying
  kBadCertificateIssuer,          ///< no directoryName in it, so later entries have no owner
                                  ///< (section 5.3.3); disqualifying
  kCertificateIssuerInDirectCrl,  ///< the CRL does not assert indirectCRL (section 5.3.3);
                                  ///< disqualifying
};
inline constexpr std::size_t kDefectCount = 12;
/// "bad-reason-code".
std::string_view to_string(Defect defect);
/// Whether a CRL with it must not decide any status.
bool is_disqualifying(Defect defect);

/// Which defects there are and where each was first seen.
class Defects {
 public:
  void note(Defect defect, std::uint32_t offset);
  void merge(const Defects& other);
  [[nodiscard]] bool none() const { return bits_ == 0; }
  [[nodiscard]] bool has(Defect defect) const { return (bits_ & bit(defect)) != 0; }
  /// Octet of the first element with this defect, which must be there.
  [[nodiscard]] std::uint32_t first_offset(Defect defect) const;
  /// The first disqualifying one in order of the enumeration.
  [[nodiscard]] std::optional<Defect> disqualifying() const;

 private:
  static std::uint32_t bit(Defect defect) { return 1u << static_cast<unsigned>(defect); }
  std::uint32_t bits_ = 0;
  std::array<std::uint32_t, kDefectCount> first_offset_{};
};

}  // namespace muster::crl
