#include <algorithm>

#include "muster/crl/encode.h"

namespace muster::crl {
namespace {

using der::Tag;
using der::Writer;

constexpr std::uint8_t kMicrosoftNextPublish[] = {0x2b, 6,    1,    4, 1,
                                                  0x82, 0x37, 0x15, 4};  // 1.3.6.1.4.1.311.21.4

bool is_uri_text(std::string_view uri) {
  return !uri.empty() &&
         std::all_of(uri.begin(), uri.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

/// The URIs as one distribution point name; `names` holds the octets it views.
PointName point_name(const std::vector<std::string>& uris, std::vector<Buffer>& names) {
  PointName name;
  for (const std::string& uri : uris) {
    Writer out;
    out.element(der::kGeneralNameUri, as_bytes(uri));
    names.push_back(out.take());
  }
  for (const Buffer& octets : names) {
    name.full_name.push_back(octets);
  }
  return name;
}

Buffer scope_value(const Scope& scope) {
  std::vector<Buffer> names;
  IssuingDistributionPoint point;
  if (!scope.uris.empty()) {
    point.name = point_name(scope.uris, names);
  }
  point.only_user_certs = scope.only == Scope::Only::kUsers;
  point.only_ca_certs = scope.only == Scope::Only::kCas;
  point.indirect = scope.indirect;
  return encode_issuing_distribution_point(point);
}

/// FreshestCRL: one point; its several names are places of the same delta CRL (section 4.2.1.13).
Buffer freshest_value(const std::vector<std::string>& uris) {
  std::vector<Buffer> names;
  DistributionPoint point;
  point.name = point_name(uris, names);
  return encode_distribution_points(std::span(&point, 1));
}

Buffer key_id_value(Bytes key_id) {
  Writer out;
  out.sequence([&] { out.element(der::context_primitive(0), key_id); });
  return out.take();
}

Buffer number_value(const Number& number) {
  Writer out;
  out.integer_octets(number.content());
  return out.take();
}

}  // namespace

std::string_view to_string(FactsErrc code) {
  switch (code) {
    case FactsErrc::kNoKeyId:
      return "no key identifier of the CRL signer";
    case FactsErrc::kFreshestInDelta:
      return "a delta CRL cannot point to delta CRLs";
    case FactsErrc::kBaseNotBelow:
      return "a delta CRL whose base is not an earlier CRL";
    case FactsErrc::kBadUri:
      return "a URI that is empty or has other characters than printable ASCII";
  }
  return "unknown problem";
}

Result<std::vector<der::Extension>, FactsErrc> make_extensions(const CrlFacts& facts) {
  const auto& scope = facts.scope;
  if (facts.authority_key_id.empty()) {
    return Err{FactsErrc::kNoKeyId};
  }
  if (facts.delta_base && !facts.freshest_uris.empty()) {
    return Err{FactsErrc::kFreshestInDelta};
  }
  if (facts.delta_base && !(*facts.delta_base < facts.number)) {
    return Err{FactsErrc::kBaseNotBelow};
  }
  if (!std::all_of(scope.uris.begin(), scope.uris.end(), is_uri_text) ||
      !std::all_of(facts.freshest_uris.begin(), facts.freshest_uris.end(), is_uri_text)) {
    return Err{FactsErrc::kBadUri};
  }
  std::vector<der::Extension> out;
  const auto add = [&out](Bytes oid, bool critical, Buffer value) {
    out.push_back({to_buffer(oid), critical, std::move(value)});
  };
  add(oid::kCeAuthorityKeyId, false, key_id_value(facts.authority_key_id));
  add(oid::kCeCrlNumber, false, number_value(facts.number));
  if (facts.delta_base) {
    add(oid::kCeDeltaCrlIndicator, true, number_value(*facts.delta_base));
  }
  if (scope.says_something()) {
    add(oid::kCeIssuingDistributionPoint, true, scope_value(scope));
  }
  if (!facts.freshest_uris.empty()) {
    add(oid::kCeFreshestCrl, false, freshest_value(facts.freshest_uris));
  }
  if (facts.expired_certs_since) {
    Writer value;
    der::write_generalized_time(value, *facts.expired_certs_since);
    add(oid::kCeExpiredCertsOnCrl, false, value.take());
  }
  if (facts.next_publish) {
    Writer value;
    der::write_time(value, *facts.next_publish);
    add(kMicrosoftNextPublish, false, value.take());
  }
  return out;
}

}  // namespace muster::crl
