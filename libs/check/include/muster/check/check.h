#pragma once

#include <string>
#include <vector>

#include "muster/check/target.h"
#include "muster/client/gather.h"
#include "muster/client/report.h"

// One target from its name to its reports.
namespace muster::check {

/// How targets are judged; the same for all of one run.
struct Plan {
  client::GatherOptions gather;
  std::vector<pki::Certificate> issuers;  ///< where issuers may be found
  /// What a chain must lead to.
  std::vector<pki::Certificate> anchors;
  std::string sni;                   ///< server name to ask for; empty: the host's
  std::vector<std::string> resolve;  ///< HOST:PORT:ADDRESS
  bool all = false;                  ///< issuers of a file or handshake too
};

/// Blocking: reads files, connects, asks. One report for each certificate that is judged; a target
/// of which nothing can be examined gives one report whose `problem` says why.
/// Lifetime: `plan` and `clock` outlive it.   Threads: any; several may use one plan.
class TargetCheck {
 public:
  TargetCheck(const Plan& plan, const Clock& clock) : plan_(plan), clock_(clock) {}

  [[nodiscard]] std::vector<client::TargetReport> run(const std::string& target) const;

 private:
  [[nodiscard]] std::vector<client::TargetReport> check_file(const std::string& target) const;
  [[nodiscard]] std::vector<client::TargetReport> check_host(const std::string& target,
                                                             const HostTarget& host) const;
  [[nodiscard]] client::Material material_of(const pki::Certificate& leaf,
                                             const std::vector<pki::Certificate>& with_it) const;
  [[nodiscard]] client::TargetReport check_certificate(const std::string& target, std::string peer,
                                                       const client::Material& material,
                                                       const client::GatherOptions& options) const;

  const Plan& plan_;
  const Clock& clock_;
};

}  // namespace muster::check
