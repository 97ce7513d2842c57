#pragma once

#include <string>
#include <vector>

namespace muster::node {

/// One thing that must be so before traffic may come.
struct Check {
  std::string what;    ///< "source", "signer", "answer", "store", "draining"
  std::string issuer;  ///< label; empty: the node itself
  bool is_ok = true;
  std::string why;  ///< not ok: what is wrong and what to do. Ok: what deserves a look, or empty
};
struct Readiness {
  std::vector<Check> checks;
  [[nodiscard]] bool is_ready() const;
};
/// "ready\n", or "not ready\n" and a line for each reason.
std::string to_text(const Readiness& readiness);
std::string to_json(const Readiness& readiness);

}  // namespace muster::node
