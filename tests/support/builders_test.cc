#include <gtest/gtest.h>

#include "muster/pki/authority.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/process.h"
#include "muster/testing/response_builder.h"

namespace muster::testing {
namespace {

TEST(PkiBuilder, ChainVerifiesWithOpenssl) {
  const TestPki pki = make_pki(SystemClock().now());
  const TempDir dir;
  const std::string root = pki.root.write(dir, "root");
  const std::string intermediate = pki.intermediate.write(dir, "intermediate");
  const std::string leaf = pki.leaf.write(dir, "leaf");
  const auto r = run_process({"openssl", "verify", "-x509_strict", "-CAfile", root, "-untrusted",
                              intermediate, "-purpose", "sslserver", leaf});
  EXPECT_EQ(r.exit_code, 0) << r.describe();
}

TEST(ResponseBuilder, GoodResponseVerifiesWithOpenssl) {
  const TestPki pki = make_pki(SystemClock().now());
  const TempDir dir;
  const std::string root = pki.root.write(dir, "root");
  const std::string intermediate = pki.intermediate.write(dir, "intermediate");
  const std::string leaf = pki.leaf.write(dir, "leaf");
  const UnixSeconds now = SystemClock().now();
  ResponseSpec spec;
  spec.entries = {entry_for(pki.leaf.certificate, pki.intermediate.certificate)};
  spec.entries[0].this_update = now - Seconds(60);
  spec.entries[0].next_update = now + Seconds(3600);
  const auto verify = [&] {
    const std::string response = dir.write("r.der", build_response(pki.ocsp_signer, spec));
    return run_process({"openssl", "ocsp", "-respin", response, "-CAfile", root, "-verify_other",
                        intermediate, "-issuer", intermediate, "-cert", leaf, "-no_nonce"});
  };
  auto r = verify();
  EXPECT_NE(r.out.find("leaf.pem: good"), std::string::npos) << r.describe();
  EXPECT_NE(r.err.find("Response verify OK"), std::string::npos) << r.describe();
  for (bool ResponseSpec::*fault : {&ResponseSpec::break_signature, &ResponseSpec::break_body}) {
    spec.*fault = true;
    r = verify();
    EXPECT_NE(r.err.find("Response Verify Failure"), std::string::npos) << r.describe();
    spec.*fault = false;
  }
}

TEST(CrlBuilder, CrlVerifiesWithOpenssl) {
  const TestPki& pki = standard_pki();
  const TempDir dir;
  const std::string ca = pki.intermediate.write(dir, "ca");
  CrlSpec spec;
  spec.entries = {revoked_entry(pki.leaf.certificate.serial(), kTestNow - Seconds(5),
                                ReasonCode::kKeyCompromise)};
  const std::string crl = dir.write("c.der", build_crl(pki.intermediate, spec));
  const auto r = run_process(
      {"openssl", "crl", "-inform", "DER", "-in", crl, "-CAfile", ca, "-noout", "-text"});
  EXPECT_NE(r.err.find("verify OK"), std::string::npos) << r.describe();
  EXPECT_NE(r.out.find("Key Compromise"), std::string::npos) << r.describe();
  spec.break_signature = true;
  const std::string broken = dir.write("b.der", build_crl(pki.intermediate, spec));
  const auto b =
      run_process({"openssl", "crl", "-inform", "DER", "-in", broken, "-CAfile", ca, "-noout"});
  EXPECT_NE(b.err.find("verify failure"), std::string::npos) << b.describe();
}

}  // namespace
}  // namespace muster::testing
