#include "muster/client/subject.h"

#include <algorithm>
#include <array>

#include "muster/base/ip_reach.h"
#include "muster/base/text.h"
#include "muster/http/url.h"

namespace muster::client {

const pki::Certificate* Subject::named_issuer() const {
  const auto* numbered = std::get_if<Numbered>(&what_);
  return numbered == nullptr ? nullptr : &numbered->issuer;
}

const Serial& Subject::serial() const {
  return certificate() != nullptr ? certificate()->serial() : std::get<Numbered>(what_).serial;
}

Bytes Subject::issuer_name() const {
  return certificate() != nullptr ? certificate()->issuer() : named_issuer()->subject();
}

const pki::CertificateFacts& Subject::facts() const {
  static const pki::CertificateFacts kNothingKnown;
  return certificate() != nullptr ? certificate()->facts() : kNothingKnown;
}

std::string Subject::text() const {
  return certificate() != nullptr ? certificate()->subject_text() : "serial " + serial().to_hex();
}

std::string Subject::issuer_text() const {
  return certificate() != nullptr ? certificate()->issuer_text() : named_issuer()->subject_text();
}

ocsp::CertId make_cert_id(HashAlgorithm hash, const Subject& subject,
                          const pki::Certificate& issuer, der::HashParameters parameters) {
  return subject.certificate() != nullptr
             ? pki::make_cert_id(hash, *subject.certificate(), issuer, parameters)
             : pki::make_cert_id(hash, issuer, subject.serial(), parameters);
}

bool names(const ocsp::CertIdView& id, const Subject& subject, const pki::Certificate& issuer) {
  if (subject.certificate() != nullptr) {
    return pki::names(id, *subject.certificate(), issuer);
  }
  return equal(id.serial, subject.serial().octets()) && pki::names_issuer(id, issuer);
}

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

bool is_local_host(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::string name = to_lower(host);
  if (const auto zone = name.find('%'); zone != std::string::npos && name.find(':') < zone) {
    name.resize(zone);  // fe80::1%eth0
  }
  if (const auto address = IpAddress::parse(name)) {
    const IpReach reach = reach_of(*address);
    return reach == IpReach::kMachine || reach == IpReach::kSite;
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
