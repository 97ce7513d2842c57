#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>

#include "muster/base/time.h"
#include "muster/der/der.h"

// What OCSP messages, CRLs and certificates share: serials, algorithm identifiers, extensions,
// times, reasons.
namespace muster {

/// Limits on untrusted messages; each is a parse error kTooLarge when passed, and has a test.
inline constexpr std::size_t kMaxSerialOctets = 64;

/// CertificateSerialNumber: the exact INTEGER content octets, sign octet included, however odd
/// (zero, negative, over-long). Ordered and hashable by octets; inline storage, never allocates.
class Serial {
 public:
  /// Errors: kBadValue when empty or not minimal, kTooLarge beyond kMaxSerialOctets.
  static der::DerResult<Serial> make(Bytes integer_content, std::uint32_t offset = 0);
  /// "4A19C2", with or without colons, as openssl and CAs print serials: an unsigned number, so a
  /// sign octet is put in front where needed and leading zeros are dropped; "-66" is a negative
  /// one.
  static std::optional<Serial> from_hex(std::string_view text);

  [[nodiscard]] Bytes octets() const { return {octets_.data(), size_}; }
  /// The number in upper-case hexadecimal without sign octet, as index.txt has it ("00" for zero,
  /// '-' in front when negative).
  [[nodiscard]] std::string to_hex() const;
  friend bool operator==(const Serial& a, const Serial& b) { return equal(a.octets(), b.octets()); }
  friend std::strong_ordering operator<=>(const Serial& a, const Serial& b);

 private:
  Serial() = default;
  std::array<std::uint8_t, kMaxSerialOctets> octets_{};
  std::uint8_t size_ = 0;
};
struct SerialHash {
  std::size_t operator()(const Serial& s) const noexcept { return BytesHash()(s.octets()); }
};

/// CRLReason and RevokedInfo reason codes (RFC 5280 section 5.3.1). Persistent values.
enum class ReasonCode : std::uint8_t {
  kUnspecified = 0,
  kKeyCompromise = 1,
  kCaCompromise = 2,
  kAffiliationChanged = 3,
  kSuperseded = 4,
  kCessationOfOperation = 5,
  kCertificateHold = 6,
  kRemoveFromCrl = 8,
  kPrivilegeWithdrawn = 9,
  kAaCompromise = 10,
};
/// Nothing for 7 and for values above 10.
std::optional<ReasonCode> make_reason_code(std::uint64_t value);
/// "keyCompromise", as the RFC and openssl spell it.
std::string_view to_string(ReasonCode reason);
std::optional<ReasonCode> parse_reason_code(std::string_view name);

/// Hashes a CertID may use.
enum class HashAlgorithm : std::uint8_t { kSha1, kSha256, kSha384, kSha512 };
inline constexpr std::array kAllHashAlgorithms = {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                                  HashAlgorithm::kSha384, HashAlgorithm::kSha512};
std::string_view to_string(HashAlgorithm hash);
std::size_t digest_size(HashAlgorithm hash);

namespace der {

/// AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }  RFC
/// 5280 4.1.1.2
struct AlgorithmView {
  Bytes oid;                        ///< content octets
  std::optional<Bytes> parameters;  ///< one whole element of any type
  Bytes raw;                        ///< the SEQUENCE as received
};
DerResult<AlgorithmView> read_algorithm(Reader& in, std::string_view field);
/// The hash that this names, its parameters absent or NULL (OCSP-COD-023); nothing for another one.
std::optional<HashAlgorithm> find_hash(const AlgorithmView& algorithm);
/// Whether SHA-2 identifiers in CertIDs are written with NULL parameters (RFC 9919 examples,
/// software; our default) or without (RFC 5754).
enum class HashParameters : std::uint8_t { kNull, kAbsent };
/// The whole AlgorithmIdentifier element.
Bytes hash_algorithm_der(HashAlgorithm hash, HashParameters parameters);

/// "1.3.6.1.5.5.7.48.1.1" for OID content octets; hexadecimal in brackets for ill-formed ones.
std::string oid_to_string(Bytes oid);
/// Content octets of a dotted OID.
std::optional<Buffer> oid_from_string(std::string_view dotted);

/// Extension ::= SEQUENCE { extnID OID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
/// RFC 5280 4.1
struct ExtensionView {
  Bytes oid;
  bool critical = false;
  Bytes
      value;  ///< content of the OCTET STRING; well-formed only if whoever knows the OID parses it
  Bytes raw;
};

/// Whether `Extensions ::= SEQUENCE SIZE (1..MAX)` may be empty all the same: real OCSP monitors
/// and responders send such lists (OCSP-COD-015, decision 002).
enum class EmptyAllowed : std::uint8_t { kNo, kYes };
inline constexpr std::size_t kMaxExtensions = 64;

/// A checked `SEQUENCE OF` walked lazily: every element was parsed once when the message was, so
/// walking cannot fail. View. `Parse` is `DerResult<T>(*)(Reader&)`.
template <class T, DerResult<T> (*Parse)(Reader&)>
class ListView {
 public:
  ListView() = default;
  ListView(Bytes content, std::uint32_t offset, std::size_t count)
      : content_(content), offset_(offset), count_(count) {}
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// Concatenated elements as received.
  [[nodiscard]] Bytes content() const { return content_; }

  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = const T*;
    using reference = const T&;
    iterator() : reader_(Bytes()) {}
    explicit iterator(Reader reader) : reader_(reader), at_end_(false) { advance(); }
    reference operator*() const { return *value_; }
    pointer operator->() const { return &*value_; }
    iterator& operator++() {
      advance();
      return *this;
    }
    void operator++(int) { advance(); }
    friend bool operator==(const iterator& a, const iterator& b) {
      return a.at_end_ == b.at_end_ && (a.at_end_ || a.reader_.offset() == b.reader_.offset());
    }

