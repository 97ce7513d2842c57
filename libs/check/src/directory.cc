#include "directory.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

namespace muster::check {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

class Walker {
 public:
  Walker(std::size_t max_depth, std::size_t max_files)
      : max_depth_(max_depth), max_files_(max_files) {}

  /// 0, or errno.
  int enter(const std::string& path, std::size_t depth) {
    const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
    if (directory == nullptr) {
      return errno;
    }
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(directory.get())) {
      if (entry->d_name[0] == '.') {
        continue;
      }
      if (++seen_ > 2 * max_files_) {
        too_many = true;
        return 0;
      }
      names.emplace_back(entry->d_name);
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      look_at(path + (path.ends_with('/') ? "" : "/") + name, depth);
      if (too_many) {
        return 0;
      }
    }
    return 0;
  }

  Walk walk;
  bool too_many = false;

 private:
  void look_at(const std::string& path, std::size_t depth) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
      return;  // gone meanwhile
    }
    if (S_ISDIR(info.st_mode)) {
      if (depth >= max_depth_) {
        ++walk.too_deep;
      } else if (enter(path, depth + 1) != 0) {
        ++walk.closed;
      }
      return;
    }
    if (S_ISLNK(info.st_mode) && ::stat(path.c_str(), &info) != 0) {
      return;  // leads nowhere
    }
    if (!S_ISREG(info.st_mode) || !met_.insert({info.st_dev, info.st_ino}).second) {
      return;
    }
    too_many = walk.files.size() >= max_files_;
    walk.files.push_back(path);
  }

  const std::size_t max_depth_, max_files_;
  std::size_t seen_ = 0;
  std::set<std::pair<dev_t, ino_t>> met_;
};

}  // namespace

Result<Walk, std::string> walk_directory(const std::string& root, std::size_t max_depth,
                                         std::size_t max_files) {
  Walker walker(max_depth, max_files);
  if (const int error = walker.enter(root, 1); error != 0) {
    char text[128];
    return Err{"the directory cannot be read: " +
               std::string(::strerror_r(error, text, sizeof text))};
  }
  if (walker.too_many) {
    return Err{"more than " + std::to_string(max_files) + " files below it; name parts of it"};
  }
  return std::move(walker.walk);
}

}  // namespace muster::check
