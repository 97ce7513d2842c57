#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/pki/certificate.h"

// What an audit looks at: responses from files, what a live responder answered to each probe,
// signer certificates, CRLs. Plain values; nothing here fetches.
namespace muster::lint {

/// What a responder was asked to learn what. Persistent words in reports (to_string).
enum class ProbeKind : std::uint8_t {
  kSaved,  ///< a response from a file; nobody was asked
  kGet,    ///< SHA-256 CertID by GET
  kPost,
  kGetSha1,
  kPostSha384,
  kNonce32,   ///< a nonce every responder with nonces must take
  kNonce33,   ///< longer than RFC 8954 knew
  kNonce129,  ///< longer than any may be
  kUnissued,  ///< a random serial of 20 octets
  kForeignIssuer,
  kUnknownHash,       ///< a CertID made with MD5
  kTwoCertIds,        ///< the certificate named twice, by SHA-256 and SHA-1
  kUnknownExtension,  ///< not critical
  kCriticalExtension,
  kAcceptableResponses,
  kRequestorName,  ///< in a request without signature
  kGarbage,        ///< not an OCSPRequest
  kOversized,      ///< 64 KiB that are not an OCSPRequest
  kWrongContentType,
  kHttp10,
  kGetUnescaped,  ///< base64 with its '+', '/' and '=' as they are
};
inline constexpr std::size_t kProbeKinds = 21;
std::string_view to_string(ProbeKind kind);

struct Header {
  std::string name;
  std::string value;
};
/// What HTTP told about an answer.
struct HttpFacts {
  unsigned status = 0;    ///< 0: there was no answer
  std::string failure{};  ///< why there was none
  std::vector<Header> headers{};
  Milliseconds duration{0};
  /// Value of the first header of this name, compared without case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

/// One response, and what is known about how it came.
struct Exchange {
  ProbeKind probe = ProbeKind::kSaved;
  std::string source{};           ///< file or URL
  Buffer request{};               ///< OCSPRequest that was sent; empty: unknown
  std::optional<Buffer> nonce{};  ///< octets of the nonce that was sent
  std::optional<HttpFacts> http{};
  Buffer response{};  ///< the body, whatever it is
  /// When it was being served: rules about how early answers are replaced need it.
  std::optional<UnixSeconds> served_at{};
};

struct Subject {
  std::string name{};  ///< as the user wrote it
  UnixSeconds now{};
  std::vector<Exchange> exchanges{};
  std::vector<pki::Certificate> signers{};  ///< certificates to be judged as delegates'
  Buffer crl{};                             ///< DER; empty: none
  // What is known beside it.
  std::optional<pki::Certificate> certificate{};  ///< the one the responses are about
  std::optional<pki::Certificate> issuer{};
  std::vector<pki::Certificate> known_signers{};       ///< where else a delegate may be found
  std::vector<pki::Certificate> trusted_responders{};  ///< declared for this issuer (OCSP-CLI-007)
};

}  // namespace muster::lint
