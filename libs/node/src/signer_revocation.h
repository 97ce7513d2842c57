#pragma once

#include <string>
#include <vector>

#include "loading.h"
#include "muster/base/log.h"
#include "muster/responder/setup.h"

namespace muster::node {

/// A signer whose own certificate our records call revoked, or on hold. Clients cannot find out:
/// they would ask us, or id-pkix-ocsp-nocheck tells them not to.
struct RevokedSigner {
  std::string issuer, signer, serial;
  UnixSeconds since;
  /// It does not sign. Otherwise it does, since nobody else can.
  bool is_left_out = false;
  friend bool operator==(const RevokedSigner&, const RevokedSigner&) = default;
};

/// Takes revoked signers out of `specs` where another signer of the issuer is valid at `now`, and
/// names them all. A signer is looked up at the CA among `specs` that certified it; CAs that sign
/// for themselves are not looked up. \param reader  renewed. What cannot be read says nothing.
std::vector<RevokedSigner> leave_out_revoked(std::vector<responder::IssuerSpec>& specs,
                                             const store::Reader& reader, UnixSeconds now);

/// The setup of what leave_out_revoked() left; that of `loaded` when it left all, or when no other
/// can be made (logged).
std::shared_ptr<const responder::Setup> setup_without(const std::vector<RevokedSigner>& revoked,
                                                      std::vector<responder::IssuerSpec> specs,
                                                      const Loaded& loaded, UnixSeconds now,
                                                      Logger& logger);

/// Logs signer.revoked (an error) for those that are new or fare otherwise than before,
/// signer.not_revoked for those that are gone.
void log_changes(const std::vector<RevokedSigner>& before, const std::vector<RevokedSigner>& after,
                 Logger& logger);
/// For /readyz and the log: what is wrong and what to do.
std::string describe(const RevokedSigner& revoked);

}  // namespace muster::node
