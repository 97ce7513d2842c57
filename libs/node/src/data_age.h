#pragma once

#include <map>

#include "metrics.h"
#include "muster/base/prometheus.h"

// How old, and how far overdue, what is answered from is: CRLs, and lists of issued serials.
namespace muster::node {

/// When the CA is, or was, due with the next CRL: of several the first to end. Nothing: no CRL.
std::optional<UnixSeconds> crl_due(const store::IssuerState& state);

/// The oldest list of issued serials in use. Null: none.
const source::PartStatus* oldest_list(const source::SourceStatus& source);
/// Whether serials that are on no list cannot be answered any more, while all others can: why, and
/// what to do. Empty: not so.
std::string trouble_with_lists(const source::SourceStatus& source, UnixSeconds now);

/// Families muster_crl_* and muster_issued_list_*.
void add_data_age(PrometheusText& out, const MetricsInput& in);

/// Tells when lists become too old. Threads: one at a time.
class ListWatch {
 public:
  /// Logs source.list_old (an error) and source.list_current.
  void look(const std::vector<source::SourceStatus>& sources, UnixSeconds now, Logger& logger);

 private:
  std::map<std::string, bool> is_old_;  ///< by issuer
};

}  // namespace muster::node
