#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "muster/base/result.h"

namespace muster::check {

/// What lies below a directory.
struct Walk {
  std::vector<std::string> files;  ///< regular files, each inode once, in the order of their names
  std::size_t closed = 0;          ///< directories that may not be read
  std::size_t too_deep = 0;        ///< directories below the deepest level
};

/// Regular files below `root`, also those that a symbolic link stands for; links to directories are
/// not followed, names that begin with '.' not looked at.
/// \return Errors: one sentence: `root` cannot be read, or there is more than the limits allow.
Result<Walk, std::string> walk_directory(const std::string& root, std::size_t max_depth,
                                         std::size_t max_files);

}  // namespace muster::check
