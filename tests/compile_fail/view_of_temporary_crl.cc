// expect: deleted function
#include <utility>

#include "muster/crl/crl.h"

void use(muster::Buffer octets);
void use(muster::Buffer octets) {
#ifdef RIGHT
  const auto view = muster::crl::parse_crl(octets);
#else
  const auto view = muster::crl::parse_crl(std::move(octets));
#endif
  static_cast<void>(view);
}
