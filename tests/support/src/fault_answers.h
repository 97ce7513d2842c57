#pragma once

#include "muster/testing/fault_responder.h"

namespace muster::testing {

/// What a FaultResponder says inside HTTP: DER of answers, right or wrong. Threads: any.
class FaultAnswers {
 public:
  /// As FaultResponder's.
  FaultAnswers(Identity signer, pki::Certificate issuer, Seconds validity)
      : signer_(std::move(signer)),
        issuer_(std::move(issuer)),
        validity_(validity),
        stranger_(make_self_signed(ca_spec("Stranger"))) {}

  [[nodiscard]] Buffer respond(Fault f, Bytes request) const;

 private:
  Identity signer_;
  pki::Certificate issuer_;
  Seconds validity_;
  Identity stranger_;
};

}  // namespace muster::testing
