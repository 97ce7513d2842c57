#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "muster/base/bytes.h"
#include "muster/base/result.h"

namespace muster {

enum class FileErrc : std::uint8_t { kOpen, kRead, kWrite, kSync, kRename, kTooLarge, kNotAFile };

/// What went wrong with which file. `os_error` is errno, 0 when it does not apply.
struct FileError {
  FileErrc code;
  int os_error;
  std::string path;
  std::size_t size_bytes = 0;   ///< of kTooLarge; 0: not known (a pipe, a file that grew)
  std::size_t limit_bytes = 0;  ///< of kTooLarge
};
/// "cannot open /etc/x: Permission denied (run as a user who may read it)".
std::string to_string(const FileError& error);

/// Reads a whole regular file (or pipe, for "-": standard input). A file whose size is beyond the
/// limit is not read at all. Errors: kOpen, kRead, kTooLarge, kNotAFile.
Result<Buffer, FileError> read_file(const std::string& path, std::size_t limit_bytes);

/// Replaces `path` by `content` so that a reader, a crash or a power cut sees the old octets or the
/// new, never a mixture: writes a temporary file beside it, syncs it, renames it, syncs the
/// directory. The old file stays on every error. Errors: kOpen, kWrite (disk full), kSync, kRename.
Result<Unit, FileError> write_file_atomically(const std::string& path, Bytes content,
                                              ::mode_t mode = 0644);

/// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset(other.release());
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

}  // namespace muster
