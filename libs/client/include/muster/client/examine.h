#pragma once

#include <optional>
#include <span>
#include <vector>

#include "muster/client/verify.h"

// What is wrong with a response, all of it: for those who repair responders. Whoever wants to
// believe a response asks verify().
namespace muster::client {

/// Views: everything must outlive the call. What is absent is not examined.
struct ExamineInput {
  Bytes response;
  const pki::Certificate* issuer = nullptr;       ///< without it nothing is said of the signer
  const pki::Certificate* certificate = nullptr;  ///< without it every entry's times are judged
  std::optional<Bytes> nonce_sent{};
  std::span<const pki::Certificate> extra_certificates{};
};

struct Examination {
  bool is_open = false;  ///< it parses, is successful and of the basic type
  /// The authorised certificate whose key made the signature.
  std::optional<pki::Certificate> signer;
  std::optional<pki::Authority> authority;
  std::vector<VerifyError> errors;  ///< in the order of verify()'s rules; empty: it would verify
  [[nodiscard]] const VerifyError* find(VerifyErrc code) const;
};

/// Applies the rules of verify(), but goes on behind one that fails, as far as the rest can still
/// be judged: content is looked at whoever signed it, and so must not be believed. Threads: pure,
/// any thread.
Examination examine(const ExamineInput& input, const VerifyPolicy& policy, UnixSeconds now);

}  // namespace muster::client
