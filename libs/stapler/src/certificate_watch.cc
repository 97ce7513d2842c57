#include "certificate_watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "muster/base/text.h"
#include "muster/stapler/inventory.h"

namespace muster::stapler {
namespace {

/// Links followed for one path, as the kernel does.
constexpr int kMostLinks = 40;
/// Looks in turn: all paths within so many ticks, and at least so many a tick.
constexpr std::size_t kTicksForAll = 60;
constexpr std::size_t kLeastLooks = 100;
constexpr int kMostDelays = 10;
/// Files swapped at about the same time that are each told of at once; the others of them are told
/// of together, since each telling is a look at the whole inventory.
constexpr int kMostAtOnce = 4;

constexpr std::uint32_t kInteresting = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                       IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

using Entry = std::pair<std::string, std::string>;

void push_components(std::deque<std::string>& to, std::string_view path) {
  std::vector<std::string> names;
  for (const std::string_view name : split(path, '/')) {
    if (!name.empty() && name != ".") {
      names.emplace_back(name);
    }
  }
  to.insert(to.begin(), names.begin(), names.end());
}

std::optional<std::string> read_link(const std::string& path) {
  std::array<char, 4096> target;
  const ::ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
  return n < 0 ? std::nullopt
               : std::optional(std::string(target.data(), static_cast<std::size_t>(n)));
}

/// What a path leads over, as far as it was followed.
struct Walk {
  std::set<Entry> entries;  ///< that count so far
  std::string at;           ///< the directory so far: "" for the root
  int links = 0;
  bool is_over = false;  ///< it leads nowhere
};
Walk begin_of(std::string_view path) { return {{}, path.starts_with('/') ? "" : "."}; }

enum class Part : std::uint8_t { kDirectory, kWhole };
/// Goes on along `path`; kWhole: it ends there, so that its last component counts whatever it is.
void follow(Walk& walk, std::string_view path, Part part) {
  std::deque<std::string> left;
  push_components(left, path);
  while (!left.empty() && !walk.is_over) {
    const std::string name = left.front();
    left.pop_front();
    const std::string directory = walk.at.empty() ? "/" : walk.at;
    std::string here = walk.at + '/' + name;
    struct stat info {};
    const bool is_link = name != ".." && ::lstat(here.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
    if (!is_link) {
      if (left.empty() && part == Part::kWhole) {
        walk.entries.emplace(directory, name);
      }
      walk.at = std::move(here);
      continue;
    }
    walk.entries.emplace(directory, name);
    const auto target = read_link(here);
    if (!target || ++walk.links > kMostLinks) {
      walk.is_over = true;
      break;
    }
    push_components(left, *target);
    walk.at = target->starts_with('/') ? "" : walk.at;
  }
}

/// Follows many paths, and what leads to their directories once.
class Follower {
 public:
  std::set<Entry> entries_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string_view name = std::string_view(path).substr(slash + 1);  // npos: all of it
    if (slash == std::string::npos || name.empty() || name == "." || name == "..") {
      Walk walk = begin_of(path);
      follow(walk, path, Part::kWhole);
      return std::move(walk.entries);
    }
    const auto [directory, is_new] =
        directories_.try_emplace(path.substr(0, slash + 1), begin_of(path));
    if (is_new) {
      follow(directory->second, directory->first, Part::kDirectory);
    }
    Walk walk = directory->second;
    follow(walk, name, Part::kWhole);
    return std::move(walk.entries);
  }

 private:
  std::map<std::string, Walk> directories_;
};

/// What stands before the last component of a path, with the slash.
std::string prefix_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

}  // namespace

std::set<Entry> entries_of(const std::string& path) { return Follower().entries_of(path); }

struct CertificateWatch::Impl : net::FdHandler, std::enable_shared_from_this<Impl> {
  Impl(net::Loop& l, Milliseconds q, std::function<void(const WatchNews&)> c)
      : loop(l), quiet(q), changed(std::move(c)) {}

  /// A path that was given, as it was when it was looked at last.
  struct Place {
    FileStamp stamp;
    std::vector<Entry> entries{};  ///< that decide what it leads to, where it is not plain
    bool is_plain = false;         ///< no link is on its way: its own entry alone decides
  };
  /// Plain places of one directory. Of a hundred thousand files nearly all are such, and nothing
  /// else is kept of each: its entry follows from its path.
  struct Plain {
    std::string directory;
    std::size_t count = 0;
  };

