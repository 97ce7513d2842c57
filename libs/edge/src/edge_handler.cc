#include "muster/edge/edge_handler.h"

#include <algorithm>

#include "muster/http/ocsp_request.h"
#include "muster/ocsp/ocsp.h"

namespace muster::edge {
namespace {

constexpr std::size_t kMaxGetBytes = 4096;
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kNoStore = "Cache-Control: no-store\r\n";

/// The request in the form that exports are named by. Nothing: it is none that a file can answer.
std::optional<Buffer> shortest(const ocsp::RequestView& request) {
  if (request.requests.size() != 1 || request.signature) {
    return std::nullopt;
  }
  const ocsp::SingleRequestView single = *request.requests.begin();
  const auto is_critical = [](const der::ExtensionView& extension) { return extension.critical; };
  if (std::any_of(request.extensions.begin(), request.extensions.end(), is_critical) ||
      std::any_of(single.extensions.begin(), single.extensions.end(), is_critical)) {
    return std::nullopt;
  }
  ocsp::Request out;
  out.requests.push_back({single.cert_id.to_owned(), {}});
  return ocsp::encode_request(out);
}

void refuse(net::HttpReply& reply, std::atomic<std::uint64_t>& counter,
            ocsp::ResponseStatus status) {
  counter.fetch_add(1, std::memory_order_relaxed);
  reply.send(200, ocsp::kResponseMediaType, kNoStore, ocsp::encode_error_response(status));
}

}  // namespace

void EdgeHandler::answer(Bytes octets, net::HttpReply& reply) {
  using ocsp::ResponseStatus;
  const auto parsed = ocsp::parse_request(octets);
  if (!parsed) {
    refuse(reply, counters_.malformed, ResponseStatus::kMalformedRequest);
    return;
  }
  const auto wanted = shortest(*parsed);
  if (!wanted) {
    refuse(reply, counters_.unknown, ResponseStatus::kUnauthorized);
    return;
  }
  const UnixSeconds now = clock_.now();
  const auto held = mirror_.find(*wanted, now);
  if (!held) {
    switch (held.error()) {
      case MissErrc::kUnknown:
        if (mirror_.status().number != 0) {
          refuse(reply, counters_.unknown, ResponseStatus::kUnauthorized);
          return;
        }
        [[fallthrough]];  // nothing was pulled yet: nobody knows
      case MissErrc::kOver:
        refuse(reply, counters_.over, ResponseStatus::kTryLater);
        return;
      case MissErrc::kDamaged:
        refuse(reply, counters_.damaged, ResponseStatus::kTryLater);
        return;
    }
  }
  counters_.answered.fetch_add(1, std::memory_order_relaxed);
  const Seconds fresh = std::clamp(held->due - now, Seconds(0), held->next_update - now);
  reply.send(200, ocsp::kResponseMediaType,
             "Expires: " + format_http_date(held->next_update) + "\r\nCache-Control: max-age=" +
                 std::to_string(fresh.count()) + ", public, no-transform, must-revalidate\r\n",
             held->response);
}

void EdgeHandler::handle(const http::RequestView& request, net::HttpReply& reply) {
  const http::OcspRequestFound found =
      http::find_ocsp_request(request, prefix_, kMaxGetBytes, decoded_);
  switch (found.ask) {
    case http::OcspAsk::kPost:
      counters_.post.fetch_add(1, std::memory_order_relaxed);
      answer(found.octets, reply);
      return;
    case http::OcspAsk::kGet:
      counters_.get.fetch_add(1, std::memory_order_relaxed);
      answer(found.octets, reply);
      return;
    case http::OcspAsk::kBadEncoding:
      counters_.get.fetch_add(1, std::memory_order_relaxed);
      refuse(reply, counters_.malformed, ocsp::ResponseStatus::kMalformedRequest);
      return;
    case http::OcspAsk::kLanding:
    case http::OcspAsk::kElsewhere:
      counters_.other.fetch_add(1, std::memory_order_relaxed);
      reply.send(found.ask == http::OcspAsk::kLanding ? 200 : 404, kText, kNoStore,
                 as_bytes("This is an OCSP responder.\n"));
      return;
    case http::OcspAsk::kOtherMethod:
      break;
  }
  counters_.other.fetch_add(1, std::memory_order_relaxed);
  reply.send(405, kText, "Allow: GET, HEAD, POST\r\nCache-Control: no-store\r\n",
             as_bytes("Only GET, HEAD and POST.\n"));
}

}  // namespace muster::edge
