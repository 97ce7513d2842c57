#include "muster/node/explain.h"

#include "json_text.h"
#include "muster/node/offline.h"

namespace muster::node {
namespace {

using Json = nlohmann::ordered_json;

void add_text(Json& to, const char* key, const std::string& value) {
  if (!value.empty()) {
    to[key] = value;
  }
}
void add_time(Json& to, const char* key, const std::optional<UnixSeconds>& value) {
  if (value) {
    to[key] = format_iso8601(*value);
  }
}

Json certificate_json(const responder::ExplainedCertificate& one) {
  Json out;
  out["serial"] = one.serial;
  out["hash"] = one.hash;
  out["issuer_name_hash"] = one.issuer_name_hash;
  out["issuer_key_hash"] = one.issuer_key_hash;
  add_text(out, "issuer", one.issuer);
  add_text(out, "source", one.source);
  add_text(out, "record", one.record);
  add_text(out, "rule", one.rule);
  add_text(out, "why", one.why);
  add_text(out, "status", one.status);
  add_time(out, "revoked_at", one.revoked_at);
  add_text(out, "reason", one.reason);
  add_time(out, "this_update", one.this_update);
  add_time(out, "next_update", one.next_update);
  if (!one.extensions.empty()) {
    out["extensions"] = one.extensions;
  }
  return out;
}

std::string text_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}
void add_line(std::string& out, const char* title, const std::string& value) {
  if (!value.empty()) {
    out += std::string(title) + value + "\n";
  }
}
void add_lines(std::string& out, const char* title, const Json& json, const char* key) {
  if (const auto all = json.find(key); all != json.end() && all->is_array()) {
    for (const Json& one : *all) {
      add_line(out, title, one.is_string() ? one.get<std::string>() : "");
    }
  }
}

void add_certificate(std::string& out, const Json& one) {
  out += "\ncertificate " + text_of(one, "serial") + " (" + text_of(one, "hash") + ")\n";
  add_line(out, "  issuer:  ",
           one.contains("issuer") ? text_of(one, "issuer")
                                  : "none of ours, key hash " + text_of(one, "issuer_key_hash"));
  add_line(out, "  source:  ", text_of(one, "source"));
  add_line(out, "  record:  ", text_of(one, "record"));
  add_line(out, "  rule:    ", text_of(one, "rule"));
  add_line(out, "  why:     ", text_of(one, "why"));
  std::string status = text_of(one, "status");
  if (one.contains("revoked_at")) {
    status += " since " + text_of(one, "revoked_at");
  }
  if (one.contains("reason")) {
    status += ", " + text_of(one, "reason");
  }
  add_line(out, "  answer:  ", status);
  if (one.contains("this_update")) {
    add_line(out,
             "  valid:   ", text_of(one, "this_update") + " to " + text_of(one, "next_update"));
  }
}

}  // namespace

std::string to_json(const responder::Explanation& explanation) {
  Json out;
  out["answer"] = ocsp::to_string(explanation.status);
  out["cause"] = responder::to_string(explanation.cause);
  add_text(out, "why", explanation.why);
  add_text(out, "request", explanation.request);
  if (!explanation.request_facts.empty()) {
    out["request_facts"] = explanation.request_facts;
  }
  out["certificates"] = Json::array();
  for (const responder::ExplainedCertificate& one : explanation.certificates) {
    out["certificates"].push_back(certificate_json(one));
  }
  add_text(out, "signer", explanation.signer);
  add_text(out, "algorithm", explanation.algorithm);
  add_text(out, "signer_rule", explanation.signer_rule);
  if (!explanation.notes.empty()) {
    out["notes"] = explanation.notes;
  }
  return dump(out);
}

std::optional<std::string> explanation_text(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("answer") || !json.contains("cause")) {
    return std::nullopt;
  }
  std::string out;
  add_line(out, "answer:  ",
           text_of(json, "answer") +
               (text_of(json, "cause") == "none" ? "" : " (" + text_of(json, "cause") + ")"));
  add_line(out, "why:     ", text_of(json, "why"));
  add_line(out, "request: ", text_of(json, "request"));
  add_lines(out, "         ", json, "request_facts");
  if (json.contains("signer")) {
    add_line(out, "signer:  ",
             text_of(json, "signer") + ", " + text_of(json, "algorithm") + ", " +
                 text_of(json, "signer_rule"));
  }
  add_lines(out, "note:    ", json, "notes");
  if (const auto all = json.find("certificates"); all != json.end() && all->is_array()) {
    for (const Json& one : *all) {
      if (one.is_object()) {
        add_certificate(out, one);
      }
    }
  }
  return out;
}

NodeResult<responder::Explanation> explain_offline(const NodeOptions& options, ExplainFrom from,
                                                   Bytes request, const responder::Client& client,
                                                   const Clock& clock, Logger& logger) {
  MUSTER_TRY(const Offline offline, open_offline(options, from, clock, logger));
  const auto reader = offline.store->reader();
  const auto& clock_error = options.service.clock_error;
  return responder::explain(*offline.setup, *reader, request, clock.now(), client,
                            clock_error ? clock_error() : responder::kernel_clock_error());
}

}  // namespace muster::node
