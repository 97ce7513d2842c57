#pragma once

#include "muster/node/node.h"
#include "muster/push/api.h"
#include "muster/responder/setup.h"

namespace muster::node {

/// Series as the configuration names them, with what the responder knows of their CAs: a lost key,
/// and how old a source may be. Everything is judged that can be before a series is opened. Errors:
/// kUsage, kInput, kSystem.
NodeResult<std::vector<publish::Spec>> load_series(const PublicationOptions& options,
                                                   const std::string& store_directory,
                                                   const store::Store& store,
                                                   const responder::Setup& setup, UnixSeconds now);

/// An issuer's CRLs that must not say "on hold", or that say "revoked" instead and could not take
/// that back, let nobody put certificates on hold: OCSP and CRL would come to disagree.
void forbid_holds(std::vector<push::Issuer>& pushed, const std::vector<publish::Spec>& series);

NodeError error_of(const publish::PublishError& error);

}  // namespace muster::node
