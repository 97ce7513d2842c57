#include "json.h"

#include <array>
#include <set>

#include "muster/base/text.h"
#include "muster/pki/keys.h"

namespace muster::push {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 9> kKeys = {
    "op",          "serial", "expires", "at", "reason", "invalidity_date", "compromise_date",
    "certificate", "amend"};

Err<ApiError> bad(std::string detail) {
  return Err{ApiError{400, "bad_request", std::move(detail)}};
}

/// A flat object whose keys are all known and different.
ApiResult<Json> parse_flat(std::string_view text) {
  std::set<std::string> seen;
  std::string problem;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    const bool opens =
        event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth > 0) {
      problem = "nothing may be nested";
      return false;  // dropped: no memory for what is not looked at
    }
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!seen.insert(key).second) {
        problem = "key '" + printable(key) + "' stands twice";
      }
      if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end() && problem.empty()) {
        const std::string_view guess = closest_match(key, kKeys);
        problem = "unknown key '" + printable(key.substr(0, 40)) + "'" +
                  (guess.empty() ? "" : " (did you mean '" + std::string(guess) + "'?)");
      }
    }
    return true;
  };
  Json json = Json::parse(text, watch, false);
  if (!problem.empty()) {
    return bad(std::move(problem));
  }
  if (!json.is_object()) {
    return bad("not a JSON object");
  }
  return json;
}

ApiResult<std::optional<std::string>> text_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) {
    return std::optional<std::string>();
  }
  if (!found->is_string()) {
    return bad(std::string(key) + ": must be a text");
  }
  return std::optional(found->get<std::string>());
}

ApiResult<std::optional<UnixSeconds>> time_of(const Json& json, const char* key) {
  MUSTER_TRY(const auto text, text_of(json, key));
  if (!text) {
    return std::optional<UnixSeconds>();
  }
  const auto time = parse_iso8601(*text);
  if (!time) {
    return bad(std::string(key) + ": '" + printable(text->substr(0, 40)) +
               "' is no time (2026-11-24T10:00:00Z)");
  }
  return time;
}

ApiResult<Unit> take_certificate(const std::string& text, const Issuer& issuer,
                                 std::optional<Serial>& serial,
                                 std::optional<UnixSeconds>& expires) {
  MUSTER_TRY(const Operation issued, issue_certificate(as_bytes(text), issuer));
  if (serial && *serial != issued.serial) {
    return bad("serial: the certificate's is " + issued.serial.to_hex());
  }
  if (expires && expires != issued.expires) {
    return bad("expires: the certificate's notAfter is " + format_iso8601(*issued.expires));
  }
  serial = issued.serial;
  expires = issued.expires;
  return Unit{};
}

ApiResult<Unit> take_reason(const Json& json, Operation& operation) {
  MUSTER_TRY(const auto text, text_of(json, "reason"));
  if (!text) {
    return Unit{};
  }
  operation.reason = parse_reason_code(*text);
  if (!operation.reason || operation.reason == ReasonCode::kRemoveFromCrl) {
    return bad("reason: '" + printable(text->substr(0, 40)) +
               "' is none (keyCompromise, superseded, cessationOfOperation, ...)");
  }
  if (operation.reason == ReasonCode::kCertificateHold) {
    return bad("reason: certificateHold is the operation hold");
  }
  if (operation.reason == ReasonCode::kUnspecified) {
    operation.reason.reset();  // said by absence (RFC 5280 section 5.3.1)
  }
  return Unit{};
}

ApiResult<Unit> take_dates(const Json& json, const Limits& limits, UnixSeconds now,
                           Operation& operation) {
  MUSTER_TRY(operation.at, time_of(json, "at"));
  if (operation.at && (*operation.at > now + limits.future_skew || *operation.at < UnixSeconds{})) {
    return bad("at: " + format_iso8601(*operation.at) + " lies in the future or before 1970");
  }
  MUSTER_TRY(operation.invalidity_date, time_of(json, "invalidity_date"));
  MUSTER_TRY(const auto compromised, time_of(json, "compromise_date"));
  if (!compromised) {
    return Unit{};
  }
  if (operation.reason != ReasonCode::kKeyCompromise &&
      operation.reason != ReasonCode::kCaCompromise) {
    return bad("compromise_date: goes with reason keyCompromise or cACompromise alone");
  }
  if (operation.invalidity_date && operation.invalidity_date != compromised) {
    return bad(
        "compromise_date and invalidity_date differ; the date of the compromise is the invalidity "
        "date");
  }
  operation.invalidity_date = compromised;
  return Unit{};
}

