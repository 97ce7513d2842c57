#include "muster/ocsp/ocsp.h"
#include "muster/responder/route.h"

namespace muster::responder {
namespace {

void send_try_later(net::LaterReply& reply) {
  reply.send(200, ocsp::kResponseMediaType, "Cache-Control: no-store\r\n",
             ocsp::encode_error_response(ocsp::ResponseStatus::kTryLater));
}

}  // namespace

struct Router::Impl {
  RouterLimits limits;
  net::FetchService& fetcher;
  Counters& counters;
  Logger& logger;
  std::size_t in_flight = 0;

  void fail(net::LaterReply& reply, const std::string& url, std::string_view why) {
    counters.route_failures.add();
    logger.log(LogLevel::kWarning, "responder.route_failed",
               "a request that was sent on got no answer", {{"url", url}, {"why", why}});
    send_try_later(reply);
  }
  void answer(net::LaterReply& reply, const std::string& url, const net::FetchResult& result) {
    if (!result) {
      fail(reply, url, result.error().detail);
    } else if (const auto parsed = ocsp::parse_response(result->body); !parsed) {
      fail(reply, url, "its answer is no OCSP response: " + der::to_string(parsed.error()));
    } else {
      reply.send(200, ocsp::kResponseMediaType, "Cache-Control: no-store\r\n", result->body);
    }
  }
};

Router::Router(const RouterLimits& limits, net::FetchService& fetcher, Counters& counters,
               Logger& logger)
    : impl_(new Impl{limits, fetcher, counters, logger}) {}
Router::~Router() = default;

void Router::send_on(std::string_view url, Bytes request, std::unique_ptr<net::LaterReply> reply) {
  if (impl_->in_flight == impl_->limits.max_in_flight) {
    impl_->fail(*reply, std::string(url), "too many requests are on their way");
    return;
  }
  ++impl_->in_flight;
  net::FetchRequest fetch;
  fetch.url = url;
  fetch.post_body = to_buffer(request);
  fetch.content_type = ocsp::kRequestMediaType;
  fetch.headers = {"Via: 1.1 " + std::string(kVia)};
  fetch.total_timeout = impl_->limits.timeout;
  fetch.connect_timeout = impl_->limits.timeout;
  fetch.max_body_bytes = impl_->limits.max_answer_bytes;
  fetch.max_redirects = 0;
  // Copyable, as std::function wants it; the router may be gone when the answer comes.
  const std::shared_ptr<net::LaterReply> waiting = std::move(reply);
  impl_->fetcher.start(std::move(fetch),
                       [weak = std::weak_ptr<Impl>(impl_), waiting,
                        where = std::string(url)](const net::FetchResult& result) {
                         if (const auto impl = weak.lock()) {
                           --impl->in_flight;
                           impl->answer(*waiting, where, result);
                         }
                       });
}

}  // namespace muster::responder
