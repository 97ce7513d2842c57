#include "muster/crl/combine.h"

#include "muster/crl/name_match.h"

namespace muster::crl {
namespace {

bool same_extension(const CrlView& a, const CrlView& b, Bytes oid) {
  const auto in_a = der::find_extension(a.extensions, oid);
  const auto in_b = der::find_extension(b.extensions, oid);
  return in_a.has_value() == in_b.has_value() && (!in_a || equal(in_a->value, in_b->value));
}

}  // namespace

bool same_coverage(const CrlView& a, const CrlView& b) {
  return same_name(a.issuer, b.issuer) && same_extension(a, b, oid::kCeIssuingDistributionPoint);
}

bool same_scope(const CrlView& a, const CrlView& b) {
  return same_coverage(a, b) && same_extension(a, b, oid::kCeAuthorityKeyId);
}

bool delta_fits(const CrlView& delta, const CrlView& complete) {
  return delta.delta_base_number && delta.crl_number && complete.crl_number &&
         same_scope(delta, complete) &&
         compare_numbers(*delta.delta_base_number, *complete.crl_number) <= 0 &&
         compare_numbers(*complete.crl_number, *delta.crl_number) < 0;
}

bool is_newer(const CrlView& a, const CrlView& b) {
  if (a.this_update != b.this_update) {
    return a.this_update > b.this_update;
  }
  return a.crl_number && b.crl_number && compare_numbers(*a.crl_number, *b.crl_number) > 0;
}

bool may_omit_expired(const CrlView& crl, UnixSeconds not_after) {
  if (crl.this_update <= not_after) {
    return false;
  }
  const auto extension = der::find_extension(crl.extensions, oid::kCeExpiredCertsOnCrl);
  if (!extension) {
    return true;
  }
  der::Reader in(extension->value);
  const auto since = der::read_generalized_time(in, "expiredCertsOnCRL");
  return !since || !in.at_end() || not_after < *since;
}

ReasonSet reasons_of(const CrlView& crl) {
  const bool limited =
      crl.issuing_distribution_point && crl.issuing_distribution_point->only_some_reasons;
  return limited ? static_cast<ReasonSet>(*crl.issuing_distribution_point->only_some_reasons &
                                          kAllReasons)
                 : kAllReasons;
}

}  // namespace muster::crl
