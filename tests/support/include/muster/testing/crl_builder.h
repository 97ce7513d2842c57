#pragma once

#include <optional>
#include <vector>

#include "muster/crl/crl.h"
#include "muster/testing/pki_builder.h"

namespace muster::testing {

struct CrlSpec {
  UnixSeconds this_update = kTestNow - Seconds(3600);
  std::optional<UnixSeconds> next_update = kTestNow + Seconds(7 * 86400);
  std::vector<crl::Entry> entries{};
  std::optional<std::uint64_t> number = 1;
  std::optional<std::uint64_t> delta_base{};  ///< makes it a delta (critical)
  bool authority_key_id = true;
  std::vector<der::Extension> extensions{};  ///< further ones, verbatim
  std::optional<Buffer> issuer_name{};       ///< whole Name element instead of the issuer's subject
  SignAs sign_as = SignAs::kAuto;
  std::optional<pki::PrivateKey> sign_with{};  ///< another key than the issuer's
  bool break_signature = false;
};
/// DER of a CRL of `issuer`.
Buffer build_crl(const Identity& issuer, const CrlSpec& spec);
crl::Entry revoked_entry(const Serial& serial, UnixSeconds at = kTestNow - Seconds(86400),
                         std::optional<ReasonCode> reason = std::nullopt);

}  // namespace muster::testing
