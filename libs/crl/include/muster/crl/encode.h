#pragma once

#include <array>
#include <compare>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "muster/crl/crl.h"

// Making CRLs (RFC 5280 section 5): canonical DER, entries streamed into one buffer that is signed
// and written as it is.
namespace muster::crl {

/// CRLNumber ::= INTEGER (0..MAX), kept below 2^159 so that its content never needs more than 20
/// octets (OCSP-CRL-009).
class Number {
 public:
  constexpr Number() = default;  ///< zero
  explicit Number(std::uint64_t value);
  /// Nothing for a negative number, one of 2^159 or more, and no octets.
  static std::optional<Number> make(Bytes integer_content);
  /// Hexadecimal without sign, as to_hex writes it.
  static std::optional<Number> from_hex(std::string_view text);
  /// The number behind it; nothing behind 2^159 - 1.
  [[nodiscard]] std::optional<Number> next() const;
  /// Minimal INTEGER content.
  [[nodiscard]] Buffer content() const;
  /// Upper case, no leading zeros: "1A".
  [[nodiscard]] std::string to_hex() const;
  friend std::strong_ordering operator<=>(const Number&, const Number&) = default;
  friend bool operator==(const Number&, const Number&) = default;

 private:
  std::array<std::uint8_t, kMaxNumberOctets> octets_{};  // big endian
};

/// One entry to write. Views.
struct EntryFields {
  Bytes serial;  ///< INTEGER content, written as it is (OCSP-CRL-043)
  UnixSeconds revocation_date;
  std::optional<ReasonCode> reason;  ///< kUnspecified is omitted (OCSP-CRL-014)
  std::optional<UnixSeconds> invalidity_date;
  Bytes certificate_issuer{};  ///< Name element; empty: as the entry before (indirect CRLs)
  std::span<const der::Extension> extensions{};  ///< further ones, verbatim
};

/// Encodes one CRL in one buffer: entries are appended as they come, the head is put in front of
/// them at the end, so nothing is held twice and nothing is moved. Order of calls: add()*,
/// finish_tbs(), finish().
class CrlEncoder {
 public:
  struct Head {
    Bytes issuer;               ///< Name element
    Bytes signature_algorithm;  ///< AlgorithmIdentifier element
    UnixSeconds this_update;
    std::optional<UnixSeconds> next_update;
  };
  /// \param expected_bytes  of all entries: memory set aside (not touched) so that the buffer need
  /// not grow
  explicit CrlEncoder(const Head& head, std::size_t expected_bytes = 0);

  void add(const EntryFields& entry);
  [[nodiscard]] std::size_t entry_count() const { return entry_count_; }
  /// Of everything so far; the finished CRL has about as many.
  [[nodiscard]] std::size_t bytes() const { return octets_.size(); }
  /// The TBSCertList, version 2, without an empty list of revoked certificates or of extensions
  /// (OCSP-CRL-006). Once. Lifetime: until finish().
  Bytes finish_tbs(std::span<const der::Extension> extensions);
  /// The CertificateList. Once, after finish_tbs(). Lifetime: the encoder's.
  Bytes finish(Bytes signature);

 private:
  void put_in_front(Bytes octets);
  [[nodiscard]] Bytes from_begin() const { return Bytes(octets_).subspan(begin_); }

  Buffer signature_algorithm_;
  Buffer fields_;   // version, signature, issuer, thisUpdate, nextUpdate
  Buffer scratch_;  // storage of one entry, used again
  Buffer octets_;   // room for what comes in front, entries, extensions, signature
  std::size_t room_ = 0;
  std::size_t begin_ = 0;
  std::size_t entry_count_ = 0;
};

/// Which certificates a CRL speaks about: what its issuing distribution point says.
struct Scope {
  std::vector<std::string>
      uris;  ///< as the certificates in scope spell them, octet by octet (OCSP-CRL-019)
  enum class Only : std::uint8_t { kAll, kUsers, kCas } only = Only::kAll;
  bool indirect = false;
  /// Whether it says anything: a CRL about everything has no issuing distribution point.
  [[nodiscard]] bool says_something() const {
    return !uris.empty() || only != Only::kAll || indirect;
  }
};

/// What the extensions of a CRL say.
struct CrlFacts {
  Bytes authority_key_id;  ///< keyIdentifier content
  Number number;
  std::optional<Number> delta_base;  ///< makes it a delta CRL
  Scope scope;
  std::vector<std::string> freshest_uris;  ///< where deltas are; complete CRLs only (OCSP-CRL-020)
  std::optional<UnixSeconds> expired_certs_since;  ///< entries of certificates that expired since
                                                   ///< then are kept (OCSP-CRL-050)
  std::optional<UnixSeconds>
      next_publish;  ///< Microsoft's: when the next CRL is due (OCSP-CRL-047)
};
enum class FactsErrc : std::uint8_t {
  kNoKeyId,          ///< RFC 5280 section 5.2.1 wants one
  kFreshestInDelta,  ///< section 5.2.6 forbids it
  kBaseNotBelow,     ///< a delta whose base is not an earlier CRL
  kBadUri,           ///< empty, or not printable ASCII
};
std::string_view to_string(FactsErrc code);
/// The extensions with their criticality, in the order of their description in section 5.2.
Result<std::vector<der::Extension>, FactsErrc> make_extensions(const CrlFacts& facts);

}  // namespace muster::crl
