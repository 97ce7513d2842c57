#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "muster/client/report.h"

// Which outcomes make a check fail.
namespace muster::report {

/// From the mildest threshold to the strictest: each fails all that those before it fail.
enum class FailOn : std::uint8_t { kRevoked, kUnacceptable, kUnknown, kUndetermined, kWarning };
/// "revoked", "unacceptable", "unknown", "undetermined", "warning"; nothing for another word.
std::optional<FailOn> parse_fail_on(std::string_view word);

/// A target that cannot be read fails whatever the threshold: a check that examined nothing must
/// not look passed.
bool fails(client::Outcome outcome, FailOn threshold);
/// The worst outcome that fails; kGood when none does.
client::Outcome worst_failing(const std::vector<client::TargetReport>& reports, FailOn threshold);

}  // namespace muster::report
