#include "muster/testing/plain_user.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "muster/base/file.h"

namespace muster::testing {
namespace {

constexpr ::uid_t kNobody = 65534, kRoot = 0;

/// Real and effective user of this thread; setresuid() of the C library would change them all. That
/// it was root it does not forget, so there is a way back.
bool become(::uid_t user) { return ::syscall(SYS_setresuid, user, user, kRoot) == 0; }

}  // namespace

PlainUser::PlainUser(const TempDir& dir) : was_root_(::geteuid() == kRoot) {
  if (!was_root_) {
    return;
  }
  is_plain_ = ::chown(dir.path().c_str(), kNobody, static_cast<::gid_t>(-1)) == 0 &&
              become(kNobody) &&
              UniqueFd(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

PlainUser::~PlainUser() {
  if (was_root_) {
    static_cast<void>(become(kRoot));
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // which that took away; leak checkers need it
  }
}

}  // namespace muster::testing
