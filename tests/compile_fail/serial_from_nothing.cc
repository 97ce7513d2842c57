// expect: private
#include "muster/der/pkix.h"

bool use(muster::Bytes octets);
bool use(muster::Bytes octets) {
#ifdef RIGHT
  const auto serial = muster::Serial::make(octets);
  return static_cast<bool>(serial);
#else
  const muster::Serial serial;
  return serial.octets().empty() && octets.empty();
#endif
}
