#include "muster/pki/host_name.h"

#include <gtest/gtest.h>

#include "muster/testing/pki_builder.h"

namespace muster::pki {
namespace {

Certificate issued_for(std::vector<std::string> dns, std::vector<std::string> addresses = {}) {
  muster::testing::CertificateSpec spec = muster::testing::leaf_spec();
  spec.common_name = "subject.example";
  spec.dns_names = std::move(dns);
  spec.ip_addresses = std::move(addresses);
  return muster::testing::issue(muster::testing::standard_pki().intermediate, spec).certificate;
}

TEST(NamesHost, GoesBySubjectAltNamesAlone) {
  const Certificate certificate = issued_for({"www.corp.example", "mail.corp.example"});
  EXPECT_TRUE(names_host(certificate, "www.corp.example"));
  EXPECT_TRUE(names_host(certificate, "MAIL.corp.example"));
  EXPECT_FALSE(names_host(certificate, "subject.example")) << "the subject does not count";
  EXPECT_FALSE(names_host(certificate, "corp.example"));
  EXPECT_FALSE(names_host(certificate, "x.www.corp.example"));
  EXPECT_FALSE(names_host(certificate, ""));
  EXPECT_FALSE(names_host(certificate, std::string_view("www.corp.example\0.evil", 22)));
  EXPECT_FALSE(names_host(issued_for({}), "subject.example"));
}

TEST(NamesHost, TakesAWildcardForOneWholeLabel) {
  const Certificate certificate = issued_for({"*.corp.example", "w*.part.example"});
  EXPECT_TRUE(names_host(certificate, "www.corp.example"));
  EXPECT_FALSE(names_host(certificate, "a.b.corp.example"));
  EXPECT_FALSE(names_host(certificate, "corp.example"));
  EXPECT_FALSE(names_host(certificate, "www.part.example"));
}

TEST(NamesHost, ComparesAddressesAsAddresses) {
  const Certificate certificate = issued_for({"10.0.0.2"}, {"10.0.0.1"});
  EXPECT_TRUE(names_host(certificate, "10.0.0.1"));
  EXPECT_FALSE(names_host(certificate, "10.0.0.2")) << "a dNSName is no address";
  EXPECT_FALSE(names_host(certificate, "::1"));
}

}  // namespace
}  // namespace muster::pki
