#pragma once

#include <gtest/gtest.h>

#include "muster/client/crl_check.h"
#include "muster/testing/crl_builder.h"

// A small world to check CRLs in: root -> CA -> leaf, and short ways to say what a CRL or a
// certificate looks like.
namespace muster::client::test {

using pki::Certificate;
using pki::CrlErrc;
using testing::CrlSpec;
using testing::Identity;
using testing::kTestNow;

inline const Identity& root() { return testing::standard_pki().root; }
inline const Identity& ca() { return testing::standard_pki().intermediate; }
inline const Identity& leaf() { return testing::standard_pki().leaf; }

inline crl::Entry entry_of(const Certificate& certificate,
                           std::optional<ReasonCode> reason = std::nullopt) {
  return testing::revoked_entry(certificate.serial(), kTestNow - Seconds(86400), reason);
}
/// A CRL of `issuer` listing this certificate.
inline Buffer crl_revoking(const Identity& issuer, const Certificate& certificate) {
  return testing::build_crl(issuer, {.entries = {entry_of(certificate)}});
}
inline Buffer empty_crl(const Identity& issuer) { return testing::build_crl(issuer, {}); }

inline CrlVerdict check(const Certificate& certificate, const std::vector<Certificate>& path,
                        const std::vector<Buffer>& crls,
                        const std::vector<Certificate>& certificates = {},
                        UnixSeconds now = kTestNow, const CrlPolicy& policy = {}) {
  const std::vector<Bytes> views(crls.begin(), crls.end());
  return check_crls(certificate, path, {views, certificates}, now, policy);
}
inline CrlVerdict check_leaf(const std::vector<Buffer>& crls,
                             const std::vector<Certificate>& certificates = {},
                             UnixSeconds now = kTestNow, const CrlPolicy& policy = {}) {
  return check(leaf().certificate, {ca().certificate, root().certificate}, crls, certificates, now,
               policy);
}
/// A leaf of the CA with these distribution points.
inline Certificate leaf_with_points(const std::vector<crl::DistributionPoint>& points) {
  testing::CertificateSpec spec = testing::leaf_spec("scoped.example");
  spec.extensions.push_back(
      {to_buffer(oid::kCeCrlDistributionPoints), false, crl::encode_distribution_points(points)});
  return testing::issue(ca(), spec).certificate;
}
inline CrlVerdict check_scoped(const Certificate& certificate, const std::vector<Buffer>& crls,
                               const std::vector<Certificate>& certificates = {}) {
  return check(certificate, {ca().certificate, root().certificate}, crls, certificates);
}

inline der::Extension scope_extension(const crl::IssuingDistributionPoint& scope) {
  return {to_buffer(oid::kCeIssuingDistributionPoint), true,
          crl::encode_issuing_distribution_point(scope)};
}
/// A CRL of the CA with this scope.
inline Buffer scoped_crl(const crl::IssuingDistributionPoint& scope, CrlSpec spec = {},
                         const Identity& issuer = ca()) {
  spec.extensions.push_back(scope_extension(scope));
  return testing::build_crl(issuer, spec);
}

inline Buffer uri(std::string_view text) {
  der::Writer out;
  out.element(der::kGeneralNameUri, as_bytes(text));
  return out.take();
}
inline Buffer directory(Bytes name) {
  der::Writer out;
  out.element(crl::kGeneralNameDirectory, name);
  return out.take();
}

/// "good", "revoked", or the code of the problem.
inline std::string outcome(const CrlVerdict& verdict) {
  if (const CrlUndetermined* undetermined = verdict.undetermined()) {
    return std::string(pki::to_string(undetermined->code));
  }
  return verdict.revoked() != nullptr ? "revoked" : "good";
}

}  // namespace muster::client::test