   private:
    void advance() {
      if (reader_.at_end()) {
        at_end_ = true;
        return;
      }
      auto parsed = Parse(reader_);
      MUSTER_ASSERT(parsed);  // checked when the message was parsed
      value_ = *std::move(parsed);
    }
    Reader reader_;
    std::optional<T> value_;
    bool at_end_ = true;
  };
  [[nodiscard]] iterator begin() const { return iterator(Reader(content_, offset_)); }
  [[nodiscard]] iterator end() const { return iterator(); }
  /// Element `index` < size().
  [[nodiscard]] T at(std::size_t index) const {
    MUSTER_ASSERT(index < count_);
    auto it = begin();
    while (index-- > 0) {
      ++it;
    }
    return *it;
  }

 private:
  Bytes content_;
  std::uint32_t offset_ = 0;
  std::size_t count_ = 0;
};

/// Parses the elements of a SEQUENCE OF whose content `in` covers, checking each. Errors: those of
/// Parse, kTooLarge.
template <class T, DerResult<T> (*Parse)(Reader&)>
DerResult<ListView<T, Parse>> read_list(Reader in, std::size_t max_count, std::string_view field) {
  const Bytes content = in.rest();
  const std::uint32_t offset = in.offset();
  std::size_t count = 0;
  while (!in.at_end()) {
    if (count == max_count) {
      return Err{DerError{DerErrc::kTooLarge, in.offset(), field}};
    }
    MUSTER_CHECK(Parse(in));
    ++count;
  }
  return ListView<T, Parse>(content, offset, count);
}

DerResult<ExtensionView> read_extension(Reader& in);
using ExtensionsView = ListView<ExtensionView, read_extension>;
/// `Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension` at the reader. Errors: + kBadValue for an
/// empty list unless allowed, kInconsistent for an OID that appears twice (RFC 5280 section 4.2),
/// kTooLarge beyond kMaxExtensions.
DerResult<ExtensionsView> read_extensions(Reader& in, EmptyAllowed empty, std::string_view field);
/// The extension with this OID, if there.
std::optional<ExtensionView> find_extension(const ExtensionsView& list, Bytes oid);

/// An extension to be written.
struct Extension {
  Buffer oid;
  bool critical = false;
  Buffer value;
};
void write_extension(Writer& out, Bytes oid, bool critical, Bytes value);

/// YYYYMMDDHHMMSSZ only (OCSP-COD-013, -014: every other spelling is kBadValue, so it can never
/// count as fresh).
DerResult<UnixSeconds> read_generalized_time(Reader& in, std::string_view field);
/// `Time ::= CHOICE { utcTime, generalTime }` with the UTCTime years of RFC 5280 4.1.2.5.1 (50..99
/// are 19xx).
DerResult<UnixSeconds> read_time(Reader& in, std::string_view field);
void write_generalized_time(Writer& out, UnixSeconds t, Tag tag = Tag::kGeneralizedTime);
/// UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 section 5.1.2.4).
void write_time(Writer& out, UnixSeconds t);

/// GeneralName ::= CHOICE of [0] .. [8]   RFC 5280 4.2.1.6. The alternative's tag is checked, its
/// content is not.
DerResult<Element> read_general_name(Reader& in, std::string_view field);
/// The alternative uniformResourceIdentifier [6] IA5String.
inline constexpr Tag kGeneralNameUri = context_primitive(6);
/// AccessDescription ::= SEQUENCE { accessMethod OBJECT IDENTIFIER, accessLocation GeneralName }
/// RFC 5280 4.2.2.1
struct AccessDescriptionView {
  Bytes method;
  Element location;
};
DerResult<AccessDescriptionView> read_access_description(Reader& in);
using AccessDescriptionsView = ListView<AccessDescriptionView, read_access_description>;
inline constexpr std::size_t kMaxAccessDescriptions = 64;
/// AuthorityInfoAccessSyntax ::= SEQUENCE SIZE (1..MAX) OF AccessDescription
DerResult<AccessDescriptionsView> read_access_descriptions(Reader& in, std::string_view field);
/// A Name (SEQUENCE OF RDN) checked for shape, returned raw with its header. RFC 5280 4.1.2.4
DerResult<Bytes> read_name(Reader& in, std::string_view field);
/// "CN=leaf, O=Corp" for people: RFC 4514 order of the encoding, values made printable. Input: a
/// whole Name element.
std::string name_to_string(Bytes name);

}  // namespace der

