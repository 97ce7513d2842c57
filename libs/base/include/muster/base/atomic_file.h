#pragma once

#include <string>
#include <utility>

#include "muster/base/file_system.h"

namespace muster {

/// A file written piece by piece that takes the place of another at once: a reader, a crash or a
/// power cut sees the old octets or the new, never a mixture. Written beside it under a temporary
/// name; dropped without commit() nothing happened. Threads: one at a time.
class AtomicFile {
 public:
  /// Errors: kOpen.   Lifetime: `files` outlives it.
  static Result<AtomicFile, FileError> create(std::string path, FileSystem& files = system_files());
  AtomicFile(AtomicFile&& other) noexcept
      : files_(other.files_),
        path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        fd_(std::exchange(other.fd_, -1)) {}
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();
  /// Errors: kWrite (disk full).
  Result<Unit, FileError> write(Bytes octets);
  /// Syncs file and directory. Once. Errors: kWrite, kSync, kRename.
  Result<Unit, FileError> commit(::mode_t mode = 0644);

 private:
  AtomicFile(FileSystem& files, std::string path, std::string temporary, int fd)
      : files_(files), path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}
  FileSystem& files_;
  std::string path_, temporary_;  ///< temporary: empty when it is there no more
  int fd_;                        ///< -1 when it is closed
};

/// As write_file_atomically of file.h, on another file system.
Result<Unit, FileError> write_file_atomically(FileSystem& files, const std::string& path,
                                              Bytes content, ::mode_t mode = 0644);

}  // namespace muster
