#pragma once

#include <string>
#include <string_view>

#include "muster/base/bytes.h"

namespace muster::testing {

/// A fresh empty directory below TMPDIR (or /tmp), removed with everything in it at the end. A
/// failure to make it stops the test program: no test can go on without it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Path of `name` below the directory; nothing is created.
  [[nodiscard]] std::string file(std::string_view name) const;
  /// Writes (or replaces) a file and returns its path. Subdirectories named in `name` are made.
  std::string write(std::string_view name, Bytes content) const;
  std::string write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

/// Whole content of a file; stops the test program when it cannot be read.
std::string read_text(const std::string& path);
Buffer read_octets(const std::string& path);

}  // namespace muster::testing
