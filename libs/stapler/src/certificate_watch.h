#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "muster/base/file_system.h"
#include "muster/net/loop.h"

namespace muster::stapler {

/// Every directory entry that decides what a path leads to: its last component, and each symbolic
/// link on the way, as directory and name. "live/x/fullchain.pem" of an ACME client leads over a
/// link in live/x to archive/x; "tls.crt" of a Kubernetes mount over "..data". Pure but for lstat
/// and readlink; loops end.
std::set<std::pair<std::string, std::string>> entries_of(const std::string& path);

/// What may have changed: these of the paths that were given, or any of them.
struct WatchNews {
  bool everything = false;
  std::set<std::string> paths{};

  [[nodiscard]] bool names(const std::string& path) const {
    return everything || paths.contains(path);
  }
};

/// Notices that files may have changed: by inotify on the directories of all those entries, and,
/// for file systems that tell nothing, by looking at the files in turn. Loop's thread.
class CertificateWatch {
 public:
  /// `changed` is called at once when a file is whole, renamed to its place, or a link is: somebody
  /// may reload a server just then, and the staple of the certificate before must be gone. Of many
  /// that follow each other only for the first few; for the others, and for all else, when it has
  /// been quiet for `quiet`, or after ten times that.
  CertificateWatch(net::Loop& loop, Milliseconds quiet,
                   std::function<void(const WatchNews&)> changed);
  ~CertificateWatch();
  CertificateWatch(const CertificateWatch&) = delete;
  CertificateWatch& operator=(const CertificateWatch&) = delete;

  /// Files, and directories of whose entries each is_certificate_file() counts. Those that are new,
  /// and those that `news` names, are looked at: what they look like now is no change.
  void set_paths(const std::set<std::string>& paths, const WatchNews& news = {true, {}});
  /// Looks at some of them: all within a minute, when called once a second.
  void tick();
  /// Whether every directory is watched; otherwise the looks in turn are what remains.
  [[nodiscard]] bool is_prompt() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::stapler
