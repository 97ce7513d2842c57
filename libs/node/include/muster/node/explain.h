#pragma once

#include <string>
#include <string_view>

#include "muster/node/options.h"
#include "muster/responder/explanation.h"

// "What would be answered to this request, and why", for people and programs, of a running node or
// without one.
namespace muster::node {

/// One line of JSON; docs/operating/admin.md describes it.
std::string to_json(const responder::Explanation& explanation);
/// The same for people, from what to_json() wrote here or elsewhere. Nothing when it is no such
/// thing.
std::optional<std::string> explanation_text(std::string_view json);

/// Where the records come from when there is no running node.
enum class ExplainFrom : std::uint8_t {
  kStore,    ///< the store as it is, opened read-only
  kSources,  ///< the sources, loaded into the store (a fresh one)
};
/// Explains with the same engine as a node with these options would. Errors: those of Node::start.
NodeResult<responder::Explanation> explain_offline(const NodeOptions& options, ExplainFrom from,
                                                   Bytes request, const responder::Client& client,
                                                   const Clock& clock, Logger& logger);

}  // namespace muster::node
