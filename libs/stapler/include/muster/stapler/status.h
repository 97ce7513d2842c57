#pragma once

#include <array>
#include <string>
#include <vector>

#include "muster/keeper/keeper.h"
#include "muster/stapler/targets.h"

// What a running stapler tells about itself: a file beside the shelf, read by `muster stapler
// status` (docs/formats/shelf.md).
namespace muster::stapler {

struct StatusReport {
  UnixSeconds written{};
  std::optional<UnixSeconds> started;    ///< when it began to refresh
  std::optional<Seconds> clock_suspect;  ///< Keeper::clock_suspicion()
  int pid = 0;
  std::string disk_error;                  ///< empty: everything held is saved
  std::vector<std::string> problems;       ///< files of the inventory that could not be used
  std::vector<std::string> target_errors;  ///< files for servers that are not as they should be
  std::string hook_error;                  ///< of the last on_update command; empty: it ended well
  std::vector<keeper::CertificateStatus> certificates;
  std::vector<TargetStatus> targets;
  /// Looked after for a while although they are not in the inventory: about to be put into service,
  /// or just replaced. Not part of what is judged.
  std::vector<keeper::CertificateStatus> kept;
  bool all_paused = false;  ///< nobody is asked about anything, as an operator told
  /// Questions since the start, by keeper::OutcomeKind.
  std::array<std::uint64_t, keeper::kOutcomeKinds> answers{};
};

inline constexpr std::string_view kStatusFileName = "status.json";
/// A running stapler writes at least this often, so that an older report means it stopped or hangs.
inline constexpr Seconds kStatusHeartbeat{30};
inline constexpr Seconds kStatusTooOld{120};

std::string encode_status(const StatusReport& report);
/// The error is a sentence for people. States of certificates are as they were when written; see
/// judged_at().
Result<StatusReport, std::string> parse_status(std::string_view json);
/// The same report with states judged at `now` from the times it holds: a stopped stapler must not
/// look fresh.
StatusReport judged_at(StatusReport report, UnixSeconds now);
/// Certificates that are not refreshed any more, by what the report says was done and not by what
/// it says is planned (keeper::is_neglected).
std::vector<std::string> find_neglected(const StatusReport& report, UnixSeconds now);
/// A table for people.
std::string render_status(const StatusReport& report, UnixSeconds now);
/// Whether everything that is held is also on disk, in the files for servers, told to the hook, and
/// served by every target that is read back.
bool is_handed_over(const StatusReport& report);
/// 0 when every certificate that needs one has a staple not past its last third and all is handed
/// over; 1 otherwise, and when the report is too old, the clock is suspect or the plan stands
/// still.
int status_exit_code(const StatusReport& report, UnixSeconds now);

}  // namespace muster::stapler
