#pragma once

#include "muster/testing/temp_dir.h"

namespace muster::testing {

/// Root may do whatever the modes of files forbid. While one of these lives, root's thread is
/// somebody without rights, to whom `dir` is given; for other users nothing changes. To be made
/// before anything is written into `dir`, which outlives it.
/// Threads: the one that makes it destroys it, and it alone is changed.
class PlainUser {
 public:
  explicit PlainUser(const TempDir& dir);
  ~PlainUser();
  PlainUser(const PlainUser&) = delete;
  PlainUser& operator=(const PlainUser&) = delete;

  /// False: there is nobody else in this namespace of users, or TMPDIR is closed to others. Skip.
  [[nodiscard]] bool is_plain() const { return is_plain_; }

 private:
  const bool was_root_;
  bool is_plain_ = true;
};

}  // namespace muster::testing
