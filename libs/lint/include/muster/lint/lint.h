#pragma once

#include <vector>

#include "muster/lint/rules.h"

// Judges a subject by the rules of profiles. Pure: octets, facts and `now` go in, findings come
// out; signatures, signers and times are judged by the verifier of muster::client.
namespace muster::lint {

/// Where a rule is broken and how.
struct Breach {
  std::string where;  ///< probe or file
  std::string detail;
};
/// Breaches of one rule that are kept; more are only counted.
inline constexpr std::size_t kMaxBreaches = 5;

/// What became of one rule over all that it was asked about.
struct Outcome {
  const Rule* rule;
  Ruling::State state = Ruling::State::kNotApplicable;  ///< the worst of all
  std::vector<Breach> breaches{};
  std::size_t broken = 0;  ///< how often
};

/// One target.
struct Report {
  std::string target{};
  std::string problem{};            ///< why nothing could be judged; then there are no outcomes
  std::vector<Outcome> outcomes{};  ///< every rule of the profiles, in the order of rules()
  [[nodiscard]] std::size_t count(Ruling::State state) const;
  [[nodiscard]] std::size_t findings(Level level) const;  ///< broken rules of this level
};

/// \param profiles  at least one; a rule of any of them counts.
/// Threads: pure, any.
Report lint(const Subject& subject, ProfileSet profiles);

}  // namespace muster::lint
