#pragma once

#include <set>
#include <string>
#include <vector>

#include "muster/base/file.h"

// Requests that caches are still to be told of, on disk until they were.
namespace muster::edge {

/// One request in base64 a line. New ones are appended, so that many cost no more than they are.
/// Threads: one.
class Pending {
 public:
  explicit Pending(std::string path) : path_(std::move(path)) {}
  /// What an earlier run left. Lines that are no base64 are dropped.
  Result<Unit, FileError> load();
  void note(const std::string& name);
  /// Has those on disk that were noted. After an error they stay noted: call it again.
  Result<Unit, FileError> keep();
  [[nodiscard]] const std::set<std::string>& names() const { return names_; }
  /// All others were told. Errors: the file still lists more, which are told once more then.
  Result<Unit, FileError> retain(const std::vector<std::string>& names);

 private:
  const std::string path_;
  std::set<std::string> names_;
  std::vector<std::string> unsaved_;
};

}  // namespace muster::edge
