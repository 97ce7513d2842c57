#pragma once

#include <optional>

#include "muster/responder/counters.h"
#include "muster/responder/policy.h"
#include "signer_choice.h"

namespace muster::responder {

/// What the extensions of a request ask for.
struct RequestOptions {
  Cause cause = Cause::kNone;
  std::optional<ocsp::NonceView> nonce;  ///< of 1 to 128 octets
  SignatureWishes wishes;
};
/// The answer to extensions of a single entry: none of them is known to us.
Cause check_entry(const ocsp::SingleRequestView& entry);
/// Applies the limits of RFC 9654 to the nonce and RFC 6960 section 4.1.2 to the other request
/// extensions: what we do not know is ignored unless critical. Views of the request.
/// Allocation-free.
RequestOptions read_options(const ocsp::RequestView& request);

/// What becomes of a nonce under a policy (decisions 010, 023).
struct NonceChoice {
  Cause cause = Cause::kNone;  ///< kNonceMissing
  std::optional<Bytes> echo;   ///< extnValue for responseExtensions
};
NonceChoice choose_nonce(const std::optional<ocsp::NonceView>& nonce, NoncePolicy policy);
/// Whether a request with a nonce that is refused for `cause` may be answered without it.
/// \param policy  for the client's nonces
bool may_leave_nonce_out(NonceOverload overload, NoncePolicy policy, Cause cause);

/// The CertID octets of a request that consists of one CertID and nothing else, the form nearly
/// every client sends; empty for any other. Only the frame is looked at: the octets are a CertID if
/// they equal one that was parsed before. Saves the parsing of requests whose answer is remembered
/// (about 500 of 700 ns here). Allocation-free.
Bytes find_plain_cert_id(Bytes request);

}  // namespace muster::responder
