#pragma once

#include <string>
#include <vector>

#include "muster/check/prepare.h"
#include "muster/client/report.h"

// One thing to judge, from what was prepared to its reports.
namespace muster::check {

/// Blocking: connects, asks. One report for each certificate that is judged; a target of which
/// nothing can be examined gives one report whose `problem` says why.
/// Lifetime: `plan` and `clock` outlive it.   Threads: any; several may use one plan.
class TargetCheck {
 public:
  TargetCheck(const Plan& plan, const Clock& clock) : plan_(plan), clock_(clock) {}

  [[nodiscard]] std::vector<client::TargetReport> run(const Unit& unit) const;

 private:
  [[nodiscard]] std::vector<client::TargetReport> check_host(const std::string& target,
                                                             const HostTarget& host) const;
  [[nodiscard]] client::TargetReport check_question(const std::string& target,
                                                    const Question& question) const;
  [[nodiscard]] client::TargetReport judge(const std::string& target, std::string peer,
                                           const client::Material& material,
                                           const client::GatherOptions& options) const;
  /// Adds what all questions know: where issuers may be found, and what is trusted.
  void complete(client::Material& material) const;

  const Plan& plan_;
  const Clock& clock_;
};

}  // namespace muster::check
