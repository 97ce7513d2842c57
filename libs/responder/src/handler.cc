#include "muster/responder/handler.h"

#include "muster/base/text.h"
#include "muster/http/conditional.h"
#include "muster/http/list_header.h"
#include "muster/http/ocsp_request.h"

namespace muster::responder {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kLanding =
    "This is an OCSP responder. Ask it by POST (application/ocsp-request), or by GET with the "
    "base64 of the request "
    "behind this path.\n";

}  // namespace

OcspHandler::OcspHandler(HandlerOptions options, Answerer& answerer, const Clock& clock,
                         Logger& logger, Counters& counters, Router* router, ChangeNotice* changes)
    : options_(std::move(options)),
      answerer_(answerer),
      clock_(clock),
      logger_(logger),
      counters_(counters),
      router_(router),
      changes_(changes),
      sampler_(options_.refusal_log_interval, options_.log_samples != nullptr
                                                  ? options_.log_samples
                                                  : std::make_shared<SharedLogSamples>()) {}

Client client_of(const http::RequestView& request, const std::vector<IpNetwork>& trusted_proxies) {
  Client out{request.peer};
  if (!contains(trusted_proxies, request.peer)) {
    return out;
  }
  http::ListFromRight hops(request, "X-Forwarded-For");
  while (const auto text = hops.next()) {
    const auto hop = IpAddress::parse(*text);
    if (!hop) {
      break;  // not an address: what stands before it may be anybody's invention
    }
    out.address = *hop;
    if (!contains(trusted_proxies, *hop)) {
      break;
    }
  }
  return out;
}

void OcspHandler::handle(const http::RequestView& request, net::HttpReply& reply) {
  // Real time, whatever clock decides about validity: durations are facts of this machine.
  const MonotonicTime began = std::chrono::steady_clock::now();
  const auto acknowledged = changes_ != nullptr ? changes_->take_first_use() : std::nullopt;
  const UnixSeconds now = clock_.now();
  const Client client = client_of(request, options_.trusted_proxies);
  const http::OcspRequestFound found =
      http::find_ocsp_request(request, options_.prefix, options_.max_request_bytes, decoded_);
  Answer answer;
  switch (found.ask) {
    case http::OcspAsk::kPost:
      counters_.post.add();
      answer = answerer_.answer(found.octets, now, client, Signing::kInLine);
      break;
    case http::OcspAsk::kGet:
      counters_.get.add();
      counters_.get_queries.add(found.has_query ? 1 : 0);
      answer = answerer_.answer(found.octets, now, client, Signing::kInLine);
      break;
    case http::OcspAsk::kBadEncoding:
      counters_.get.add();
      counters_.get_queries.add(found.has_query ? 1 : 0);
      answer = answerer_.refuse(Cause::kBadEncoding, now);
      break;
    case http::OcspAsk::kElsewhere:
      counters_.landing_pages.add();
      reply.send(404, kText, "Cache-Control: no-store\r\n", as_bytes("Not here.\n"));
      return;
    case http::OcspAsk::kLanding:
      counters_.landing_pages.add();
      reply.send(200, kText, "Cache-Control: no-store\r\n", as_bytes(kLanding));
      return;
    case http::OcspAsk::kOtherMethod:
      counters_.other_methods.add();
      reply.send(405, kText, "Allow: GET, HEAD, POST\r\nCache-Control: no-store\r\n",
                 as_bytes("Only GET, HEAD and POST.\n"));
      return;
  }
  if (!answer.route.empty() && send_on(answer, request, reply)) {
    return;
  }
  if (answer.pending) {
    if (auto later = reply.defer()) {
      wait(request, client, std::move(later), began);
      return;
    }
    answer = answerer_.refuse(Cause::kSigningQueueFull, now);
  }
  answer = finish(answer, request, client, now);
  reply.send_ready(answer.octets, answer.head_bytes);
  note_duration(began);
  if (acknowledged) {
    counters_.propagation.add(std::chrono::steady_clock::now() - *acknowledged);
  }
}

void OcspHandler::note_duration(MonotonicTime began) {
  counters_.durations.add(std::chrono::steady_clock::now() - began);
}

