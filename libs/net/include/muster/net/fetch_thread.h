#pragma once

#include <memory>
#include <thread>

#include "muster/net/fetcher.h"

namespace muster::net {

/// Fetches side by side on a thread of its own: connections and looked-up names are shared, and a
/// host that hangs holds up nobody else. Threads: start() from any.
class FetchThread {
 public:
  FetchThread();
  /// Drops what is under way without calling `done`.
  ~FetchThread();
  FetchThread(const FetchThread&) = delete;
  FetchThread& operator=(const FetchThread&) = delete;

  /// `done` runs once on the thread of the fetches and must not wait there.
  void start(FetchRequest request, std::function<void(FetchResult)> done);

 private:
  Loop loop_;
  std::unique_ptr<FetchService> fetcher_;
  std::thread thread_;
};

}  // namespace muster::net
