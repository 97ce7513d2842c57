#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "muster/testing/response_builder.h"

// An OCSP responder on loopback that misbehaves on demand: raw sockets, real time, one thread per
// connection.
namespace muster::testing {

enum class Fault : std::uint8_t {
  kNone,
  // The connection.
  kAbsent,           ///< nobody listens on the port
  kReset,            ///< reads the request and resets
  kHangs,            ///< accepts and never answers
  kHangsInBody,      ///< sends the head and half of the body, then nothing
  kDrips,            ///< one octet of the answer every 200 ms
  kCutShort,         ///< closes in the middle of the body
  kOversized,        ///< 10 MiB
  kOversizedPrefix,  ///< a good answer followed by 10 MiB
  // HTTP.
  kHttp404,
  kHttp500,
  kHttp503,  ///< with Retry-After: 7
  kRedirectLoop,
  kHtml,   ///< 200 with a web page
  kEmpty,  ///< 200 without a body
  kNotHttp,
  // Unusual but right.
  kChunked,
  kNoLength,
  kSmallWrites,
  kWrongContentType,
  kKeepAlive,
  // OCSP.
  kTryLater,
  kUnauthorized,
  kInternalError,
  kGarbage,
  kCutDer,
  kForeign,
  kBadSignature,
  kStranger,
  kExpired,
  kOlder,   ///< thisUpdate a day ago, but alive
  kFuture,  ///< thisUpdate two hours ahead
  kNoNextUpdate,
  kUnknown,
  kRevoked,
};
/// "hangs-in-body": for traces.
std::string_view to_string(Fault fault);
/// Whether an answer under this fault is a good, acceptable one.
bool is_harmless(Fault fault);
/// All of them in order.
std::vector<Fault> all_faults();

/// Answers GET and POST for every serial of one issuer. Threads: any.
class FaultResponder {
 public:
  /// `signer` is the issuer itself or its delegate; `validity` of answers, which begin when they
  /// are given.
  FaultResponder(Identity signer, pki::Certificate issuer, Seconds validity = Seconds(3600));
  ~FaultResponder();
  FaultResponder(const FaultResponder&) = delete;
  FaultResponder& operator=(const FaultResponder&) = delete;

  /// "http://127.0.0.1:41233/"; the port stays the same through kAbsent.
  [[nodiscard]] std::string url() const;
  void set(Fault fault);
  /// Requests whose head was read, and connections accepted.
  [[nodiscard]] std::size_t requests() const;
  [[nodiscard]] std::size_t connections() const;
  /// Waits until so many requests were read in all.
  bool wait_for_requests(std::size_t count, Milliseconds timeout = Milliseconds(10'000)) const;
  /// Octets of the latest OCSPRequest that was read.
  [[nodiscard]] Buffer last_request() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::testing
