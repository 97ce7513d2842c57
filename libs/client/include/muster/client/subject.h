#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "muster/pki/keys.h"

// What a question is about: a certificate or a serial, its issuer, and what its extensions say
// about revocation at all. Pure.
namespace muster::client {

/// What a question is about: a certificate or, where nobody has it at hand, a serial number and the
/// CA that is said to have given it out. A certificate can be examined; of a serial only that it
/// was revoked, or was not, can be told. Cheap to copy (shared).   Threads: any, concurrently.
class Subject {
 public:
  /// A certificate is a subject; most callers have one.
  Subject(pki::Certificate certificate)  // NOLINT(google-explicit-constructor)
      : what_(std::move(certificate)) {}
  /// \param issuer  taken at its word: nobody can show that it gave out this serial.
  Subject(pki::Certificate issuer, const Serial& serial)
      : what_(Numbered{std::move(issuer), serial}) {}

  /// Null when only the serial is known.
  [[nodiscard]] const pki::Certificate* certificate() const {
    return std::get_if<pki::Certificate>(&what_);
  }
  /// The issuer that was named with a serial; null for a certificate, whose issuer has to be found
  /// (find_issuer).
  [[nodiscard]] const pki::Certificate* named_issuer() const;
  [[nodiscard]] const Serial& serial() const;
  /// Name element of the issuer: as the certificate has it, or the named issuer's subject.
  [[nodiscard]] Bytes issuer_name() const;
  /// What the certificate's extensions say; for a serial nothing: no pointers, no features. Ask
  /// certificate() before taking an absence for a fact.
  [[nodiscard]] const pki::CertificateFacts& facts() const;
  [[nodiscard]] std::string text() const;  ///< "CN=leaf.example", or "serial 4A19C2"
  [[nodiscard]] std::string issuer_text() const;

 private:
  struct Numbered {
    pki::Certificate issuer;
    Serial serial;
  };
  std::variant<pki::Certificate, Numbered> what_;
};

/// CertID of the subject under `issuer`.
ocsp::CertId make_cert_id(HashAlgorithm hash, const Subject& subject,
                          const pki::Certificate& issuer,
                          der::HashParameters parameters = der::HashParameters::kNull);
/// Whether `id` names the subject under `issuer`, whatever hash it uses (unknown hashes: no).
bool names(const ocsp::CertIdView& id, const Subject& subject, const pki::Certificate& issuer);

/// The candidate whose name is the certificate's issuer name and whose key signed it; a CA
/// certificate or a self-issued one of version 1. Nothing is asked about a certificate for which
/// there is none (RFC 9919 section 4.2, OCSP-CLI-050).
std::optional<pki::Certificate> find_issuer(const pki::Certificate& certificate,
                                            std::span<const pki::Certificate> candidates,
                                            const pki::AlgorithmPolicy& policy = {});

/// What the certificate offers, or why it needs nothing.
enum class RevocationNeed : std::uint8_t {
  kOcsp,        ///< names an OCSP responder
  kCrlOnly,     ///< names CRLs alone
  kNoRevAvail,  ///< says that there is no revocation information, validly (RFC 9608 section 4)
  kNoRevAvailInvalid,  ///< says so beside a pointer, or in a CA certificate (RFC 9608 section 3):
                       ///< an invalid certificate
  kShortLived,         ///< no pointers, and expires before revocation would matter
  kNoPointers,         ///< none of these: nobody can tell
};
std::string_view to_string(RevocationNeed need);
/// Short-lived: a subscriber certificate of at most 7 days (10 if issued before 2026-03-15) without
/// pointers (CA/B BR 1.6.1).
RevocationNeed classify_need(const pki::Certificate& certificate);

/// Where RFC 7633 section 4.2.2 is broken: the first certificate of the chain (leaf first) that
/// lacks a feature its issuer lists.
std::optional<pki::Certificate> find_missing_feature(std::span<const pki::Certificate> chain);

/// Certificates of a file or handshake that issued no other one of them: those a question is about,
/// in order.
std::vector<pki::Certificate> find_leaves(std::span<const pki::Certificate> certificates);

/// Whether asking `url` stays inside: its host is a loopback, private, link-local or unique-local
/// address, "localhost", a name without a dot, or below a domain reserved for such use (.localhost,
/// .local, .internal, .home.arpa, .test). Names are not resolved: that would tell a resolver
/// already.
bool is_local_url(std::string_view url);
/// The same for "127.0.0.1", "::1", "[fe80::1]", "host.internal".
bool is_local_host(std::string_view host);

}  // namespace muster::client