  net::Loop& loop;
  const Milliseconds quiet;
  const std::function<void(const WatchNews&)> changed;
  UniqueFd inotify;
  std::map<std::string, Place> places;
  std::map<std::string, Plain> plain;                     ///< by prefix_of() their paths
  std::map<std::string, std::set<std::string>> prefixes;  ///< of `plain`, by directory
  /// Which other places an entry counts for, by directory and name. The texts are keys of `places`.
  std::map<std::string, std::multimap<std::string, const std::string*>> names;
  std::set<std::string> whole;                       // directories of which every certificate does
  std::map<std::string, int> watches;                // by directory
  std::map<int, std::set<std::string>> directories;  // by watch: names of one directory
  std::set<std::string> unwatched;  // directories of which the kernel tells nothing
  std::string last_looked_at;
  std::optional<net::TimerId> timer;
  int delays = 0;
  WatchNews news;                        // not told yet
  std::optional<MonotonicTime> told_at;  // the last time
  int told_at_once = 0;                  // since it was quiet

  void begin() {
    inotify.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (inotify && loop.add(inotify.get(), EPOLLIN, *this) != net::WatchResult::kWatched) {
      inotify.reset();
    }
  }

  void set_paths(const std::set<std::string>& paths, const WatchNews& again) {
    std::set<std::string> touched = unwatched;  // directories
    // Both are in order: side by side none of a hundred thousand need be looked for in the other.
    auto wanted = paths.begin();
    for (auto at = places.begin(); at != places.end();) {
      while (wanted != paths.end() && *wanted < at->first) {
        ++wanted;
      }
      const bool stays = wanted != paths.end() && *wanted == at->first;
      if (!stays || again.names(at->first)) {
        leave(at->first, at->second, touched);
      }
      at = stays ? std::next(at) : places.erase(at);
    }
    Follower follower;
    auto next = places.begin();
    for (const std::string& path : paths) {
      const std::size_t before = places.size();
      const auto at = places.try_emplace(next, path);
      next = std::next(at);
      if (places.size() != before || again.names(path)) {
        look_at(at->first, at->second, follower, touched);
      }
    }
    for (const std::string& directory : touched) {
      watch_directory(directory);
    }
  }

  void look_at(const std::string& path, Place& place, Follower& follower,
               std::set<std::string>& touched) {
    place.stamp = system_files().stamp(path);
    if (place.stamp.is_directory) {
      whole.insert(path);
      touched.insert(path);
    }
    const std::set<Entry> entries = follower.entries_of(path);
    const std::string prefix = prefix_of(path);
    place.is_plain = entries.size() == 1 &&
                     entries.begin()->second == std::string_view(path).substr(prefix.size());
    if (place.is_plain) {
      const std::string& directory = entries.begin()->first;
      Plain& shared = plain[prefix];
      shared.directory = directory;
      ++shared.count;
      prefixes[directory].insert(prefix);
      touched.insert(directory);
      return;
    }
    place.entries.assign(entries.begin(), entries.end());
    for (const auto& [directory, name] : place.entries) {
      names[directory].emplace(name, &path);
      touched.insert(directory);
    }
  }

  void leave_plain(const std::string& path, std::set<std::string>& touched) {
    const auto shared = plain.find(prefix_of(path));
    touched.insert(shared->second.directory);
    if (--shared->second.count != 0) {
      return;
    }
    const auto in_directory = prefixes.find(shared->second.directory);
    in_directory->second.erase(shared->first);
    if (in_directory->second.empty()) {
      prefixes.erase(in_directory);
    }
    plain.erase(shared);
  }

  void leave(const std::string& path, Place& place, std::set<std::string>& touched) {
    if (whole.erase(path) != 0) {
      touched.insert(path);
    }
    if (std::exchange(place.is_plain, false)) {
      leave_plain(path, touched);
    }
    for (const auto& [directory, name] : place.entries) {
      touched.insert(directory);
      auto& in_directory = names[directory];
      const auto [first, last] = in_directory.equal_range(name);
      const auto own =
          std::find_if(first, last, [&path](const auto& entry) { return entry.second == &path; });
      if (own != last) {
        in_directory.erase(own);
      }
      if (in_directory.empty()) {
        names.erase(directory);
      }
    }
    place.entries.clear();
  }

  /// Watches it if it is wanted, and no longer if not.
  void watch_directory(const std::string& directory) {
    unwatched.erase(directory);
    const auto old = watches.find(directory);
    if (!names.contains(directory) && !prefixes.contains(directory) && !whole.contains(directory)) {
      if (old != watches.end()) {
        forget(old->second, directory);
        watches.erase(old);
      }
      return;
    }
    if (!inotify) {
      return;
    }
    // Again also where there is one: another directory may have taken the name.
    const int watch =
        ::inotify_add_watch(inotify.get(), directory.c_str(), kInteresting | IN_ONLYDIR);
    if (watch < 0) {
      unwatched.insert(directory);
      return;
    }
    if (old != watches.end() && old->second != watch) {
      forget(old->second, directory);  // what was moved aside is not watched for ever
    }
    directories[watch].insert(directory);
    watches[directory] = watch;
  }

  /// Two names may be the same directory, which has one watch.
  void forget(int watch, const std::string& directory) {
    const auto known = directories.find(watch);
    if (known == directories.end()) {
      return;
    }
    known->second.erase(directory);
    if (known->second.empty()) {
      ::inotify_rm_watch(inotify.get(), watch);
      directories.erase(known);
    }
  }

