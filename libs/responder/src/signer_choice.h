#pragma once

#include <optional>

#include "muster/responder/setup.h"

// Which of an issuer's signers answers a request (RFC 6960 section 4.4.7.2, decision 021).
namespace muster::responder {

/// What a request says about the signature it wants. Views of the request.
struct SignatureWishes {
  std::optional<Bytes> preferred;          ///< value of PreferredSignatureAlgorithms
  std::optional<Bytes> request_algorithm;  ///< AlgorithmIdentifier of the request's own signature
  [[nodiscard]] bool empty() const { return !preferred && !request_algorithm; }
};

/// The rule that decided; order and names as in RFC 6960 section 4.4.7.2.1.
enum class ChoiceRule : std::uint8_t {
  kPreferred,  ///< the client's list
  kCrl,        ///< the algorithm the issuer signs CRLs with
  kRequest,    ///< the algorithm the request is signed with
  kOrder,      ///< the first active signer configured
  kStandby,    ///< no active signer can sign now
};
std::string_view to_string(ChoiceRule rule);

/// A set of positions in Issuer::signers.
using SignerMask = std::uint32_t;

struct SignerChoice {
  std::size_t signer;  ///< position in Issuer::signers
  ChoiceRule rule;
};
/// The signer for one request; nothing when none that is not `excluded` is usable at `now`. Wishes
/// that do not parse or that nobody can fulfil do not count. Pure; without wishes allocation-free.
std::optional<SignerChoice> choose_signer(const Issuer& issuer, const SignatureWishes& wishes,
                                          UnixSeconds now, SignerMask excluded = 0);

}  // namespace muster::responder
