#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "muster/der/pkix.h"

// OCSP messages of RFC 6960 (with 9654 and 9919): views of received octets, owners to build from,
// parse and encode. Parsing gives syntax only; nothing here is trusted until pki/client verified
// it.
namespace muster::ocsp {

/// Named limits; each passed one is kTooLarge with a test.
struct Limits {
  std::size_t max_message_bytes = 1 << 20;
  std::size_t max_requests = 256;     ///< entries of one requestList
  std::size_t max_responses = 4096;   ///< SingleResponses of one response (real ones hold hundreds)
  std::size_t max_certificates = 32;  ///< in certs
};
/// kLenient takes definite lengths that are not minimal in the framing that no signature covers:
/// everything around TBSRequest, and in responses down to BasicOCSPResponse. What is signed or
/// hashed stays strict (OCSP-COD-028, decision 002). For looking at foreign messages, never for
/// answering or judging.
enum class Framing : std::uint8_t { kStrict, kLenient };
inline constexpr std::size_t kMaxNonceOctets = 128;  // RFC 9654 section 2.1

class CertId;
struct Request;
struct SignaturePart;
struct SingleResponse;
struct ResponseData;

/// CertID ::= SEQUENCE { hashAlgorithm AlgorithmIdentifier, issuerNameHash OCTET STRING,
///                       issuerKeyHash OCTET STRING, serialNumber INTEGER }   RFC 6960 4.1.1
/// Guarantees well-formed fields; hash lengths need not fit the algorithm, which need not be known.
/// Errors: kTooLarge for a serial beyond kMaxSerialOctets.
struct CertIdView {
  der::AlgorithmView hash_algorithm;
  Bytes issuer_name_hash;
  Bytes issuer_key_hash;
  Bytes serial;  ///< INTEGER content, minimal, at most kMaxSerialOctets
  Bytes raw;     ///< the whole SEQUENCE: what a responder echoes
  [[nodiscard]] CertId to_owned() const;
};
der::DerResult<CertIdView> read_cert_id(der::Reader& in);
der::DerResult<CertIdView> parse_cert_id(Bytes der);
der::DerResult<CertIdView> parse_cert_id(Buffer&&) = delete;
/// Same certificate: hash algorithm (NULL and absent parameters alike, OCSP-COD-023), both hashes
/// and serial equal.
bool matches(const CertIdView& a, const CertIdView& b);

/// Owner twin of CertIdView: the octets as received or made.
class CertId {
 public:
  /// Precondition: hash sizes fit `hash`.
  static CertId make(HashAlgorithm hash, Bytes issuer_name_hash, Bytes issuer_key_hash,
                     const Serial& serial,
                     der::HashParameters parameters = der::HashParameters::kNull);
  [[nodiscard]] CertIdView view() const;
  [[nodiscard]] const Buffer& der() const { return der_; }
  friend bool operator==(const CertId& a, const CertId& b) { return matches(a.view(), b.view()); }

