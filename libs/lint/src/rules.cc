#include "muster/lint/rules.h"

#include <algorithm>
#include <array>
#include <vector>

#include "case.h"
#include "muster/base/text.h"

namespace muster::lint {
namespace {

constexpr std::array kProfileRows = {
    ProfileRow{Profile::kRfc6960, "rfc6960", "RFC 6960 with RFC 9654 (nonces)"},
    ProfileRow{Profile::kRfc9919, "rfc9919", "RFC 9919, the lightweight profile (was RFC 5019)"},
    ProfileRow{Profile::kCabfTls, "cabf-tls", "CA/Browser Forum TLS Baseline Requirements 2.2.6"},
    ProfileRow{Profile::kCabfCs, "cabf-cs",
               "CA/Browser Forum Code Signing Baseline Requirements (CSBR)"},
    ProfileRow{Profile::kCabfSmime, "cabf-smime", "CA/Browser Forum S/MIME Baseline Requirements"},
    ProfileRow{Profile::kMozilla, "mozilla", "Mozilla root store policy 3.1, with cabf-tls"},
    ProfileRow{Profile::kMicrosoft, "microsoft", "Microsoft root program 1.1, with cabf-tls"},
    ProfileRow{Profile::kEtsi, "etsi", "ETSI EN 319 411-1 and 411-2 (through third-party copies)"},
    ProfileRow{Profile::kFpki, "fpki", "US federal TLS PKI policy (uspki/policies, a draft)"},
    ProfileRow{Profile::kOcpp, "ocpp", "OCPP 2.0.1, GetCertificateStatus"},
};

}  // namespace

std::span<const ProfileRow> profiles() { return kProfileRows; }

std::optional<Profile> find_profile(std::string_view name) {
  const auto row = std::find_if(kProfileRows.begin(), kProfileRows.end(),
                                [name](const ProfileRow& r) { return r.name == name; });
  return row == kProfileRows.end() ? std::nullopt : std::optional(row->profile);
}

std::string_view to_string(Level level) {
  constexpr std::array<std::string_view, 3> kWords = {"info", "should", "must"};
  return kWords.at(static_cast<std::size_t>(level));
}

std::string_view to_string(Scope scope) {
  constexpr std::array<std::string_view, 4> kWords = {"response", "signer", "responder", "crl"};
  return kWords.at(static_cast<std::size_t>(scope));
}

std::string_view to_string(Ruling::State state) {
  constexpr std::array<std::string_view, 3> kWords = {"not-applicable", "holds", "broken"};
  return kWords.at(static_cast<std::size_t>(state));
}

std::string_view to_string(ProbeKind kind) {
  constexpr std::array<std::string_view, kProbeKinds> kWords = {"saved",
                                                                "get",
                                                                "post",
                                                                "get-sha1",
                                                                "post-sha384",
                                                                "nonce-32",
                                                                "nonce-33",
                                                                "nonce-129",
                                                                "unissued-serial",
                                                                "other-issuer",
                                                                "md5-cert-id",
                                                                "two-cert-ids",
                                                                "new-extension",
                                                                "new-critical-extension",
                                                                "acceptable-responses",
                                                                "requestor-name",
                                                                "garbage",
                                                                "oversized",
                                                                "wrong-content-type",
                                                                "http-1.0",
                                                                "get-unescaped"};
  return kWords.at(static_cast<std::size_t>(kind));
}

std::optional<std::string_view> HttpFacts::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [name](const Header& h) { return iequals(h.name, name); });
  return found == headers.end() ? std::nullopt : std::optional<std::string_view>(found->value);
}

std::span<const Rule> rules() {
  static const std::vector<Rule> kAll = [] {
    std::vector<Rule> all;
    for (const auto part : {encoding_rules(), verification_rules(), content_rules(), signer_rules(),
                            profile_rules(), http_rules(), responder_rules(), crl_rules()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return kAll;
}

const Rule* find_rule(std::string_view id) {
  const auto all = rules();
  const auto found =
      std::find_if(all.begin(), all.end(), [id](const Rule& r) { return r.id == id; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace muster::lint
