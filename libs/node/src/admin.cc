#include "admin.h"

#include <array>

#include "guard.h"
#include "json_text.h"
#include "muster/base/text.h"
#include "muster/http/get_path.h"

namespace muster::node {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kNoStore = "Cache-Control: no-store\r\n";
constexpr std::string_view kExplain = "/explain";
constexpr std::string_view kPages =
    "GET  /livez    the process answers\n"
    "GET  /readyz   it can do its work (?format=json)\n"
    "GET  /metrics  for Prometheus\n"
    "POST /reload   read configuration, certificates and keys again\n"
    "POST /drain    not ready from here on; finish what is in flight\n";
constexpr std::string_view kExplainPage =
    "GET  /explain/BASE64, POST /explain   what is answered to an OCSP request, and why\n"
    "      (?client=192.0.2.7: to this client)\n";

bool wants_json(const http::RequestView& head) {
  const std::size_t query = head.target.find('?');
  const auto accept = head.header("Accept");
  return (query != std::string_view::npos && head.target.substr(query) == "?format=json") ||
         (accept && accept->find("application/json") != std::string_view::npos);
}

/// Whom the query of `target` names; a peer on a unix socket when there is none. Nothing: it is no
/// such query.
std::optional<responder::Client> client_named(std::string_view target) {
  constexpr std::string_view kClient = "client=";
  const std::size_t at = target.find('?');
  const std::string_view query = at == std::string_view::npos ? "" : target.substr(at + 1);
  const std::string_view name =
      query.starts_with(kClient) ? query.substr(kClient.size()) : std::string_view("");
  if (query.empty() || name == IpAddress().text()) {
    return responder::Client{};
  }
  const auto address = IpAddress::parse(name);
  return address ? std::optional(responder::Client{*address}) : std::nullopt;
}

std::string error_json(std::string_view code, const std::string& detail) {
  return dump({{"error", code}, {"detail", detail}});
}

unsigned status_of(NodeErrc code) {
  switch (code) {
    case NodeErrc::kUsage:
    case NodeErrc::kInput:
      return 422;
    case NodeErrc::kStopped:
      return 409;
    case NodeErrc::kAddress:
    case NodeErrc::kSystem:
      break;
  }
  return 500;
}

}  // namespace

void AdminHandler::handle(Exchange& exchange) {
  const http::RequestView& head = exchange.head();
  if (const std::string why =
          refuse_origin(head, exchange.peer().way == ControlPeer::Way::kUnix, hosts_);
      !why.empty()) {
    ++stats_.denied;
    logger_.log(LogLevel::kWarning, "admin.denied", why,
                {{"peer", exchange.peer().text}, {"target", printable(head.target.substr(0, 80))}});
    exchange.send(403, kText, kNoStore, why + "\n");
    return;
  }
  const std::string_view path = exchange.path();
  const bool reads = head.method == http::Method::kGet || head.method == http::Method::kHead;
  const bool posts = head.method == http::Method::kPost;
  const bool explains = actions_.explains() && (path == kExplain || path.starts_with("/explain/"));
  const bool acts = path == "/reload" || path == "/drain";
  if (acts ? !posts : !(reads || (posts && explains))) {
    exchange.send(405, kText,
                  acts       ? "Allow: POST\r\n"
                  : explains ? "Allow: GET, HEAD, POST\r\n"
                             : "Allow: GET, HEAD\r\n",
                  "wrong method\n");
  } else if (path == "/livez") {
    exchange.send(200, kText, kNoStore, "ok\n");
  } else if (path == "/readyz" || path == "/healthz") {
    show_readiness(exchange);
  } else if (path == "/metrics") {
    exchange.send(200, kMetrics, kNoStore, actions_.metrics());
  } else if (explains) {
    explain(exchange);
  } else if (path == "/reload") {
    reload(exchange);
  } else if (path == "/drain") {
    drain(exchange);
  } else {
    show_pages(exchange, path == "/" ? 200 : 404);
  }
}

void AdminHandler::show_pages(Exchange& exchange, unsigned status) {
  exchange.send(status, kText, kNoStore,
                "muster " + std::string(actions_.program()) + ": admin\n\n" + std::string(kPages) +
                    std::string(actions_.explains() ? kExplainPage : std::string_view()));
}

void AdminHandler::show_readiness(Exchange& exchange) {
  const Readiness readiness = actions_.readiness();
  const unsigned status = readiness.is_ready() ? 200 : 503;
  if (wants_json(exchange.head())) {
    exchange.send(status, kJson, kNoStore, to_json(readiness));
  } else {
    exchange.send(status, kText, kNoStore, to_text(readiness));
  }
}

void AdminHandler::reload(Exchange& exchange) {
  const auto report = actions_.reload();
  if (!report) {
    exchange.send(status_of(report.error().code), kJson, kNoStore,
                  error_json("not_reloaded", report.error().detail));
    return;
  }
  exchange.send(200, kJson, kNoStore,
                dump({{"result", "reloaded"},
                      {"warnings", report->warnings},
                      {"restart_needed", report->restart_needed}}));
}

void AdminHandler::drain(Exchange& exchange) {
  logger_.log(LogLevel::kInfo, std::string(actions_.program()) + ".draining", "asked to drain",
              {{"peer", exchange.peer().text}});
  actions_.drain();
  exchange.send(200, kJson, kNoStore, dump({{"result", "drained"}}));
}

void AdminHandler::explain(Exchange& exchange) {
  const auto client = client_named(exchange.head().target);
  if (!client) {
    exchange.send(
        400, kJson, kNoStore,
        error_json("bad_request",
                   "the query is client=ADDRESS, such as client=192.0.2.7, or client=unix"));
    return;
  }
  Buffer request;
  if (exchange.head().method == http::Method::kPost) {
    auto body = exchange.read_body(max_body_bytes_);
    if (!body) {
      exchange.send(body.error(), kJson, kNoStore,
                    error_json("bad_request", "no request, or one of more than " +
                                                  std::to_string(max_body_bytes_) + " octets"));
      return;
    }
    request = *std::move(body);
  } else {
    const std::string_view path = exchange.path();
    const auto tail = http::find_get_tail(path, kExplain);
    if (!tail || !http::decode_get_tail(*tail, max_body_bytes_, request)) {
      exchange.send(400, kJson, kNoStore,
                    error_json("bad_request", "GET /explain/BASE64, or POST the request in DER"));
      return;
    }
  }
  exchange.send(200, kJson, kNoStore, actions_.explain(request, *client));
}

}  // namespace muster::node
