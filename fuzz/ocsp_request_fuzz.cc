#include "fuzz.h"
#include "openssl_oracle.h"
#include "re_encode.h"

namespace {

using namespace muster;

bool is_comparable(const ocsp::RequestView& request) {
  if (request.requestor_name) {
    return false;
  }
  if (request.signature &&
      (!request.signature->certificates.empty() || !fuzz::is_plain(request.signature->algorithm))) {
    return false;
  }
  for (const ocsp::SingleRequestView& single : request.requests) {
    if (!fuzz::is_plain(single.cert_id.hash_algorithm)) {
      return false;
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes octets(data, size);
  const auto request = ocsp::parse_request(octets);
  const auto lenient = ocsp::parse_request(octets, {}, ocsp::Framing::kLenient);
  MUSTER_ASSERT(lenient || !request);
  if (!request) {
    return 0;
  }
  MUSTER_ASSERT(equal(lenient->tbs_raw, request->tbs_raw));
  MUSTER_ASSERT(!request->requests.empty());
  const Buffer again = testing::re_encode_request(octets);
  MUSTER_ASSERT(testing::is_faithful(octets, again));
  const auto view = ocsp::parse_request(again);
  MUSTER_ASSERT(view && view->requests.size() == request->requests.size());
  MUSTER_ASSERT(view->extensions.size() == request->extensions.size());
  for (std::size_t i = 0; i < request->requests.size(); ++i) {
    MUSTER_ASSERT(ocsp::matches(view->requests.at(i).cert_id, request->requests.at(i).cert_id));
  }
  MUSTER_ASSERT(testing::re_encode_request(again) == again);
  if (is_comparable(*view)) {
    const auto theirs = fuzz::decode<fuzz::OpensslRequest>(again, d2i_OCSP_REQUEST);
    MUSTER_ASSERT(theirs != nullptr);
    MUSTER_ASSERT(fuzz::encode(theirs.get(), i2d_OCSP_REQUEST) == again);
  }
  return 0;
}
