#pragma once

#include <nlohmann/json.hpp>

#include "muster/stapler/targets.h"

namespace muster::stapler {

// The part of the status report that is about targets.

nlohmann::ordered_json encode_target(const TargetStatus& status);
TargetStatus parse_target(const nlohmann::ordered_json& in);
/// Its severity at `now`, from the times it holds. One of a kind that is unknown here stays as it
/// was.
void judge_target_at(TargetStatus& status, UnixSeconds now);
/// Lines of a table, and one for what is wrong with each; empty without targets.
std::string render_targets(const std::vector<TargetStatus>& targets, UnixSeconds now);

}  // namespace muster::stapler
