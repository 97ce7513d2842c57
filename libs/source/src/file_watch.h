#pragma once

#include <map>
#include <set>
#include <string>

#include "muster/base/file.h"
#include "muster/base/time.h"

namespace muster::source {

/// Waits for something to happen in the directories of files, by inotify. Where inotify has nothing
/// to say (network file systems, no watches left) the caller's deadline is what remains. Threads:
/// wake() any, the rest one.
class FileWatch {
 public:
  /// Watches the directory of each path; of one that ends in '/' every entry. One that does not
  /// exist yet is tried again by renew().
  explicit FileWatch(const std::set<std::string>& paths);
  /// Watches directories that appeared since.
  void renew();
  /// Blocks until an event, wake() or `timeout`. Returns the paths that somebody closed or renamed
  /// just now.
  std::set<std::string> wait(Milliseconds timeout);
  void wake() const;

 private:
  std::set<std::string> paths_;
  UniqueFd inotify_;
  UniqueFd wake_;
  std::map<int, std::string> directories_;  // by watch descriptor
};

}  // namespace muster::source
