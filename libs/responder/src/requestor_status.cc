#include "requestor_status.h"

#include <algorithm>

namespace muster::responder {
namespace {

/// Null: none of ours. Signatures were verified when the path was found.
const Issuer* ours(const Setup& setup, const pki::Certificate& ca) {
  const auto is_it = [&ca](const pki::Certificate& known) {
    return pki::same_name(known.subject(), ca.subject()) &&
           equal(known.public_key_info(), ca.public_key_info());
  };
  for (const Issuer& issuer : setup.issuers()) {
    if (is_it(issuer.certificates.front())) {  // the others have its name and key
      return &issuer;
    }
  }
  return nullptr;
}

}  // namespace

Requestor check_requestor(const Setup& setup, const store::Reader& reader, const Issuer& issuer,
                          const ocsp::RequestView& request, UnixSeconds now) {
  Requestor requestor = verify_requestor(issuer, request, now);
  for (std::size_t i = 0; i + 1 < requestor.path.size(); ++i) {
    const pki::Certificate& certificate = requestor.path[i];
    const Issuer* const by = ours(setup, requestor.path[i + 1]);
    if (by == nullptr) {
      continue;
    }
    const auto record = reader.find(by->store_id, certificate.serial().octets());
    if (!record) {
      return {Cause::kStoreUnreadable,
              certificate.subject_text() + " cannot be looked up: " + record.error().detail,
              requestor.signatures,
              {}};
    }
    if (const auto said = store::statement_of(statement_rules(by->terms.policy),
                                              record->value_or(store::Status{}))) {
      return {Cause::kRequestorRefused,
              certificate.subject_text() + " is revoked since " + format_iso8601(said->since),
              requestor.signatures,
              {}};
    }
  }
  return requestor;
}

}  // namespace muster::responder
