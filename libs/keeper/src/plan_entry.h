#pragma once

#include "host.h"

// What the plan remembers of one certificate.
namespace muster::keeper {

/// One URL by one egress. Those of the first egress come first.
struct PlanWay {
  std::uint16_t url = 0, egress = 0;
  bool tried = false;    ///< in this round
  bool open = false;     ///< may be taken in this round
  bool by_post = false;  ///< next time
  Host* host = nullptr;
};
struct PlanEntry {
  PlanSubject subject;
  std::vector<PlanWay> ways;
  std::optional<StapleFacts> held;
  Phase phase = Phase::kIdle;
  std::size_t way = 0;  ///< being taken, or taken last
  bool round_answered =
      false;                 ///< a URL of this round gave a verified answer, though nothing newer
  bool asked_again = false;  ///< at once, to confirm news
  bool paused = false;
  unsigned failures = 0;
  std::uint64_t attempts = 0;
  std::uint64_t ticket = 0;  ///< while in flight
  MonotonicTime asked_at{};  ///< last; means nothing before the first attempt
  MonotonicTime due{};       ///< while waiting
  MonotonicTime queued_since{};
  MonotonicTime failing_since{};
  UnixSeconds first_seen{};
  MonotonicTime turn{};          ///< its key in the queues while queued
  std::vector<Host*> queued_at;  ///< hosts in whose queues it is
  [[nodiscard]] const StapleFacts* live(UnixSeconds now) const {
    return held && held->usable_at(now) ? &*held : nullptr;
  }
};
/// An order that was given and not answered yet.
struct Started {
  Fingerprint subject;
  Host* host;
  MonotonicTime deadline;
};

}  // namespace muster::keeper
