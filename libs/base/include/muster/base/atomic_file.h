#pragma once

#include <string>
#include <utility>

#include "muster/base/file.h"

namespace muster {

/// A file written piece by piece that takes the place of another at once: a reader, a crash or a
/// power cut sees the old octets or the new, never a mixture. Written beside it under a temporary
/// name; dropped without commit() nothing happened. Threads: one at a time.
class AtomicFile {
 public:
  /// Errors: kOpen.
  static Result<AtomicFile, FileError> create(std::string path);
  AtomicFile(AtomicFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        fd_(std::move(other.fd_)) {}
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();
  /// Errors: kWrite (disk full).
  Result<Unit, FileError> write(Bytes octets);
  /// Syncs file and directory. Once. Errors: kWrite, kSync, kRename.
  Result<Unit, FileError> commit(::mode_t mode = 0644);

 private:
  AtomicFile(std::string path, std::string temporary, UniqueFd fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}
  std::string path_, temporary_;  ///< temporary: empty when it is there no more
  UniqueFd fd_;
};

}  // namespace muster
