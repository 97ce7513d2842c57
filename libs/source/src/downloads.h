#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "content.h"
#include "muster/net/fetcher.h"

namespace muster::source {

using DownloadId = std::uint64_t;

/// One download that has ended.
struct Download {
  DownloadId id = 0;
  net::FetchResult result;
  std::shared_ptr<Content> content;    ///< of a 200; null otherwise
  std::optional<SourceError> refused;  ///< our disk's fault
};

/// Fetches files side by side on a thread of its own, so that a host that hangs holds up nobody.
/// Threads: every method from one.
class Downloads {
 public:
  /// \param ended  called on the thread of the downloads whenever one has ended
  explicit Downloads(std::function<void()> ended);
  /// Abandons what is under way.
  ~Downloads();
  Downloads(const Downloads&) = delete;
  Downloads& operator=(const Downloads&) = delete;

  /// \param directory  for the temporary file; empty: memory
  DownloadId start(net::FetchRequest request, const std::string& directory);
  /// What has ended since the last call.
  std::vector<Download> take_ended();

 private:
  void end(Download download);

  net::Loop loop_;
  std::unique_ptr<net::FetchService> fetcher_;
  std::function<void()> ended_;
  DownloadId next_id_ = 1;
  std::mutex mutex_;
  std::vector<Download> done_;                      // guarded by mutex_
  std::map<DownloadId, std::jthread> directories_;  // LDAP: one blocking fetch each
  std::thread thread_;                              // last: ends before the rest goes
};

}  // namespace muster::source
