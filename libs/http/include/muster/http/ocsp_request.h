#pragma once

#include "muster/http/get_path.h"
#include "muster/http/message.h"

namespace muster::http {

/// What an HTTP request is to an OCSP responder (RFC 6960 appendix A, RFC 9919 section 5).
enum class OcspAsk : std::uint8_t {
  kGet,          ///< GET or HEAD of an OCSPRequest: `octets`
  kPost,         ///< `octets` is the body, judged by its octets and not by the type it claims
  kBadEncoding,  ///< GET of something that is not base64
  kLanding,      ///< GET of the prefix itself
  kElsewhere,    ///< GET beside the prefix
  kOtherMethod,
};
struct OcspRequestFound {
  OcspAsk ask;
  Bytes octets{};          ///< of kGet and kPost; views of the request or of `decoded`
  bool has_query = false;  ///< a query stood behind the path; it was not looked at
};

/// Finds the OCSP request in an HTTP request. POST counts on every path. \param prefix  as of
/// find_get_tail() \param max_get_bytes  of a decoded GET \param decoded  replaced; no allocation
/// once its capacity suffices.   Lifetime: of `request` and `decoded`.
OcspRequestFound find_ocsp_request(const RequestView& request, std::string_view prefix,
                                   std::size_t max_get_bytes, Buffer& decoded);

}  // namespace muster::http