Answer OcspHandler::finish(Answer answer, const http::RequestView& request, const Client& client,
                           UnixSeconds now) {
  log(answer, request, client, now);
  if (request.method != http::Method::kPost && !answer.etag.empty() &&
      !request.if_none_match.empty() && http::names_etag(request.if_none_match, answer.etag)) {
    counters_.not_modified.add();
    return answerer_.not_modified();
  }
  return answer;
}

void OcspHandler::note(const Answer& answer, Bytes request, const Client& client, UnixSeconds now) {
  http::RequestView view;
  view.method = http::Method::kPost;
  view.body = request;
  log(answer, view, client, now);
}

void OcspHandler::log(const Answer& answer, const http::RequestView& request, const Client& client,
                      UnixSeconds now) {
  if (answer.cause != Cause::kNone) {
    log_refusal(answer, request, client, now);
  }
  if (answer.unissued == UnissuedSeen::kYes) {
    log_unissued(answer, request, client, now);
  }
}

void OcspHandler::wait(const http::RequestView& request, const Client& client,
                       std::unique_ptr<net::LaterReply> reply, MonotonicTime began) {
  const auto kept = std::make_shared<Kept>();
  kept->target = request.target;
  kept->if_none_match = request.if_none_match;
  kept->octets = request.method == http::Method::kPost ? to_buffer(request.body) : decoded_;
  kept->client = client;
  kept->reply = std::move(reply);
  kept->began = began;
  kept->view.method = request.method;
  kept->view.target = kept->target;
  kept->view.if_none_match = kept->if_none_match;
  kept->view.body = kept->octets;
  answerer_.await(kept->octets, client, [this, kept](const Answer& answer) {
    decoded_ = kept->octets;  // for the log
    const Answer last = finish(answer, kept->view, kept->client, clock_.now());
    kept->reply->send_ready(last.octets, last.head_bytes);
    note_duration(kept->began);
  });
}

Bytes OcspHandler::octets_of(const http::RequestView& request) const {
  return request.method == http::Method::kPost ? request.body : Bytes(decoded_);
}

std::string OcspHandler::about(const http::RequestView& request) const {
  return describe_request(octets_of(request));
}

bool OcspHandler::send_on(const Answer& answer, const http::RequestView& request,
                          net::HttpReply& reply) {
  if (router_ == nullptr) {
    return false;
  }
  http::ListFromRight senders(request, "Via");
  while (const auto sender = senders.next()) {
    if (sender->find(Router::kVia) != std::string_view::npos) {
      return false;  // it came in circles
    }
  }
  auto later = reply.defer();
  if (later == nullptr) {
    return false;
  }
  counters_.routed.add();
  router_->send_on(answer.route, octets_of(request), std::move(later));
  return true;
}

void OcspHandler::log_refusal(const Answer& answer, const http::RequestView& request,
                              const Client& client, UnixSeconds now) {
  const Cause cause = answer.cause;
  const auto left_out = sampler_.take(answer.issuer, static_cast<LogKind>(cause), now);
  if (!left_out) {
    return;
  }
  const bool ours = status_for(cause) == ocsp::ResponseStatus::kTryLater ||
                    status_for(cause) == ocsp::ResponseStatus::kInternalError;
  std::string what = cause == Cause::kBadEncoding
                         ? "GET path is not base64: " + printable(request.target.substr(0, 80))
                         : about(request);
  logger_.log(ours ? LogLevel::kWarning : LogLevel::kInfo, "responder.refused",
              ours ? "cannot give a status now" : "request refused",
              {{"cause", to_string(cause)},
               {"answer", ocsp::to_string(status_for(cause))},
               {"issuer", answer.issuer.empty() ? "-" : answer.issuer},
               {"client", client.address.text()},
               {"requestor", answer.requestor.empty() ? "-" : printable(answer.requestor)},
               {"request", std::move(what)},
               {"more_since_last", *left_out}});
}

void OcspHandler::log_unissued(const Answer& answer, const http::RequestView& request,
                               const Client& client, UnixSeconds now) {
  const auto left_out = sampler_.take(answer.issuer, kUnissuedKind, now);
  if (!left_out) {
    return;
  }
  logger_.log(LogLevel::kWarning, "responder.unissued",
              "somebody asked about a serial this CA never issued; a forged certificate is in use, "
              "somebody guesses, or the list of "
              "issued certificates lags",
              {{"issuer", answer.issuer},
               {"client", client.address.text()},
               {"request", about(request)},
               {"more_since_last", *left_out}});
}

}  // namespace muster::responder
