#pragma once

#include <string>

#include "control_server.h"
#include "muster/pki/certificate.h"
#include "muster/responder/setup.h"
#include "muster/store/store.h"

namespace muster::node {

/// Why a client certificate, whose path TLS has verified, may not push, or make batch
/// calls; empty: it may.
/// - It is not for clientAuth by itself: extendedKeyUsage absent, or without id-kp-clientAuth
///   (anyExtendedKeyUsage does not count).
/// - Its CA is one that `setup` answers for, and the store says revoked or on hold, does not know
/// it
///   though it knows what was issued, or says nothing of it while `unlisted` is not "good".
/// Certificates of other CAs are judged by their path alone.
std::string refuse_client(const pki::Certificate& client, const responder::Setup& setup,
                          const store::Store& store);

/// The same of a peer: one that is let in by a certificate is judged, others are not. At each
/// request: connections last, and it may have been revoked meanwhile.
std::string refuse_peer(const ControlPeer& peer, const responder::Setup& setup,
                        const store::Store& store);

}  // namespace muster::node
