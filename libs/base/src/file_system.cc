#include "muster/base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace muster {
namespace {

int outcome(int returned) { return returned < 0 ? -errno : returned; }

class SystemFiles final : public FileSystem {
 public:
  int create_temporary(std::string& name) override {
    return outcome(::mkostemp(name.data(), O_CLOEXEC));
  }
  ::ssize_t write(int fd, Bytes octets) override {
    for (;;) {
      const ::ssize_t n = ::write(fd, octets.data(), octets.size());
      if (n >= 0 || errno != EINTR) {
        return n >= 0 ? n : -errno;
      }
    }
  }
  int set_mode(int fd, ::mode_t mode) override { return outcome(::fchmod(fd, mode)); }
  int sync(int fd) override { return outcome(::fsync(fd)); }
  int close(int fd) override { return outcome(::close(fd)); }
  int rename(const std::string& from, const std::string& to) override {
    return outcome(::rename(from.c_str(), to.c_str()));
  }
  int remove(const std::string& path) override { return outcome(::unlink(path.c_str())); }
  int sync_directory(const std::string& path) override {
    const UniqueFd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return dir ? outcome(::fsync(dir.get())) : -errno;
  }
  Result<Buffer, FileError> read(const std::string& path, std::size_t limit_bytes) override {
    return read_file(path, limit_bytes);
  }
  FileStamp stamp(const std::string& path) override {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) {
      return {};
    }
    return {st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, S_ISDIR(st.st_mode)};
  }
  std::vector<std::string> list(const std::string& directory) override {
    std::vector<std::string> out;
    DIR* dir = ::opendir(directory.c_str());
    if (dir == nullptr) {
      return out;
    }
    while (const dirent* entry = ::readdir(dir)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") {
        out.push_back(std::move(name));
      }
    }
    ::closedir(dir);
    return out;
  }
  int make_directory(const std::string& path, ::mode_t mode) override {
    return outcome(::mkdir(path.c_str(), mode));
  }
  int lock_directory(const std::string& path, UniqueFd& lock) override {
    lock.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return lock ? outcome(::flock(lock.get(), LOCK_EX | LOCK_NB)) : -errno;
  }
};

}  // namespace

FileSystem& system_files() {
  static SystemFiles files;
  return files;
}

}  // namespace muster
