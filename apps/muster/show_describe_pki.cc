#include "muster/base/text.h"
#include "muster/pki/keys.h"
#include "show_describe.h"

namespace muster::app {
namespace {

Json describe_uris(const std::vector<std::string>& uris) {
  Json list = Json::array();
  for (const std::string& uri : uris) {
    list.push_back(printable(uri));
  }
  return list;
}

Json optional_hex(const std::optional<Buffer>& octets) {
  return octets ? Json(to_hex(*octets)) : Json();
}

Json describe_point(const crl::IssuingDistributionPoint& point) {
  Json json = Json::object();
  if (point.name) {
    Json names = Json::array();
    for (const Bytes name : point.name->full_name) {
      names.push_back(describe_general_name(name));
    }
    json["names"] = std::move(names);
  }
  json["only_user_certificates"] = point.only_user_certs;
  json["only_ca_certificates"] = point.only_ca_certs;
  json["only_attribute_certificates"] = point.only_attribute_certs;
  json["indirect"] = point.indirect;
  if (point.only_some_reasons) {
    Json reasons = Json::array();
    for (unsigned bit = 0; bit < 16; ++bit) {
      const auto reason = crl::reason_of_bit(bit);
      if (((*point.only_some_reasons >> bit) & 1) != 0 && reason) {
        reasons.push_back(to_string(*reason));
      }
    }
    json["only_some_reasons"] = std::move(reasons);
  }
  return json;
}

Json describe_defects(const crl::Defects& defects) {
  Json list = Json::array();
  for (std::size_t i = 0; i < crl::kDefectCount; ++i) {
    const auto defect = static_cast<crl::Defect>(i);
    if (defects.has(defect)) {
      list.push_back(std::string(to_string(defect)) + " at octet " +
                     std::to_string(defects.first_offset(defect)) +
                     (is_disqualifying(defect) ? " (not usable)" : ""));
    }
  }
  return list;
}

}  // namespace

Json describe(const pki::Certificate& certificate) {
  const pki::CertificateFacts& facts = certificate.facts();
  Json json = {{"subject", certificate.subject_text()},
               {"issuer", certificate.issuer_text()},
               {"serial", certificate.serial().to_hex()},
               {"not_before", format_iso8601(certificate.not_before())},
               {"not_after", format_iso8601(certificate.not_after())},
               {"signature_algorithm", pki::algorithm_text(certificate.signature_algorithm())},
               {"fingerprint_sha256", to_hex(certificate.fingerprint())},
               {"key_hash_sha1", to_hex(certificate.key_hash())},
               {"ca", facts.is_ca},
               {"ocsp", describe_uris(facts.access.ocsp)},
               {"ca_issuers", describe_uris(facts.access.ca_issuers)},
               {"crls", describe_uris(facts.crl_uris)},
               {"must_staple", facts.must_staple()},
               {"ocsp_signing", facts.eku_ocsp_signing},
               {"ocsp_no_check", facts.ocsp_no_check},
               {"no_revocation_available", facts.no_rev_avail},
               {"subject_key_id", optional_hex(facts.subject_key_id)},
               {"authority_key_id", optional_hex(facts.authority_key_id)},
               {"unknown_critical_extension", facts.has_unknown_critical_extension}};
  if (!facts.deviations.empty()) {
    json["deviations"] = describe_uris(facts.deviations);
  }
  return json;
}

Json describe(const crl::CrlView& crl) {
  Json json = {{"version", crl.version},
               {"issuer", der::name_to_string(crl.issuer)},
               {"this_update", format_iso8601(crl.this_update)},
               {"next_update", crl.next_update ? Json(format_iso8601(*crl.next_update)) : Json()},
               {"crl_number", crl.crl_number ? Json(describe_serial(*crl.crl_number)) : Json()}};
  if (crl.is_delta) {
    json["delta_of"] = crl.delta_base_number ? Json(describe_serial(*crl.delta_base_number))
                                             : Json("unusable number");
  }
  if (crl.issuing_distribution_point) {
    json["issuing_distribution_point"] = describe_point(*crl.issuing_distribution_point);
  }
  json["extensions"] = describe_extensions(crl.extensions);
  if (!crl.defects.none()) {
    json["defects"] = describe_defects(crl.defects);
  }
  json["signature"] = {{"algorithm", pki::algorithm_text(crl.signature_algorithm)},
                       {"octets", crl.signature.size()}};
  json["entry_count"] = crl.entry_count;
  return json;
}

Json describe(const crl::AttributedEntry& attributed, Bytes crl_issuer) {
  const crl::EntryView& entry = attributed.entry;
  Json json = {{"serial", describe_serial(entry.serial)},
               {"revocation_date", format_iso8601(entry.revocation_date)}};
  if (entry.reason) {
    json["reason"] = to_string(*entry.reason);
  }
  if (entry.invalidity_date) {
    json["invalidity_date"] = format_iso8601(*entry.invalidity_date);
  }
  if (!equal(attributed.certificate_issuer, crl_issuer)) {
    json["certificate_issuer"] = der::name_to_string(attributed.certificate_issuer);
  }
  return json;
}

}  // namespace muster::app
