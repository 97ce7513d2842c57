#include "export_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <thread>

namespace muster::edge {
namespace {

/// flock knows no deadline: it is tried again after a pause.
constexpr Milliseconds kLook{100};

}  // namespace

Result<UniqueFd, ExportError> take_export_lock(const std::string& directory, Milliseconds patience,
                                               const std::stop_token& stop, Logger& logger) {
  const std::string path = directory + "/lock";
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!lock) {
    return Err{ExportError{ExportErrc::kIo, to_string(FileError{FileErrc::kOpen, errno, path})}};
  }
  const MonotonicTime deadline = std::chrono::steady_clock::now() + patience;
  for (bool is_first = true; ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0; is_first = false) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return Err{ExportError{ExportErrc::kBusy,
                             directory + ": another process exports there, for more than " +
                                 std::to_string(patience.count() / 1000) + " s"}};
    }
    if (stop.stop_requested()) {
      return Err{ExportError{ExportErrc::kStopped, "asked to stop while another process exports"}};
    }
    if (is_first) {
      logger.log(LogLevel::kInfo, "export.waiting",
                 "another process exports there; it is waited for", {{"directory", directory}});
    }
    std::this_thread::sleep_for(kLook);
  }
  return lock;
}

}  // namespace muster::edge
