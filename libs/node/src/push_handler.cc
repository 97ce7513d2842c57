#include "push_handler.h"

#include "client_check.h"
#include "guard.h"
#include "json_text.h"
#include "muster/base/text.h"

namespace muster::node {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kNoStore = "Cache-Control: no-store\r\n";

std::string error_json(std::string_view code, const std::string& detail) {
  return dump({{"error", code}, {"detail", detail}});
}

void send(Exchange& exchange, const push::Reply& reply) {
  exchange.send(reply.status, reply.content_type, reply.headers, reply.body);
}

}  // namespace

void PushHandler::refuse_body(Exchange& exchange, const push::Client& client, unsigned status,
                              std::size_t limit) {
  const std::string_view cause = status == 413 ? "too_large" : "broken_off";
  const std::string detail = status == 413
                                 ? "at most " + std::to_string(limit) + " octets; use bulk for many"
                                 : std::string("the body did not arrive");
  journal_.refused({client.name, "", exchange.head().target}, cause, detail, clock_.now());
  exchange.send(status, kJson, kNoStore, error_json(cause, detail));
}

void PushHandler::adopt(std::shared_ptr<PushSetup> setup) {
  setup->api.report_to(journal_);
  const std::lock_guard lock(mutex_);
  setup_ = std::move(setup);
}

std::shared_ptr<PushSetup> PushHandler::setup() const {
  const std::lock_guard lock(mutex_);
  return setup_;
}

void PushHandler::handle(Exchange& exchange) {
  const auto current = setup();
  const bool is_unix = exchange.peer().way == ControlPeer::Way::kUnix;
  std::string why = refuse_origin(
      exchange.head(), true, {});  // clients are authenticated; names do not matter, browsers do
  const push::Client* const client =
      push::find_client(current->options.clients, exchange.peer().facts);
  if (why.empty() && client == nullptr) {
    why = "you are " + exchange.peer().text + ", which no [[responder.push.client]] " +
          (is_unix ? "users or groups" : "certificates") + " names";
  }
  if (why.empty()) {
    why = refuse_peer(exchange.peer(), *current->answered, current->store);
  }
  if (!why.empty()) {
    ++stats_.denied;
    logger_.log(LogLevel::kWarning, "push.denied", why, {{"peer", exchange.peer().text}});
    exchange.send(403, kJson, kNoStore, error_json("forbidden", why));
    return;
  }
  if (push::Api::is_bulk(exchange.head().method_text, exchange.head().target)) {
    handle_bulk(exchange, current->api, *client);
    return;
  }
  const std::size_t limit = current->api.limits().max_body_bytes;
  const auto body = exchange.read_body(limit);
  if (!body) {
    refuse_body(exchange, *client, body.error(), limit);
    return;
  }
  const http::RequestView& head = exchange.head();
  send(exchange,
       current->api.handle(*client, {head.method_text, head.target, head.content_type, *body},
                           clock_.now()));
}

void PushHandler::handle_bulk(Exchange& exchange, push::Api& api, const push::Client& client) {
  const auto bulk = api.begin_bulk(client, exchange.head().target, clock_.now());
  if (!bulk) {
    send(exchange, bulk.error());
    return;
  }
  const bool streams = !(*bulk)->is_atomic();
  if (streams) {
    exchange.begin(200, "application/x-ndjson", kNoStore);
  }
  while (!(*bulk)->is_over()) {
    const auto piece = exchange.read_piece();
    if (!piece) {
      // What was acknowledged stays; an all-or-nothing request that did not arrive whole does
      // nothing.
      if (streams) {
        constexpr const char* kBroken =
            "the body broke off; lines without a result were not carried out";
        journal_.refused({client.name, "", exchange.head().target}, "broken_off", kBroken,
                         clock_.now());
        exchange.write(error_json("broken_off", kBroken));
        exchange.end();
      } else {
        refuse_body(exchange, client, piece.error(), api.limits().max_atomic_bytes);
      }
      return;
    }
    if (piece->empty()) {
      break;
    }
    exchange.write((*bulk)->feed(*piece, clock_.now()));
    if (exchange.is_broken()) {
      return;  // nobody hears results: what has none was not carried out
    }
  }
  const push::Reply last = (*bulk)->finish(clock_.now());
  if (streams) {
    exchange.write(last.body);
    exchange.end();
  } else {
    send(exchange, last);
  }
}

}  // namespace muster::node
