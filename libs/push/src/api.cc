#include "muster/push/api.h"

#include <algorithm>

#include "api_impl.h"
#include "muster/base/text.h"
#include "muster/http/percent.h"

namespace muster::push {
namespace {

constexpr std::string_view kRoot = "/v1/issuers";

/// Where a request goes: "/v1/issuers", "/v1/issuers/LABEL", "/v1/issuers/LABEL/VERB",
/// "/v1/issuers/LABEL/certificates/SERIAL".
struct Route {
  std::string_view label, verb, serial, query;
  bool is_known = false;
};
Route parse_route(std::string_view target) {
  Route route;
  const std::size_t mark = std::min(target.find('?'), target.size());
  route.query = target.substr(std::min(target.size(), mark + 1));
  target = target.substr(0, mark);
  if (!target.starts_with(kRoot)) {
    return route;
  }
  target.remove_prefix(kRoot.size());
  const std::vector<std::string_view> parts = split(target, '/');
  const auto part = [&](std::size_t i) { return i < parts.size() ? parts[i] : std::string_view(); };
  route.label = part(1);
  route.verb = part(2);
  route.serial = part(3);
  route.is_known =
      part(0).empty() && parts.size() <= 4 && (parts.size() < 4 || route.verb == "certificates") &&
      std::all_of(parts.begin() + 1, parts.end(), [](std::string_view p) { return !p.empty(); });
  return route;
}

Reply reply_json(unsigned status, const nlohmann::ordered_json& json) {
  Reply reply;
  reply.status = status;
  reply.body = dump(json) + "\n";
  reply.headers = "Cache-Control: no-store\r\n";
  return reply;
}

bool is_certificate_type(std::string_view type) {
  const std::string_view media = trim(type.substr(0, type.find(';')));
  return iequals(media, "application/pkix-cert") || iequals(media, "application/x-pem-file") ||
         iequals(media, "application/x-x509-ca-cert") ||
         iequals(media, "application/x-x509-user-cert");
}

}  // namespace

Reply reply_of(const ApiError& error) {
  Reply reply = reply_json(error.status, to_json(error));
  if (error.status == 503) {
    reply.headers += "Retry-After: 1\r\n";
  }
  return reply;
}

ApiError error_of(const store::StoreError& error) {
  switch (error.code) {
    case store::StoreErrc::kDiskFull:
    case store::StoreErrc::kMapFull:
      return {507, "store_full", error.detail};
    case store::StoreErrc::kBusy:
      return {503, "store_busy", error.detail};
    case store::StoreErrc::kBadChange:
      return {400, "bad_request", error.detail};
    case store::StoreErrc::kOpen:
    case store::StoreErrc::kNotAStore:
    case store::StoreErrc::kWrongVersion:
    case store::StoreErrc::kCorrupt:
    case store::StoreErrc::kNoSuchIssuer:
    case store::StoreErrc::kIo:
      break;
  }
  return {500, "store_failed", error.detail};
}

unsigned status_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kChanged:
    case Verdict::kUnchanged:
      return 200;
    case Verdict::kConflict:
      return 409;
    case Verdict::kAbsent:
      break;
  }
  return 404;
}

nlohmann::ordered_json result_json(const Operation& operation, const Decision& decision,
                                   std::uint64_t sequence) {
  nlohmann::ordered_json out;
  switch (decision.verdict) {
    case Verdict::kChanged:
    case Verdict::kUnchanged:
      out["result"] = decision.verdict == Verdict::kChanged ? "changed" : "unchanged";
      out["sequence"] = sequence;
      break;
    case Verdict::kConflict:
      out["error"] = "conflict";
      out["detail"] = decision.why;
      break;
    case Verdict::kAbsent:
      out["error"] = "not_found";
      out["detail"] = decision.why;
      break;
  }
  out["certificate"] =
      decision.status
          ? to_json(operation.serial, *decision.status)
          : nlohmann::ordered_json{{"serial", operation.serial.to_hex()}, {"state", "absent"}};
  return out;
}

