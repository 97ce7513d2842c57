#pragma once

#include <cstdint>

#include "muster/base/file_system.h"

namespace muster::testing {

/// The files of the system. All calls are counted, and some fail as they are told to.
class TroubledFiles final : public FileSystem {
 public:
  std::uint64_t calls = 0;
  int create_error = 0;  ///< negative errno, as the others
  int lock_error = 0;
  int remove_error = 0;
  bool lists = true;

  int create_temporary(std::string& name) override {
    FileSystem& files = counted();
    return create_error != 0 ? create_error : files.create_temporary(name);
  }
  ::ssize_t write(int fd, Bytes octets) override { return counted().write(fd, octets); }
  int set_mode(int fd, ::mode_t mode) override { return counted().set_mode(fd, mode); }
  int sync(int fd) override { return counted().sync(fd); }
  int close(int fd) override { return counted().close(fd); }
  int rename(const std::string& from, const std::string& to) override {
    return counted().rename(from, to);
  }
  int remove(const std::string& path) override {
    FileSystem& files = counted();
    return remove_error != 0 ? remove_error : files.remove(path);
  }
  int sync_directory(const std::string& path) override { return counted().sync_directory(path); }
  Result<Buffer, FileError> read(const std::string& path, std::size_t limit_bytes) override {
    return counted().read(path, limit_bytes);
  }
  FileStamp stamp(const std::string& path) override { return counted().stamp(path); }
  std::vector<std::string> list(const std::string& directory) override {
    FileSystem& files = counted();
    return lists ? files.list(directory) : std::vector<std::string>();
  }
  int make_directory(const std::string& path, ::mode_t mode) override {
    return counted().make_directory(path, mode);
  }
  int lock_directory(const std::string& path, UniqueFd& lock) override {
    FileSystem& files = counted();
    return lock_error != 0 ? lock_error : files.lock_directory(path, lock);
  }

 private:
  FileSystem& counted() {
    ++calls;
    return system_files();
  }
};

}  // namespace muster::testing