  /// Whether the event counts; then it is among the news.
  bool take(int watch, const std::string& name, std::uint32_t mask) {
    if ((mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
      news.everything = true;
      return true;
    }
    bool counts = false;
    const auto known = directories.find(watch);
    if (known == directories.end()) {
      return false;
    }
    for (const std::string& directory : known->second) {
      if (const auto entries = names.find(directory); entries != names.end()) {
        const auto [first, last] = entries->second.equal_range(name);
        for (auto at = first; at != last; ++at) {
          news.paths.insert(*at->second);
          counts = true;
        }
      }
      if (const auto spelled = prefixes.find(directory); spelled != prefixes.end()) {
        for (const std::string& prefix : spelled->second) {
          const auto place = places.find(prefix + name);
          if (place != places.end() && place->second.is_plain) {
            news.paths.insert(place->first);
            counts = true;
          }
        }
      }
      if (whole.contains(directory) && is_certificate_file(name)) {
        news.paths.insert(directory);
        counts = true;
      }
    }
    return counts;
  }

  /// Whether what the event is about is whole: not what is being written, or about to follow.
  [[nodiscard]] bool leaves_whole(int watch, const std::string& name, std::uint32_t mask) const {
    if ((mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0) {
      return true;
    }
    const auto known = directories.find(watch);
    if ((mask & IN_CREATE) == 0 || known == directories.end()) {
      return false;
    }
    struct stat info {};
    return ::lstat((*known->second.begin() + '/' + name).c_str(), &info) == 0 &&
           S_ISLNK(info.st_mode);
  }

  void on_ready(std::uint32_t) noexcept override {
    const auto self = shared_from_this();
    bool is_news = false;
    bool is_whole = false;
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    for (::ssize_t got = 0; (got = ::read(inotify.get(), buffer.data(), buffer.size())) > 0;) {
      for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
        inotify_event event{};
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* name = event.len == 0 ? "" : buffer.data() + at + sizeof event;
        at += sizeof event + event.len;
        if (take(event.wd, name, event.mask)) {
          is_news = true;
          is_whole = is_whole || leaves_whole(event.wd, name, event.mask);
        }
        if ((event.mask & IN_IGNORED) != 0) {
          drop(event.wd);
        }
      }
    }
    if (is_whole && may_tell_at_once()) {
      tell();
    } else if (is_news) {
      note();
    }
  }

  bool may_tell_at_once() {
    if (!told_at || loop.now() - *told_at >= quiet) {
      told_at_once = 0;
    }
    return told_at_once++ < kMostAtOnce;
  }

  void tell() {
    if (timer) {
      loop.cancel(*timer);
      timer.reset();
    }
    delays = 0;
    told_at = loop.now();
    changed(std::exchange(news, {}));
  }

  /// The kernel watches it no more.
  void drop(int watch) {
    const auto known = directories.find(watch);
    if (known == directories.end()) {
      return;
    }
    for (const std::string& directory : known->second) {
      watches.erase(directory);
      unwatched.insert(directory);
    }
    directories.erase(known);
  }

  /// Something happened: more may follow at once, as when a key and a certificate are replaced.
  void note() {
    if (timer) {
      if (++delays >= kMostDelays) {
        return;
      }
      loop.cancel(*timer);
    }
    timer = loop.after(quiet, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->timer.reset();
        self->tell();
      }
    });
  }

  void tick() {
    const std::size_t looks =
        std::min(places.size(), std::max(kLeastLooks, places.size() / kTicksForAll));
    for (std::size_t i = 0; i < looks; ++i) {
      auto next = places.upper_bound(last_looked_at);
      next = next == places.end() ? places.begin() : next;
      last_looked_at = next->first;
      const FileStamp stamp = system_files().stamp(next->first);
      if (stamp != next->second.stamp) {
        next->second.stamp = stamp;
        news.paths.insert(next->first);
        note();
      }
    }
  }
};

CertificateWatch::CertificateWatch(net::Loop& loop, Milliseconds quiet,
                                   std::function<void(const WatchNews&)> changed)
    : impl_(std::make_shared<Impl>(loop, quiet, std::move(changed))) {
  impl_->begin();
}

CertificateWatch::~CertificateWatch() {
  if (impl_->inotify) {
    impl_->loop.remove(impl_->inotify.get());
  }
  if (impl_->timer) {
    impl_->loop.cancel(*impl_->timer);
  }
}

void CertificateWatch::set_paths(const std::set<std::string>& paths, const WatchNews& news) {
  impl_->set_paths(paths, news);
}
void CertificateWatch::tick() { impl_->tick(); }
bool CertificateWatch::is_prompt() const {
  return static_cast<bool>(impl_->inotify) && impl_->unwatched.empty();
}

}  // namespace muster::stapler