ApiResult<Unit> check_permission(const Client& client, OperationKind kind) {
  if (!client.may.contains(kind)) {
    return Err{ApiError{
        403, "forbidden",
        "client '" + client.name + "' may not " + std::string(to_string(kind)) + " (may = [...])"}};
  }
  return Unit{};
}

ApiResult<const Issuer*> Api::Impl::find_issuer(const Client& client,
                                                std::string_view label) const {
  const auto name = http::percent_decode(label);
  const auto found = std::find_if(issuers.begin(), issuers.end(),
                                  [&](const Issuer& issuer) { return issuer.label == name; });
  const bool may = name && std::find(client.issuers.begin(), client.issuers.end(), *name) !=
                               client.issuers.end();
  if (found == issuers.end() || !may) {  // one answer for both: nobody learns what else is served
    return Err{ApiError{404, "no_such_issuer",
                        "client '" + client.name + "' feeds no issuer '" +
                            printable(name.value_or("").substr(0, 80)) + "'"}};
  }
  return &*found;
}

void Api::Impl::count(Verdict verdict) {
  std::atomic<std::uint64_t>& counter = verdict == Verdict::kChanged     ? changed
                                        : verdict == Verdict::kUnchanged ? unchanged
                                                                         : conflicts;
  counter.fetch_add(1, std::memory_order_relaxed);
}

void Api::Impl::refuse(const Journal::Request& request, const ApiError& error, UnixSeconds now) {
  const bool is_ours = error.status >= 500;
  (is_ours ? failed : refused).fetch_add(1, std::memory_order_relaxed);
  is_ours ? journal->failed(request, error.code, error.detail, now)
          : journal->refused(request, error.code, error.detail, now);
}

void Api::Impl::report_conflict(const Client& client, const Issuer& issuer,
                                const Operation& operation, const Decision& decision,
                                UnixSeconds now) {
  journal->refused({client.name, issuer.label, to_string(operation.kind)},
                   decision.verdict == Verdict::kConflict ? "conflict" : "not_found",
                   operation.serial.to_hex() + ": " + decision.why, now);
}

namespace {

Reply list_issuers(Api::Impl& api, const Client& client) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Issuer& issuer : api.issuers) {
    if (std::find(client.issuers.begin(), client.issuers.end(), issuer.label) ==
        client.issuers.end()) {
      continue;
    }
    const auto state = api.engine.state(issuer.id);
    if (!state) {
      return reply_of(error_of(state.error()));
    }
    all.push_back({{"issuer", issuer.label},
                   {"subject", issuer.certificates.front().subject_text()},
                   {"records", state->records},
                   {"revoked", state->revoked},
                   {"sequence", state->sequence}});
  }
  return reply_json(200, {{"issuers", std::move(all)}});
}

ApiResult<Reply> get_certificate(Api::Impl& api, const Issuer& issuer, std::string_view hex) {
  const auto serial = Serial::from_hex(hex);
  if (!serial) {
    return Err{ApiError{400, "bad_request",
                        "'" + printable(hex.substr(0, 80)) + "' is no serial in hexadecimal"}};
  }
  const auto known = api.engine.find(issuer.id, *serial);
  if (!known) {
    return Err{error_of(known.error())};
  }
  if (!*known) {
    return Err{ApiError{404, "not_found", "serial " + serial->to_hex() + " is not known"}};
  }
  return reply_json(200, {{"certificate", to_json(*serial, **known)}});
}

