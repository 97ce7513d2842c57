#include "file_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace muster::source {
namespace {

constexpr std::uint32_t kComplete = IN_CLOSE_WRITE | IN_MOVED_TO;
constexpr std::uint32_t kInteresting =
    kComplete | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : (slash == 0 ? "/" : path.substr(0, slash));
}

/// Whether `path` is entry `name` of `directory`.
bool is_entry(const std::string& path, const std::string& directory, std::string_view name) {
  const std::size_t slash = path.rfind('/');
  return directory_of(path) == directory &&
         std::string_view(path).substr(slash == std::string::npos ? 0 : slash + 1) == name;
}

}  // namespace

FileWatch::FileWatch(const std::set<std::string>& paths)
    : paths_(paths),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  MUSTER_ASSERT(wake_);
  renew();
}

void FileWatch::renew() {
  if (!inotify_) {
    return;
  }
  for (const std::string& path : paths_) {
    const std::string directory = directory_of(path);
    const int watch =
        ::inotify_add_watch(inotify_.get(), directory.c_str(), kInteresting | IN_ONLYDIR);
    if (watch >= 0) {
      directories_[watch] = directory;
    }
  }
}

void FileWatch::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

std::set<std::string> FileWatch::wait(Milliseconds timeout) {
  std::array<pollfd, 2> fds{pollfd{wake_.get(), POLLIN, 0}, pollfd{inotify_.get(), POLLIN, 0}};
  (void)::poll(fds.data(), fds.size(),
               static_cast<int>(std::clamp<Milliseconds::rep>(timeout.count(), 0, 3'600'000)));
  std::uint64_t woken = 0;
  (void)!::read(wake_.get(), &woken, sizeof woken);

  std::set<std::string> complete;
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  for (ssize_t got = 0;
       inotify_ && (got = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0;) {
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      const auto directory = directories_.find(event.wd);
      if ((event.mask & IN_IGNORED) != 0) {
        directories_.erase(event.wd);
      }
      if ((event.mask & kComplete) == 0 || event.len == 0 || directory == directories_.end()) {
        continue;
      }
      if (paths_.contains(directory->second + "/")) {
        complete.insert(directory->second + "/" + name);
      }
      for (const std::string& path : paths_) {
        if (is_entry(path, directory->second, name)) {
          complete.insert(path);
        }
      }
    }
  }
  return complete;
}

}  // namespace muster::source
