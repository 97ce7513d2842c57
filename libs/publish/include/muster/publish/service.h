#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/base/histogram.h"
#include "muster/base/log.h"
#include "muster/net/http_server.h"
#include "muster/publish/publisher.h"

// Publication that goes on by itself, beside the responder.
namespace muster::publish {

struct ServiceOptions {
  std::vector<std::string> listen;  ///< addresses to serve the CRLs on; empty: nowhere
  net::HttpLimits limits;
  Milliseconds retry_first{10'000};  ///< after a failure; doubled each time
  Milliseconds retry_most{600'000};
  Milliseconds longest_wait{30'000};  ///< between two looks at the clock, which may be corrected
};

/// How a series is doing, for operators and metrics.
struct SeriesStatus {
  std::string label;
  std::string number;                       ///< hexadecimal, the highest used
  std::optional<UnixSeconds> last_success;  ///< something was published, or found to be unchanged
  std::optional<UnixSeconds> complete_at, delta_at;
  std::optional<UnixSeconds> next_update;  ///< of the complete CRLs
  std::optional<UnixSeconds> next_step;
  std::optional<PublishError> error;  ///< of the last attempt; nothing when all is well
  std::optional<UnixSeconds> failing_since;
  std::uint64_t publications = 0, failures = 0;
  std::uint64_t entries = 0,
                bytes = 0;  ///< of the complete CRLs published last by this process, all partitions
  DurationCounts propagation;  ///< kPropagationBounds: from wake() to the CRL that says it
};

/// Publishes each series when it is due, on a thread of its own, and serves the CRLs. A series that
/// fails is tried again; its published files stay. Logged events: crl.published,
/// crl.publish_failed, crl.check. Threads: every method from any thread.
class Service {
 public:
  /// Opens a publisher for each series, listens, and begins. `store`, `clock` and `logger` outlive
  /// it. Errors: those of Publisher::open; kIo (an address).
  static PublishResult<std::unique_ptr<Service>> start(std::vector<Spec> series,
                                                       const store::Store& store,
                                                       const ServiceOptions& options,
                                                       const Clock& clock, Logger& logger);
  /// As stop().
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Goes on with these series instead. Waits for a publication under way; what is served is served
  /// all the time. On an error everything goes on as before. Errors: those of Publisher::open.
  PublishResult<Unit> replace(std::vector<Spec> series);
  [[nodiscard]] const std::vector<std::string>& addresses() const;
  [[nodiscard]] std::vector<SeriesStatus> status() const;
  /// Looks at the store now, where changes are published at all (Terms::reaction).
  void wake();
  /// Ends after the publication under way. The state directories are free then. Idempotent.
  void stop();

 private:
  struct Impl;
  explicit Service(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::publish
