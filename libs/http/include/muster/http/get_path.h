#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "muster/base/bytes.h"
#include "muster/base/result.h"

// OCSP requests inside a URL: GET {url}/{percent-encoded base64 of the DER request} (RFC 6960
// appendix A.1, RFC 9919 section 5). Traps of deployed clients and proxies: requirements README
// sections 6 and 11.
namespace muster::http {

/// A URL up to this long is asked by GET, a longer one by POST (OCSP-CLI-052).
inline constexpr std::size_t kMaxGetUrlBytes = 255;

/// The text behind the configured prefix of a raw request target: nothing but the prefix, its
/// separating slash and at most one superfluous slash is taken away, and nothing is normalised
/// (OCSP-RESP-076). Targets in absolute form, which proxies send, lose scheme and authority first.
///
/// \param prefix  "/" or "/path", with or without a final slash.
/// \return Nothing when the target does not lie below the prefix. Empty when nothing follows it.
std::optional<std::string_view> find_get_tail(std::string_view target, std::string_view prefix);

enum class GetPathErrc : std::uint8_t {
  kEmpty,
  kTooLong,       ///< the decoded request would exceed the limit
  kBadEscape,     ///< '%' without two hexadecimal digits
  kBadCharacter,  ///< neither base64 nor base64url; also what is left of a doubly escaped text
                  ///< ("%252B")
  kBadLength,     ///< no base64 text has this length, or its padding is wrong
};
std::string_view to_string(GetPathErrc code);

/// Octets of a request in a GET tail. Percent-escapes are decoded once, as in a path: '+' stays
/// '+'. Tolerated, each alone or mixed: base64url, missing padding, blanks where '+' was
/// (OCSP-RESP-075, -077). Double escaping is refused: decoding until nothing changes would give one
/// request several spellings in caches. `out` is replaced; no allocation once its capacity
/// suffices.
Result<Unit, GetPathErrc> decode_get_tail(std::string_view tail, std::size_t max_bytes,
                                          Buffer& out);

/// Percent-encoded standard base64 with '+', '/' and '=' written as %2B, %2F, %3D (OCSP-CLI-053).
std::string encode_get_tail(Bytes request);

/// The URL to GET, or nothing when the request must go by POST: URL over kMaxGetUrlBytes, or
/// `responder` has a query or a fragment, behind which no path can be appended (OCSP-CLI-052,
/// -054).
std::optional<std::string> make_get_url(std::string_view responder, Bytes request);

}  // namespace muster::http
