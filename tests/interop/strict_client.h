#pragma once

#include <string>

#include "muster/base/time.h"
#include "muster/client/verify.h"

namespace muster::interop {

/// What a strict client makes of a staple now: "good", "revoked", or what is wrong.
/// \param late  how long after its end it may still be: where what is judged was read a while ago.
inline std::string verdict_on(Bytes staple, const pki::Certificate& certificate,
                              const pki::Certificate& issuer, Seconds late = Seconds(0)) {
  client::VerifyPolicy strict;
  strict.future_skew = Seconds(0);
  strict.expiry_tolerance = late;
  const auto verified =
      client::verify({staple, certificate, issuer, std::nullopt, {}}, strict, SystemClock().now());
  return verified ? std::string(ocsp::to_string(verified->status()))
                  : std::string(client::to_string(verified.error().code));
}

}  // namespace muster::interop
