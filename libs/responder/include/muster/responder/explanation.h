#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/responder/client.h"
#include "muster/responder/counters.h"
#include "muster/responder/setup.h"

// What Answerer::explain says: what would be answered to a request, and why. For operators, never
// for the client.
namespace muster::responder {

/// One certificate of the request.
struct ExplainedCertificate {
  std::string hash;              ///< "sha256", or the OID of one we do not know
  std::string issuer_name_hash;  ///< hexadecimal
  std::string issuer_key_hash;
  std::string serial;  ///< hexadecimal, as index.txt has it
  std::string issuer;  ///< label of the issuer found; empty: none
  std::string source;  ///< "CRL of 2026-11-24T09:00:00Z, number 1F, until ...", "list of all
                       ///< issued, read ...", "the store itself"
  std::string
      record;        ///< what the store says: "good", "revoked 2026-... keyCompromise", "no record"
  std::string rule;  ///< stable word for the rule that fired: "record", "unissued", "unlisted",
                     ///< "compromised_ca"
  std::string why;   ///< the same as a sentence
  std::string status;  ///< "good", "revoked", "unknown"; empty when nothing is said
  std::optional<UnixSeconds> revoked_at;
  std::string reason;  ///< of the revocation, as it would be said; empty: none
  std::optional<UnixSeconds> this_update, next_update;
  std::vector<std::string> extensions;  ///< singleExtensions, in words
};

/// Answer and reasons. Texts are for people; `cause`, `status` and ExplainedCertificate::rule are
/// stable.
struct Explanation {
  ocsp::ResponseStatus status =
      ocsp::ResponseStatus::kInternalError;  ///< what the client would be told
  Cause cause = Cause::kNone;
  std::string why;      ///< the cause as a sentence: what it means and what to do
  std::string request;  ///< what was asked, in one line, or why it does not parse
  std::vector<std::string>
      request_facts;  ///< nonce, signature, preferred algorithms, other extensions, in words
  std::vector<ExplainedCertificate> certificates;
  std::string signer;       ///< label of the signer chosen; empty: none
  std::string algorithm;    ///< of its signature
  std::string signer_rule;  ///< why this signer: "first in configured order"
  std::vector<std::string>
      notes;  ///< signers passed over and why; that the answer is a remembered one
};

/// Explains from the store's newest snapshot without an Answerer: as one that was just made would
/// answer, so no limit is used up and nothing is remembered.
/// \param clock_error  by how much the clock may be wrong; nothing: it is not synchronised
/// Threads: as the reader's.
Explanation explain(const Setup& setup, store::Reader& reader, Bytes request, UnixSeconds now,
                    const Client& client, std::optional<Milliseconds> clock_error);

}  // namespace muster::responder
