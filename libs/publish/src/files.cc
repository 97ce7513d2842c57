#include "files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace muster::publish {

PublishError io_error(const FileError& error) { return {PublishErrc::kIo, to_string(error)}; }

PublishResult<UniqueFd> lock_directory(const std::string& directory) {
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  const std::string path = directory + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!fd) {
    return Err{io_error({FileErrc::kOpen, errno, path})};
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return Err{PublishError{PublishErrc::kBusy, "another process publishes from " + directory +
                                                    " (the responder? stop one of the two)"}};
  }
  return fd;
}

void remove_files(const std::string& directory,
                  const std::function<bool(std::string_view)>& wanted) {
  std::error_code failure;
  std::vector<std::filesystem::path> doomed;
  for (std::filesystem::directory_iterator at(directory, failure), end; !failure && at != end;
       at.increment(failure)) {
    if (!wanted(at->path().filename().native())) {
      doomed.push_back(at->path());
    }
  }
  for (const auto& path : doomed) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
}

void remove_leftovers(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string prefix =
      file.filename().native() + ".tmp.";  // as write_file_atomically names them
  const std::string directory = file.has_parent_path() ? file.parent_path().native() : ".";
  remove_files(directory, [&](std::string_view name) {
    return !(name.starts_with(prefix) && name.size() == prefix.size() + 6);
  });
}

}  // namespace muster::publish
