#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "muster/check/prepare.h"
#include "muster/client/report.h"

// One thing to judge, from what was prepared to its reports.
namespace muster::check {

/// How many targets one TargetCheck is asked about.
enum class Targets : std::uint8_t {
  kMany,  ///< in turn or side by side: they share a thread that fetches
  kOne,   ///< or several, one after the other: whoever runs the check fetches what it waits for
};

/// Blocking: connects, asks. One report for each certificate that is judged: the one in question,
/// and its issuers up to the trust anchor; a target of which nothing can be examined gives one
/// report whose `problem` says why. One object serves all targets of a round, which then share what
/// is fetched; another round wants another. Lifetime: `plan` and `clock` outlive it.   Threads:
/// any, with kOne one at a time.
class TargetCheck {
 public:
  TargetCheck(const Plan& plan, const Clock& clock, Targets targets = Targets::kMany);
  ~TargetCheck();
  TargetCheck(const TargetCheck&) = delete;
  TargetCheck& operator=(const TargetCheck&) = delete;

  [[nodiscard]] std::vector<client::TargetReport> run(const Unit& unit) const;

 private:
  using Deadline = client::Sources::Deadline;
  [[nodiscard]] std::vector<client::TargetReport> check_host(const std::string& target,
                                                             const HostTarget& host,
                                                             Deadline deadline) const;
  [[nodiscard]] std::vector<client::TargetReport> check_question(const std::string& target,
                                                                 const Question& question,
                                                                 Deadline deadline) const;
  /// Adds what all questions know: where issuers may be found, and what is trusted.
  void complete(client::Material& material) const;

  const Plan& plan_;
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

}  // namespace muster::check
