#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/keeper/keeper.h"
#include "muster/stapler/targets.h"

namespace muster::stapler {

/// What decides whether somebody who waits for a certificate's staple may go on.
struct WaitFacts {
  std::optional<keeper::CertificateStatus> status;
  keeper::StaplePointer on_offer;
  std::string disk_error;        ///< of the shelf
  bool is_in_inventory = false;  ///< otherwise it is kept for a while, and no target has it
  bool placed = false;           ///< whether its file is one that the inventory was read from
  std::string file_failure;      ///< of its file in `out`
  std::vector<TargetStatus> targets{};  ///< of this certificate
  bool served = false;        ///< whether ports must serve it, too
};
struct Waiting {
  enum class State : std::uint8_t {
    kOver,     ///< go on
    kPending,  ///< `text` is what is missing
    kVain,     ///< waiting longer changes nothing
  } state = State::kPending;
  std::string text;  ///< a sentence without the certificate's name
};
/// Pure.
Waiting judge_waiting(const WaitFacts& facts, UnixSeconds now);

}  // namespace muster::stapler
