#pragma once

#include <string>
#include <vector>

#include "muster/client/verdict.h"

// What became of a target. How it is told to people and to programs: library report.
namespace muster::client {

/// What became of one target (one certificate of it).
struct TargetReport {
  std::string target;  ///< as the user named it
  std::string peer;    ///< "192.0.2.7:443, TLSv1.3" for servers, else empty
  Outcome outcome = Outcome::kUndetermined;
  std::optional<Case> what;  ///< nothing when there was no certificate to examine; then:
  std::string problem;       ///< what is wrong and what to do
  Verdict verdict;
};
/// The worst outcome; kGood for none.
Outcome worst(const std::vector<TargetReport>& reports);

}  // namespace muster::client
