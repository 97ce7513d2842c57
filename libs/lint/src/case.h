#pragma once

#include <functional>

#include "loose.h"
#include "muster/client/examine.h"
#include "muster/lint/rules.h"
#include "muster/pki/verified_crl.h"

// What checks see, and the words they answer with.
namespace muster::lint {

/// One exchange with all that is derived from it. Views of the subject.
struct ResponseFacts {
  const Exchange* exchange = nullptr;
  bool has_response = false;  ///< octets came that are to be an OCSPResponse
  LooseResponse loose{};
  client::Examination examined{};
  /// Who signed it: as verified, or, where that cannot be, whom the responder id means.
  std::optional<pki::Certificate> signer{};
  std::optional<pki::Authority> authority{};
  std::vector<pki::Certificate> certificates{};  ///< those of certs that parse
};
struct CrlFacts {
  std::optional<crl::CrlView> crl;
  std::string parse_error;
  std::optional<pki::CrlError> error;  ///< of the verification; nothing: it verified
  bool is_verifiable = false;          ///< an issuer is at hand
};

struct Case {
  const Subject& subject;
  std::span<const ResponseFacts> responses;
  const ResponseFacts* response = nullptr;    ///< Scope::kResponse
  const pki::Certificate* signer = nullptr;   ///< Scope::kSigner
  std::optional<pki::Authority> authority{};  ///< of the signer, where known
  const CrlFacts* crl = nullptr;              ///< Scope::kCrl

  [[nodiscard]] const LooseResponse& loose() const { return response->loose; }
  [[nodiscard]] const Exchange& exchange() const { return *response->exchange; }
  /// What was answered to a probe; null when it was not asked or nothing came.
  [[nodiscard]] const ResponseFacts* answer_to(ProbeKind kind) const;
  [[nodiscard]] bool is_about_a_ca() const {
    return subject.certificate && subject.certificate->facts().is_ca;
  }
};

/// Whether an exchange asked about the subject's certificate.
bool is_about_the_certificate(ProbeKind kind);

inline Ruling skip() { return {}; }
inline Ruling holds() { return {Ruling::State::kHolds, {}}; }
inline Ruling broken(std::string detail) { return {Ruling::State::kBroken, std::move(detail)}; }
inline Ruling demand(bool kept, std::string detail) {
  return kept ? holds() : broken(std::move(detail));
}
/// The first entry of which `fault` tells something breaks the rule. Skipped without entries.
Ruling each_entry(const Case& c,
                  const std::function<std::optional<std::string>(const LooseEntry&)>& fault);

std::string time_text(std::optional<UnixSeconds> time);
/// "the certificate with serial 0A": for entries.
std::string entry_text(const LooseEntry& entry);

// The tables, one file each.
std::span<const Rule> encoding_rules();
std::span<const Rule> verification_rules();
std::span<const Rule> content_rules();
std::span<const Rule> signer_rules();
std::span<const Rule> profile_rules();
std::span<const Rule> http_rules();
std::span<const Rule> responder_rules();
std::span<const Rule> crl_rules();

inline constexpr ProfileSet kEveryProfile = 0x3ff;
inline constexpr ProfileSet kWebProfiles =
    set_of({Profile::kCabfTls, Profile::kMozilla, Profile::kMicrosoft});
/// Those with the CA/Browser Forum's rules on validity for subscribers.
inline constexpr ProfileSet kForumProfiles =
    kWebProfiles | set_of({Profile::kCabfCs, Profile::kCabfSmime});
inline constexpr ProfileSet kLightweight = set_of({Profile::kRfc9919});

}  // namespace muster::lint
