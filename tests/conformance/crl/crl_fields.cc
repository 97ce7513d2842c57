#include "crl_fields.h"

#include <algorithm>
#include <set>

namespace muster::vectors {
namespace {

/// INTEGER content of a decimal number of any size.
Buffer integer_of_decimal(std::string_view text) {
  const bool negative = text.starts_with('-');
  Buffer magnitude{0};
  for (const char digit : text.substr(negative ? 1 : 0)) {
    unsigned carry = static_cast<unsigned>(digit - '0');
    for (auto octet = magnitude.rbegin(); octet != magnitude.rend(); ++octet) {
      carry += *octet * 10u;
      *octet = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    if (carry != 0) {
      magnitude.insert(magnitude.begin(), static_cast<std::uint8_t>(carry));
    }
  }
  magnitude.insert(magnitude.begin(), 0);
  if (negative) {
    unsigned carry = 1;
    for (auto octet = magnitude.rbegin(); octet != magnitude.rend(); ++octet) {
      carry += static_cast<std::uint8_t>(~*octet);
      *octet = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
  }
  while (magnitude.size() > 1 && ((magnitude[0] == 0x00 && magnitude[1] < 0x80) ||
                                  (magnitude[0] == 0xff && magnitude[1] >= 0x80))) {
    magnitude.erase(magnitude.begin());
  }
  return magnitude;
}

bool has(const crl::CrlView& crl, Bytes oid) {
  return der::find_extension(crl.extensions, oid).has_value();
}

bool has_unique_serials(const crl::CrlView& crl) {
  std::set<Buffer> serials;
  crl::for_each_entry(crl, [&](const crl::AttributedEntry& entry) {
    serials.insert(to_buffer(entry.entry.serial));
    return crl::Walk::kContinue;
  });
  return serials.size() == crl.entry_count;
}

/// RSA signature identifiers of PKCS#1 (1.2.840.113549.1.1.x except RSASSA-PSS) must carry NULL
/// (RFC 4055 section 5).
bool lacks_null(const der::AlgorithmView& algorithm) {
  const std::string oid = der::oid_to_string(algorithm.oid);
  return oid.starts_with("1.2.840.113549.1.1.") && oid != "1.2.840.113549.1.1.10" &&
         !(algorithm.parameters && equal(*algorithm.parameters, std::array<std::uint8_t, 2>{5, 0}));
}

std::string yes(bool good) { return good ? "pass" : "error"; }

}  // namespace

std::optional<std::string> crl_field(const crl::CrlView& crl, const std::string& name,
                                     const nlohmann::json& wanted) {
  if (name == "entries") {
    return std::to_string(crl.entry_count);
  }
  if (name == "crl_number") {
    const Buffer number = integer_of_decimal(wanted.dump());
    return crl.crl_number && crl::compare_numbers(*crl.crl_number, number) == 0 ? wanted.dump()
                                                                                : "another";
  }
  if (name == "extension") {
    const auto oid = der::oid_from_string(wanted.get<std::string>());
    return oid && has(crl, *oid) ? wanted.get<std::string>() : "absent";
  }
  if (name == "listed_serial" || name == "unlisted_serial") {
    const Buffer serial = integer_of_decimal(wanted.get<std::string>());
    const bool is_listed = crl::find_entry(crl, serial, crl.issuer).has_value();
    return is_listed == (name == "listed_serial") ? wanted.get<std::string>() : "not so";
  }
  return std::nullopt;
}

std::optional<std::string> crl_lint(const crl::CrlView& crl, std::string_view name) {
  using crl::Defect;
  if (name == "e_crl_has_next_update") {
    return yes(crl.next_update.has_value());
  }
  if (name == "e_crl_has_authority_key_identifier") {
    return yes(has(crl, oid::kCeAuthorityKeyId));
  }
  if (name == "e_crl_missing_crl_number") {
    return yes(has(crl, oid::kCeCrlNumber));
  }
  if (name == "e_crl_number_out_of_range") {
    return yes(crl.crl_number.has_value());
  }
  if (name == "e_crl_unique_revoked_certificate") {
    return yes(has_unique_serials(crl));
  }
  if (name == "e_crl_has_valid_reason_code") {
    return yes(!crl.defects.has(Defect::kBadReasonCode));
  }
  if (name == "e_crl_revoked_certificate_crl_entry_has_no_duplicate_extensions") {
    return yes(!crl.defects.has(Defect::kDuplicateExtension));
  }
  if (name == "e_crl_extensions_validity") {
    return yes(!crl.defects.has(Defect::kWrongCriticality));
  }
  if (name == "e_crl_sigalgo_missing_null_params") {
    return yes(!lacks_null(crl.signature_algorithm));
  }
  return std::nullopt;
}

}  // namespace muster::vectors
