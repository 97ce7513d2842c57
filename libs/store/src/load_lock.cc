#include "load_lock.h"

#include <fcntl.h>

#include <cerrno>

namespace muster::store {
namespace {

UniqueFd open_lock_file(const Environment& env) {
  return UniqueFd(
      ::open((env.directory() + "/load.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
}

struct flock lock_of(PartitionId id) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(id);
  lock.l_len = 1;
  return lock;
}

}  // namespace

StoreResult<LoadLock> LoadLock::take(const Environment& env, PartitionId id) {
  UniqueFd fd = open_lock_file(env);
  struct flock lock = lock_of(id);
  if (!fd || ::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
    return Err{env.error(errno, "lock a partition for loading")};
  }
  return LoadLock(std::move(fd));
}

bool LoadLock::is_abandoned(const Environment& env, PartitionId id) {
  const UniqueFd fd = open_lock_file(env);
  struct flock lock = lock_of(id);
  return fd && ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

}  // namespace muster::store
