#pragma once

#include <memory>

#include "muster/net/fetcher.h"

namespace muster::net {

/// Blocking fetches one after the other over connections that are kept: many files of one server
/// need one handshake. At most kMaxKept connections are kept, idle ones not longer than libcurl
/// does by itself (two minutes); one that the server has closed meanwhile is replaced without an
/// error. Requests that forbid private destinations always get a connection of their own, since the
/// address is judged when one is opened. Threads: one at a time. Not on a loop's thread.
class FetchSession {
 public:
  static constexpr long kMaxKept = 2;
  FetchSession();
  ~FetchSession();
  FetchSession(const FetchSession&) = delete;
  FetchSession& operator=(const FetchSession&) = delete;

  /// As fetch(). Errors: the same; one fetch that failed spoils none that follow.
  FetchResult fetch(const FetchRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::net
