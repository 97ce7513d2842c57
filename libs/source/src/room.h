#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "muster/source/load.h"

// Room on the disk for what is kept and for what arrives. Private to the library.
namespace muster::source {

/// Free space that CRLs and lists leave alone: the store lies beside them, and a revocation must
/// find room whatever a host sends.
inline constexpr std::uint64_t kDiskReserveBytes = std::uint64_t{64} << 20;

/// Errors: kStore when `octets` more would leave less than the reserve. Threads: any.
Result<Unit, SourceError> check_room(const std::string& directory, std::uint64_t octets);

/// Octets that may still be written to the filesystem of a directory; nothing when nobody knows.
using FreeSpace = std::optional<std::uint64_t> (*)(const std::string& directory);
/// Asks this function instead of the system; null: the system again.
void set_free_space_for_test(FreeSpace function);

}  // namespace muster::source
