// expect: deleted function
#include <utility>

#include "muster/ocsp/ocsp.h"

void use(muster::Buffer octets);
void use(muster::Buffer octets) {
#ifdef RIGHT
  const auto view = muster::ocsp::parse_response(octets);
#else
  const auto view = muster::ocsp::parse_response(std::move(octets));
#endif
  static_cast<void>(view);
}
