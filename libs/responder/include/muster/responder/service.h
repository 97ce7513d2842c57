#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "muster/responder/batch.h"
#include "muster/responder/handler.h"
#include "muster/responder/presign.h"

// The responder with sockets and threads around it.
namespace muster::responder {

struct ServiceOptions {
  std::vector<std::string> listen{"127.0.0.1:8888"};
  unsigned loops = 0;  ///< zero: one a core
  net::HttpLimits limits;
  HandlerOptions handler;
  Milliseconds grace{10000};  ///< for requests in flight when stopping
  std::size_t signing_jobs =
      256;  ///< signatures by remote keys (tokens) under way; one more: tryLater
  std::size_t signing_waiting = 1024;  ///< requests that wait for them; one more: tryLater
  SigningLineLimits line;              ///< for signatures by keys of this process
  PresignOptions presign;
  /// Asked once a second, on every loop, for Answerer::set_clock_error. Empty: the kernel's own
  /// estimate.
  std::function<std::optional<Milliseconds>()> clock_error;
};

/// What the kernel says the clock may be wrong by (adjtimex); nothing while it is not synchronised.
std::optional<Milliseconds> kernel_clock_error();

/// What the loops counted, added up.
struct Totals {
  std::uint64_t get = 0, get_queries = 0, post = 0, not_modified = 0;
  std::uint64_t good = 0, revoked = 0, unknown = 0;
  std::uint64_t ready_hits = 0, ready_rechecked = 0, ready_replaced = 0, ready_shared = 0,
                ready_taken_over = 0, ready_late = 0, signatures = 0, waited = 0, waiting = 0,
                nonces_echoed = 0, nonces_left_out = 0;
  std::uint64_t routed = 0, route_failures = 0;
  std::array<std::uint64_t, kCauses> refused{};
  DurationCounts durations;    ///< kAnswerBounds: from request to answer
  DurationCounts propagation;  ///< kPropagationBounds: see note_change()
  std::array<std::uint64_t, kAllHashAlgorithms.size()> cert_id_hashes{};  ///< CertIDs asked about
};

/// What happened to one issuer, all loops together.
struct IssuerTotals {
  std::uint64_t good = 0, revoked = 0, unknown = 0, refused = 0, unissued = 0,
                unissued_monitors = 0, unlisted = 0;
};

/// What one signer was asked for, all loops together.
struct SignerTotals {
  std::uint64_t made = 0, failed = 0;
};

/// What the HTTP servers of all loops counted (net::HttpStats).
struct HttpTotals {
  std::uint64_t connections = 0, requests = 0, refused_connections = 0, bad_requests = 0,
                too_large = 0, header_timeouts = 0, body_timeouts = 0, idle_closes = 0,
                write_timeouts = 0, tls_on_plain_port = 0, open_connections = 0,
                pipeline_pauses = 0, accept_pauses = 0, deferred = 0, reply_timeouts = 0,
                gone_waiting = 0, made_room = 0, freed_memory = 0, buffered_bytes = 0;
  std::uint64_t max_connections = 0;  ///< that may be open; fewer than configured where
                                      ///< descriptors are few
  /// `may_have`: connections of this server.
  void add(const net::HttpStats& one, std::size_t may_have);
};

/// Loops that serve one setup from one store, each with its own listener, remembered answers and
/// signing contexts; they share the setup, the store, and what was signed (AnswerExchange).
/// Threads: all methods from one thread, which is none of the loops.
class Service {
 public:
  /// Listens and serves. `store`, `clock` and `logger` outlive the service.
  static Result<std::unique_ptr<Service>, net::NetError> start(ServiceOptions options,
                                                               std::shared_ptr<const Setup> setup,
                                                               const store::Store& store,
                                                               const Clock& clock, Logger& logger);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// Where it listens, with real ports, in the order of `ServiceOptions::listen`.
  [[nodiscard]] const std::vector<std::string>& addresses() const;
  [[nodiscard]] std::size_t loops() const;
  /// Hands a new setup to every loop; each uses it from its next turn on. The one before is let go
  /// of by a later adopt() or the destructor, on their thread.
  void adopt(std::shared_ptr<const Setup> setup);
  /// A change of the store was acknowledged to whoever made it: how long until the first answer
  /// that could say it, requests waited for included, goes into Totals::propagation. Any thread.
  void note_change();
  /// What a client would be told now, and why (Answerer::explain). Every loop is asked, since each
  /// has its own limits and memory; where they differ, a refusal. Nothing: none of them answered
  /// within `patience`. Threads: any but the loops.
  [[nodiscard]] std::optional<Explanation> explain(Bytes request, UnixSeconds now,
                                                   const Client& client,
                                                   Milliseconds patience) const;
  /// Has a loop (each in turn) answer questions as it answers requests, a few at a time between
  /// them. `take` is given the replies in the order of the questions, on the loop's thread; it is
  /// never called when the service stops before. Threads: any but the loops.
  void answer_batch(std::shared_ptr<const std::vector<BatchQuestion>> questions,
                    const Client& client, std::function<void(std::vector<BatchReply>)> take) const;
  /// Finishes what is in flight, at most `grace` long, and ends the loops. Idempotent.
  void stop();
  [[nodiscard]] Totals totals() const;
  /// What is signed ahead. Any thread.
  [[nodiscard]] PresignTotals presigned() const;
  /// What remote keys were asked for.
  [[nodiscard]] const DeskCounters& desk() const;
  /// By the issuer's number in the store.
  [[nodiscard]] std::map<store::IssuerId, IssuerTotals> issuer_totals() const;
  /// By the issuer's number and the signer's label.
  [[nodiscard]] std::map<std::pair<store::IssuerId, std::string>, SignerTotals> signer_totals()
      const;
  [[nodiscard]] HttpTotals http_totals() const;

 private:
  struct Loops;
  explicit Service(std::unique_ptr<Loops> loops);
  std::unique_ptr<Loops> loops_;
};

}  // namespace muster::responder
