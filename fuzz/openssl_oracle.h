#pragma once

#include <openssl/ocsp.h>

#include <memory>

#include "muster/base/c_deleter.h"
#include "muster/ocsp/ocsp.h"

// OpenSSL's opinion about what we accept. Known differences, where only we accept, because we leave
// these parts unparsed:
//   - certificates (OpenSSL reads X.509 inside), names and general names (OpenSSL checks their
//   values),
//   - parameters of algorithms other than NULL (OpenSSL checks primitive values in ANY).
// Messages with such parts are not compared. Where OpenSSL alone accepts (BER, odd times,
// version 2...) is no finding.
namespace muster::fuzz {

using OpensslRequest = std::unique_ptr<OCSP_REQUEST, CDeleter<OCSP_REQUEST_free>>;
using OpensslResponse = std::unique_ptr<OCSP_RESPONSE, CDeleter<OCSP_RESPONSE_free>>;
using OpensslBasic = std::unique_ptr<OCSP_BASICRESP, CDeleter<OCSP_BASICRESP_free>>;
using OpensslCertId = std::unique_ptr<OCSP_CERTID, CDeleter<OCSP_CERTID_free>>;

/// The value that `d2i` makes of all of `octets`; null when it refuses them or leaves some over.
template <class Pointer, class T>
Pointer decode(Bytes octets, T* (*d2i)(T**, const unsigned char**, long)) {
  const unsigned char* at = octets.data();
  Pointer value(d2i(nullptr, &at, static_cast<long>(octets.size())));
  return value != nullptr && at == octets.data() + octets.size() ? std::move(value) : nullptr;
}

template <class T>
Buffer encode(const T* value, int (*i2d)(const T*, unsigned char**)) {
  const int size = i2d(value, nullptr);
  MUSTER_ASSERT(size > 0);
  Buffer out(static_cast<std::size_t>(size));
  unsigned char* at = out.data();
  MUSTER_ASSERT(i2d(value, &at) == size);
  return out;
}

inline bool is_plain(const der::AlgorithmView& algorithm) {
  return !algorithm.parameters ||
         (algorithm.parameters->size() == 2 && (*algorithm.parameters)[0] == 5);
}

}  // namespace muster::fuzz