/// Keys that make sense for some operations only.
ApiResult<Unit> check_keys(const Json& json, OperationKind kind) {
  const auto only_for = [&](std::initializer_list<const char*> keys,
                            bool allowed) -> ApiResult<Unit> {
    for (const char* key : keys) {
      if (!allowed && json.contains(key)) {
        return bad(std::string(key) + ": makes no sense with " + std::string(to_string(kind)));
      }
    }
    return Unit{};
  };
  const bool revokes = kind == OperationKind::kRevoke;
  MUSTER_CHECK(only_for({"reason", "invalidity_date", "compromise_date", "amend"}, revokes));
  MUSTER_CHECK(only_for({"at"}, revokes || kind == OperationKind::kHold));
  return only_for({"expires"}, kind != OperationKind::kForget);
}

}  // namespace

ApiResult<Operation> issue_certificate(Bytes input, const Issuer& issuer) {
  const auto parsed = pki::parse_certificates(input);
  if (!parsed) {
    return bad("certificate: " + parsed.error().detail);
  }
  if (parsed->size() != 1) {
    return bad("certificate: one is expected, " + std::to_string(parsed->size()) + " came");
  }
  const pki::Certificate& certificate = parsed->front();
  for (const pki::Certificate& ca : issuer.certificates) {
    if (pki::same_name(certificate.issuer(), ca.subject()) &&
        pki::verify_issued_by(certificate, ca)) {
      return Operation{.kind = OperationKind::kIssue,
                       .serial = certificate.serial(),
                       .expires = certificate.not_after(),
                       .expires_by = Proof::kCertificate,
                       .at = {},
                       .reason = {},
                       .invalidity_date = {},
                       .amend = Amend::kNo};
    }
  }
  return Err{ApiError{400, "foreign_certificate",
                      "certificate: " + certificate.subject_text() + " was not signed by issuer '" +
                          issuer.label + "'"}};
}

ApiResult<Operation> parse_operation(std::string_view text, std::optional<OperationKind> kind,
                                     const Issuer& issuer, const Limits& limits, UnixSeconds now) {
  MUSTER_TRY(const Json json, parse_flat(text));
  MUSTER_TRY(const auto op, text_of(json, "op"));
  const auto said = op ? parse_operation_kind(*op) : std::nullopt;
  if (op ? !said || (kind && said != kind) : !kind) {
    return bad(
        "op: must be issue, revoke, hold, unhold or forget, as in the URL where that says it");
  }
  const OperationKind what = kind ? *kind : *said;
  if (what == OperationKind::kHold && issuer.holds == Holds::kForbidden) {
    return Err{ApiError{409, "hold_forbidden",
                        "issuer '" + issuer.label +
                            "' publishes CRLs that cannot say a hold: their profile forbids it, or "
                            "hold = \"revoked\" shows it as final (revoke the certificate)"}};
  }
  MUSTER_CHECK(check_keys(json, what));
  MUSTER_TRY(const auto hex, text_of(json, "serial"));
  std::optional<Serial> serial = hex ? Serial::from_hex(*hex) : std::nullopt;
  if (hex && !serial) {
    return bad("serial: '" + printable(hex->substr(0, 40)) +
               "' is none (a text in hexadecimal, as openssl prints it)");
  }
  MUSTER_TRY(std::optional<UnixSeconds> expires, time_of(json, "expires"));
  MUSTER_TRY(const auto certificate, text_of(json, "certificate"));
  if (certificate) {
    MUSTER_CHECK(take_certificate(*certificate, issuer, serial, expires));
  }
  if (!serial) {
    return bad("serial (in hexadecimal) or certificate (PEM) is missing");
  }
  Operation operation{.kind = what,
                      .serial = *serial,
                      .expires = what == OperationKind::kForget ? std::nullopt : expires,
                      .expires_by = certificate ? Proof::kCertificate : Proof::kWord,
                      .at = {},
                      .reason = {},
                      .invalidity_date = {},
                      .amend = Amend::kNo};
  MUSTER_CHECK(take_reason(json, operation));
  MUSTER_CHECK(take_dates(json, limits, now, operation));
  if (const auto amend = json.find("amend"); amend != json.end()) {
    if (!amend->is_boolean()) {
      return bad("amend: must be true or false");
    }
    operation.amend = amend->get<bool>() ? Amend::kYes : Amend::kNo;
  }
  return operation;
}

nlohmann::ordered_json to_json(const Serial& serial, const store::Status& status) {
  constexpr std::array<std::string_view, 3> kStates = {"good", "revoked", "hold"};
  nlohmann::ordered_json out{{"serial", serial.to_hex()},
                             {"state", kStates.at(static_cast<std::size_t>(status.state))}};
  const auto add = [&out](const char* name, const std::optional<UnixSeconds>& t) {
    if (t) {
      out[name] = format_iso8601(*t);
    }
  };
  add("at", status.revoked_at);
  if (status.reason) {
    out["reason"] = to_string(*status.reason);
  }
  add("invalidity_date", status.invalidity_date);
  add("expires", status.expires);
  return out;
}

nlohmann::ordered_json to_json(const ApiError& error) {
  return {{"error", error.code}, {"detail", error.detail}};
}

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace muster::push
