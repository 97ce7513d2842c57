#pragma once

#include "muster/testing/fault_token.h"
#include "node_fixture.h"

namespace muster::node {

/// A site whose signer's key is in the token that misbehaves. It behaves again at the end.
struct TokenSite : Site {
  TokenSite() {
    token.reset();
    token.add_key("ocsp", 1, standard_pki().ocsp_signer.key_pem);
  }
  ~TokenSite() {
    token.let_go();
    token.fail_sign(0, 0);
  }
  [[nodiscard]] NodeOptions options() const {
    NodeOptions out = Site::options();
    responder::SignerFiles& signer = out.issuers[0].signers[0];
    signer.key = "pkcs11:token=fault;object=ocsp?module-path=" MUSTER_FAULT_TOKEN
                 "&pin-source=file:" +
                 dir.write("pin", "1234\n");
    signer.token.deadline = Milliseconds(5'000);
    return out;
  }
  testing::FaultToken& token = testing::fault_token(MUSTER_FAULT_TOKEN);
};

}  // namespace muster::node
