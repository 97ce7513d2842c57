#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/base/log.h"
#include "muster/net/fetcher.h"
#include "muster/net/http_server.h"
#include "muster/pki/certificate.h"
#include "muster/responder/counters.h"

// Questions about certificates of other CAs, sent on to who can answer them (RFC 6960
// section 4.4.6, decision 022).
namespace muster::responder {

/// Whether a request whose service locator names a route's URL takes that route.
enum class ServiceLocator : std::uint8_t { kIgnored, kFollowed };

/// One responder that requests may be sent on to. Nothing but these URLs is ever contacted,
/// whatever requests say.
struct Route {
  std::string url;
  std::vector<pki::Certificate> cas;  ///< questions about certificates of these are sent there
  ServiceLocator locator = ServiceLocator::kIgnored;
};

/// Bounds of what is sent on, each counted as a failure of the route when passed.
struct RouterLimits {
  std::size_t max_in_flight = 64;  ///< on each loop
  Milliseconds timeout{5000};
  std::size_t max_answer_bytes = 64 * 1024;
};

/// Sends requests on and hands the answers back unchanged; what is no OCSP response becomes
/// tryLater. The client verifies whom the answer is from, as always: nothing here is believed,
/// signed or remembered. Threads: one, the loop's.
class Router {
 public:
  /// Marks requests on their way, so that responders which name each other do not send one in
  /// circles.
  static constexpr std::string_view kVia = "muster-ocsp";

  /// All references outlive the router; replies not yet given are dropped with it.
  Router(const RouterLimits& limits, net::FetchService& fetcher, Counters& counters,
         Logger& logger);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  /// `reply` is answered now or later, exactly once.
  void send_on(std::string_view url, Bytes request, std::unique_ptr<net::LaterReply> reply);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace muster::responder
