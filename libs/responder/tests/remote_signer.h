#pragma once

#include "fixture.h"
#include "muster/testing/held_key.h"

namespace muster::responder {

/// A delegate whose key is remote.
struct RemoteSigner {
  explicit RemoteSigner(const char* name) {
    auto spec = testing::ocsp_signer_spec(name);
    spec.use_key = testing::make_key(testing::KeyKind::kP256);
    held = std::make_shared<testing::HeldKey>(spec.use_key->key);
    certificate = testing::issue(standard_pki().intermediate, spec).certificate;
  }
  [[nodiscard]] SignerSpec spec(SignerRole role = SignerRole::kActive) const {
    return {.label = "",
            .certificate = *certificate,
            .key = *pki::PrivateKey::remote(held),
            .role = role};
  }
  std::shared_ptr<testing::HeldKey> held;
  std::optional<pki::Certificate> certificate;
};

}  // namespace muster::responder
