#pragma once

#include "delegates.h"
#include "muster/node/node.h"

namespace muster::node {

/// What one reading of the configuration comes to.
struct Loaded {
  std::shared_ptr<const responder::Setup> setup;
  std::vector<responder::IssuerFiles> files;  ///< in the order of setup->issuers()
  std::vector<source::SourceSpec> sources;
  std::vector<push::Issuer> pushed;  ///< fed by the push API
  std::vector<std::string> warnings;
  std::shared_ptr<Delegates> delegates;  ///< never null
  bool is_incomplete = false;  ///< a signer was left out because its token does not answer
};

/// What a reading replaces; both null at the start.
struct InForce {
  const Delegates* delegates = nullptr;  ///< what is known of signer directories
  const responder::Setup* setup = nullptr;
};

/// Where issuers' numbers come from.
using IssuerNumber = std::function<store::StoreResult<store::IssuerId>(const store::IssuerKey&,
                                                                       const std::string& label)>;

/// Reads certificates and keys, gives each issuer its number in the store, judges everything at
/// `now`. Changes nothing else. \param is_unwanted  asked before each issuer and delegate: kStopped
/// when so \param number empty: the store makes numbers for new issuers \param keys  kLeftOut: the
/// setup is one without signers
NodeResult<Loaded> load(const NodeOptions& options, store::Store& store, UnixSeconds now,
                        const InForce& in_force, Logger& logger, const IsUnwanted& is_unwanted = {},
                        const IssuerNumber& number = {},
                        responder::SignerKeys keys = responder::SignerKeys::kLoaded);

/// Notes in the store that the push API is the source of these issuers: what it holds is right at
/// this moment, and complete unless `unlisted` says what is answered for other serials. One
/// that waits_for_first_push() may call nothing good. On an error nothing is noted. \param behind
/// whether the store lacks what was acknowledged: then none of them calls anything good, nor those
/// that already did not for that reason.
enum class Behind : std::uint8_t { kNo, kYes };
NodeResult<Unit> take_over_pushed(const Loaded& loaded, store::Store& store, UnixSeconds now,
                                  Behind behind);

/// Whether the issuer is fed by push, its unlisted serials are good, and its store was never told
/// anything: it is new, or was lost with every revocation in it. Nobody can tell which, so all is
/// answered tryLater until the first push, or until 'muster store issuer' says that there is
/// nothing to tell.
bool waits_for_first_push(const store::IssuerState* state);
inline constexpr std::string_view kWaitsForFirstPush =
    "the store was never told of a certificate, so it is new or was lost, and calls none good "
    "(restore it, push what is revoked, or say with 'muster store issuer' that nothing is)";

/// How sources are watched: CRLs and lists in use are kept beside the store they went into.
source::WatchOptions watch_options(const NodeOptions& options);

/// Whether both name the same files, places and rules for the same issuer.
bool same_source(const source::SourceSpec& a, const source::SourceSpec& b);

/// Whether sources are watched in the same way.
bool same_watch(const source::WatchOptions& a, const source::WatchOptions& b);

NodeError error_of(const store::StoreError& error);

}  // namespace muster::node
