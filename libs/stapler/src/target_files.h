#pragma once

#include <string>

#include "muster/base/file_system.h"
#include "muster/stapler/staple_files.h"
#include "muster/stapler/target.h"

namespace muster::stapler {

/// What one certificate has on disk at one target. Empty: no such file.
struct TargetPaths {
  std::string file, snippet;
  friend bool operator==(const TargetPaths&, const TargetPaths&) = default;
};
TargetPaths paths_of(const TargetOptions& target, const TargetSubject& subject);

/// In what state these are on disk; all zero: no such file, or none that can be seen.
struct TargetStamps {
  FileStamp file, snippet;
  friend bool operator==(const TargetStamps&, const TargetStamps&) = default;
};
TargetStamps stamps_of(const TargetPaths& paths);

/// Why these cannot be written for the target, in a sentence; nothing: they can.
std::optional<std::string> find_path_problem(const TargetOptions& target,
                                             const TargetSubject& subject,
                                             const TargetPaths& paths);

/// How far write_files() came. Files that say it already are left alone (OCSP-STAP-015).
struct FilesOutcome {
  bool changed = false;
  bool file_done = false;  ///< `file` itself says it, whatever became of the snippet
  std::string why_not{};   ///< in words; empty: they are as they should be
};
/// Makes the files say `staple`, or that there is none (null), in the order in which a server never
/// finds a file named that is not there. What cannot be written stays as it is.
FilesOutcome write_files(const TargetOptions& target, const TargetSubject& subject,
                         const TargetPaths& paths, const keeper::StaplePointer& staple);

}  // namespace muster::stapler
