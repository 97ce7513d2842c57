#pragma once

#include <optional>
#include <vector>

#include "muster/relay/allow_list.h"

// What a request asks the relay. Pure.
namespace muster::relay {

/// One certificate asked about, in the spelling that was used: an answer with a SHA-1 CertID is no
/// answer to a question with a SHA-256 one.
struct Asked {
  keeper::Fingerprint key{};  ///< of the CertID: key_of()
  ocsp::CertId id;
  HashAlgorithm hash;
  Serial serial;
};
/// SHA-256 over hash algorithm (OID), both hashes and serial, each behind its length: the same for
/// CertIDs that differ in the spelling of absent parameters alone (docs/formats/shelf.md).
keeper::Fingerprint key_of(const ocsp::CertIdView& id);
/// What is asked about a certificate under one hash.
Asked asked_of(HashAlgorithm hash, const client::Subject& subject, const pki::Certificate& issuer);

/// Lifetime: of the list it was read with.
struct Question {
  std::vector<Asked> asked;  ///< at least one, all of one issuer
  const AllowedIssuer* issuer;
  std::optional<Buffer> nonce;  ///< 1..128 octets
};

enum class QuestionErrc : std::uint8_t {
  kMalformed,    ///< no OCSPRequest, or a nonce that is none
  kNotAllowed,   ///< an issuer that is not on the list, or several issuers
  kUnsupported,  ///< a critical extension that nobody here knows
  kTooMany,      ///< more CertIDs than allowed
};
/// Signatures of requests are not looked at: nothing is told that not everybody may know.
Result<Question, QuestionErrc> read_question(Bytes request, const AllowList& issuers,
                                             std::size_t max_cert_ids);

/// Whether `response` (of an upstream, verified) has an entry whose CertID has exactly this key.
bool answers(Bytes response, const keeper::Fingerprint& key);
/// The CertID of `response` with this key.
std::optional<ocsp::CertId> find_cert_id(Bytes response, const keeper::Fingerprint& key);

}  // namespace muster::relay
