#include "muster/responder/setup.h"

#include <algorithm>
#include <atomic>

#include "muster/http/url.h"
#include "signer_check.h"

namespace muster::responder {
namespace {

bool same_name_and_key(const pki::Certificate& a, const pki::Certificate& b) {
  return equal(a.subject(), b.subject()) && equal(a.public_key_bits(), b.public_key_bits());
}

/// Every signer of `spec`. One that has ended does not keep the others from answering: it is left
/// out with a warning. Nor does a faulty one where nothing is in force yet.
Result<std::vector<IssuerSigner>, SetupError> check_signers(IssuerSpec& spec, UnixSeconds now,
                                                            std::vector<std::string>& warnings) {
  std::vector<IssuerSigner> out;
  std::optional<SetupError> first;
  const MayWait may_wait = spec.signers.size() > 1 ? MayWait::kYes : MayWait::kNo;
  for (SignerSpec& one : spec.signers) {
    auto checked = check_signer(std::move(one), spec, now, may_wait, warnings);
    if (checked) {
      out.push_back(*std::move(checked));
      continue;
    }
    const bool has_ended = checked.error().code == SetupErrc::kExpired;
    if (may_wait == MayWait::kNo ||
        (!has_ended && spec.faulty_signers == FaultySigners::kRefused)) {
      return Err{checked.error()};
    }
    warnings.push_back(checked.error().detail + (has_ended ? "" : "; this signer is LEFT OUT") +
                       "; answers are signed by the others");
    first = first ? first : checked.error();
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (one_signer(out[i], out[j])) {
        return Err{SetupError{
            SetupErrc::kSignerRefused,
            spec.label + ": signer " + out[i].label + " is given twice; remove one of the two"}};
      }
    }
  }
  if (out.empty()) {
    return Err{*first};
  }
  return out;
}

/// With a limit on answers (profile ocpp), a signer whose answers pass it is of no use.
Result<Unit, SetupError> check_answer_sizes(const IssuerSpec& spec,
                                            const std::vector<IssuerSigner>& signers,
                                            std::vector<std::string>& warnings) {
  const std::size_t limit = spec.policy.max_response_bytes;
  if (limit == 0) {
    return Unit{};
  }
  std::string too_large;
  for (const IssuerSigner& signer : signers) {
    if (const std::size_t size = typical_answer_bytes(signer); size > limit) {
      too_large = spec.label + ": answers signed by " + signer.label + " have about " +
                  std::to_string(size) + " octets, more than max_response (" +
                  std::to_string(limit) + "); give the signer a shorter key or certificate";
      warnings.push_back(too_large);
    } else {
      return Unit{};
    }
  }
  warnings.pop_back();
  return Err{SetupError{SetupErrc::kBadPolicy, std::move(too_large)}};
}

Result<Issuer, SetupError> check_issuer(IssuerSpec spec, bool has_signers, UnixSeconds now,
                                        std::vector<std::string>& warnings) {
  MUSTER_ASSERT(!spec.certificates.empty());
  const pki::Certificate& ca = spec.certificates.front();
  if (auto policy = check_policy(spec.policy); !policy) {
    return Err{SetupError{SetupErrc::kBadPolicy, spec.label + ": " + policy.error().detail}};
  }
  if (spec.policy.request_signatures != RequestSignatures::kIgnored &&
      spec.requestor_anchors.empty()) {
    return Err{SetupError{SetupErrc::kBadPolicy,
                          spec.label +
                              ": request_signatures needs requestor_anchors, the certificates "
                              "that vouch for those who sign requests"}};
  }
  if (has_signers && (spec.signers.empty() || spec.signers.size() > kMaxSigners)) {
    return Err{SetupError{SetupErrc::kSignerRefused,
                          spec.label + ": " + std::to_string(spec.signers.size()) +
                              " signers; an issuer has 1 to " + std::to_string(kMaxSigners)}};
  }
  if (const UnixSeconds end = end_of_ca(spec.certificates); end <= now) {
    return Err{SetupError{SetupErrc::kExpired,
                          spec.label + ": the CA certificate " + ca.subject_text() + " ended " +
                              format_iso8601(end) + "; add its renewed certificate to the file"}};
  }
  std::vector<IssuerSigner> signers;
  if (has_signers) {
    MUSTER_TRY(signers, check_signers(spec, now, warnings));
    MUSTER_CHECK(check_answer_sizes(spec, signers, warnings));
  }
  if (!ca.facts().is_ca) {
    warnings.push_back(spec.label + ": " + ca.subject_text() +
                       " is not a CA certificate; is it the right file?");
  }
  return Issuer{.label = std::move(spec.label),
                .certificates = std::move(spec.certificates),
                .signers = std::move(signers),
                .store_id = spec.store_id,
                .terms = {spec.policy, spec.origin},
                .crl_algorithm = std::move(spec.crl_algorithm),
                .requestor_anchors = std::move(spec.requestor_anchors),
                .issued = std::move(spec.issued),
                .open = is_open(spec.policy)};
}

bool same_signer(const IssuerSigner& a, const IssuerSigner& b) {
  return a.label == b.label && a.certificate == b.certificate && a.authority == b.authority &&
         a.role == b.role && a.not_before == b.not_before && a.not_after == b.not_after &&
         a.number == b.number && equal(a.signing.algorithm(), b.signing.algorithm());
}

/// Lists of issued certificates are not compared: another reading of one counts as another list.
bool same_rules(const Issuer& a, const Issuer& b) {
  return a.label == b.label && a.certificates == b.certificates && a.store_id == b.store_id &&
         a.terms == b.terms && a.crl_algorithm == b.crl_algorithm &&
         a.requestor_anchors == b.requestor_anchors && a.issued == b.issued &&
         std::equal(a.signers.begin(), a.signers.end(), b.signers.begin(), b.signers.end(),
                    same_signer);
}

}  // namespace

