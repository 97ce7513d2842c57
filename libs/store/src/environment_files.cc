#include "environment_files.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

namespace muster::store {

int reserve_lock_file(const std::string& directory, unsigned max_readers) {
  const int fd =
      ::open((directory + "/lock.mdb").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0) {
    return 0;
  }
  constexpr off_t kReader = 64;  // an entry of LMDB's table fills a cache line
  constexpr off_t kHead = 4096;
  const int done =
      ::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, kHead + kReader * static_cast<off_t>(max_readers));
  const int error = done == 0 ? 0 : errno;
  ::close(fd);
  return error == ENOSPC || error == EDQUOT ? error : 0;
}

StoreResult<Unit> check_file_length(MDB_env* env, const std::string& directory,
                                    StoreOptions::Mode mode) {
  constexpr std::uint64_t kTolerance = 64;
  mdb_filehandle_t fd{};
  MDB_envinfo info{};
  MDB_stat figures{};
  struct stat file {};
  if (mdb_env_get_fd(env, &fd) != 0 || mdb_env_info(env, &info) != 0 ||
      mdb_env_stat(env, &figures) != 0 || ::fstat(fd, &file) != 0) {
    return Err{open_error(errno, directory)};
  }
  const std::uint64_t page = figures.ms_psize;
  const std::uint64_t wanted = (info.me_last_pgno + 1) * page;
  const auto present = static_cast<std::uint64_t>(file.st_size);
  if (present >= wanted) {
    return Unit{};
  }
  if (wanted - present > kTolerance * page || mode == StoreOptions::Mode::kReadOnly) {
    return Err{corrupt("data.mdb has been cut short: " + std::to_string(present) +
                           " octets instead of " + std::to_string(wanted),
                       directory)};
  }
  if (::ftruncate(fd, static_cast<off_t>(wanted)) != 0) {
    return Err{open_error(errno, directory)};
  }
  return Unit{};
}

InPlace look_in_place(MDB_env* env, const std::string& directory) {
  mdb_filehandle_t fd{};
  struct stat ours {};
  struct stat there {};
  if (mdb_env_get_fd(env, &fd) != 0 || ::fstat(fd, &ours) != 0) {
    return InPlace::kYes;
  }
  if (::stat((directory + "/data.mdb").c_str(), &there) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? InPlace::kNo : InPlace::kYes;
  }
  return ours.st_dev == there.st_dev && ours.st_ino == there.st_ino ? InPlace::kYes : InPlace::kNo;
}

int reason_of_short_write(int code, MDB_env* env, const std::string& directory) {
  constexpr std::uint64_t kRoom = std::uint64_t{4} << 20;
  mdb_filehandle_t fd{};
  struct stat file {};
  struct statvfs room {};
  rlimit limit{};
  if (code != EIO) {
    return code;
  }
  if (::statvfs(directory.c_str(), &room) == 0 && room.f_bavail * room.f_frsize < kRoom) {
    return ENOSPC;
  }
  if (mdb_env_get_fd(env, &fd) != 0 || ::fstat(fd, &file) != 0) {
    return code;
  }
  const bool limited = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return limited && static_cast<std::uint64_t>(file.st_size) + kRoom > limit.rlim_cur ? EFBIG
                                                                                      : code;
}

}  // namespace muster::store
