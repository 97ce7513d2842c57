// expect: deleted function
#include <utility>

#include "muster/ocsp/ocsp.h"

void use(muster::Buffer octets);
void use(muster::Buffer octets) {
#ifdef RIGHT
  const auto view = muster::ocsp::parse_cert_id(octets);
#else
  const auto view = muster::ocsp::parse_cert_id(std::move(octets));
#endif
  static_cast<void>(view);
}
