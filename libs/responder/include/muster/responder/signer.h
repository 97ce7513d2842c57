#pragma once

#include <array>
#include <string>

#include "muster/pki/authority.h"
#include "muster/pki/keys.h"

namespace muster::responder {

/// Signers one issuer may have: algorithms for different clients, old and new during a change,
/// standby.
inline constexpr std::size_t kMaxSigners = 8;

/// Whether a delegate that the issuer's key did not certify may sign, because clients are told to
/// trust it (RFC 6960 2.2).
enum class LocallyTrusted : std::uint8_t { kNo, kYes };
/// kStandby signs only while no active signer can.
enum class SignerRole : std::uint8_t { kActive, kStandby };

/// A signer as parsed from files: input of Setup::make.
struct SignerSpec {
  std::string label;             ///< for people; empty: the certificate's subject
  pki::Certificate certificate;  ///< the CA's certificate, or its delegate's
  pki::PrivateKey key;
  pki::SignatureScheme scheme = pki::SignatureScheme::kAuto;
  LocallyTrusted locally_trusted = LocallyTrusted::kNo;
  SignerRole role = SignerRole::kActive;
};

/// A signer that passed every check for its issuer.
struct IssuerSigner {
  std::string label;
  pki::Certificate certificate;
  pki::Authority authority;
  pki::Signer signing;  ///< prototype: each loop clones it
  SignerRole role = SignerRole::kActive;
  /// Answers are signed only inside these bounds of signer and CA, and end no later.
  UnixSeconds not_before, not_after;
  /// Equal numbers, at whatever issuers, are one signer: an answer may hold entries of all of them
  /// (decision 013).
  std::size_t number = 0;
  std::array<std::uint8_t, 32> key_digest{};  ///< SHA-256 of its SubjectPublicKeyInfo
  [[nodiscard]] bool is_usable(UnixSeconds now) const {
    return not_before <= now && now < not_after;
  }
};

}  // namespace muster::responder
