#pragma once

#include "environment.h"
#include "muster/base/file.h"

namespace muster::store {

/// Says "this partition is being loaded" for as long as its holder lives: an open-file-description
/// lock on one octet of load.lock, which the kernel drops with the process. What a crashed loader
/// left behind is thereby told from what another process is loading right now.
class LoadLock {
 public:
  static StoreResult<LoadLock> take(const Environment& env, PartitionId id);
  /// Whether nobody holds it.
  static bool is_abandoned(const Environment& env, PartitionId id);

 private:
  explicit LoadLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace muster::store
