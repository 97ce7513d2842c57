#pragma once

#include "muster/pki/remote_key.h"

namespace muster::token {

/// Circuit breaker of one key: after so many failures in a row it is not asked for a while, then
/// tried once. Pure: time goes in. Threads: one at a time.
class Breaker {
 public:
  Breaker(unsigned failures_to_pause, Milliseconds pause_first, Milliseconds pause_most)
      : failures_to_pause_(failures_to_pause), pause_first_(pause_first), pause_most_(pause_most) {}

  enum class Admission : std::uint8_t {
    kGo,
    kProbe,  ///< the one try after a pause; whoever gets this says how it went
    kRefused,
  };
  Admission ask(MonotonicTime now);
  void succeeded();
  void failed(MonotonicTime now);
  /// A probe that said nothing about the key (it was never begun): the next one may try.
  void withdrawn();
  [[nodiscard]] pki::KeyHealth health(MonotonicTime now) const;
  /// Until the next try; zero when it may be asked.
  [[nodiscard]] Milliseconds left(MonotonicTime now) const;

 private:
  unsigned failures_to_pause_;
  Milliseconds pause_first_, pause_most_;
  unsigned failures_ = 0;
  bool paused_ = false;
  bool probing_ = false;
  Milliseconds pause_{0};
  MonotonicTime until_{};
};

}  // namespace muster::token
