#include "muster/client/subject.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "muster/base/text.h"
#include "muster/http/url.h"

namespace muster::client {

std::optional<pki::Certificate> find_issuer(const pki::Certificate& certificate,
                                            std::span<const pki::Certificate> candidates,
                                            const pki::AlgorithmPolicy& policy) {
  for (const pki::Certificate& candidate : candidates) {
    const bool may_issue = candidate.facts().is_ca || candidate.is_self_issued();
    if (may_issue && equal(candidate.subject(), certificate.issuer()) &&
        pki::verify_issued_by(certificate, candidate, policy)) {
      return candidate;
    }
  }
  return std::nullopt;
}

std::string_view to_string(RevocationNeed need) {
  switch (need) {
    case RevocationNeed::kOcsp:
      return "ocsp";
    case RevocationNeed::kCrlOnly:
      return "crl-only";
    case RevocationNeed::kNoRevAvail:
      return "no-revocation-available";
    case RevocationNeed::kNoRevAvailInvalid:
      return "no-revocation-available-invalid";
    case RevocationNeed::kShortLived:
      return "short-lived";
    case RevocationNeed::kNoPointers:
      return "no-revocation-pointers";
  }
  return "invalid";
}

namespace {

bool is_short_lived(const pki::Certificate& certificate) {
  constexpr UnixSeconds kSevenDayRule = unix_seconds(1773532800);  // 2026-03-15T00:00:00Z
  const Seconds limit =
      std::chrono::hours(24 * (certificate.not_before() < kSevenDayRule ? 10 : 7));
  // Both ends of the validity count, so a week is 604,799 seconds between them (requirements README
  // section 8).
  const Seconds validity = certificate.not_after() - certificate.not_before() + Seconds{1};
  return !certificate.facts().is_ca && validity <= limit;
}

}  // namespace

RevocationNeed classify_need(const pki::Certificate& certificate) {
  const pki::CertificateFacts& facts = certificate.facts();
  const bool ocsp = !facts.access.ocsp.empty();
  const bool crl = certificate.extension(oid::kCeCrlDistributionPoints).has_value();
  if (facts.no_rev_avail) {
    const bool contradicted = facts.is_ca || ocsp || crl || facts.has_freshest_crl;
    return contradicted ? RevocationNeed::kNoRevAvailInvalid : RevocationNeed::kNoRevAvail;
  }
  if (ocsp) {
    return RevocationNeed::kOcsp;
  }
  if (crl) {
    return RevocationNeed::kCrlOnly;
  }
  return is_short_lived(certificate) ? RevocationNeed::kShortLived : RevocationNeed::kNoPointers;
}

std::optional<pki::Certificate> find_missing_feature(std::span<const pki::Certificate> chain) {
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
    const std::vector<std::uint32_t>& has = chain[i].facts().tls_features;
    for (const std::uint32_t feature : chain[i + 1].facts().tls_features) {
      if (std::find(has.begin(), has.end(), feature) == has.end()) {
        return chain[i];
      }
    }
  }
  return std::nullopt;
}

std::vector<pki::Certificate> find_leaves(std::span<const pki::Certificate> certificates) {
  std::vector<pki::Certificate> leaves;
  for (const pki::Certificate& certificate : certificates) {
    const bool issued_another =
        std::any_of(certificates.begin(), certificates.end(), [&](const pki::Certificate& other) {
          return !(other == certificate) && equal(other.issuer(), certificate.subject()) &&
                 !equal(other.subject(), certificate.subject());
        });
    if (!issued_another && std::find(leaves.begin(), leaves.end(), certificate) == leaves.end()) {
      leaves.push_back(certificate);
    }
  }
  if (leaves.empty() && !certificates.empty()) {
    leaves.push_back(certificates.front());  // a ring of names: take the file's first word for it
  }
  return leaves;
}

namespace {

bool is_local_v4(const std::uint8_t* a) {
  return a[0] == 127 || a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
         (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254);
}

bool is_local_v6(const std::array<std::uint8_t, 16>& a) {
  static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                                           0, 0, 0, 0, 0xff, 0xff};
  static constexpr std::array<std::uint8_t, 16> kLoopback = {0, 0, 0, 0, 0, 0, 0, 0,
                                                             0, 0, 0, 0, 0, 0, 0, 1};
  if (std::equal(kMapped.begin(), kMapped.end(), a.begin())) {
    return is_local_v4(a.data() + kMapped.size());
  }
  const bool link_local = a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
  const bool unique_local = (a[0] & 0xfe) == 0xfc;
  return a == kLoopback || link_local || unique_local;
}

}  // namespace

bool is_local_host(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::string name = to_lower(host);
  if (const auto zone = name.find('%'); zone != std::string::npos && name.find(':') < zone) {
    name.resize(zone);  // fe80::1%eth0
  }
  std::array<std::uint8_t, 16> octets{};
  if (::inet_pton(AF_INET, name.c_str(), octets.data()) == 1) {
    return is_local_v4(octets.data());
  }
  if (::inet_pton(AF_INET6, name.c_str(), octets.data()) == 1) {
    return is_local_v6(octets);
  }
  if (name.ends_with('.')) {
    name.pop_back();
  }
  const bool digits_only = name.find_first_not_of("0123456789abcdefx.") == std::string::npos;
  if (name.empty() || (digits_only && name.find_first_of("0123456789") == 0)) {
    return false;  // 0x7f000001, 2130706433: numbers that some resolvers read as addresses
  }
  if (name.find('.') == std::string::npos) {
    return name.find(':') == std::string::npos;
  }
  constexpr std::array<std::string_view, 5> kReserved = {".localhost", ".local", ".internal",
                                                         ".home.arpa", ".test"};
  return std::any_of(kReserved.begin(), kReserved.end(),
                     [&](std::string_view end) { return name.ends_with(end); });
}

bool is_local_url(std::string_view url) {
  const auto parsed = http::parse_url(url);
  return parsed && is_local_host(parsed->host);
}

}  // namespace muster::client
