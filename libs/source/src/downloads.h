#pragma once

#include <deque>
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

/// What downloads may take together. Beyond it they wait for each other, in order, except that
/// nobody waits for another issuer's hosts that hang before `at_once` are full of them.
struct DownloadLimits {
  unsigned for_one_issuer = 4;
  unsigned at_once = 64;
  /// Arriving, in the whole process; as much as one CRL may have at most. Beyond it a download
  /// fails.
  std::size_t bytes_in_flight = std::size_t{8} << 30;
};

/// Fetches files side by side on a thread of its own, so that a host that hangs holds up nobody.
/// Threads: every method from one.
class Downloads {
 public:
  /// \param ended  called on the thread of the downloads whenever one has ended
  explicit Downloads(std::function<void()> ended, const DownloadLimits& limits = {});
  /// Abandons what is under way.
  ~Downloads();
  Downloads(const Downloads&) = delete;
  Downloads& operator=(const Downloads&) = delete;

  /// At once, or as soon as the limits permit: its time limit counts from then. \param owner  whose
  /// limit it counts against  \param directory  for the temporary file; empty: memory
  DownloadId start(store::IssuerId owner, net::FetchRequest request, const std::string& directory);
  /// What has ended since the last call.
  std::vector<Download> take_ended();
  [[nodiscard]] std::size_t running() const { return running_.size(); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    DownloadId id;
    store::IssuerId owner;
    net::FetchRequest request;
    std::string directory;
  };
  void begin_waiting();
  void begin(Waiting next);
  void end(Download download);

  const DownloadLimits limits_;
  std::deque<Waiting> waiting_;
  std::map<DownloadId, store::IssuerId> running_;

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
