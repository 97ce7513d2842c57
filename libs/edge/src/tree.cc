#include "tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <vector>

namespace muster::edge {
namespace {

Err<FileError> failed(FileErrc code, int error, const std::string& path) {
  return Err{FileError{code, error, path}};
}

Result<Unit, FileError> make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return failed(FileErrc::kWrite, error.value(), path);
  }
  return Unit{};
}

}  // namespace

Result<Unit, FileError> Tree::prepare() { return make_folders(root_); }

Result<Unit, FileError> Tree::write(const std::string& path, Bytes content) {
  const std::string fresh = directory_ + "/fresh";
  const std::string target = root_ + "/" + path;
  UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) {
    return failed(FileErrc::kOpen, errno, fresh);
  }
  while (!content.empty()) {
    const ssize_t written = ::write(fd.get(), content.data(), content.size());
    if (written < 0 && errno != EINTR) {
      const int error = errno;
      ::unlink(fresh.c_str());  // a full disk needs the room
      return failed(FileErrc::kWrite, error, fresh);
    }
    content = content.subspan(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  fd.reset();
  if (std::rename(fresh.c_str(), target.c_str()) == 0) {
    return Unit{};
  }
  if (errno == ENOENT) {  // its folder is new
    MUSTER_CHECK(make_folders(target.substr(0, target.rfind('/'))));
    if (std::rename(fresh.c_str(), target.c_str()) == 0) {
      return Unit{};
    }
  }
  return failed(FileErrc::kRename, errno, target);
}

Result<Unit, FileError> Tree::remove(const std::string& path) {
  std::string target = root_ + "/" + path;
  if (::unlink(target.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR && errno != EISDIR) {
    return failed(FileErrc::kWrite, errno, target);
  }
  for (target.resize(target.rfind('/')); target.size() > root_.size();
       target.resize(target.rfind('/'))) {
    if (::rmdir(target.c_str()) != 0) {
      break;  // something else is in it
    }
  }
  return Unit{};
}

Result<std::size_t, FileError> Tree::sweep(
    const std::function<bool(const std::string& path)>& wanted) {
  std::error_code error;
  std::vector<std::string> doomed;
  std::filesystem::recursive_directory_iterator at(root_, error);
  for (const std::filesystem::recursive_directory_iterator end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    if (!at->is_directory(ignored) || at->is_symlink(ignored)) {
      const std::string path = at->path().native().substr(root_.size() + 1);
      if (!wanted(path)) {
        doomed.push_back(path);
      }
    }
  }
  if (error) {
    return failed(FileErrc::kRead, error.value(), root_);
  }
  for (const std::string& path : doomed) {
    MUSTER_CHECK(remove(path));
  }
  return doomed.size();
}

Result<Unit, FileError> Tree::sync() {
  const UniqueFd fd(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::syncfs(fd.get()) != 0) {
    return failed(FileErrc::kSync, errno, root_);
  }
  return Unit{};
}

}  // namespace muster::edge
