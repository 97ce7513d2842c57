#include "crl_scope.h"

#include <algorithm>

#include "muster/crl/combine.h"
#include "muster/crl/name_match.h"

namespace muster::client::internal {
namespace {

/// The distinguished name that `relative` makes below `base`.
std::optional<Buffer> resolve(Bytes base, Bytes relative) {
  auto name = crl::normalize_name(base);
  const auto rdn = crl::normalize_rdn(relative);
  if (!name || !rdn) {
    return std::nullopt;
  }
  name->insert(name->end(), rdn->begin(), rdn->end());
  return name;
}

std::vector<Bytes> directory_names(const std::vector<Bytes>& general_names) {
  std::vector<Bytes> names;
  for (const Bytes general_name : general_names) {
    if (const auto name = crl::directory_name(general_name)) {
      names.push_back(*name);
    }
  }
  return names;
}

/// Adds what a DistributionPointName says. A relative name counts below `base` (OCSP-CRL-023).
void add_names(Point& point, const crl::PointName& name, std::optional<Bytes> base) {
  point.general_names = name.full_name;
  if (name.relative_name && base) {
    if (auto resolved = resolve(*base, *name.relative_name)) {
      point.normalized_names.push_back(*std::move(resolved));
    }
  }
}

Point make_point(const crl::DistributionPoint& listed, const pki::Certificate& certificate) {
  Point point;
  if (!listed.crl_issuer.empty()) {
    point.crl_issuers = directory_names(listed.crl_issuer);
  }
  point.reasons = listed.reasons.value_or(crl::kAllReasons) & crl::kAllReasons;
  if (!listed.name) {  // then the CRL's name must be one of the CRL issuer's (erratum 3674)
    point.general_names = listed.crl_issuer;
  } else if (listed.crl_issuer.empty()) {
    add_names(point, *listed.name, certificate.issuer());
  } else {
    // A relative name with several CRL issuers is forbidden (section 4.2.1.13): it then names
    // nothing.
    add_names(
        point, *listed.name,
        point.crl_issuers->size() == 1 ? std::optional(point.crl_issuers->front()) : std::nullopt);
  }
  return point;
}

bool same_names(const Point& a, const Point& b) {
  for (const Bytes x : a.general_names) {
    for (const Bytes y : b.general_names) {
      if (crl::same_general_name(x, y)) {
        return true;
      }
    }
  }
  const auto normalized = [](const Point& point) {
    std::vector<Buffer> names = point.normalized_names;
    for (const Bytes name : directory_names(point.general_names)) {
      if (auto form = crl::normalize_name(name)) {
        names.push_back(*std::move(form));
      }
    }
    return names;
  };
  const std::vector<Buffer> of_a = normalized(a);
  const std::vector<Buffer> of_b = normalized(b);
  return std::any_of(of_a.begin(), of_a.end(), [&](const Buffer& name) {
    return std::find(of_b.begin(), of_b.end(), name) != of_b.end();
  });
}

}  // namespace

std::vector<Point> points_of(const Subject& subject) {
  std::vector<Point> points;
  const pki::Certificate* certificate = subject.certificate();
  if (const auto extension = certificate != nullptr
                                 ? certificate->extension(oid::kCeCrlDistributionPoints)
                                 : std::nullopt) {
    const auto listed = crl::parse_distribution_points(*extension);
    MUSTER_ASSERT(listed);  // checked when the certificate was parsed
    for (const crl::DistributionPoint& point : *listed) {
      points.push_back(make_point(point, *certificate));
    }
  }
  Point unlisted;
  if (points.empty()) {
    // A certificate that names its points is not in the partition named after its issuer (decision
    // 004).
    if (auto issuer = crl::normalize_name(subject.issuer_name())) {
      unlisted.normalized_names.push_back(*std::move(issuer));
    }
  }
  points.push_back(std::move(unlisted));
  return points;
}

bool issuer_fits(const crl::CrlView& crl, const Point& point, const Subject& subject) {
  if (!point.crl_issuers) {
    return crl::same_name(crl.issuer, subject.issuer_name());
  }
  return crl.is_indirect() &&
         std::any_of(point.crl_issuers->begin(), point.crl_issuers->end(),
                     [&](Bytes name) { return crl::same_name(crl.issuer, name); });
}

namespace {

/// Nobody knows of which kind the certificate with a serial is, nor which points it names.
std::optional<std::string> why_not_all(const crl::IssuingDistributionPoint& scope) {
  const auto only_for = [](const char* part) {
    return "the CRL is for " + std::string(part) +
           " only, and whether the serial is one of those cannot be told without the certificate";
  };
  if (scope.only_user_certs) {
    return only_for("end-entity certificates");
  }
  if (scope.only_ca_certs) {
    return only_for("CA certificates");
  }
  return scope.name ? std::optional(only_for("one distribution point")) : std::nullopt;
}

}  // namespace

std::optional<std::string> why_out_of_scope(const crl::CrlView& crl, const Point& point,
                                            const Subject& subject) {
  if (!crl.issuing_distribution_point) {
    return std::nullopt;
  }
  const crl::IssuingDistributionPoint& scope = *crl.issuing_distribution_point;
  if (scope.only_attribute_certs) {
    return "the CRL is for attribute certificates only";
  }
  const pki::Certificate* certificate = subject.certificate();
  if (certificate == nullptr) {
    return why_not_all(scope);
  }
  if (scope.only_user_certs && certificate->facts().is_ca) {
    return "the CRL is for end-entity certificates only";
  }
  if (scope.only_ca_certs && !certificate->facts().is_ca) {
    return "the CRL is for CA certificates only";
  }
  if (scope.name) {
    Point issuing;
    add_names(issuing, *scope.name, crl.issuer);
    if (!same_names(issuing, point)) {
      return "the CRL is for another distribution point than the certificate names";
    }
  }
  return std::nullopt;
}

bool may_list(const crl::CrlView& crl, const Subject& subject) {
  return subject.certificate() == nullptr &&
         !(crl.issuing_distribution_point && crl.issuing_distribution_point->only_attribute_certs);
}

crl::ReasonSet reasons_of(const crl::CrlView& crl, const Point& point) {
  return point.reasons & crl::reasons_of(crl);
}

}  // namespace muster::client::internal
