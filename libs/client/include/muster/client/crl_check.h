#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "muster/client/crl_document.h"
#include "muster/client/subject.h"

// What CRLs say about a certificate: RFC 5280 section 6.3.3 over CRLs and certificates somebody
// else fetched. No I/O.
namespace muster::client {

struct CrlPolicy {
  pki::CrlTimePolicy times;
  pki::AlgorithmPolicy algorithms;
  crl::Limits limits;
};

/// Signatures verified and paths searched in one check at most; kTooComplex beyond.
inline constexpr std::size_t kMaxCrlSignatureChecks = 500;
/// CRL signers that vouch for each other's certificates, one behind the other, at most; the
/// certificate asked about counts as the first.
inline constexpr std::size_t kMaxCrlSignerDepth = 6;

/// What a check works with. Views: everything must outlive the call.
struct CrlEvidence {
  std::span<const Bytes> crls;  ///< DER, in any order; complete, delta, partitioned and indirect
                                ///< ones, and unrelated ones
  /// Where CRL signers and their issuers may be found besides the path; not trusted.
  std::span<const pki::Certificate> certificates;
  /// Further CRLs, which others look into as well; their indices come behind those of `crls`.
  std::span<const std::shared_ptr<const CrlDocument>> documents{};
};

struct CrlGood {};
struct CrlRevoked {
  UnixSeconds time;
  std::optional<ReasonCode> reason;
  std::optional<UnixSeconds> invalidity_date;
  std::size_t crl;  ///< index of the CRL with the entry
};
struct CrlUndetermined {
  pki::CrlErrc code;
  std::string detail;  ///< one sentence for people
};

/// A complete CRL that counted, together with the delta applied to it. Number and times are the
/// delta's if there is one (OCSP-CRL-037).
struct CrlUse {
  std::size_t crl;
  std::optional<std::size_t> delta;
  std::optional<std::string> number;  ///< hexadecimal
  UnixSeconds this_update;
  std::optional<UnixSeconds> next_update;
  crl::ReasonSet reasons;  ///< what it covers
};
/// A CRL of the right issuer that could not be used.
struct CrlRefusal {
  std::size_t crl;
  pki::CrlError error;
};

struct CrlVerdict {
  std::variant<CrlGood, CrlRevoked, CrlUndetermined> status;
  std::vector<CrlUse> used;
  std::vector<CrlRefusal> refused;

  [[nodiscard]] bool is_good() const { return std::holds_alternative<CrlGood>(status); }
  [[nodiscard]] const CrlRevoked* revoked() const { return std::get_if<CrlRevoked>(&status); }
  [[nodiscard]] const CrlUndetermined* undetermined() const {
    return std::get_if<CrlUndetermined>(&status);
  }
};

/// Determines the status of one subject. Good means: for every revocation reason a current,
/// verified CRL in whose scope it lies does not list it. Complete CRLs are taken newest first; the
/// newest delta that fits is applied. A CRL signer that is not in `path` must lead to the same
/// anchor and must itself be found good from the same evidence (decision 004).
///
/// Of a serial only what its issuer lists under its own name counts, in any of its CRLs; good needs
/// CRLs whose scope holds every certificate of the issuer, since nobody knows of which kind it is.
///
/// \param path  The subject's issuer first, its trust anchor last; validated by the caller, and
/// not checked for
///              revocation here (see check_path_crls).
/// \return The verdict; every problem of the CRLs ends as undetermined, never as good.
/// Source: RFC 5280 section 6.3.3.   Threads: pure, any.
CrlVerdict check_crls(const Subject& subject, std::span<const pki::Certificate> path,
                      const CrlEvidence& evidence, UnixSeconds now, const CrlPolicy& policy = {});

/// The status of a whole path: revoked if any certificate below the anchor is, else undetermined if
/// any is, else good.
struct CrlPathVerdict {
  std::vector<CrlVerdict> certificates;  ///< as in the path, without the anchor
  std::size_t decisive = 0;  ///< index into `certificates`; the one nearest the anchor among equals
  [[nodiscard]] const CrlVerdict& overall() const { return certificates[decisive]; }
};
/// \param path  Leaf first, trust anchor last; at least two certificates.
CrlPathVerdict check_path_crls(std::span<const pki::Certificate> path, const CrlEvidence& evidence,
                               UnixSeconds now, const CrlPolicy& policy = {});

/// Where to fetch deltas from: the http(s) URIs of the freshestCRL extensions of the certificate
/// and of the CRLs, each once (OCSP-CRL-025). CRLs that do not parse are passed over.
std::vector<std::string> delta_locations(const Subject& subject, std::span<const Bytes> crls,
                                         const crl::Limits& limits = {});
/// The same of one CRL that is parsed already.
std::vector<std::string> delta_locations(const Subject& subject, const CrlDocument& crl);

}  // namespace muster::client
