#pragma once

#include <string>
#include <vector>

#include "muster/client/verdict.h"

// A check told to people and to programs.
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

enum class Colour : std::uint8_t { kPlain, kAnsi };
/// Lines for a terminal; each target begins with its name. Everything that came from outside is
/// made printable.
std::string report_text(const std::vector<TargetReport>& reports, UnixSeconds now, Colour colour);
/// One JSON document; docs/formats/check.schema.json describes it.
std::string report_json(const std::vector<TargetReport>& reports, UnixSeconds now);

}  // namespace muster::client