Setup::Setup(const Policy& policy)
    : policy_(policy), number_([] {
        static std::atomic<std::uint64_t> last{0};
        return last.fetch_add(1, std::memory_order_relaxed) + 1;
      }()) {}

UnixSeconds Issuer::signs_until() const {
  const auto by_end = [](const IssuerSigner& a, const IssuerSigner& b) {
    return a.not_after < b.not_after;
  };
  return std::max_element(signers.begin(), signers.end(), by_end)->not_after;
}

bool answers_alike(const Setup& a, const Setup& b) {
  return a.policy() == b.policy() && std::equal(a.issuers().begin(), a.issuers().end(),
                                                b.issuers().begin(), b.issuers().end(), same_rules);
}

std::vector<pki::Certificate> same_issuer(const std::vector<pki::Certificate>& all) {
  std::vector<pki::Certificate> out;
  for (const pki::Certificate& certificate : all) {
    if (same_name_and_key(certificate, all.front())) {
      out.push_back(certificate);
    }
  }
  return out;
}

Result<std::shared_ptr<const Setup>, SetupError> Setup::make(std::vector<IssuerSpec> specs,
                                                             const Policy& policy, UnixSeconds now,
                                                             std::vector<std::string>& warnings,
                                                             std::vector<Route> routes,
                                                             const Setup* in_force) {
  MUSTER_TRY(std::shared_ptr<Setup> setup,
             make_issuers(std::move(specs), policy, Signs::kYes, now, warnings));
  MUSTER_CHECK(setup->take_routes(std::move(routes)));
  if (in_force != nullptr && answers_alike(*in_force, *setup)) {
    setup->number_ = in_force->number_;
  }
  return std::shared_ptr<const Setup>(std::move(setup));
}

Result<std::shared_ptr<const Setup>, SetupError> Setup::make_without_signers(
    std::vector<IssuerSpec> specs, const Policy& policy, UnixSeconds now,
    std::vector<std::string>& warnings) {
  MUSTER_TRY(std::shared_ptr<Setup> setup,
             make_issuers(std::move(specs), policy, Signs::kNo, now, warnings));
  return std::shared_ptr<const Setup>(std::move(setup));
}

Result<std::shared_ptr<Setup>, SetupError> Setup::make_issuers(std::vector<IssuerSpec> specs,
                                                               const Policy& policy, Signs signs,
                                                               UnixSeconds now,
                                                               std::vector<std::string>& warnings) {
  if (specs.empty()) {
    return Err{
        SetupError{SetupErrc::kNoIssuer,
                   "no issuer to answer for; give --ca, or [[responder.issuer]] in the file"}};
  }
  std::shared_ptr<Setup> setup(new Setup(policy));
  for (IssuerSpec& spec : specs) {
    MUSTER_TRY(Issuer issuer, check_issuer(std::move(spec), signs == Signs::kYes, now, warnings));
    const std::size_t position = setup->issuers_.size();
    for (IssuerSigner& signer : issuer.signers) {
      signer.number = setup->number_of(signer);
      pki::digest_into(HashAlgorithm::kSha256, signer.certificate.public_key_info(),
                       signer.key_digest);
    }
    for (const HashAlgorithm hash : kAllHashAlgorithms) {
      if (hash == HashAlgorithm::kSha1 && policy.sha1 == Sha1CertIds::kRefused) {
        continue;
      }
      if (setup->index_.add(hash, issuer.certificates.front(), position) ==
          IssuerIndex::Added::kAlreadyThere) {
        return Err{SetupError{SetupErrc::kDuplicateIssuer,
                              issuer.label + ": another issuer has the same name and key " +
                                  issuer.certificates.front().subject_text() +
                                  "; put renewed certificates of one CA into one file"}};
      }
    }
    setup->issuers_.push_back(std::move(issuer));
  }
  return setup;
}

Result<Unit, SetupError> Setup::take_routes(std::vector<Route> routes) {
  for (const Route& route : routes) {
    const auto fault = [&route](const std::string& what) {
      return Err{SetupError{SetupErrc::kBadPolicy, "route " + route.url + ": " + what}};
    };
    if (!http::parse_url(route.url)) {
      return fault("the URL must be http or https, without user information");
    }
    if (route.cas.empty() && route.locator == ServiceLocator::kIgnored) {
      return fault("nothing would take it; give ca, or service_locator = true");
    }
    for (const pki::Certificate& ca : route.cas) {
      for (const HashAlgorithm hash : kAllHashAlgorithms) {
        const Buffer name = pki::digest(hash, ca.subject());
        const Buffer key = pki::digest(hash, ca.public_key_bits());
        if (index_.find(hash, name, key)) {
          return fault(ca.subject_text() +
                       " is answered for here; remove it from the route or from the issuers");
        }
        if (route_index_.add(hash, ca, routes_.size()) == IssuerIndex::Added::kAlreadyThere) {
          return fault(ca.subject_text() + " is given twice");
        }
      }
    }
    routes_.push_back(route);
  }
  return Unit{};
}

/// The number an equal signer of an earlier issuer has, or the next free one.
std::size_t Setup::number_of(const IssuerSigner& signer) {
  for (const Issuer& issuer : issuers_) {
    for (const IssuerSigner& other : issuer.signers) {
      if (one_signer(other, signer)) {
        return other.number;
      }
    }
  }
  return signers_++;
}

}  // namespace muster::responder
