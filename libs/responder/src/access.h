#pragma once

#include "muster/responder/client.h"
#include "muster/responder/counters.h"
#include "muster/responder/setup.h"

// Who may ask (decision 023).
namespace muster::responder {

/// Certificates of a signed request that are looked at; more make it a bad one.
inline constexpr std::size_t kMaxRequestorCertificates = 8;
/// Of the RSA keys in them.
inline constexpr std::size_t kMaxRequestorRsaBits = 4096;

/// Whether this client's network may ask about the issuer, and need not have signed.
/// Allocation-free. kNone, kClientRefused, kUnsigned.
Cause check_client(const Issuer& issuer, const ocsp::RequestView& request, const Client& client);
/// Whether a signature must be verified before the issuer's records are looked at.
bool wants_verifying(const Issuer& issuer, const ocsp::RequestView& request);
/// Whether everybody may have the answers, so that shared caches may keep them.
bool is_for_everybody(const Issuer& issuer);
/// Verifies the signature of a request and who made it: a certificate with a path to the issuer's
/// requestor anchors at `now`, named by requestorName where that is a directory name, and on the
/// list of requestors if there is one. The cost is bounded by the limits above and pki::find_path,
/// and told. kNone, kBadSignature, kNoPath, kRequestorRefused.
struct Requestor {
  Cause cause = Cause::kNone;
  std::string who;                       ///< subject, or why not
  std::size_t signatures = 0;            ///< tried to find out
  std::vector<pki::Certificate> path{};  ///< from the requestor to the anchor, when it is trusted
};
Requestor verify_requestor(const Issuer& issuer, const ocsp::RequestView& request, UnixSeconds now);

}  // namespace muster::responder
