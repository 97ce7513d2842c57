#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "muster/base/file.h"
#include "muster/base/time.h"
#include "muster/crl/crl.h"
#include "muster/crl/name_match.h"
#include "muster/ocsp/ocsp.h"

// X.509 certificates. Our own strict reader reads them, and OpenSSL must be able to: what it makes
// of one is made when it is first needed, and at once where it might refuse. Facts that OCSP needs
// raw (names, key bits, serial) come as received.
namespace muster::pki {

enum class PkiErrc : std::uint8_t {
  kUnreadable,       ///< file error; see detail
  kNotACertificate,  ///< no certificate in the input, or one that does not parse
  kNotACrl,          ///< neither PEM nor DER of a certificate revocation list
  kNotAKey,
  kWrongPassphrase,
  kKeyMismatch,  ///< private key and certificate do not belong together
  kUnsupportedAlgorithm,
  kWeakAlgorithm,  ///< SHA-1, MD5 or too short a key where policy forbids it
  kBadSignature,
  kSigningFailed,
  kUnavailable,   ///< what holds the key (a token) does not answer now; later it may
  kBadExtension,  ///< a certificate extension that must be understood does not parse
  kNoPath,        ///< no chain to a trust anchor
  kExpired,
  kNotYetValid,
};
std::string_view to_string(PkiErrc code);
struct PkiError {
  PkiErrc code;
  std::string detail;  ///< for people: which file or certificate, and why
};
template <class T>
using PkiResult = Result<T, PkiError>;

struct AuthorityAccess {
  std::vector<std::string> ocsp;        ///< id-ad-ocsp URIs in order (OCSP-COD-033)
  std::vector<std::string> ca_issuers;  ///< id-ad-caIssuers URIs in order
};
enum class KeyUsageBit : std::uint16_t {
  kDigitalSignature = 1 << 0,
  kNonRepudiation = 1 << 1,
  kKeyCertSign = 1 << 5,
  kCrlSign = 1 << 6
};

/// What the extensions say; decoded once when the certificate is parsed.
struct CertificateFacts {
  AuthorityAccess access;
  std::vector<std::string> crl_uris;  ///< every URI of every distribution point, in order
  bool has_freshest_crl = false;
  bool is_ca = false;
  std::optional<std::uint16_t>
      key_usage;  ///< bits as KeyUsageBit; nothing when the extension is absent
  bool has_extended_key_usage = false;
  bool eku_ocsp_signing = false;            ///< id-kp-OCSPSigning itself, not anyExtendedKeyUsage
  bool ocsp_no_check = false;               ///< there, with the value NULL it must have
  bool no_rev_avail = false;                ///< there, with the value NULL it must have
  std::vector<std::uint32_t> tls_features;  ///< 5 and 17 mean must-staple
  [[nodiscard]] bool must_staple() const;
  std::optional<Buffer> subject_key_id;
  std::optional<Buffer> authority_key_id;
  bool has_unknown_critical_extension = false;  ///< must not be relied on, RFC 5280 section 4.2
  /// What is out of order but does no harm, one sentence each: "ocsp-nocheck: value is not NULL;
  /// not honoured".
  std::vector<std::string> deviations;
};

/// An immutable parsed certificate; cheap to copy (shared). Threads: any, concurrently.
class Certificate {
 public:
  /// Errors: kNotACertificate, kBadExtension (AIA, basicConstraints, keyUsage, TLS feature... that
  /// do not parse).
  static PkiResult<Certificate> parse(Bytes der);
  /// The same certificate in little more room than its octets, for whoever keeps many: without what
  /// OpenSSL made of it, several times as large, which is made again when it is next needed. As
  /// long as nothing was made, that is this object itself.
  [[nodiscard]] Certificate compact() const;

