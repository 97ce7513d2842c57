#include "routing.h"

#include <algorithm>

#include "lookup.h"

namespace muster::responder {
namespace {

bool is(const der::ExtensionView& extension, Bytes oid) { return equal(extension.oid, oid); }

/// The route whose URL the locator names for OCSP.
const Route* find_by_locator(const Setup& setup, Bytes extension_value) {
  const auto parsed = ocsp::parse_service_locator(extension_value);
  if (!parsed || !parsed->locator) {
    return nullptr;
  }
  der::Reader reader(*parsed->locator);
  const auto list = der::read_access_descriptions(reader, "locator");
  if (!list) {
    return nullptr;
  }
  for (const der::AccessDescriptionView& access : *list) {
    const bool is_uri = access.location.tag == der::context_primitive(6);
    const auto found =
        std::find_if(setup.routes().begin(), setup.routes().end(), [&](const Route& route) {
          return route.locator == ServiceLocator::kFollowed &&
                 equal(access.location.content, as_bytes(route.url));
        });
    if (equal(access.method, oid::kAdOcsp) && is_uri && found != setup.routes().end()) {
      return &*found;
    }
  }
  return nullptr;
}

const Route* find_for(const Setup& setup, const ocsp::SingleRequestView& entry) {
  const auto served = find_issuer(setup, entry.cert_id);
  const auto hash = der::find_hash(entry.cert_id.hash_algorithm);
  if (served || served.error() != Cause::kUnknownIssuer || !hash) {
    return nullptr;
  }
  const auto by_issuer = setup.route_index().find(*hash, entry.cert_id.issuer_name_hash,
                                                  entry.cert_id.issuer_key_hash);
  const Route* found = by_issuer ? &setup.routes()[*by_issuer] : nullptr;
  for (const der::ExtensionView& extension : entry.extensions) {
    if (is(extension, oid::kOcspServiceLocator)) {
      found = found != nullptr ? found : find_by_locator(setup, extension.value);
    } else if (extension.critical) {
      return nullptr;  // not ours to judge, nor to pass by
    }
  }
  return found;
}

}  // namespace

const Route* find_route(const Setup& setup, const ocsp::RequestView& request) {
  if (setup.routes().empty()) {
    return nullptr;
  }
  const Route* common = nullptr;
  for (const ocsp::SingleRequestView& entry : request.requests) {
    const Route* const route = find_for(setup, entry);
    if (route == nullptr || (common != nullptr && route != common)) {
      return nullptr;
    }
    common = route;
  }
  return common;
}

}  // namespace muster::responder