/// OID content octets of section 3 of the requirements, one home for all libraries.
namespace oid {
#define MUSTER_OID(name, ...) inline constexpr std::uint8_t name[] = {__VA_ARGS__}
MUSTER_OID(kAdOcsp, 0x2b, 6, 1, 5, 5, 7, 0x30, 1);
MUSTER_OID(kAdCaIssuers, 0x2b, 6, 1, 5, 5, 7, 0x30, 2);
MUSTER_OID(kOcspBasic, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1);
MUSTER_OID(kOcspNonce, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2);
MUSTER_OID(kOcspCrlReference, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 3);
MUSTER_OID(kOcspAcceptableResponses, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 4);
MUSTER_OID(kOcspNoCheck, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 5);
MUSTER_OID(kOcspArchiveCutoff, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 6);
MUSTER_OID(kOcspServiceLocator, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 7);
MUSTER_OID(kOcspPreferredSignatures, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 8);
MUSTER_OID(kOcspExtendedRevoked, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 9);
MUSTER_OID(kKpServerAuth, 0x2b, 6, 1, 5, 5, 7, 3, 1);
MUSTER_OID(kKpClientAuth, 0x2b, 6, 1, 5, 5, 7, 3, 2);
MUSTER_OID(kKpOcspSigning, 0x2b, 6, 1, 5, 5, 7, 3, 9);
MUSTER_OID(kAnyExtendedKeyUsage, 0x55, 0x1d, 0x25, 0);
MUSTER_OID(kPeAuthorityInfoAccess, 0x2b, 6, 1, 5, 5, 7, 1, 1);
MUSTER_OID(kPeTlsFeature, 0x2b, 6, 1, 5, 5, 7, 1, 0x18);
MUSTER_OID(kCeSubjectKeyId, 0x55, 0x1d, 0x0e);
MUSTER_OID(kCeKeyUsage, 0x55, 0x1d, 0x0f);
MUSTER_OID(kCeBasicConstraints, 0x55, 0x1d, 0x13);
MUSTER_OID(kCeCrlNumber, 0x55, 0x1d, 0x14);
MUSTER_OID(kCeReasonCode, 0x55, 0x1d, 0x15);
MUSTER_OID(kCeHoldInstruction, 0x55, 0x1d, 0x17);
MUSTER_OID(kCeInvalidityDate, 0x55, 0x1d, 0x18);
MUSTER_OID(kCeDeltaCrlIndicator, 0x55, 0x1d, 0x1b);
MUSTER_OID(kCeIssuingDistributionPoint, 0x55, 0x1d, 0x1c);
MUSTER_OID(kCeCertificateIssuer, 0x55, 0x1d, 0x1d);
MUSTER_OID(kCeCrlDistributionPoints, 0x55, 0x1d, 0x1f);
MUSTER_OID(kCeAuthorityKeyId, 0x55, 0x1d, 0x23);
MUSTER_OID(kCeExtendedKeyUsage, 0x55, 0x1d, 0x25);
MUSTER_OID(kCeFreshestCrl, 0x55, 0x1d, 0x2e);
MUSTER_OID(kCeNoRevAvail, 0x55, 0x1d, 0x38);
MUSTER_OID(kCeExpiredCertsOnCrl, 0x55, 0x1d, 0x3c);
MUSTER_OID(kCtSctListOcsp, 0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 5);
MUSTER_OID(kSha1, 0x2b, 0x0e, 3, 2, 0x1a);
MUSTER_OID(kSha256, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1);
MUSTER_OID(kSha384, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2);
MUSTER_OID(kSha512, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3);
#undef MUSTER_OID
}  // namespace oid

}  // namespace muster