  [[nodiscard]] Bytes der() const;
  [[nodiscard]] Bytes subject() const;  ///< Name element as encoded
  [[nodiscard]] Bytes issuer() const;   ///< Name element as encoded (OCSP-COD-004)
  [[nodiscard]] const Serial& serial() const;
  [[nodiscard]] const der::AlgorithmView& signature_algorithm() const;
  [[nodiscard]] Bytes public_key_bits()
      const;  ///< BIT STRING content behind the unused-bits octet (OCSP-COD-005)
  [[nodiscard]] Bytes public_key_info() const;  ///< SubjectPublicKeyInfo element
  [[nodiscard]] UnixSeconds not_before() const;
  [[nodiscard]] UnixSeconds not_after() const;
  [[nodiscard]] const CertificateFacts& facts() const;
  /// Raw value of an extension (OID content octets).
  [[nodiscard]] std::optional<Bytes> extension(Bytes oid) const;
  /// Distribution points of cRLDistributionPoints / freshestCRL; views of this certificate.
  [[nodiscard]] std::vector<crl::DistributionPoint> distribution_points() const;
  /// SHA-256 of the DER.
  [[nodiscard]] const std::array<std::uint8_t, 32>& fingerprint() const;
  /// SHA-1 of public_key_bits: the byKey responder id (OCSP-COD-006).
  [[nodiscard]] const std::array<std::uint8_t, 20>& key_hash() const;
  [[nodiscard]] std::string subject_text() const;
  [[nodiscard]] std::string issuer_text() const;
  [[nodiscard]] bool is_self_issued() const { return equal(subject(), issuer()); }
  friend bool operator==(const Certificate& a, const Certificate& b) {
    return equal(a.der(), b.der());
  }

  struct Impl;
  [[nodiscard]] const Impl& impl() const {
    return *impl_;
  }  ///< for pki itself; others see native.h

 private:
  explicit Certificate(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

class RecentCertificates;
/// All certificates of PEM, DER (one) or PKCS#7 octets, in order; the objects of `recent` where it
/// has them (recent_certificates.h). Errors: kNotACertificate (none, or a damaged one).
PkiResult<std::vector<Certificate>> parse_certificates(Bytes input,
                                                       RecentCertificates* recent = nullptr);
/// The same from a file of at most 16 MiB.
PkiResult<std::vector<Certificate>> load_certificates(const std::string& path,
                                                      RecentCertificates* recent = nullptr);
/// DER of every CRL in PEM octets, in their order, or in DER octets; DER passes through untouched
/// and unparsed. Never empty: a PEM block that cannot be read is an error. Errors: kNotACrl.
PkiResult<std::vector<Buffer>> decode_crls(Buffer input);
/// The same where one CRL is read: several are an error, not the first of them. Errors: kNotACrl.
PkiResult<Buffer> decode_crl_input(Buffer input);

/// Whether two whole Name elements are the same name (RFC 5280 section 7.1).
using crl::same_name;

Buffer digest(HashAlgorithm hash, Bytes data);
/// Fills `out` (digest_size octets). Allocation-free.
void digest_into(HashAlgorithm hash, Bytes data, std::span<std::uint8_t> out);

/// CertID for `certificate` under `issuer`: name hash over the certificate's issuer field as
/// encoded, key hash over the issuer's key bits (OCSP-COD-004, -005).
ocsp::CertId make_cert_id(HashAlgorithm hash, const Certificate& certificate,
                          const Certificate& issuer,
                          der::HashParameters parameters = der::HashParameters::kNull);
/// The same with no certificate at hand.
ocsp::CertId make_cert_id(HashAlgorithm hash, const Certificate& issuer, const Serial& serial,
                          der::HashParameters parameters = der::HashParameters::kNull);
/// Whether `id` names `certificate` issued by `issuer`, under whatever hash it uses (unknown
/// hashes: no).
bool names(const ocsp::CertIdView& id, const Certificate& certificate, const Certificate& issuer);
/// Whether the issuer hashes of `id` are those of `issuer`.
bool names_issuer(const ocsp::CertIdView& id, const Certificate& issuer);

}  // namespace muster::pki
