#pragma once

#include <functional>
#include <string>

#include "muster/base/file.h"

// Files below the root of a static server.
namespace muster::edge {

/// Readers see a file as it was or as it is. What was written is on disk after sync(), not before:
/// one sync for all of them. Threads: one.
class Tree {
 public:
  /// \param directory  holds "tree", the root that servers serve, and our own files beside it
  explicit Tree(std::string directory)
      : directory_(std::move(directory)), root_(directory_ + "/tree") {}

  /// Makes the directories.
  Result<Unit, FileError> prepare();
  /// \param path  below the root, folders made as needed
  Result<Unit, FileError> write(const std::string& path, Bytes content);
  /// And the folders that are empty then. One that is not there is removed already.
  Result<Unit, FileError> remove(const std::string& path);
  /// Removes every file below the root that `wanted` says no to. How many.
  Result<std::size_t, FileError> sweep(const std::function<bool(const std::string& path)>& wanted);
  Result<Unit, FileError> sync();

 private:
  const std::string directory_, root_;
};

}  // namespace muster::edge
