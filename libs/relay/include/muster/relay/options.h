#pragma once

#include "muster/client/request.h"
#include "muster/keeper/plan.h"

// What an operator decides about a relay. Every bound has a counter and a test.
namespace muster::relay {

/// What becomes of a nonce (decision 051).
enum class NonceUse : std::uint8_t {
  kLeaveOut,  ///< answered from what is held, without it: RFC 9654 and 9919 let a responder do so
  kPass,      ///< the request goes to the upstream, nonce and all, each time
};

struct EngineLimits {
  std::size_t max_answers = 100'000;  ///< CertIDs held or being asked for; beyond, those nobody
                                      ///< asked for longest go
  std::size_t max_held_bytes = std::size_t{256} << 20;  ///< of their answers
  std::size_t max_pending = 256;          ///< CertIDs without an answer that are being asked for
  std::size_t max_pending_per_host = 64;  ///< of these, at the host that is asked first
  std::size_t max_waiting = 1024;         ///< requests that wait for an upstream
  Milliseconds max_wait{8'000};           ///< of each: then tryLater, while the fetch goes on
  std::size_t max_passing = 64;           ///< requests passed through at a time
  std::size_t max_passing_per_host = 8;
  std::size_t max_refusals = 4096;  ///< CertIDs of which it is remembered that there is no answer
  std::size_t max_refusal_bytes = std::size_t{4} << 20;  ///< of the "unknown" answers among them
  Seconds refused_for{60};  ///< how long an upstream's "unauthorized" or "unknown" stands
  Seconds failed_for{5};    ///< how long after a failure nobody is asked again
};

struct EngineOptions {
  keeper::PlanPolicy plan;
  /// How upstreams are reached. Redirects are never followed: they would lead off the allow-list.
  client::Transport transport;
  NonceUse nonce = NonceUse::kLeaveOut;
  /// How long after it was asked for last an answer is kept fresh.
  Seconds keep_asked{7 * 86400};
  /// Answers longer than this many characters of base64 are counted and told of: OCPP 2.0.1 has
  /// room for 5,500 in GetCertificateStatusResponse.
  std::size_t base64_limit = 5'500;
  EngineLimits limits;
};

/// A chain of relays is no longer than this; beyond, somebody configured a circle.
inline constexpr std::size_t kMaxRelays = 8;

struct HandlerOptions {
  std::string prefix = "/";  ///< below which GET requests are answered; POST on every path
  std::size_t max_request_bytes = 16 * 1024;  ///< of a decoded GET
  std::size_t max_cert_ids = 16;              ///< of one request
  Seconds cache_for{3600};                    ///< longest max-age told to HTTP caches
  NonceUse nonce = NonceUse::kLeaveOut;
};

}  // namespace muster::relay
