#pragma once

#include <functional>
#include <memory>

#include "muster/net/loop.h"
#include "muster/probe/probe.h"

namespace muster::stapler {

/// Handshakes off the loop, at most kThreads at a time; the threads start with the first one. Each
/// handshake has a deadline of its own, so the destructor waits no longer than that. Loop's thread.
class Prober {
 public:
  using Seen = Result<probe::ProbeResult, probe::ProbeError>;

  explicit Prober(net::Loop& loop);
  ~Prober();  ///< what is under way is waited for, its `done` not called
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// `done` is called later on the loop's thread, once.
  void ask(probe::ProbeRequest request, std::function<void(const Seen&)> done);
  [[nodiscard]] std::size_t in_flight() const;

  static constexpr std::size_t kThreads = 8;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::stapler
