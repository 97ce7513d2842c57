#include "crl_judgement.h"

#include <algorithm>

#include "muster/crl/name_match.h"

namespace muster::vectors {
namespace {

using pki::Certificate;
using pki::CrlErrc;

/// "Checked at the present time": a fixed instant in the year these vectors were collected.
constexpr UnixSeconds kPresent = unix_seconds(1793491200);  // 2026-11-01
constexpr Seconds kForever{100LL * 365 * 86400};

/// The vectors are about CRL rules. They come from twenty years of test suites, so the age of an
/// algorithm is not judged.
client::CrlPolicy policy_for(const Case& c) {
  client::CrlPolicy policy;
  policy.algorithms.insecurely_allow_sha1 = true;
  policy.algorithms.min_rsa_bits = 1024;
  if (const auto max_age = c.params.find("max_age_seconds"); max_age != c.params.end()) {
    policy.times.max_age = Seconds(max_age->get<std::int64_t>());
    policy.times.max_age_without_next_update = *policy.times.max_age;
  }
  if (c.note.find("CRL windows not enforced") != std::string::npos) {
    policy.times.expiry_tolerance = kForever;
  }
  return policy;
}

std::string layer_of(CrlErrc code) {
  switch (code) {
    case CrlErrc::kNoCrl:
    case CrlErrc::kOutOfScope:
    case CrlErrc::kNoBase:
    case CrlErrc::kNoSigner:
    case CrlErrc::kCertificateExpired:
    case CrlErrc::kReasonsNotCovered:
      return "match";
    case CrlErrc::kMalformed:
    case CrlErrc::kDefective:
      return "parse";
    case CrlErrc::kCriticalExtension:
      return "critical-extension";
    case CrlErrc::kUnsupportedSignature:
    case CrlErrc::kWeakSignature:
    case CrlErrc::kBadSignature:
      return "signature";
    case CrlErrc::kSignerNotEntitled:
    case CrlErrc::kSignerUntrusted:
    case CrlErrc::kSignerRevoked:
    case CrlErrc::kSignerUndetermined:
      return "responder";
    case CrlErrc::kInvalidInterval:
    case CrlErrc::kNotYetValid:
    case CrlErrc::kTooOld:
    case CrlErrc::kExpired:
      return "time";
    case CrlErrc::kTooComplex:
      return "policy";
  }
  return "unknown";
}

std::vector<Certificate> certificates(const Case& c,
                                      std::initializer_list<std::string_view> roles) {
  std::vector<Certificate> all;
  for (const std::string_view role : roles) {
    for (std::size_t i = 0; i < c.count(role); ++i) {
      const Buffer der = c.read(role, i);
      if (auto certificate = Certificate::parse(der)) {
        all.push_back(*std::move(certificate));
      }
    }
  }
  return all;
}

/// The path as far up as the certificates go, when no root is named. A named issuer (first in the
/// pool) is taken at its word.
std::vector<Certificate> climb(const Certificate& leaf, const std::vector<Certificate>& pool,
                               bool has_issuer, const pki::AlgorithmPolicy& policy) {
  std::vector<Certificate> path{leaf};
  if (has_issuer && !pool.empty()) {
    path.push_back(pool[0]);
  }
  for (;;) {
    const auto next = std::find_if(pool.begin(), pool.end(), [&](const Certificate& candidate) {
      return std::find(path.begin(), path.end(), candidate) == path.end() &&
             crl::same_name(path.back().issuer(), candidate.subject()) &&
             bool(pki::verify_issued_by(path.back(), candidate, policy));
    });
    if (next == pool.end()) {
      return path;
    }
    path.push_back(*next);
  }
}

Judgement from_verdict(const client::CrlVerdict& verdict, Judgement judgement) {
  if (const client::CrlRevoked* revoked = verdict.revoked()) {
    judgement.overall = "revoked";
    judgement.revocation_time = to_int(revoked->time);
  } else if (const client::CrlUndetermined* undetermined = verdict.undetermined()) {
    judgement.overall = "undetermined";
    judgement.why = layer_of(undetermined->code);
    judgement.detail =
        std::string(pki::to_string(undetermined->code)) + ": " + undetermined->detail;
  } else {
    judgement.overall = "good";
  }
  return judgement;
}

Judgement judge_status(const Case& c, std::span<const Bytes> crls, Judgement judgement) {
  const client::CrlPolicy policy = policy_for(c);
  const UnixSeconds now = c.verify_time.value_or(kPresent);
  const std::vector<Certificate> leaf = certificates(c, {"cert"});
  const std::vector<Certificate> pool = certificates(c, {"issuer", "extra"});
  const std::vector<Certificate> root = certificates(c, {"root"});
  const auto undetermined = [&](std::string detail) {
    judgement.overall = "undetermined";
    judgement.why = "match";
    judgement.detail = std::move(detail);
    return judgement;
  };
  if (leaf.empty()) {
    return undetermined("the certificate does not parse");
  }
  std::vector<Certificate> path;
  if (root.empty()) {
    path = climb(leaf[0], pool, c.count("issuer") != 0, policy.algorithms);
  } else {
    auto found =
        pki::find_path(leaf[0], pool, root, now, pki::LeafValidity::kChecked, policy.algorithms);
    if (!found) {
      return undetermined("no path: " + found.error().detail);
    }
    path = *std::move(found);
  }
  const client::CrlEvidence evidence{crls, pool};
  if (path.size() < 2) {
    return undetermined("no issuer");
  }
  const client::CrlVerdict verdict =
      c.count("issuer") != 0
          ? client::check_crls(path[0], std::span(path).subspan(1), evidence, now, policy)
          : client::check_path_crls(path, evidence, now, policy).overall();
  return from_verdict(verdict, std::move(judgement));
}

Judgement judge_authenticity(const Case& c, const crl::CrlView& crl, Judgement judgement) {
  const std::vector<Certificate> signers = certificates(c, {"issuer", "extra"});
  const auto verified = pki::verify_crl(crl, signers, policy_for(c).algorithms);
  judgement.overall = verified ? "accept" : "reject";
  if (!verified) {
    // With a signer named, a CRL of another name is one that this signer did not sign.
    judgement.why =
        verified.error().code == CrlErrc::kNoSigner ? "signature" : layer_of(verified.error().code);
    judgement.detail = verified.error().detail;
  }
  return judgement;
}

/// A CRL that no certificate can be checked with, whoever signed it.
std::optional<std::pair<std::string, std::string>> why_useless(const crl::CrlView& crl) {
  if (auto usable = pki::check_crl_usable(crl); !usable) {
    return std::pair(layer_of(usable.error().code), usable.error().detail);
  }
  if (crl.issuing_distribution_point && crl.issuing_distribution_point->only_attribute_certs) {
    return std::pair(std::string("policy"), std::string("for attribute certificates only"));
  }
  return std::nullopt;
}

}  // namespace

Judgement judge_crl(const Case& c) {
  std::vector<Buffer> octets;
  for (std::size_t i = 0; i < c.count("crls"); ++i) {
    octets.push_back(c.read("crls", i));
  }
  const std::vector<Bytes> crls(octets.begin(), octets.end());
  Judgement judgement;
  judgement.parses = true;
  std::optional<crl::CrlView> first;
  for (const Bytes der : crls) {
    const auto view = crl::parse_crl(der);
    if (view) {
      first = first ? first : std::optional(*view);
      continue;
    }
    judgement.parses = false;
    judgement.overall = "reject";
    judgement.detail = der::to_string(view.error());
    // Identifiers that contradict each other leave no signature algorithm to verify with: others
    // refuse it there.
    judgement.why = view.error().code == der::DerErrc::kInconsistent &&
                            view.error().field == "signatureAlgorithm"
                        ? "signature"
                        : "parse";
  }
  if (c.count("cert") != 0) {
    Judgement status = judge_status(c, crls, judgement);
    if (!judgement.parses && status.overall == "undetermined") {
      status.why = judgement.why;
    }
    return status;
  }
  if (!judgement.parses) {
    return judgement;
  }
  if (c.count("issuer") + c.count("extra") != 0) {
    return judge_authenticity(c, *first, std::move(judgement));
  }
  judgement.overall = "parsed";
  if (const auto useless = why_useless(*first)) {
    judgement.why = useless->first;
    judgement.detail = useless->second;
  }
  return judgement;
}

}  // namespace muster::vectors
