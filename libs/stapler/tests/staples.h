#pragma once

#include "muster/keeper/shelf.h"
#include "muster/stapler/target.h"
#include "muster/testing/response_builder.h"

namespace muster::stapler::testing_staples {

/// The leaf of the standard PKI as a target sees it.
inline TargetSubject web(const std::string& path = "/tls/web.pem") {
  const auto& pki = testing::standard_pki();
  return {{"web", pki.leaf.certificate, pki.intermediate.certificate}, path};
}

/// Another certificate under a name.
inline TargetSubject second(const std::string& name) {
  const auto& pki = testing::standard_pki();
  return {{name, pki.other_leaf.certificate, pki.intermediate.certificate}, "/x"};
}

inline testing::EntrySpec web_entry(HashAlgorithm hash = HashAlgorithm::kSha1) {
  const auto& pki = testing::standard_pki();
  return testing::entry_for(pki.leaf.certificate, pki.intermediate.certificate, ocsp::Good{}, hash);
}

/// A verified staple from `spec` that began 10 s before kTestNow and lives for `life` from then.
inline keeper::StaplePointer make_staple(testing::ResponseSpec spec, Seconds life = Seconds(3600),
                                         keeper::StapleStatus status = keeper::StapleStatus::kGood,
                                         Seconds age = Seconds(10)) {
  using testing::kTestNow;
  const auto& pki = testing::standard_pki();
  for (auto& entry : spec.entries) {
    entry.this_update = kTestNow - age;
  }
  const Buffer der = build_response(pki.ocsp_signer, spec);
  const auto verified = client::verify(
      {der, pki.leaf.certificate, pki.intermediate.certificate, std::nullopt, {}}, {}, kTestNow);
  MUSTER_ASSERT(verified);
  return std::make_shared<const keeper::Staple>(
      keeper::Staple{*verified, {status, kTestNow - age, kTestNow + life}, kTestNow, "x"});
}
inline keeper::StaplePointer good_staple(Seconds life = Seconds(3600), Seconds age = Seconds(10)) {
  return make_staple({.entries = {web_entry()}}, life, keeper::StapleStatus::kGood, age);
}

inline keeper::StaplePointer revoked_staple(Seconds life = Seconds(1000)) {
  auto entry = web_entry();
  entry.status = ocsp::Revoked{testing::kTestNow - Seconds(60), ReasonCode::kKeyCompromise};
  return make_staple({.entries = {entry}}, life, keeper::StapleStatus::kRevoked, Seconds(5));
}

}  // namespace muster::stapler::testing_staples
