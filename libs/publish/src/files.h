#pragma once

#include <functional>
#include <string>
#include <vector>

#include "muster/base/mapped_file.h"
#include "muster/publish/terms.h"

namespace muster::publish {

PublishError io_error(const FileError& error);

/// Holds a directory for one process; the kernel lets go of it when that dies. Makes the directory.
/// Errors: kBusy, kIo.
PublishResult<UniqueFd> lock_directory(const std::string& directory);
/// Removes the files of a directory for which `wanted` says no. Best effort: what stays is met
/// again.
void remove_files(const std::string& directory,
                  const std::function<bool(std::string_view)>& wanted);
/// Removes what a writer that was killed left beside `path`.
void remove_leftovers(const std::string& path);

}  // namespace muster::publish
