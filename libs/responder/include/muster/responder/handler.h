#pragma once

#include <string>

#include "muster/base/log.h"
#include "muster/net/http_server.h"
#include "muster/responder/answerer.h"

namespace muster::responder {

struct HandlerOptions {
  /// Path below which GET requests are answered; "/" or "/path". POST is answered on every path.
  std::string prefix = "/";
  std::size_t max_request_bytes = 64 * 1024;  ///< of a decoded GET request
  Seconds refusal_log_interval{10};           ///< one line a cause at most, with the number left out
};

/// HTTP in front of an Answerer: GET, HEAD and POST, conditional requests, refusals with their reason in the log (sampled).
/// OCSP errors travel with HTTP 200 (OCSP-RESP-079). Threads: one.
class OcspHandler final : public net::HttpHandler {
 public:
  /// All references outlive the handler.
  OcspHandler(HandlerOptions options, Answerer& answerer, const Clock& clock, Logger& logger, Counters& counters);
  void handle(const http::RequestView& request, net::HttpReply& reply) override;

 private:
  /// When a cause was logged last, and what was left out since.
  struct Sample {
    UnixSeconds next{};
    std::uint64_t left_out = 0;
  };
  Answer take_get(std::string_view tail, UnixSeconds now);
  void log_refusal(Cause cause, const http::RequestView& request, UnixSeconds now);

  HandlerOptions options_;
  Answerer& answerer_;
  const Clock& clock_;
  Logger& logger_;
  Counters& counters_;
  Buffer decoded_;
  std::array<Sample, kCauses> samples_{};
};

}  // namespace muster::responder
