#include "muster/base/text.h"
#include "show_describe.h"

namespace muster::app {
namespace {

Json describe_nonce(Bytes value) {
  const auto nonce = ocsp::parse_nonce(value);
  if (!nonce) {
    return {{"error", to_string(nonce.error())}, {"hex", to_hex(value)}};
  }
  return {{"octets", to_hex(nonce->octets)},
          {"form", nonce->form == ocsp::NonceForm::kWrapped ? "wrapped" : "legacy, not wrapped"}};
}

Json describe_crl_id(Bytes value) {
  const auto id = ocsp::parse_crl_id(value);
  if (!id) {
    return {{"error", to_string(id.error())}, {"hex", to_hex(value)}};
  }
  Json json = Json::object();
  if (id->url) {
    json["url"] = printable(as_text(*id->url));
  }
  if (id->number) {
    json["number"] = describe_serial(*id->number);
  }
  if (id->time) {
    json["time"] = format_iso8601(*id->time);
  }
  return json;
}

Json describe_acceptable_responses(Bytes value) {
  const auto oids = ocsp::parse_acceptable_responses(value);
  if (!oids) {
    return {{"error", to_string(oids.error())}, {"hex", to_hex(value)}};
  }
  Json list = Json::array();
  for (const Bytes oid : *oids) {
    list.push_back(der::oid_to_string(oid));
  }
  return list;
}

Json describe_archive_cutoff(Bytes value) {
  const auto cutoff = ocsp::parse_archive_cutoff(value);
  return cutoff ? Json(format_iso8601(*cutoff))
                : Json{{"error", to_string(cutoff.error())}, {"hex", to_hex(value)}};
}

Json describe_service_locator(Bytes value) {
  const auto locator = ocsp::parse_service_locator(value);
  if (!locator) {
    return {{"error", to_string(locator.error())}, {"hex", to_hex(value)}};
  }
  Json json = {{"issuer", der::name_to_string(locator->issuer)}};
  if (locator->locator) {
    der::Reader in(*locator->locator);
    Json list = Json::array();
    const auto descriptions = der::read_access_descriptions(in, "locator");
    MUSTER_ASSERT(descriptions);  // checked with the locator
    for (const der::AccessDescriptionView& description : *descriptions) {
      list.push_back(der::oid_to_string(description.method) + " " +
                     describe_general_name(description.location.raw));
    }
    json["locations"] = std::move(list);
  }
  return json;
}

Json describe_preferred_signatures(Bytes value) {
  const auto list = ocsp::parse_preferred_signatures(value);
  if (!list) {
    return {{"error", to_string(list.error())}, {"hex", to_hex(value)}};
  }
  Json json = Json::array();
  for (const ocsp::PreferredSignatureView& preferred : *list) {
    json.push_back(
        der::oid_to_string(preferred.signature.oid) +
        (preferred.public_key ? " with key " + der::oid_to_string(preferred.public_key->oid) : ""));
  }
  return json;
}

Json describe_null(Bytes value) {
  const auto null = ocsp::parse_null_value(value, "value");
  return null ? Json("NULL") : Json{{"error", to_string(null.error())}, {"hex", to_hex(value)}};
}

Json describe_number(Bytes value) {
  der::Reader in(value);
  const auto number = in.read_integer("number");
  return number && in.at_end() ? Json(describe_serial(*number)) : Json(to_hex(value));
}

Json describe_hex(Bytes value) { return to_hex(value); }

struct KnownExtension {
  Bytes oid;
  std::string_view name;
  Json (*describe)(Bytes value);
};
constexpr KnownExtension kKnownExtensions[] = {
    {oid::kOcspNonce, "nonce", describe_nonce},
    {oid::kOcspCrlReference, "CRL reference", describe_crl_id},
    {oid::kOcspAcceptableResponses, "acceptable responses", describe_acceptable_responses},
    {oid::kOcspArchiveCutoff, "archive cutoff", describe_archive_cutoff},
    {oid::kOcspServiceLocator, "service locator", describe_service_locator},
    {oid::kOcspPreferredSignatures, "preferred signature algorithms",
     describe_preferred_signatures},
    {oid::kOcspExtendedRevoked, "extended revoked", describe_null},
    {oid::kOcspNoCheck, "OCSP no check", describe_null},
    {oid::kCeNoRevAvail, "no revocation available", describe_null},
    {oid::kCeCrlNumber, "CRL number", describe_number},
    {oid::kCeDeltaCrlIndicator, "delta CRL indicator", describe_number},
    {oid::kCtSctListOcsp, "certificate transparency list", describe_hex},
    {oid::kCeSubjectKeyId, "subject key identifier", describe_hex},
    {oid::kCeKeyUsage, "key usage", describe_hex},
    {oid::kCeBasicConstraints, "basic constraints", describe_hex},
    {oid::kCeReasonCode, "reason code", describe_hex},
    {oid::kCeHoldInstruction, "hold instruction", describe_hex},
    {oid::kCeInvalidityDate, "invalidity date", describe_hex},
    {oid::kCeIssuingDistributionPoint, "issuing distribution point", describe_hex},
    {oid::kCeCertificateIssuer, "certificate issuer", describe_hex},
    {oid::kCeCrlDistributionPoints, "CRL distribution points", describe_hex},
    {oid::kCeAuthorityKeyId, "authority key identifier", describe_hex},
    {oid::kCeExtendedKeyUsage, "extended key usage", describe_hex},
    {oid::kCeFreshestCrl, "freshest CRL", describe_hex},
    {oid::kCeExpiredCertsOnCrl, "expired certificates on CRL", describe_hex},
    {oid::kPeAuthorityInfoAccess, "authority information access", describe_hex},
    {oid::kPeTlsFeature, "TLS feature", describe_hex},
};

}  // namespace

Json describe_extensions(const der::ExtensionsView& extensions) {
  Json list = Json::array();
  for (const der::ExtensionView& extension : extensions) {
    Json json = {{"oid", der::oid_to_string(extension.oid)}, {"critical", extension.critical}};
    Json value = to_hex(extension.value);
    for (const KnownExtension& known : kKnownExtensions) {
      if (equal(known.oid, extension.oid)) {
        json["name"] = known.name;
        value = known.describe(extension.value);
      }
    }
    json["value"] = std::move(value);
    list.push_back(std::move(json));
  }
  return list;
}

std::string describe_hash(const der::AlgorithmView& algorithm) {
  const auto hash = der::find_hash(algorithm);
  return hash ? std::string(to_string(*hash)) : der::oid_to_string(algorithm.oid);
}

std::string describe_serial(Bytes integer_content) {
  const auto serial = Serial::make(integer_content);
  return serial ? serial->to_hex() : to_hex(integer_content);
}

std::string describe_general_name(Bytes element) {
  der::Reader in(element);
  const auto name = der::read_general_name(in, "generalName");
  if (!name) {
    return to_hex(element);
  }
  if (name->tag == der::kGeneralNameUri || name->tag == der::context_primitive(1) ||
      name->tag == der::context_primitive(2)) {
    return printable(as_text(name->content));
  }
  return name->tag == crl::kGeneralNameDirectory
             ? "directory: " + der::name_to_string(name->content)
             : to_hex(element);
}

}  // namespace muster::app
