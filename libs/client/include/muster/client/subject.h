#pragma once

#include <optional>
#include <span>
#include <vector>

#include "muster/pki/keys.h"

// The certificate a question is about: its issuer, and what its extensions say about revocation at
// all. Pure.
namespace muster::client {

/// The candidate whose name is the certificate's issuer name and whose key signed it; a CA
/// certificate or a self-issued one of version 1. Nothing is asked about a certificate for which
/// there is none (RFC 9919 section 4.2, OCSP-CLI-050).
std::optional<pki::Certificate> find_issuer(const pki::Certificate& certificate,
                                            std::span<const pki::Certificate> candidates,
                                            const pki::AlgorithmPolicy& policy = {});

/// What the certificate offers, or why it needs nothing.
enum class RevocationNeed : std::uint8_t {
  kOcsp,        ///< names an OCSP responder
  kCrlOnly,     ///< names CRLs alone
  kNoRevAvail,  ///< says that there is no revocation information, validly (RFC 9608 section 4)
  kNoRevAvailInvalid,  ///< says so beside a pointer, or in a CA certificate (RFC 9608 section 3):
                       ///< an invalid certificate
  kShortLived,         ///< no pointers, and expires before revocation would matter
  kNoPointers,         ///< none of these: nobody can tell
};
std::string_view to_string(RevocationNeed need);
/// Short-lived: a subscriber certificate of at most 7 days (10 if issued before 2026-03-15) without
/// pointers (CA/B BR 1.6.1).
RevocationNeed classify_need(const pki::Certificate& certificate);

/// Where RFC 7633 section 4.2.2 is broken: the first certificate of the chain (leaf first) that
/// lacks a feature its issuer lists.
std::optional<pki::Certificate> find_missing_feature(std::span<const pki::Certificate> chain);

/// Certificates of a file or handshake that issued no other one of them: those a question is about,
/// in order.
std::vector<pki::Certificate> find_leaves(std::span<const pki::Certificate> certificates);

/// Whether asking `url` stays inside: its host is a loopback, private, link-local or unique-local
/// address, "localhost", a name without a dot, or below a domain reserved for such use (.localhost,
/// .local, .internal, .home.arpa, .test). Names are not resolved: that would tell a resolver
/// already.
bool is_local_url(std::string_view url);
/// The same for "127.0.0.1", "::1", "[fe80::1]", "host.internal".
bool is_local_host(std::string_view host);

}  // namespace muster::client
