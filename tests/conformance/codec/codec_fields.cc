#include "codec_fields.h"

#include <algorithm>
#include <array>
#include <set>

#include "muster/pki/certificate.h"
#include "re_encode.h"

namespace muster::vectors {
namespace {

using nlohmann::json;

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string hash_name(const der::AlgorithmView& algorithm) {
  if (const auto hash = der::find_hash(algorithm)) {
    return std::string(to_string(*hash));
  }
  return der::oid_to_string(algorithm.oid) == "2.16.840.1.101.3.4.2.4" ? "sha224" : "unsupported";
}

std::string instant(const std::optional<UnixSeconds>& t) {
  return t ? std::to_string(to_int(*t)) : "null";
}

std::string truth(bool value) { return value ? "true" : "false"; }

/// Opaque lists of RFC 6962 section 3.3: total length, then length and SCT each, all lengths of two
/// octets.
std::size_t count_scts(Bytes extension_value) {
  der::Reader in(extension_value);
  const auto content = in.read(der::Tag::kOctetString, "sctList");
  std::size_t count = 0;
  if (content && content->size() >= 2) {
    Bytes rest = content->subspan(2);
    while (rest.size() >= 2) {
      const std::size_t size = static_cast<std::size_t>(rest[0]) << 8 | rest[1];
      rest = rest.subspan(std::min(rest.size(), 2 + size));
      ++count;
    }
  }
  return count;
}

std::optional<Buffer> nonce_of(const der::ExtensionsView& extensions) {
  const auto extension = der::find_extension(extensions, oid::kOcspNonce);
  if (!extension) {
    return std::nullopt;
  }
  const auto nonce = ocsp::parse_nonce(extension->value);
  return nonce ? std::optional(to_buffer(nonce->octets)) : std::nullopt;
}

std::optional<std::string> cert_id_field(const ocsp::CertIdView& id, const std::string& name) {
  if (name == "certid_hash") {
    return hash_name(id.hash_algorithm);
  }
  if (name == "weak_hash") {
    return truth(hash_name(id.hash_algorithm) == "sha1");
  }
  if (name == "serial") {
    return to_decimal(id.serial);
  }
  if (name == "issuer_name_hash") {
    return to_hex(id.issuer_name_hash);
  }
  if (name == "issuer_key_hash") {
    return to_hex(id.issuer_key_hash);
  }
  return std::nullopt;
}

std::optional<std::string> request_field(const ocsp::RequestView& request, Bytes octets,
                                         const std::string& name) {
  if (name == "requests") {
    return std::to_string(request.requests.size());
  }
  if (name == "signed") {
    return truth(request.signature.has_value());
  }
  if (name == "extensions") {
    return std::to_string(request.extensions.size());
  }
  if (name == "nonce") {
    const auto nonce = nonce_of(request.extensions);
    return nonce ? to_hex(*nonce) : "absent";
  }
  if (name == "re_encodes_identically") {
    return truth(equal(testing::re_encode_request(octets), octets));
  }
  if (name == "acceptable_responses") {
    const auto extension = der::find_extension(request.extensions, oid::kOcspAcceptableResponses);
    json list = json::array();
    if (extension) {
      const auto oids = ocsp::parse_acceptable_responses(extension->value);
      for (std::size_t i = 0; oids && i < oids->size(); ++i) {
        list.push_back(der::oid_to_string((*oids)[i]));
      }
    }
    return list.dump();
  }
  return cert_id_field(request.requests.at(0).cert_id, name);
}

/// CertIDs that mean what the case asks about: the first one of its request, and, where its files
/// tell issuer and serial, the same under every hash, since some responders answer a question under
/// SHA-256 with a SHA-1 CertID.
std::vector<Buffer> targets_of(const Case& c) {
  std::vector<Buffer> targets;
  std::vector<Serial> serials;
  if (c.count("request") > 0) {
    const Buffer octets = c.read("request");
    if (const auto request = ocsp::parse_request(octets)) {
      const ocsp::CertIdView asked = request->requests.at(0).cert_id;
      targets.push_back(to_buffer(asked.raw));
      serials.push_back(*Serial::make(asked.serial));
    }
  }
  if (c.count("issuer") == 0) {
    return targets;
  }
  if (c.count("cert") > 0) {
    if (const auto certificate = pki::Certificate::parse(c.read("cert"))) {
      serials.push_back(certificate->serial());
    }
  }
  const auto issuer = pki::Certificate::parse(c.read("issuer"));
  for (std::size_t i = 0; issuer && i < serials.size(); ++i) {
    for (const HashAlgorithm hash : kAllHashAlgorithms) {
      targets.push_back(pki::make_cert_id(hash, *issuer, serials[i]).der());
    }
  }
  return targets;
}

bool has_single_for_target(const Case& c, const ocsp::BasicResponseView& basic) {
  const std::vector<Buffer> targets = targets_of(c);
  for (const ocsp::SingleResponseView& single : basic.responses) {
    for (const Buffer& target : targets) {
      if (ocsp::matches(single.cert_id, *ocsp::parse_cert_id(target))) {
        return true;
      }
    }
  }
  return false;
}

std::string nonce_agreement(const Case& c, const ocsp::BasicResponseView& basic) {
  const Buffer octets = c.read("request");
  const auto request = ocsp::parse_request(octets);
  const bool asked = request && nonce_of(request->extensions).has_value();
  const bool answered = nonce_of(basic.extensions).has_value();
  constexpr std::array<std::string_view, 4> kWords = {"absent in both", "request-only",
                                                      "response-only", "in both"};
  return std::string(kWords[(asked ? 1u : 0u) + (answered ? 2u : 0u)]);
}

std::optional<std::string> single_response_field(const ocsp::SingleResponseView& single,
                                                 const std::string& name, const json& wanted) {
  if (name == "this_update") {
    return instant(single.this_update);
  }
  if (name == "next_update") {
    return instant(single.next_update);
  }
  if (name == "reason_present") {
    const auto* revoked = std::get_if<ocsp::Revoked>(&single.status);
    return truth(revoked != nullptr && revoked->reason.has_value());
  }
  if (name == "single_extensions") {
    return std::to_string(single.extensions.size());
  }
  if (name == "single_extension_value") {
    return single.extensions.empty() ? "none" : to_hex(single.extensions.at(0).value);
  }
  if (name == "single_extension") {
    const auto oid = der::oid_from_string(text_of(wanted));
    return oid && der::find_extension(single.extensions, *oid) ? text_of(wanted) : "absent";
  }
  const auto scts = der::find_extension(single.extensions, oid::kCtSctListOcsp);
  if (name == "scts") {
    return truth(scts.has_value());
  }
  if (name == "sct_count") {
    return std::to_string(scts ? count_scts(scts->value) : 0);
  }
  if (name == "sct_extension_value") {
    // Upstream shows the whole extnValue element, as Java does.
    der::Writer element;
    element.octet_string(scts ? scts->value : Bytes());
    return to_hex(element.bytes());
  }
  return cert_id_field(single.cert_id, name);
}

std::optional<std::string> response_field(const Case& c, const ocsp::BasicResponseView& basic,
                                          Bytes octets, const std::string& name,
                                          const json& wanted) {
  const auto* by_key = std::get_if<ocsp::ResponderByKey>(&basic.responder_id);
  if (name == "responder_id") {
    return by_key != nullptr ? "byKey" : "byName";
  }
  if (name == "responder_key_hash") {
    return by_key != nullptr ? to_hex(by_key->key_hash) : "byName";
  }
  if (name == "produced_at") {
    return instant(basic.produced_at);
  }
  if (name == "embedded_certs") {
    return std::to_string(basic.certificates.size());
  }
  if (name == "responses") {
    return std::to_string(basic.responses.size());
  }
  if (name == "signature_oid") {
    return der::oid_to_string(basic.signature_algorithm.oid);
  }
  if (name == "re_encodes_identically") {
    return truth(equal(testing::re_encode_response(octets), octets));
  }
  if (name == "matches_request" || name == "single_response_for_target") {
    return truth(has_single_for_target(c, basic));
  }
  if (name == "nonce") {
    return nonce_agreement(c, basic);
  }
  // Of many entries the manifest describes the one whose serial it gives, else the first.
  std::optional<ocsp::SingleResponseView> described;
  for (const ocsp::SingleResponseView& single : basic.responses) {
    const bool is_named =
        c.expected.fields.contains("serial") &&
        text_of(c.expected.fields.at("serial")) == to_decimal(single.cert_id.serial);
    if (!described || is_named) {
      described = single;
    }
  }
  return described ? single_response_field(*described, name, wanted) : std::nullopt;
}

/// "request.der equals the request for this pair": made by us from certificate and issuer.
FieldCheck check_built_request(const Case& c) {
  const auto certificate = pki::Certificate::parse(c.read("cert"));
  const auto issuer = pki::Certificate::parse(c.read("issuer"));
  if (!certificate || !issuer) {
    return {"a pair of certificates", "one that does not parse"};
  }
  ocsp::Request request;
  request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha1, *certificate, *issuer), {}});
  if (c.kind == Kind::kRequest && c.expected.fields.contains("nonce")) {
    const auto nonce = from_hex(text_of(c.expected.fields.at("nonce")));
    request.extensions.push_back(
        {to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(nonce.value_or(Buffer()))});
  }
  return {to_hex(c.read("request")), to_hex(ocsp::encode_request(request))};
}

}  // namespace

