#pragma once

#include <optional>
#include <string>

#include "muster/client/crl_check.h"
#include "vectors.h"

namespace muster::vectors {

/// What we say to a CRL case, in the words of the manifest.
struct Judgement {
  bool parses = false;  ///< every CRL of the case
  std::string overall;  ///< "good", "revoked", "undetermined", "accept", "reject", "parsed"
  std::string why;      ///< layer that refused, when it was not good, revoked, accepted or parsed
  std::string detail;   ///< for people
  std::optional<std::int64_t> revocation_time;
};

/// Judges a case by the files it has:
/// - with a certificate, its status; with an `issuer` only its own, else of the whole path below
/// the root (notes: "every
///   certificate below the root needs an answer", "whole chain");
/// - without, whether the CRL can be believed under the certificates there are;
/// - of a CRL alone, whether it may be used at all.
Judgement judge_crl(const Case& c);

}  // namespace muster::vectors
