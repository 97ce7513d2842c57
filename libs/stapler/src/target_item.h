#pragma once

#include <memory>
#include <set>
#include <vector>

#include "muster/stapler/targets.h"
#include "target_files.h"

namespace muster::stapler {

/// An address of a target that is looked at for one certificate.
struct TargetPort {
  std::string address;
  Finding finding{};
  std::optional<UnixSeconds> looked_at{};
  bool asking = false;
  bool complained = false;
  unsigned looks = 0;  ///< since the last delivery
  MonotonicTime due = MonotonicTime::max();
};

/// One certificate at one target, in these files. When its files become others it is another item,
/// so that no answer to what was handed over before counts for what is handed over after.
struct TargetItem {
  TargetSubject subject;
  TargetPaths paths;

  /// No longer in the inventory, or in other files now: what it left is withdrawn at its end, and
  /// when the certificate is revoked before that.
  bool is_leftover = false;
  /// A leftover whose certificate the same server is handed staples for otherwise.
  bool has_successor = false;
  /// Its file held the staple of another certificate, which the server has loaded and which ends
  /// then. Until then the server is told only of a staple for the new one: certificate and staple
  /// are loaded together. At the end it must be told in any case.
  std::optional<UnixSeconds> held_until{};
  /// The certificates whose staple that may be.
  std::set<keeper::Fingerprint> held_for{};

  keeper::StaplePointer wanted{};
  std::uint64_t generation = 0;  ///< of wanted
  keeper::StaplePointer in_file{};
  TargetStamps left{};        ///< of the files, as they were left
  MonotonicTime files_due{};  ///< when it is looked whether they are still there
  keeper::StaplePointer pushed{};
  std::uint64_t pushed_generation = 0;
  std::optional<UnixSeconds> pushed_at{};
  bool had_staple = false;       ///< since the start
  std::uint64_t deliveries = 0;  ///< that ended: a look that began before the last is void

  Delivery delivery = Delivery::kNothing;
  std::string obstacle{};       ///< why `wanted` is not to be handed over
  std::string write_failure{};  ///< why it could not be written; the one before was withdrawn
  std::string reason{};
  bool carrying = false;
  bool again = false;     ///< something changed while carrying
  bool was_over = false;  ///< at the last tick
  unsigned failures = 0, heals = 0;
  MonotonicTime retry_at = MonotonicTime::max();
  MonotonicTime heal_at{};
  std::vector<TargetPort> ports{};

  /// Whether what the server or a file has is past its end, or the server's `margin` before it.
  [[nodiscard]] bool is_over(UnixSeconds now, Seconds margin) const {
    const auto ended = [=](const keeper::StaplePointer& s) {
      return s && s->facts.expires - margin <= now;
    };
    return ended(in_file) || ended(pushed) || (held_until && *held_until <= now);
  }
  /// Nothing is left that would have to be withdrawn.
  [[nodiscard]] bool is_empty() const {
    return !pushed && !in_file && !carrying && retry_at == MonotonicTime::max();
  }
};
using TargetItemPointer = std::shared_ptr<TargetItem>;

}  // namespace muster::stapler
