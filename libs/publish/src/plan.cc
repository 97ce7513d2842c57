#include "muster/publish/plan.h"

#include <algorithm>

namespace muster::publish {
namespace {

/// Nothing without deltas on schedule, or before there is a base.
std::optional<UnixSeconds> delta_due(const Terms& terms, const History& history) {
  if (!terms.delta_interval || !history.complete_at) {
    return std::nullopt;
  }
  // A base without any delta gets one at once: freshest-CRL pointers must lead somewhere.
  return history.delta_at ? *history.delta_at + *terms.delta_interval : *history.complete_at;
}

NextUpdate not_before(UnixSeconds wanted, std::optional<UnixSeconds> before,
                      std::optional<UnixSeconds> latest) {
  if (before && *before > wanted) {
    wanted = *before;
  }
  if (latest) {
    wanted = std::min(wanted, *latest);
  }
  return {wanted, before && wanted < *before};
}

std::optional<UnixSeconds> earliest(std::optional<UnixSeconds> a, std::optional<UnixSeconds> b) {
  return a && b ? std::min(*a, *b) : a ? a : b;
}

}  // namespace

Decision decide(const Terms& terms, const History& history, Changed changed, UnixSeconds now) {
  if (history.ended) {
    return {};
  }
  if (!history.regular_at || now >= *history.regular_at + interval_of(terms)) {
    return {Action::kComplete, Regular::kYes};
  }
  const Action smallest = terms.delta_interval ? Action::kDelta : Action::kComplete;
  if (changed == Changed::kYes && terms.reaction) {
    return {smallest, Regular::kNo};
  }
  const auto due = delta_due(terms, history);
  return due && now >= *due ? Decision{Action::kDelta, Regular::kNo} : Decision{};
}

std::optional<UnixSeconds> next_due(const Terms& terms, const History& history) {
  if (history.ended) {
    return std::nullopt;
  }
  if (!history.regular_at) {
    return UnixSeconds{};
  }
  return earliest(*history.regular_at + interval_of(terms), delta_due(terms, history));
}

std::optional<Seconds> look_interval(const Terms& terms) {
  return terms.reaction ? std::optional(std::max(*terms.reaction / 2, Seconds(1))) : std::nullopt;
}

NextUpdate next_update_of(const Terms& terms, UnixSeconds this_update,
                          std::optional<UnixSeconds> before,
                          std::optional<UnixSeconds> source_ends) {
  const auto longest = longest_validity_of(terms);
  return not_before(
      this_update + interval_of(terms) + overlap_of(terms), before,
      earliest(source_ends, longest ? std::optional(this_update + *longest) : std::nullopt));
}

NextUpdate delta_next_update_of(const Terms& terms, UnixSeconds this_update,
                                std::optional<UnixSeconds> before,
                                std::optional<UnixSeconds> source_ends) {
  return not_before(
      this_update + terms.delta_interval.value_or(interval_of(terms)) + delta_overlap_of(terms),
      before, source_ends);
}

}  // namespace muster::publish
