#pragma once

#include <string>
#include <utility>

#include "muster/base/file.h"

namespace muster {

/// A whole regular file in memory without a copy; not counted as the process's own memory. Its
/// octets must not change meanwhile: for files that are replaced by renaming. Whoever cuts one
/// short ends the process (SIGBUS).
class MappedFile {
 public:
  MappedFile() = default;  ///< no octets
  /// Errors: kOpen, kRead, kNotAFile, kTooLarge.
  static Result<MappedFile, FileError> open(const std::string& path,
                                            std::size_t limit_bytes = SIZE_MAX);
  /// The same of an open file; the descriptor may be closed afterwards. `path` is for messages.
  static Result<MappedFile, FileError> map(int fd, const std::string& path,
                                           std::size_t limit_bytes = SIZE_MAX);
  MappedFile(MappedFile&& other) noexcept : octets_(std::exchange(other.octets_, Bytes())) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(octets_, other.octets_);
    return *this;
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();
  /// Lifetime: this object's; moving it leaves the octets where they are.
  [[nodiscard]] Bytes octets() const { return octets_; }

 private:
  explicit MappedFile(Bytes octets) : octets_(octets) {}
  Bytes octets_;
};

}  // namespace muster
