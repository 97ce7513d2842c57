#pragma once

#include "fixture.h"

// Requests that somebody signed, and issuers that heed it.
namespace muster::responder {

inline const Identity& anchor() {
  static const Identity made = testing::make_self_signed(testing::ca_spec("clients CA"));
  return made;
}
inline const Identity& alice() {
  static const Identity made = testing::issue(anchor(), testing::leaf_spec("alice.example"));
  return made;
}
/// Nobody vouches for her.
inline const Identity& mallory() {
  static const Identity made = testing::make_self_signed(testing::leaf_spec("mallory.example"));
  return made;
}
inline Client from(const char* address) { return {*IpAddress::parse(address)}; }

struct SignedBy {
  const Identity* who = &alice();
  const pki::PrivateKey* key = nullptr;  ///< another than who's
  std::vector<Buffer> certificates{to_buffer(alice().certificate.der())};
  std::optional<Buffer> name{};  ///< requestorName
};
/// The request for the leaf, signed.
inline Buffer signed_request(const SignedBy& by) {
  ocsp::Request request = leaf_request();
  request.requestor_name = by.name;
  const Buffer tbs = ocsp::encode_tbs_request(request);
  auto made =
      testing::sign_as(testing::SignAs::kAuto, by.key != nullptr ? *by.key : by.who->key, tbs);
  const ocsp::SignaturePart part{std::move(made.algorithm), std::move(made.signature),
                                 by.certificates};
  return ocsp::encode_request(tbs, &part);
}
inline Buffer directory_name(const pki::Certificate& certificate) {
  der::Writer out;
  out.element(der::context_constructed(4), certificate.subject());
  return out.take();
}

inline IssuerSpec signing_spec(RequestSignatures wanted) {
  IssuerSpec spec = delegated_spec();
  spec.policy.request_signatures = wanted;
  spec.requestor_anchors = {anchor().certificate};
  return spec;
}

}  // namespace muster::responder
