#pragma once

#include <netinet/in.h>

#include <csignal>
#include <cstdint>
#include <functional>

#include "histogram.h"
#include "requests.h"

namespace muster::bench {

struct LoadOptions {
  sockaddr_in address{};
  unsigned connections = 64;
  unsigned pipeline = 1;       ///< requests sent at once on a connection; closed loop only
  bool close = false;          ///< a new connection for each request
  double rate = 0;             ///< requests a second, whatever becomes of them; 0: closed loop
  double seconds = 1;          ///< of asking; what is under way then is waited for
  std::uint64_t requests = 0;  ///< ends sooner, after so many; 0: does not
  double patience = 10;        ///< seconds waited at the end for what is due and under way
  double rest = 0;             ///< seconds until a connection that was told 503 is made anew; up
                               ///< to twice that, evenly: a crowd does not come back as one
  bool calm = false;           ///< open loop: sleeps until a request is due, which is up to a
                               ///< millisecond late, instead of looking all the time
  bool expect_ocsp = true;     ///< answers other than "successful" are errors
  /// Given each answer that came, in any order; may be empty.
  std::function<void(const Question&, std::string_view body)> seen;
};

/// What came of it. Every request asked is in exactly one of the counts from `answered` to
/// `left_out`.
struct LoadResult {
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;     ///< as it should be
  std::uint64_t beside = 0;       ///< the same, of RequestPlan::beside
  std::uint64_t shed = 0;         ///< refused for the load: HTTP 503, or tryLater
  std::uint64_t http_errors = 0;  ///< another status than 200 or 503
  std::uint64_t ocsp_errors = 0;  ///< an OCSPResponse that says neither "successful" nor tryLater,
                                  ///< or none
  std::uint64_t broken = 0;       ///< no HTTP, or the connection ended inside or before the answer
  std::uint64_t refused = 0;      ///< the connection could not be made
  std::uint64_t late = 0;         ///< nothing came within `patience`
  std::uint64_t left_out =
      0;  ///< open loop: due, but nothing was free to send it until `patience` ended
  std::uint64_t connects = 0;
  double seconds = 0;  ///< from the first request to the last answer
  std::uint64_t body_octets = 0;
  /// Of answers as they should be. Closed loop: from sending. Open loop: from the instant the
  /// request was due, so that a stall counts for every request it held up.
  Histogram latency;
  Histogram beside_latency, shed_latency;  ///< the same of `beside` and `shed`
  /// Open loop: how long requests that were due waited for this program, not for a free connection.
  Histogram own_delay;
  [[nodiscard]] std::uint64_t errors() const {
    return shed + http_errors + ocsp_errors + broken + refused + late + left_out;
  }
};

/// Runs the load on this thread. `stop` leaves 0 to end before the time, from a signal handler.
LoadResult run_load(const LoadOptions& options, Requests& requests,
                    const volatile std::sig_atomic_t& stop);

}  // namespace muster::bench
