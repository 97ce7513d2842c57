#include "muster/client/crl_check.h"

#include <algorithm>

#include "crl_evaluator.h"
#include "muster/base/text.h"

namespace muster::client {
namespace {

int severity(const CrlVerdict& verdict) {
  return verdict.revoked() != nullptr ? 2 : verdict.undetermined() != nullptr ? 1 : 0;
}

void add_locations(std::vector<std::string>& locations,
                   const std::vector<crl::DistributionPoint>& points) {
  for (const crl::DistributionPoint& point : points) {
    if (!point.name) {
      continue;
    }
    for (const std::string_view uri : crl::uris(*point.name)) {
      const std::string lower = to_lower(uri.substr(0, 8));
      if ((lower.starts_with("http://") || lower.starts_with("https://")) &&
          std::find(locations.begin(), locations.end(), uri) == locations.end()) {
        locations.emplace_back(uri);
      }
    }
  }
}

void add_own_locations(std::vector<std::string>& locations, const Subject& subject) {
  const pki::Certificate* certificate = subject.certificate();
  if (const auto freshest =
          certificate != nullptr ? certificate->extension(oid::kCeFreshestCrl) : std::nullopt) {
    if (const auto points = crl::parse_distribution_points(*freshest)) {
      add_locations(locations, *points);
    }
  }
}

}  // namespace

CrlVerdict check_crls(const Subject& subject, std::span<const pki::Certificate> path,
                      const CrlEvidence& evidence, UnixSeconds now, const CrlPolicy& policy) {
  return internal::CrlEvaluator(evidence, now, policy).evaluate(subject, path);
}

CrlPathVerdict check_path_crls(std::span<const pki::Certificate> path, const CrlEvidence& evidence,
                               UnixSeconds now, const CrlPolicy& policy) {
  MUSTER_ASSERT(path.size() >= 2);
  internal::CrlEvaluator evaluator(evidence, now, policy);
  CrlPathVerdict result;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    result.certificates.push_back(evaluator.evaluate(path[i], path.subspan(i + 1)));
    if (severity(result.certificates[i]) >= severity(result.overall())) {
      result.decisive = i;
    }
  }
  return result;
}

std::vector<std::string> delta_locations(const Subject& subject, std::span<const Bytes> crls,
                                         const crl::Limits& limits) {
  std::vector<std::string> locations;
  add_own_locations(locations, subject);
  for (const Bytes octets : crls) {
    if (const auto view = crl::parse_crl(octets, limits)) {
      add_locations(locations, view->freshest_crl);
    }
  }
  return locations;
}

std::vector<std::string> delta_locations(const Subject& subject, const CrlDocument& crl) {
  std::vector<std::string> locations;
  add_own_locations(locations, subject);
  if (crl.view()) {
    add_locations(locations, crl.view()->freshest_crl);
  }
  return locations;
}

}  // namespace muster::client
