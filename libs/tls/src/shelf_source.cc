#include "muster/tls/shelf_source.h"

namespace muster::tls {

OfferedStaple ShelfSource::find(const Fingerprint& certificate) const noexcept {
  keeper::StaplePointer staple = shelf_.find(certificate, clock_.now());
  if (staple == nullptr) {
    return {};
  }
  const Bytes der = staple->der();
  return {der, std::move(staple)};
}

}  // namespace muster::tls
