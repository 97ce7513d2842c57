#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "muster/base/file.h"

namespace muster {

/// Tells one state of a file or directory from another; all zero when there is none.
struct FileStamp {
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t seconds = 0, nanoseconds = 0;  ///< of the last change of its content
  bool is_directory = false;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// The calls of the operating system that durable files are made of, one by one, so that a
/// simulation can let any of them fail, or the machine crash between any two (decision 049). Calls
/// that return int give 0 (or a descriptor) or a negative errno.   Threads: the system's own, any.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Creates a file that was not there, open for writing, readable by its owner alone. The name
  /// ends in XXXXXX, which is replaced.
  virtual int create_temporary(std::string& name) = 0;
  /// Octets written, at least one unless `octets` is empty; or a negative errno.
  virtual ::ssize_t write(int fd, Bytes octets) = 0;
  virtual int set_mode(int fd, ::mode_t mode) = 0;
  virtual int sync(int fd) = 0;
  virtual int close(int fd) = 0;
  virtual int rename(const std::string& from, const std::string& to) = 0;
  virtual int remove(const std::string& path) = 0;
  virtual int sync_directory(const std::string& path) = 0;

  /// As muster::read_file.
  virtual Result<Buffer, FileError> read(const std::string& path, std::size_t limit_bytes) = 0;
  [[nodiscard]] virtual FileStamp stamp(const std::string& path) = 0;
  /// Names in a directory, without "." and ".."; nothing when it cannot be read.
  [[nodiscard]] virtual std::vector<std::string> list(const std::string& directory) = 0;
  virtual int make_directory(const std::string& path, ::mode_t mode) = 0;
  /// Locks a directory for this process for as long as `lock` lives. -EWOULDBLOCK: another has it.
  virtual int lock_directory(const std::string& path, UniqueFd& lock) = 0;
};

/// That of the operating system.
FileSystem& system_files();

}  // namespace muster
