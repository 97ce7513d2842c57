#pragma once

#include "muster/ocsp/ocsp.h"

// For those who encode one response after another: a warm buffer is not allocated again.
namespace muster::ocsp {

/// As encode_response_data(); `into` is overwritten.
void encode_response_data_into(const ResponseData& data, Buffer& into);
/// As encode_response(); `into` is overwritten.
void encode_response_into(Bytes response_data, const SignaturePart& signature, Buffer& into);

}  // namespace muster::ocsp
