#pragma once

#include "muster/responder/counters.h"
#include "muster/responder/setup.h"

namespace muster::responder {

/// Whether the marker extended-revoked must accompany the answer.
enum class NeverIssued : std::uint8_t { kNo, kYes };

/// Which rule decided about a serial.
enum class Rule : std::uint8_t {
  kRecord,         ///< what the store says
  kCompromisedCa,  ///< every certificate of the CA is revoked
  kUnissued,       ///< no record, and the source lists all it issued
  kUnlisted,       ///< no record, and the source lists revocations alone
};
/// "record", "compromised_ca"...: stable.
std::string_view to_string(Rule rule);

/// Inside these an answer may be signed.
struct SignerBounds {
  UnixSeconds not_before, not_after;
};

/// What will be said about one serial, and until when it may be said.
struct Resolved {
  Cause cause = Cause::kNone;  ///< other than kNone: a refusal, the rest means nothing
  Rule rule = Rule::kRecord;
  ocsp::CertStatus status = ocsp::Unknown{};
  NeverIssued never_issued = NeverIssued::kNo;
  UnixSeconds this_update{};
  UnixSeconds next_update{};
  /// Times of the CRL behind it; a newer CRL asks for a newer answer.
  std::optional<UnixSeconds> source_this_update, source_next_update;
  std::optional<UnixSeconds> invalidity_date;  ///< to be copied into singleExtensions
};
/// The same is said of the certificate, though perhaps from another CRL.
bool same_status(const Resolved& a, const Resolved& b);
/// Same status from the same CRL: an answer made from one serves for the other. thisUpdate of live
/// sources moves with every look at them and does not count.
bool same_answer(const Resolved& a, const Resolved& b);

/// Turns records into an answer by policy. Pure.
/// \param signer  who will sign: the answer ends no later
/// \param state   null when the store never heard of the issuer
/// \param record  nothing when the source does not name the serial
Resolved resolve(const Terms& terms, const SignerBounds& signer, const store::IssuerState* state,
                 const std::optional<store::Status>& record, UnixSeconds now);

}  // namespace muster::responder
