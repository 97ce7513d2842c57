#include "muster/base/text.h"
#include "muster/pki/keys.h"
#include "show_describe.h"

namespace muster::app {
namespace {

Json describe_cert_id(const ocsp::CertIdView& id) {
  return {{"serial", describe_serial(id.serial)},
          {"hash", describe_hash(id.hash_algorithm)},
          {"issuer_name_hash", to_hex(id.issuer_name_hash)},
          {"issuer_key_hash", to_hex(id.issuer_key_hash)}};
}

Json describe_certificates(const ocsp::CertificateList& certificates) {
  Json list = Json::array();
  for (const Bytes der : certificates) {
    const auto certificate = pki::Certificate::parse(der);
    if (!certificate) {
      list.push_back({{"error", printable(certificate.error().detail)}});
      continue;
    }
    list.push_back({{"subject", certificate->subject_text()},
                    {"issuer", certificate->issuer_text()},
                    {"serial", certificate->serial().to_hex()},
                    {"not_after", format_iso8601(certificate->not_after())}});
  }
  return list;
}

Json describe_signature(const der::AlgorithmView& algorithm, Bytes signature,
                        const ocsp::CertificateList& certificates) {
  return {{"algorithm", pki::algorithm_text(algorithm)},
          {"octets", signature.size()},
          {"certificates", describe_certificates(certificates)}};
}

Json describe_single(const ocsp::SingleResponseView& single) {
  Json json = {{"status", to_string(single.status)}};
  if (const auto* revoked = std::get_if<ocsp::Revoked>(&single.status)) {
    json["revocation_time"] = format_iso8601(revoked->time);
    json["revocation_reason"] = revoked->reason ? Json(to_string(*revoked->reason)) : Json();
  }
  json["this_update"] = format_iso8601(single.this_update);
  json["next_update"] = single.next_update ? Json(format_iso8601(*single.next_update)) : Json();
  json["cert_id"] = describe_cert_id(single.cert_id);
  json["extensions"] = describe_extensions(single.extensions);
  return json;
}

Json describe_responder(const ocsp::ResponderIdView& id) {
  if (const auto* by_key = std::get_if<ocsp::ResponderByKey>(&id)) {
    return {{"by", "key"}, {"key_hash", to_hex(by_key->key_hash)}};
  }
  return {{"by", "name"}, {"name", der::name_to_string(std::get<ocsp::ResponderByName>(id).name)}};
}

}  // namespace

Json describe(const ocsp::RequestView& request) {
  Json json = Json::object();
  if (request.requestor_name) {
    json["requestor_name"] = describe_general_name(*request.requestor_name);
  }
  Json entries = Json::array();
  for (const ocsp::SingleRequestView& single : request.requests) {
    Json entry = {{"cert_id", describe_cert_id(single.cert_id)}};
    entry["extensions"] = describe_extensions(single.extensions);
    entries.push_back(std::move(entry));
  }
  json["requests"] = std::move(entries);
  json["extensions"] = describe_extensions(request.extensions);
  json["signature"] = request.signature ? describe_signature(request.signature->algorithm,
                                                             request.signature->signature,
                                                             request.signature->certificates)
                                        : Json();
  return json;
}

Json describe(const ocsp::ResponseView& response) {
  Json json = {{"response_status", to_string(response.status)}};
  if (!response.basic) {
    return json;
  }
  const ocsp::BasicResponseView& basic = *response.basic;
  json["responder"] = describe_responder(basic.responder_id);
  json["produced_at"] = format_iso8601(basic.produced_at);
  Json entries = Json::array();
  for (const ocsp::SingleResponseView& single : basic.responses) {
    entries.push_back(describe_single(single));
  }
  json["responses"] = std::move(entries);
  json["extensions"] = describe_extensions(basic.extensions);
  json["signature"] =
      describe_signature(basic.signature_algorithm, basic.signature, basic.certificates);
  return json;
}

}  // namespace muster::app
