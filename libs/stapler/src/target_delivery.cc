#include "backoff.h"
#include "target_run.h"

// Handing over: files first, then the server is told.
namespace muster::stapler {
namespace {

constexpr Milliseconds kFirstLook{500};
/// How often it is looked whether the files are still there.
constexpr Milliseconds kLookAtFiles{10'000};
constexpr Seconds kFirstRetry{5};
constexpr Seconds kLastRetry{300};
/// A server that is told no more than of an end, and cannot be told that so often, is gone.
constexpr unsigned kLeftoverTries = 10;

bool same_octets(const keeper::StaplePointer& a, const keeper::StaplePointer& b) {
  return (a == nullptr) == (b == nullptr) && (a == nullptr || equal(a->der(), b->der()));
}

}  // namespace

void TargetRun::apply(const keeper::Fingerprint& certificate, const keeper::StaplePointer& staple) {
  const auto found = items_.find(certificate);
  if (found == items_.end()) {
    return;
  }
  TargetItem& item = *found->second;
  const bool is_first = item.generation == 0;
  if (!is_first && same_octets(item.wanted, staple)) {
    if (is_at_rest(item) && stamps_of(item.paths) != item.left) {
      deliver(found->second, Tell::kIfChanged);  // somebody else wrote there, or took it away
    }
    return;
  }
  item.wanted = staple;
  ++item.generation;
  item.failures = 0;
  item.heals = 0;
  deliver(found->second,
          is_first && world_.tell == TellUnchanged::kYes ? Tell::kAnyway : Tell::kIfChanged);
}

void TargetRun::tell_former(const keeper::Fingerprint& certificate,
                            const keeper::StaplePointer& staple) {
  const auto [begin, end] = leftovers_.equal_range(certificate);
  for (auto at = begin; at != end; ++at) {
    TargetItem& item = *at->second;
    if (same_octets(item.wanted, staple)) {
      continue;
    }
    item.wanted = staple;
    ++item.generation;
    item.failures = 0;
    deliver(at->second, Tell::kIfChanged);
  }
  if (staple && staple->facts.status == keeper::StapleStatus::kGood) {
    return;
  }
  const UnixSeconds now = world_.clock.now();
  for (const auto& [id, item] : items_) {
    if (item->held_until && *item->held_until > now && item->held_for.contains(certificate)) {
      item->held_until = now;
      deliver(item, Tell::kIfChanged);
    }
  }
}

keeper::StaplePointer TargetRun::deliverable(TargetItem& item) const {
  const UnixSeconds now = world_.clock.now();
  item.obstacle.clear();
  if (!item.wanted || item.wanted->facts.expires <= now) {
    return nullptr;
  }
  item.obstacle = find_obstacle(row_, *item.wanted, now).value_or("");
  return item.obstacle.empty() ? item.wanted : nullptr;
}

std::string TargetRun::put_files(TargetItem& item, const keeper::StaplePointer& staple,
                                 bool& changed) const {
  const FilesOutcome outcome = write_files(options_, item.subject, item.paths, staple);
  changed = changed || outcome.changed;
  if (outcome.file_done) {
    item.in_file = item.paths.file.empty() ? nullptr : staple;
  }
  item.left = stamps_of(item.paths);
  return outcome.why_not;
}

bool TargetRun::is_at_rest(const TargetItem& item) {
  return item.generation != 0 && !item.carrying && item.delivery != Delivery::kFailed;
}

void TargetRun::put_back(const TargetItemPointer& item) {
  const MonotonicTime now = world_.clock.monotonic();
  if (!is_at_rest(*item) || now < item->files_due) {
    return;
  }
  // Those of one target are not all looked at in the same second.
  const std::uint8_t any = item->subject.subject.certificate.fingerprint()[0];
  item->files_due = now + kLookAtFiles - kLookAtFiles / 1000 * (any % 100);
  const TargetStamps present = stamps_of(item->paths);
  const bool file_gone = item->left.file != FileStamp{} && present.file == FileStamp{};
  const bool snippet_gone = item->left.snippet != FileStamp{} && present.snippet == FileStamp{};
  if (!file_gone && !snippet_gone) {
    return;  // what somebody else wrote there may be newer
  }
  world_.logger.log(LogLevel::kWarning, "target.file_gone",
                    "'" + (file_gone ? item->paths.file : item->paths.snippet) +
                        "' was taken away; it is written again",
                    {{"target", options_.name}, {"certificate", item->subject.subject.name}});
  deliver(item, Tell::kIfChanged);
}

bool TargetRun::is_urgent(const TargetItem& item, const keeper::StaplePointer& staple) const {
  return !staple || !item.pushed || item.pushed->facts.status != staple->facts.status ||
         item.pushed->facts.expires - world_.clock.now() < 4 * options_.reload_every;
}

void TargetRun::tick_item(const TargetItemPointer& item) {
  const bool is_over = item->is_over(world_.clock.now(), row_.least_life);
  // Whatever else is being tried or waited for, an end is acted upon when it comes.
  const bool has_ended = is_over && !item->was_over;
  item->was_over = is_over;
  const bool is_idle = !item->carrying && item->delivery != Delivery::kFailed;
  if (has_ended || (is_over && is_idle) ||
      (!item->carrying && item->retry_at <= world_.clock.monotonic())) {
    deliver(item, Tell::kIfChanged);
  }
}

void TargetRun::deliver(const TargetItemPointer& pointer, Tell tell) {
  TargetItem& item = *pointer;
  const UnixSeconds now = world_.clock.now();
  bool changed = false;
  if (item.carrying) {
    item.again = true;
    if (is_urgent(item, item.wanted)) {
      carrier_->hurry();
    }
    if (item.in_file && item.in_file->facts.expires - row_.least_life <= now) {
      // Whatever the server is told at the moment: were it started now, it must not find this.
      put_files(item, nullptr, changed);
    }
    return;
  }
  item.retry_at = MonotonicTime::max();
  item.write_failure.clear();
  keeper::StaplePointer staple = deliverable(item);
  if (const std::string why_not = put_files(item, staple, changed); !why_not.empty()) {
    fail(item, why_not);
    const bool must_go = staple && (staple->facts.status != keeper::StapleStatus::kGood ||
                                    item.is_over(now, row_.least_life));
    if (!must_go || !put_files(item, nullptr, changed).empty()) {
      return;
    }
    item.write_failure = why_not;  // and what it should replace has ended, or is true no more
    staple = nullptr;
  }
  if (item.held_until && (staple || *item.held_until <= now)) {
    item.held_until.reset();
    item.held_for.clear();
    tell = Tell::kAnyway;
  }
  const bool asks_each_time = !options_.socket.empty() || options_.kind == TargetKind::kExec;
  const bool is_news = changed || tell == Tell::kAnyway || item.delivery == Delivery::kFailed ||
                       (asks_each_time && staple) || (!staple && item.pushed);
  const bool is_told_otherwise = item.has_successor && options_.kind == TargetKind::kExec;
  if (!is_news || item.held_until || is_told_otherwise) {
    delivered(item, staple, item.generation);
    return;
  }
  carry(pointer, staple);
}

void TargetRun::carry(const TargetItemPointer& pointer, const keeper::StaplePointer& staple) {
  TargetItem& item = *pointer;
  item.carrying = true;
  item.again = false;
  ++world_.changes;
  if (item.delivery != Delivery::kFailed) {
    item.delivery = Delivery::kWaiting;
  }
  const Event event = !staple ? Event::kNone : item.pushed ? Event::kNewer : Event::kFirst;
  carrier_->carry({item.subject, staple, staple ? item.paths.file : std::string(), event,
                   is_urgent(item, staple), item.is_leftover},
                  [weak = weak_from_this(), weak_item = std::weak_ptr(pointer), staple,
                   generation = item.generation](const std::string& why_not) {
                    const auto self = weak.lock();
                    const auto still = weak_item.lock();
                    if (self && still) {
                      self->carried(still, staple, generation, why_not);
                    }
                  });
}

void TargetRun::carried(const TargetItemPointer& item, const keeper::StaplePointer& staple,
                        std::uint64_t generation, const std::string& why_not) {
  item->carrying = false;
  if (why_not.empty()) {
    delivered(*item, staple, generation);
  } else if (staple && staple->facts.expires <= world_.clock.now()) {
    item->again = true;  // it ended while it waited; that it could not be handed over is well
  } else {
    fail(*item, why_not);
  }
  if (std::exchange(item->again, false)) {
    deliver(item, Tell::kIfChanged);
  }
}

void TargetRun::delivered(TargetItem& item, const keeper::StaplePointer& staple,
                          std::uint64_t generation) const {
  const Delivery before = item.delivery;
  ++world_.changes;
  item.had_staple = item.had_staple || staple;
  item.pushed = staple;
  item.pushed_generation = generation;
  item.pushed_at = world_.clock.now();
  ++item.deliveries;
  for (TargetPort& port : item.ports) {
    port.finding = {};
    port.looks = 0;
    port.due = world_.clock.monotonic() + kFirstLook;
  }
  if (!item.write_failure.empty()) {
    return;  // what is wanted is still not there: failed, and its retry is due
  }
  if (before == Delivery::kFailed) {
    world_.logger.log(LogLevel::kInfo, "target.recovered", "the target takes staples again",
                      {{"target", options_.name}, {"certificate", item.subject.subject.name}});
  }
  item.delivery = staple                   ? Delivery::kDelivered
                  : !item.obstacle.empty() ? Delivery::kRefused
                  : item.had_staple        ? Delivery::kWithdrawn
                                           : Delivery::kNothing;
  item.reason = item.obstacle;
  if (item.delivery == Delivery::kRefused && before != Delivery::kRefused && !item.is_leftover) {
    world_.logger.log(LogLevel::kError, "target.refused", item.reason,
                      {{"target", options_.name}, {"certificate", item.subject.subject.name}});
  }
  item.failures = 0;
}

void TargetRun::fail(TargetItem& item, const std::string& why) const {
  const bool is_news = item.delivery != Delivery::kFailed || item.reason != why;
  const bool is_last = item.is_leftover && item.failures >= kLeftoverTries && !item.in_file;
  if (is_news || is_last) {
    world_.logger.log(LogLevel::kError, "target.failed",
                      why + (is_last ? "; the target is no longer in use, and is given up"
                                     : "; it is tried again"),
                      {{"target", options_.name}, {"certificate", item.subject.subject.name}});
  }
  item.delivery = Delivery::kFailed;
  item.reason = why;
  ++world_.changes;
  if (is_last) {
    item.pushed = nullptr;
    item.retry_at = MonotonicTime::max();
    return;
  }
  item.retry_at = world_.clock.monotonic() + backoff(kFirstRetry, kLastRetry, item.failures++);
}

}  // namespace muster::stapler