ApiResult<Reply> change_certificate(Api::Impl& api, const Client& client, const Issuer& issuer,
                                    OperationKind kind, const Request& request, UnixSeconds now) {
  MUSTER_CHECK(check_permission(client, kind));
  const bool is_certificate = is_certificate_type(request.content_type);
  if (is_certificate && kind != OperationKind::kIssue) {
    return Err{ApiError{400, "bad_request",
                        "a certificate as the body is for issue alone; for " +
                            std::string(to_string(kind)) +
                            " send JSON: {\"certificate\": \"-----BEGIN CERTIFICATE-----...\"}"}};
  }
  MUSTER_TRY(const Operation operation,
             is_certificate
                 ? issue_certificate(request.body, issuer)
                 : parse_operation(as_text(request.body), kind, issuer, api.limits, now));
  const auto applied = api.engine.apply(issuer.id, {&operation, 1}, Together::kEach, now);
  if (!applied) {
    return Err{error_of(applied.error())};
  }
  const Decision& decision = applied->decisions.front();
  api.count(decision.verdict);
  if (decision.verdict == Verdict::kChanged) {
    api.journal->changed(client.name, issuer.label, operation, decision, applied->sequence);
  } else if (decision.verdict != Verdict::kUnchanged) {
    api.report_conflict(client, issuer, operation, decision, now);
  }
  return reply_json(status_of(decision.verdict),
                    result_json(operation, decision, applied->sequence));
}

ApiResult<Reply> dispatch(Api::Impl& api, const Client& client, const Request& request,
                          UnixSeconds now) {
  const Route route = parse_route(request.target);
  const auto kind = parse_operation_kind(route.verb);
  const bool is_get = request.method == "GET";
  if (!route.is_known || (!route.verb.empty() && !kind && route.serial.empty())) {
    return Err{ApiError{404, "no_such_resource",
                        "there are /v1/issuers, /v1/issuers/LABEL/certificates/SERIAL (GET) and "
                        "/v1/issuers/LABEL/{issue,revoke,hold,"
                        "unhold,forget,bulk} (POST)"}};
  }
  if (is_get == kind.has_value() || (!is_get && request.method != "POST")) {
    return Err{ApiError{405, "wrong_method", "reading is GET, changing is POST"}};
  }
  if (route.label.empty()) {
    return list_issuers(api, client);
  }
  MUSTER_TRY(const Issuer* issuer, api.find_issuer(client, route.label));
  if (kind) {
    return change_certificate(api, client, *issuer, *kind, request, now);
  }
  if (!route.serial.empty()) {
    return get_certificate(api, *issuer, route.serial);
  }
  return list_issuers(api, client);
}

}  // namespace

Api::Api(store::Store& store, std::vector<Issuer> issuers, const Limits& limits,
         std::function<void()> told, std::function<void(std::uint64_t)> committed)
    : impl_(std::make_unique<Impl>(store, std::move(issuers), limits, std::move(told),
                                   std::move(committed))) {}
Api::~Api() = default;

void Api::report_to(Journal& journal) { impl_->journal = &journal; }

Reply Api::handle(const Client& client, const Request& request, UnixSeconds now) {
  auto reply = dispatch(*impl_, client, request, now);
  if (!reply) {
    const std::string label =
        http::percent_decode(parse_route(request.target).label).value_or(std::string());
    impl_->refuse({client.name, printable(label.substr(0, 80)), request.target}, reply.error(),
                  now);
    return reply_of(reply.error());
  }
  return *std::move(reply);
}

bool Api::is_bulk(std::string_view method, std::string_view target) {
  const Route route = parse_route(target);
  return method == "POST" && route.is_known && route.verb == "bulk" && route.serial.empty();
}

Result<std::unique_ptr<Bulk>, Reply> Api::begin_bulk(const Client& client, std::string_view target,
                                                     UnixSeconds now) {
  const Route route = parse_route(target);
  return make_bulk(*impl_, client, route.label, route.query, now);
}

ApiStats Api::stats() const {
  return {impl_->changed, impl_->unchanged, impl_->conflicts, impl_->refused, impl_->failed};
}
const Limits& Api::limits() const { return impl_->limits; }

}  // namespace muster::push
