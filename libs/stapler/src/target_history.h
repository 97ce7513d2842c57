#pragma once

#include <map>

#include "muster/keeper/keeper.h"
#include "muster/stapler/history.h"
#include "muster/stapler/targets.h"

namespace muster::stapler {

/// What is on offer now, and what became of a question, as lines of the record.
HistoryEvent event_of(const keeper::Subject& subject, const keeper::StaplePointer& staple,
                      UnixSeconds now);
HistoryEvent event_of(const keeper::Answered& answer);

/// Tells deliveries and read-backs to the record: each staple that was handed over, and what
/// changed since. Threads: one.
class TargetHistory {
 public:
  void add_changes(const std::vector<TargetStatus>& targets, UnixSeconds now, History& history);

 private:
  struct Seen {
    Delivery delivery = Delivery::kNothing;
    std::uint64_t generation = 0;
    std::optional<UnixSeconds> expires;  ///< a renewed certificate's generations begin anew
    std::string reason;
    std::vector<std::pair<ReadBack, std::string>> ports;
  };
  std::map<std::pair<std::string, std::string>, Seen> seen_;
};

}  // namespace muster::stapler
