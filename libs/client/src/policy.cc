#include "muster/client/policy.h"

#include <algorithm>
#include <array>

namespace muster::client {
namespace {

using enum Weight;

constexpr std::array kPolicies = {
    Policy{.name = "ocsp-then-crl",
           .summary = "one source suffices; CRLs when OCSP told nothing",
           .stapled = true,
           .live = true,
           .crl = true,
           .turn = CrlTurn::kAfterOcsp,
           .needed = SourcesNeeded::kOne,
           .staple = StapleNeeded::kWhereDemanded,
           .silence = kUndecided,
           .refused = kUndecided,
           .doubt = kWarning,
           .unnamed = kNothing},
    Policy{.name = "crl-then-ocsp",
           .summary = "one source suffices; OCSP is asked when CRLs told nothing",
           .stapled = true,
           .live = true,
           .crl = true,
           .turn = CrlTurn::kFirst,
           .needed = SourcesNeeded::kOne,
           .staple = StapleNeeded::kWhereDemanded,
           .silence = kUndecided,
           .refused = kUndecided,
           .doubt = kWarning,
           .unnamed = kNothing},
    Policy{.name = "ocsp-and-crl",
           .summary = "OCSP and CRL must both say good, where the certificate names both",
           .stapled = true,
           .live = true,
           .crl = true,
           .turn = CrlTurn::kTogether,
           .needed = SourcesNeeded::kEach,
           .staple = StapleNeeded::kWhereDemanded,
           .silence = kUndecided,
           .refused = kUndecided,
           .doubt = kUndecided,
           .unnamed = kUndecided},
    Policy{.name = "ocsp-only",
           .summary = "CRLs are not fetched",
           .stapled = true,
           .live = true,
           .crl = false,
           .turn = CrlTurn::kAfterOcsp,
           .needed = SourcesNeeded::kOne,
           .staple = StapleNeeded::kWhereDemanded,
           .silence = kUndecided,
           .refused = kUndecided,
           .doubt = kWarning,
           .unnamed = kNothing},
    Policy{.name = "crl-only",
           .summary = "OCSP is not asked, and a staple not looked at",
           .stapled = false,
           .live = false,
           .crl = true,
           .turn = CrlTurn::kFirst,
           .needed = SourcesNeeded::kOne,
           .staple = StapleNeeded::kWhereDemanded,
           .silence = kUndecided,
           .refused = kUndecided,
           .doubt = kWarning,
           .unnamed = kNothing},
    Policy{.name = "soft",
           .summary = "as browsers: no answer, or a bad one, is a warning only",
           .stapled = true,
           .live = true,
           .crl = true,
           .turn = CrlTurn::kAfterOcsp,
           .needed = SourcesNeeded::kOne,
           .staple = StapleNeeded::kWhereDemanded,
           .silence = kWarning,
           .refused = kWarning,
           .doubt = kWarning,
           .unnamed = kNothing},
    Policy{.name = "hard",
           .summary = "good without a doubt, or not good",
           .stapled = true,
           .live = true,
           .crl = true,
           .turn = CrlTurn::kAfterOcsp,
           .needed = SourcesNeeded::kOne,
           .staple = StapleNeeded::kWhereDemanded,
           .silence = kUndecided,
           .refused = kUndecided,
           .doubt = kUndecided,
           .unnamed = kUndecided},
    Policy{.name = "require-staple",
           .summary = "every server must staple a good answer; else as ocsp-then-crl",
           .stapled = true,
           .live = true,
           .crl = true,
           .turn = CrlTurn::kAfterOcsp,
           .needed = SourcesNeeded::kOne,
           .staple = StapleNeeded::kAlways,
           .silence = kUndecided,
           .refused = kUndecided,
           .doubt = kWarning,
           .unnamed = kNothing},
};

}  // namespace

std::span<const Policy> all_policies() { return kPolicies; }

const Policy* find_policy(std::string_view name) {
  const auto* const found =
      std::find_if(kPolicies.begin(), kPolicies.end(),
                   [name](const Policy& policy) { return policy.name == name; });
  return found == kPolicies.end() ? nullptr : &*found;
}

const Policy& default_policy() { return kPolicies.front(); }

}  // namespace muster::client