std::string to_decimal(Bytes integer_content) {
  std::string digits = "0";  // least significant first
  for (const std::uint8_t octet : integer_content) {
    unsigned carry = octet;
    for (char& digit : digits) {
      carry += static_cast<unsigned>(digit - '0') * 256;
      digit = static_cast<char>('0' + carry % 10);
      carry /= 10;
    }
    for (; carry != 0; carry /= 10) {
      digits += static_cast<char>('0' + carry % 10);
    }
  }
  std::reverse(digits.begin(), digits.end());
  return digits;
}

bool is_for_another_layer(const std::string& name) {
  static const std::set<std::string> kOthers = {"lint", "lint_result"};
  return kOthers.contains(name);
}

std::optional<FieldCheck> check_field(const Case& c, const std::string& name, const json& wanted) {
  if (name == "request") {
    return check_built_request(c);
  }
  const Buffer octets = c.read_main();
  std::optional<std::string> got;
  if (c.kind == Kind::kRequest) {
    if (const auto request = ocsp::parse_request(octets)) {
      got = request_field(*request, octets, name);
    }
  } else if (const auto response = ocsp::parse_response(octets); response && response->basic) {
    got = response_field(c, *response->basic, octets, name, wanted);
  }
  if (!got) {
    return std::nullopt;
  }
  return FieldCheck{text_of(wanted), *std::move(got)};
}

}  // namespace muster::vectors