 private:
  friend struct CertIdView;
  explicit CertId(Buffer der) : der_(std::move(der)) {}
  Buffer der_;
};

// ---- request
// ---------------------------------------------------------------------------------------------------

/// Request ::= SEQUENCE { reqCert CertID, singleRequestExtensions [0] EXPLICIT Extensions OPTIONAL
/// }
struct SingleRequestView {
  CertIdView cert_id;
  der::ExtensionsView extensions;
};
der::DerResult<SingleRequestView> read_single_request(der::Reader& in);
using RequestList = der::ListView<SingleRequestView, read_single_request>;

der::DerResult<Bytes> read_certificate_raw(der::Reader& in);  ///< one SEQUENCE, unparsed
using CertificateList = der::ListView<Bytes, read_certificate_raw>;

/// Signature ::= SEQUENCE { signatureAlgorithm AlgorithmIdentifier, signature BIT STRING, certs [0]
/// ... OPTIONAL }
struct SignatureView {
  der::AlgorithmView algorithm;
  Bytes signature;
  CertificateList certificates;
  [[nodiscard]] SignaturePart to_owned() const;
};

/// OCSPRequest ::= SEQUENCE { tbsRequest TBSRequest, optionalSignature [0] EXPLICIT Signature
/// OPTIONAL } TBSRequest ::= SEQUENCE { version [0] EXPLICIT Version DEFAULT v1, requestorName [1]
/// EXPLICIT GeneralName OPTIONAL,
///                           requestList SEQUENCE OF Request, requestExtensions [2] EXPLICIT
///                           Extensions OPTIONAL }
/// `tbs_raw` is what an optional signature covers.
struct RequestView {
  Bytes tbs_raw;
  std::optional<Bytes> requestor_name;  ///< one GeneralName element
  RequestList requests;                 ///< at least one (OCSP-COD-003)
  der::ExtensionsView extensions;
  std::optional<SignatureView> signature;
  /// Everything but the signature.
  [[nodiscard]] Request to_owned() const;
};
/// Tolerates an explicit version v1 (OCSP-COD-002) and empty extension lists (OCSP-COD-015);
/// nothing else.
der::DerResult<RequestView> parse_request(Bytes der, const Limits& limits = {},
                                          Framing framing = Framing::kStrict);
der::DerResult<RequestView> parse_request(Buffer&&, const Limits& = {},
                                          Framing = Framing::kStrict) = delete;

/// Owner to build a request from.
struct Request {
  struct Entry {
    CertId cert_id;
    std::vector<der::Extension> extensions;
  };
  std::vector<Entry> requests;
  std::optional<Buffer> requestor_name;  ///< GeneralName element
  std::vector<der::Extension> extensions;
};
/// TBSRequest octets: sign these for a signed request.
Buffer encode_tbs_request(const Request& request);
struct SignaturePart {
  Buffer algorithm;  ///< whole AlgorithmIdentifier
  Buffer signature;
  std::vector<Buffer> certificates;  ///< DER each; omitted when empty
};
Buffer encode_request(Bytes tbs_request, const SignaturePart* signature = nullptr);
Buffer encode_request(const Request& request);

// ---- nonce and other extensions
// --------------------------------------------------------------------------------

enum class NonceForm : std::uint8_t { kWrapped, kLegacyRaw };
/// The nonce in an extension value: content of the wrapped OCTET STRING (1..128 octets), or the raw
/// value of an old client (OCSP-COD-018). Errors: kBadValue for a wrapped one of 0 octets,
/// kTooLarge beyond 128 (OCSP-COD-017).
struct NonceView {
  NonceForm form;
  Bytes octets;
  Bytes extension_value;
};
der::DerResult<NonceView> parse_nonce(Bytes extension_value);
der::DerResult<NonceView> parse_nonce(Buffer&&) = delete;
/// Extension value for a nonce of 1..128 octets.
Buffer encode_nonce(Bytes nonce);

/// CrlID ::= SEQUENCE { crlUrl [0] IA5String OPTIONAL, crlNum [1] INTEGER OPTIONAL, crlTime [2]
/// GeneralizedTime OPTIONAL }
struct CrlIdView {
  std::optional<Bytes> url;
  std::optional<Bytes> number;
  std::optional<UnixSeconds> time;
};
der::DerResult<CrlIdView> parse_crl_id(Bytes extension_value);
der::DerResult<CrlIdView> parse_crl_id(Buffer&&) = delete;
Buffer encode_crl_id(const CrlIdView& id);

/// Entries that an AcceptableResponses or PreferredSignatureAlgorithms may have; more are
/// kTooLarge.
inline constexpr std::size_t kMaxListedAlgorithms = 64;
/// AcceptableResponses ::= SEQUENCE OF OBJECT IDENTIFIER  (content octets of each)
der::DerResult<std::vector<Bytes>> parse_acceptable_responses(Bytes extension_value);
der::DerResult<std::vector<Bytes>> parse_acceptable_responses(Buffer&&) = delete;
Buffer encode_acceptable_responses(const std::vector<Buffer>& oids);
/// ArchiveCutoff ::= GeneralizedTime
der::DerResult<UnixSeconds> parse_archive_cutoff(Bytes extension_value);
Buffer encode_archive_cutoff(UnixSeconds t);
/// ServiceLocator ::= SEQUENCE { issuer Name, locator AuthorityInfoAccessSyntax OPTIONAL }
/// (OCSP-COD-020)
struct ServiceLocatorView {
  Bytes issuer;
  std::optional<Bytes> locator;  ///< AuthorityInfoAccessSyntax element, checked for shape
};
der::DerResult<ServiceLocatorView> parse_service_locator(Bytes extension_value);
der::DerResult<ServiceLocatorView> parse_service_locator(Buffer&&) = delete;
Buffer encode_service_locator(const ServiceLocatorView& locator);
/// PreferredSignatureAlgorithm ::= SEQUENCE { sigIdentifier AlgorithmIdentifier, certIdentifier
/// AlgorithmIdentifier-like OPTIONAL }
struct PreferredSignatureView {
  der::AlgorithmView signature;
  std::optional<der::AlgorithmView> public_key;
};
der::DerResult<std::vector<PreferredSignatureView>> parse_preferred_signatures(
    Bytes extension_value);
der::DerResult<std::vector<PreferredSignatureView>> parse_preferred_signatures(Buffer&&) = delete;
Buffer encode_preferred_signatures(const std::vector<PreferredSignatureView>& list);
/// id-pkix-ocsp-nocheck, extended-revoked and noRevAvail: NULL. Errors: kBadValue, kWrongTag
/// otherwise.
der::DerResult<Unit> parse_null_value(Bytes extension_value, std::string_view field);

// ---- response
// --------------------------------------------------------------------------------------------------

/// OCSPResponseStatus ::= ENUMERATED. Persistent values.
enum class ResponseStatus : std::uint8_t {
  kSuccessful = 0,
  kMalformedRequest = 1,
  kInternalError = 2,
  kTryLater = 3,
  kSigRequired = 5,
  kUnauthorized = 6,
};
/// "malformedRequest", as in the RFC.
std::string_view to_string(ResponseStatus status);

struct Good {};
struct Unknown {};
/// RevokedInfo ::= SEQUENCE { revocationTime GeneralizedTime, revocationReason [0] EXPLICIT
/// CRLReason OPTIONAL }
struct Revoked {
  UnixSeconds time;
  std::optional<ReasonCode> reason;
};
using CertStatus = std::variant<Good, Revoked, Unknown>;
/// "good", "revoked", "unknown".
std::string_view to_string(const CertStatus& status);

/// SingleResponse ::= SEQUENCE { certID CertID, certStatus CertStatus, thisUpdate GeneralizedTime,
///                               nextUpdate [0] EXPLICIT GeneralizedTime OPTIONAL,
///                               singleExtensions [1] EXPLICIT Extensions OPTIONAL }
/// CertStatus ::= CHOICE { good [0] IMPLICIT NULL, revoked [1] IMPLICIT RevokedInfo, unknown [2]
/// IMPLICIT NULL } Times are well-formed and may lie anywhere.
struct SingleResponseView {
  CertIdView cert_id;
  CertStatus status;
  UnixSeconds this_update;
  std::optional<UnixSeconds> next_update;
  der::ExtensionsView extensions;
  Bytes raw;
  [[nodiscard]] SingleResponse to_owned() const;
};
der::DerResult<SingleResponseView> read_single_response(der::Reader& in);
using ResponseList = der::ListView<SingleResponseView, read_single_response>;

/// ResponderID ::= CHOICE { byName [1] Name, byKey [2] KeyHash }
struct ResponderByName {
  Bytes name;  ///< whole Name element
};
struct ResponderByKey {
  Bytes key_hash;  ///< 20 octets of SHA-1
};
using ResponderIdView = std::variant<ResponderByName, ResponderByKey>;

/// BasicOCSPResponse ::= SEQUENCE { tbsResponseData ResponseData, signatureAlgorithm
/// AlgorithmIdentifier,
///                                  signature BIT STRING, certs [0] EXPLICIT SEQUENCE OF
///                                  Certificate OPTIONAL }
/// ResponseData ::= SEQUENCE { version [0] EXPLICIT Version DEFAULT v1, responderID ResponderID,
///                             producedAt GeneralizedTime, responses SEQUENCE OF SingleResponse,
///                             responseExtensions [1] EXPLICIT Extensions OPTIONAL }
/// With the octets its signature covers.
struct BasicResponseView {
  Bytes tbs_raw;  ///< ResponseData as received (OCSP-COD-011)
  ResponderIdView responder_id;
  UnixSeconds produced_at;
  ResponseList responses;
  der::ExtensionsView extensions;
  der::AlgorithmView signature_algorithm;
  Bytes signature;
  CertificateList certificates;
  /// Everything but the signature.
  [[nodiscard]] ResponseData to_owned() const;
  [[nodiscard]] SignaturePart signature_part() const;
};
/// OCSPResponse ::= SEQUENCE { responseStatus OCSPResponseStatus, responseBytes [0] EXPLICIT
/// ResponseBytes OPTIONAL } ResponseBytes ::= SEQUENCE { responseType OBJECT IDENTIFIER, response
/// OCTET STRING } `basic` is there exactly for kSuccessful with the basic type.
struct ResponseView {
  ResponseStatus status;
  std::optional<BasicResponseView> basic;
  Bytes raw;
};
/// Tolerates an explicit version v1 (OCSP-COD-002) and empty extension lists, which public
/// responders send (decision 002); nothing else. Errors: kUnsupported for another response type or
/// status 4 / above 6; kInconsistent for a body beside an error status or none beside success.
der::DerResult<ResponseView> parse_response(Bytes der, const Limits& limits = {},
                                            Framing framing = Framing::kStrict);
der::DerResult<ResponseView> parse_response(Buffer&&, const Limits& = {},
                                            Framing = Framing::kStrict) = delete;

/// Owner to build one SingleResponse from. `cert_id` is a whole CertID element, echoed as is.
struct SingleResponse {
  Buffer cert_id;
  CertStatus status;
  UnixSeconds this_update;
  std::optional<UnixSeconds> next_update;
  std::vector<der::Extension> extensions;
};
struct ResponseData {
  std::variant<Buffer /*Name element*/, std::array<std::uint8_t, 20> /*key hash*/> responder_id;
  UnixSeconds produced_at;
  std::vector<SingleResponse> responses;
  std::vector<der::Extension> extensions;
};
/// ResponseData octets: sign these.
Buffer encode_response_data(const ResponseData& data);
/// A successful OCSPResponse around signed ResponseData. Empty certificate lists are omitted.
Buffer encode_response(Bytes response_data, const SignaturePart& signature);
/// `30 03 0A 01 nn`. Precondition: not kSuccessful.
Buffer encode_error_response(ResponseStatus status);

/// RFC 6960 appendix C.
inline constexpr std::string_view kRequestMediaType = "application/ocsp-request";
inline constexpr std::string_view kResponseMediaType = "application/ocsp-response";
inline constexpr std::string_view kRequestFileSuffix = ".ORQ";
inline constexpr std::string_view kResponseFileSuffix = ".ORS";

}  // namespace muster::ocsp
