#include <algorithm>

#include "fuzz.h"
#include "openssl_oracle.h"
#include "re_encode.h"

namespace {

using namespace muster;

bool is_comparable(const ocsp::BasicResponseView& basic) {
  if (!basic.certificates.empty() || !fuzz::is_plain(basic.signature_algorithm) ||
      std::holds_alternative<ocsp::ResponderByName>(basic.responder_id)) {
    return false;
  }
  for (const ocsp::SingleResponseView& single : basic.responses) {
    if (!fuzz::is_plain(single.cert_id.hash_algorithm)) {
      return false;
    }
  }
  return true;
}

void compare_with_openssl(const ocsp::ResponseView& response, const Buffer& octets) {
  const auto theirs = fuzz::decode<fuzz::OpensslResponse>(octets, d2i_OCSP_RESPONSE);
  MUSTER_ASSERT(theirs != nullptr);
  MUSTER_ASSERT(OCSP_response_status(theirs.get()) == static_cast<int>(response.status));
  MUSTER_ASSERT(fuzz::encode(theirs.get(), i2d_OCSP_RESPONSE) == octets);
  if (!response.basic || !is_comparable(*response.basic)) {
    return;
  }
  const fuzz::OpensslBasic basic(OCSP_response_get1_basic(theirs.get()));
  MUSTER_ASSERT(basic != nullptr);
  MUSTER_ASSERT(OCSP_resp_count(basic.get()) == static_cast<int>(response.basic->responses.size()));
  const Buffer inner = fuzz::encode(basic.get(), i2d_OCSP_BASICRESP);
  MUSTER_ASSERT(std::search(octets.begin(), octets.end(), inner.begin(), inner.end()) !=
                octets.end());
}

void check_views_agree(const ocsp::BasicResponseView& a, const ocsp::BasicResponseView& b) {
  MUSTER_ASSERT(a.responses.size() == b.responses.size());
  MUSTER_ASSERT(a.produced_at == b.produced_at);
  MUSTER_ASSERT(a.certificates.size() == b.certificates.size());
  auto other = b.responses.begin();
  for (const ocsp::SingleResponseView& single : a.responses) {
    MUSTER_ASSERT(equal(single.cert_id.raw, other->cert_id.raw));
    MUSTER_ASSERT(single.status.index() == other->status.index());
    MUSTER_ASSERT(single.this_update == other->this_update);
    MUSTER_ASSERT(single.next_update == other->next_update);
    ++other;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes octets(data, size);
  const auto response = ocsp::parse_response(octets);
  const auto lenient = ocsp::parse_response(octets, {}, ocsp::Framing::kLenient);
  MUSTER_ASSERT(lenient || !response);
  if (!response) {
    return 0;
  }
  MUSTER_ASSERT(response->basic.has_value() ==
                (response->status == ocsp::ResponseStatus::kSuccessful));
  const Buffer again = testing::re_encode_response(octets);
  MUSTER_ASSERT(testing::is_faithful(octets, again));
  MUSTER_ASSERT(testing::re_encode_response(again) == again);
  const auto view = ocsp::parse_response(again);
  MUSTER_ASSERT(view && view->status == response->status);
  if (response->basic) {
    MUSTER_ASSERT(equal(lenient->basic->tbs_raw, response->basic->tbs_raw));
    check_views_agree(*response->basic, *view->basic);
  }
  compare_with_openssl(*view, again);
  return 0;
}
