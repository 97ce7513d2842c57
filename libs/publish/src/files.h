#pragma once

#include <functional>
#include <string>
#include <vector>

#include "muster/base/file.h"
#include "muster/publish/terms.h"

namespace muster::publish {

PublishError io_error(const FileError& error);

/// A whole regular file in memory without a copy. Its octets must not change meanwhile: for files
/// that are replaced by renaming.
class MappedFile {
 public:
  static Result<MappedFile, FileError> open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  [[nodiscard]] Bytes octets() const { return octets_; }

 private:
  explicit MappedFile(Bytes octets) : octets_(octets) {}
  Bytes octets_;
};

/// Holds a directory for one process; the kernel lets go of it when that dies. Makes the directory.
/// Errors: kBusy, kIo.
PublishResult<UniqueFd> lock_directory(const std::string& directory);
/// Removes the files of a directory for which `wanted` says no. Best effort: what stays is met
/// again.
void remove_files(const std::string& directory,
                  const std::function<bool(std::string_view)>& wanted);
/// Removes what a writer that was killed left beside `path`.
void remove_leftovers(const std::string& path);

}  // namespace muster::publish
