#pragma once

#include <string>

#include "muster/ocsp/ocsp.h"

// The round-trip oracle that tests and fuzz targets share.
namespace muster::testing {

/// The octets that owners made of a message encode to; empty when it does not parse.
inline Buffer re_encode_request(Bytes octets) {
  const auto request = ocsp::parse_request(octets);
  if (!request) {
    return {};
  }
  const Buffer tbs = ocsp::encode_tbs_request(request->to_owned());
  if (!request->signature) {
    return ocsp::encode_request(tbs);
  }
  const ocsp::SignaturePart signature = request->signature->to_owned();
  return ocsp::encode_request(tbs, &signature);
}
inline Buffer re_encode_response(Bytes octets) {
  const auto response = ocsp::parse_response(octets);
  if (!response) {
    return {};
  }
  return response->basic
             ? ocsp::encode_response(ocsp::encode_response_data(response->basic->to_owned()),
                                     response->basic->signature_part())
             : ocsp::encode_error_response(response->status);
}

/// Whether a message may use one of the named tolerances (decision 002), which encoding normalises:
/// an explicit version v1, an empty list of extensions or certificates.
inline bool may_use_tolerance(Bytes octets) {
  const std::string text = to_hex(octets);
  for (const char* const pattern : {"a003020100", "a0023000", "a1023000", "a2023000"}) {
    if (text.find(pattern) != std::string::npos) {
      return true;
    }
  }
  return false;
}

/// Whether `again`, encoded from the owner of `octets`, is what it has to be: the same octets, or
/// fewer where a tolerance was used.
inline bool is_faithful(Bytes octets, Bytes again) {
  return equal(octets, again) || (again.size() < octets.size() && may_use_tolerance(octets));
}

}  // namespace muster::testing
