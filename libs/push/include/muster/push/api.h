#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "muster/pki/certificate.h"
#include "muster/push/client.h"
#include "muster/push/journal.h"

// The push API without sockets: requests of an authenticated client go in, replies come out; what
// is acknowledged is durable in the store. docs/operating/push.md is its reference.
namespace muster::push {

/// Whether certificates may be put on hold. CRLs under some profiles must not say so (CA/B BR 7.2),
/// and none at all could be made; and what a CRL called revoked cannot be lifted.
enum class Holds : std::uint8_t { kAllowed, kForbidden };

/// An issuer that may be fed.
struct Issuer {
  std::string label;
  store::IssuerId id{};
  std::vector<pki::Certificate>
      certificates;  ///< of the CA: pushed certificates must be signed by its key
  Holds holds = Holds::kAllowed;
};

/// Each has a test.
struct Limits {
  std::size_t max_body_bytes =
      64 * 1024;                   ///< of a single operation, and of a line of a bulk request
  std::size_t batch_lines = 1000;  ///< in one transaction
  std::size_t max_atomic_lines =
      100'000;  ///< of an all-or-nothing bulk request, which is kept in memory
  std::size_t max_atomic_bytes = 64 << 20;
  Seconds future_skew{300};  ///< how far ahead of our clock a revocation may lie
  Seconds keep_revoked =
      kKeepRevoked;  ///< from a revoked certificate's expiry until it may be forgotten
};

struct Request {
  std::string_view method, target, content_type;
  Bytes body;
};
struct Reply {
  unsigned status = 200;
  std::string_view content_type = "application/json";
  std::string headers;  ///< lines each ending in CRLF
  std::string body;
};

/// What happened, for metrics.
struct ApiStats {
  std::uint64_t changed = 0, unchanged = 0, conflicts = 0, refused = 0, failed = 0;
};

class Bulk;

/// Threads: any.
class Api {
 public:
  /// `store` outlives the Api. \param told  called after each durable change of what is said about
  /// certificates: all but plain issuing. Any thread; must not block. \param committed  called
  /// with the sequence number of each durable change before it is acknowledged. Any thread; may
  /// block
  Api(store::Store& store, std::vector<Issuer> issuers, const Limits& limits = {},
      std::function<void()> told = {}, std::function<void(std::uint64_t)> committed = {});
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// Tells `journal`, which outlives the Api, of everything from here on. Before any other call.
  void report_to(Journal& journal);
  /// Answers everything but bulk requests. Blocks until the change is durable.
  Reply handle(const Client& client, const Request& request, UnixSeconds now);
  /// Whether `target` is a bulk request, whose body goes piece by piece to what begin_bulk() gives.
  [[nodiscard]] static bool is_bulk(std::string_view method, std::string_view target);
  /// A Bulk, or why there is none. It must not outlive the Api, nor `client`.
  Result<std::unique_ptr<Bulk>, Reply> begin_bulk(const Client& client, std::string_view target,
                                                  UnixSeconds now);
  [[nodiscard]] ApiStats stats() const;
  [[nodiscard]] const Limits& limits() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

/// One bulk request: operations as lines of JSON, results as lines of JSON. Threads: one.
class Bulk {
 public:
  virtual ~Bulk() = default;
  /// Whether nothing is done unless all is: then results come at the end alone.
  [[nodiscard]] virtual bool is_atomic() const = 0;
  /// Takes the next octets of the body; returns results that are final, to be sent on.
  virtual std::string feed(Bytes octets, UnixSeconds now) = 0;
  /// Whether more of the body would not be looked at: too large.
  [[nodiscard]] virtual bool is_over() const = 0;
  /// The body has ended. What is left to say; the status counts for an atomic request alone.
  virtual Reply finish(UnixSeconds now) = 0;
};

}  // namespace muster::push
