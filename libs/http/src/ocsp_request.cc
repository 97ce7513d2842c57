#include "muster/http/ocsp_request.h"

namespace muster::http {

OcspRequestFound find_ocsp_request(const RequestView& request, std::string_view prefix,
                                   std::size_t max_get_bytes, Buffer& decoded) {
  switch (request.method) {
    case Method::kPost:
      return {OcspAsk::kPost, request.body};
    case Method::kOther:
      return {OcspAsk::kOtherMethod};
    case Method::kGet:
    case Method::kHead:
      break;
  }
  // Neither base64 nor base64url has a '?': what follows one was put there by somebody in between.
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  const bool has_query = path.size() != request.target.size();
  const auto tail = find_get_tail(path, prefix);
  if (!tail || tail->empty()) {
    return {tail ? OcspAsk::kLanding : OcspAsk::kElsewhere, {}, has_query};
  }
  if (!decode_get_tail(*tail, max_get_bytes, decoded)) {
    decoded.clear();
    return {OcspAsk::kBadEncoding, {}, has_query};
  }
  return {OcspAsk::kGet, decoded, has_query};
}

}  // namespace muster::http
