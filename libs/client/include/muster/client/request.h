#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "muster/client/subject.h"
#include "muster/net/fetcher.h"
#include "muster/pki/keys.h"

// Questions to OCSP responders: the DER, and the HTTP request that carries it. Pure but for
// make_nonce.
namespace muster::client {

/// What we send when asked for a nonce: satisfies RFC 8954 and RFC 9654 responders alike
/// (OCSP-CLI-044).
inline constexpr std::size_t kNonceOctets = 32;
/// For responders that refuse 32 (OCSP-CLI-045).
inline constexpr std::size_t kCompatibilityNonceOctets = 16;

/// What the request says beside the CertID. Defaults: SHA-256, no extension, unsigned, no
/// requestor name.
struct Question {
  HashAlgorithm hash = HashAlgorithm::kSha256;
  der::HashParameters parameters = der::HashParameters::kNull;
  std::optional<Buffer> nonce{};  ///< 1..128 octets, without wrapping
  /// Lists the signature algorithms we accept, best first (RFC 6960 section 4.4.7.1).
  bool list_algorithms = false;
  /// Says that we take id-pkix-ocsp-basic (RFC 6960 section 4.4.3). No other type is in use.
  bool list_response_types = false;
};
/// OCSPRequest with exactly one CertID (OCSP-CLI-037), no singleRequestExtensions (OCSP-CLI-040)
/// and no extension but those asked for, none critical.
Buffer build_request(const Subject& subject, const pki::Certificate& issuer,
                     const Question& question);

/// Who asks, where responders want to know: signs requests. Copies share the key.
/// Threads: any; signatures are made one at a time.
class Requestor {
 public:
  /// \param chain  the requestor's certificate, then what leads from it upwards; all of it is sent
  /// along.   Errors (text): no certificate, one without a subject (a signed request must name its
  /// requestor, RFC 6960 section 4.1.2, OCSP-CLI-022), the key is not its, or cannot sign.
  static Result<Requestor, std::string> make(std::vector<pki::Certificate> chain,
                                             const pki::PrivateKey& key);
  /// The question with the subject as requestorName, signed. Blocks as pki::Signer::sign() does.
  [[nodiscard]] Result<Buffer, std::string> build_request(const Subject& subject,
                                                          const pki::Certificate& issuer,
                                                          const Question& question) const;

 private:
  struct Impl;
  explicit Requestor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

/// Octets from the kernel's generator. Waits only before the kernel's pool is first filled.
/// Threads: any.
Buffer make_nonce(std::size_t octets = kNonceOctets);

enum class HttpMethod : std::uint8_t { kByLength, kPostOnly };
/// Whether caches on the way may answer. kBypass is for the one retry after an expired answer
/// (OCSP-CLI-058).
enum class CacheUse : std::uint8_t { kAllowed, kBypass };

/// How to reach responders.
struct Transport {
  HttpMethod method = HttpMethod::kByLength;
  Milliseconds connect_timeout{5000};
  Milliseconds total_timeout{15000};
  std::size_t max_body_bytes = 1 << 20;
  std::string proxy{};
  std::string source_address{};
  std::shared_ptr<const std::string> ca_pem{};  ///< see net::FetchRequest
  bool forbid_private_destinations = false;
};
/// The HTTP request: GET where http::make_get_url has a URL for it, POST otherwise.
net::FetchRequest make_fetch_request(std::string_view url, Bytes request,
                                     const Transport& transport,
                                     CacheUse cache = CacheUse::kAllowed);

/// Whether `url` is one we contact at all: http or https with a host (OCSP-CLI-036).
bool is_http_url(std::string_view url);

}  // namespace muster::client
