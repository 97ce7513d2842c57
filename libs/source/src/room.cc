#include "room.h"

#include <sys/statvfs.h>

#include <atomic>

#include "load_parts.h"

namespace muster::source {
namespace {

std::optional<std::uint64_t> free_space_of(const std::string& directory) {
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0) {
    return std::nullopt;
  }
  return std::uint64_t{info.f_bavail} * info.f_frsize;
}

std::atomic<FreeSpace> free_space{free_space_of};

}  // namespace

Result<Unit, SourceError> check_room(const std::string& directory, std::uint64_t octets) {
  const auto left = free_space.load()(directory);
  if (left && *left < kDiskReserveBytes + octets) {
    return Err{source_error(
        SourceErrc::kStore, directory,
        "only " + std::to_string(*left) + " octets are free, and " +
            std::to_string(kDiskReserveBytes) +
            " stay reserved for the store; nothing more is kept there, and what was loaded before, "
            "if anything, stays in force (make room)")};
  }
  return Unit{};
}

void set_free_space_for_test(FreeSpace function) {
  free_space = function == nullptr ? free_space_of : function;
}

}  // namespace muster::source
