#pragma once

#include <span>

#include "content.h"
#include "muster/source/crl_set.h"

// From octets to a CRL that may be used for an issuer. Private to the library.
namespace muster::source {

/// A verified CRL and its octets, which `view` points into.
struct HeldCrl {
  std::shared_ptr<Content> content;
  crl::CrlView view;
  pki::Certificate signer;
  std::string origin;  ///< where it came from, for people
};

/// For whom and by whom CRLs are judged.
struct CrlTerms {
  pki::Certificate issuer;
  std::vector<pki::Certificate> signers;  ///< that may sign, the issuer first: see usable_signers
  UnixSeconds now{};
  Seconds future_skew{300};
  std::size_t max_bytes = 0;
};

/// The issuer and those of the configured CRL signers that may sign for it: they lead to the issuer
/// itself, or to a trust anchor (a self-signed certificate among those configured) to which the
/// issuer leads too (OCSP-CRL-032). `problems`: one sentence for each that may not.
std::vector<pki::Certificate> usable_signers(const SourceSpec& spec, UnixSeconds now,
                                             std::vector<std::string>& problems);

/// Parses and verifies. Errors: kMalformed, kNotTrusted, kNotYetValid, kUnsupported (attribute
/// certificates, or a CRL of another name that is not indirect).
Result<HeldCrl, SourceError> judge_crl(std::shared_ptr<Content> content, const std::string& origin,
                                       const CrlTerms& terms);

/// "number 0a12" or "without number".
std::string number_text(const crl::CrlView& crl);

/// Whether `next` is older than `held`: a lower number or an earlier thisUpdate (OCSP-CRL-012).
bool is_older(const crl::CrlView& next, const crl::CrlView& held);
/// The same against what the store remembers; says what is older, for people, or nothing.
std::optional<std::string> why_older(const crl::CrlView& next, const std::optional<Buffer>& number,
                                     const std::optional<UnixSeconds>& this_update);

/// Calls `visit` for each entry that speaks about certificates of `issuer`: all of a direct CRL,
/// those attributed to its name of an indirect one (OCSP-CRL-017). Stops at the first error of
/// `visit`. Errors: those of `visit`, kStopped.
Result<Unit, SourceError> for_each_entry_of(
    const HeldCrl& held, const pki::Certificate& issuer, const std::stop_token& stop,
    const std::function<Result<Unit, SourceError>(const Serial&, const crl::EntryView&)>& visit);

/// What an entry means to the store. Not for removeFromCRL.
store::Status status_of(const crl::EntryView& entry);

}  // namespace muster::source
