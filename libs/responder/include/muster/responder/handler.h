#pragma once

#include <string>

#include "muster/base/log.h"
#include "muster/net/http_server.h"
#include "muster/responder/answerer.h"
#include "muster/responder/log_samples.h"

namespace muster::responder {

struct HandlerOptions {
  /// Path below which GET requests are answered; "/" or "/path". POST is answered on every path.
  std::string prefix = "/";
  std::size_t max_request_bytes = 64 * 1024;  ///< of a decoded GET request
  /// One line for an issuer and cause at most, with the number left out; unissued serials likewise.
  Seconds refusal_log_interval{10};
  /// With whom that is shared: the handlers of other loops. Null: nobody.
  std::shared_ptr<SharedLogSamples> log_samples{};
  /// Reverse proxies that are believed about whom they ask for: behind one, the client is the last
  /// address in X-Forwarded-For that is not such a proxy itself.
  std::vector<IpNetwork> trusted_proxies{};
};

/// Who asks, in the eyes of rules and limits: the peer, or whom a trusted proxy names.
Client client_of(const http::RequestView& request, const std::vector<IpNetwork>& trusted_proxies);

/// HTTP in front of an Answerer: GET, HEAD and POST, conditional requests, refusals with their
/// reason and questions about serials never issued in the log (sampled). OCSP errors travel with
/// HTTP 200 (OCSP-RESP-079). Threads: one.
class OcspHandler final : public net::HttpHandler {
 public:
  /// All references outlive the handler.
  /// \param router  null: nothing is sent on
  /// \param changes  null: nobody tells of changes
  OcspHandler(HandlerOptions options, Answerer& answerer, const Clock& clock, Logger& logger,
              Counters& counters, Router* router = nullptr, ChangeNotice* changes = nullptr);
  void handle(const http::RequestView& request, net::HttpReply& reply) override;
  /// Logs what is to be logged of an answer that went another way (batches).
  void note(const Answer& answer, Bytes request, const Client& client, UnixSeconds now);

 private:
  /// A request that waits for its answer, with everything `view` points to.
  struct Kept {
    http::RequestView view;
    std::string target, if_none_match;
    Buffer octets;  ///< of the OCSP request
    Client client;
    std::unique_ptr<net::LaterReply> reply;
    MonotonicTime began;
  };
  void wait(const http::RequestView& request, const Client& client,
            std::unique_ptr<net::LaterReply> reply, MonotonicTime began);
  void note_duration(MonotonicTime began);
  /// What goes out in the end: the answer, or a 304.
  Answer finish(Answer answer, const http::RequestView& request, const Client& client,
                UnixSeconds now);
  void log(const Answer& answer, const http::RequestView& request, const Client& client,
           UnixSeconds now);
  void log_refusal(const Answer& answer, const http::RequestView& request, const Client& client,
                   UnixSeconds now);
  void log_unissued(const Answer& answer, const http::RequestView& request, const Client& client,
                    UnixSeconds now);
  /// The octets of the OCSP request just answered.
  [[nodiscard]] Bytes octets_of(const http::RequestView& request) const;
  /// Whether the request is on its way to another responder now.
  bool send_on(const Answer& answer, const http::RequestView& request, net::HttpReply& reply);
  [[nodiscard]] std::string about(const http::RequestView& request) const;

  HandlerOptions options_;
  Answerer& answerer_;
  const Clock& clock_;
  Logger& logger_;
  Counters& counters_;
  Router* router_;
  ChangeNotice* changes_;
  Buffer decoded_;
  LogSampler sampler_;
};

}  // namespace muster::responder
