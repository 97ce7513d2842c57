#pragma once

#include <openssl/ssl.h>
#include <openssl/stack.h>

#include <span>
#include <vector>

#include "muster/tls/staple.h"

// Staples of the certificates behind the server's own, beside which TLS 1.3 has a place for them.
namespace muster::tls {

/// What this version of OpenSSL can do.
ChainStapling chain_stapling_of(unsigned major, unsigned minor, unsigned patch);

/// `own` and the staples of the certificates `above` it, in their order, up to the first that has
/// none or goes beyond a limit (kMaxChainStaples, kMaxChainStapleBytes): a place in the list is
/// what tells whose a staple is. Threads: any.
std::vector<OfferedStaple> choose_chain(OfferedStaple own, std::span<const Fingerprint> above,
                                        const StapleSource& source);

/// Gives the library parsed responses, which it then owns; false: it does not take them, and they
/// are still the caller's.
using GiveResponses = bool (*)(SSL* ssl, OPENSSL_STACK* responses);
/// What the macro SSL_set0_tlsext_status_ocsp_resp_ex of OpenSSL 3.6 does. Older libraries do not
/// know the command.
bool give_responses(SSL* ssl, OPENSSL_STACK* responses);

/// Has `staples` sent, each beside its certificate. False, and nothing is changed: the library does
/// not take them, or would not send the very octets. Leaves OpenSSL's error queue as it was.
bool set_chain_staples(SSL* ssl, std::span<const OfferedStaple> staples,
                       GiveResponses give = give_responses);

}  // namespace muster::tls
