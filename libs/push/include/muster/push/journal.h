#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <string_view>

#include "muster/base/log.h"
#include "muster/push/operation.h"

// What clients changed, and what was refused them, for the log and the metrics.
namespace muster::push {

/// Why something was not carried out, as replies say it ("error").
inline constexpr std::array<std::string_view, 15> kCauses = {
    "bad_request", "foreign_certificate", "no_such_resource", "wrong_method", "no_such_issuer",
    "forbidden",   "hold_forbidden",      "too_large",        "conflict",     "not_found",
    "store_busy",  "store_full",          "store_failed",     "broken_off",   "other"};

/// Threads: any.
class Journal {
 public:
  /// So many changes of one bulk request are told one by one, the rest in one line.
  static constexpr std::uint64_t kMostBulkLines = 100;
  /// Refusals, and failures, of one cause are told once in so long, with the number left out.
  static constexpr Seconds kInterval{10};

  /// Who wants what.
  struct Request {
    std::string_view client, issuer;  ///< issuer: empty where none was found
    std::string_view what;            ///< the operation, or the target of the request
  };

  /// `logger` outlives the journal.
  explicit Journal(Logger& logger) : logger_(logger) {}
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// A durable change. Logs push.changed.
  void changed(std::string_view client, std::string_view issuer, const Operation& operation,
               const Decision& decision, std::uint64_t sequence);
  /// What changed() was not told of a bulk request. Logs push.bulk.
  void bulk_changed(std::string_view client, std::string_view issuer,
                    const std::array<std::uint64_t, kOperationKinds>& by_kind,
                    std::uint64_t sequence);
  /// Not carried out, through the client's fault or with the facts against it. Logs push.refused.
  void refused(const Request& request, std::string_view cause, std::string_view detail,
               UnixSeconds now);
  /// Not carried out through ours. Logs push.failed, as an error.
  void failed(const Request& request, std::string_view cause, std::string_view detail,
              UnixSeconds now);
  /// How often, in the order of kCauses.
  [[nodiscard]] std::array<std::uint64_t, kCauses.size()> counts() const;

 private:
  struct Sample {
    std::uint64_t count = 0, left_out = 0;
    std::optional<UnixSeconds> told;
  };
  void tell(LogLevel level, std::string_view event, std::string_view message,
            const Request& request, std::string_view cause, std::string_view detail,
            UnixSeconds now);

  Logger& logger_;
  mutable std::mutex mutex_;
  std::array<Sample, kCauses.size()> samples_{};  // under mutex_
};

}  // namespace muster::push
