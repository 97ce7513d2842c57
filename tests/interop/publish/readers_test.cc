#include "publish_command.h"

// Other programs read what we publish.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Readers : public PublishCommand {
 protected:
  /// `openssl verify` of <name>.pem with CRL checking; the CRLs in PEM, one file.
  ProcessResult openssl_verify(const std::string& name, const std::vector<std::string>& crls,
                               const std::vector<std::string>& more = {}) {
    std::string bundle;
    for (const std::string& crl : crls) {
      const Buffer der = read_octets(directory_.file(crl));
      bundle += to_pem("X509 CRL", der);
    }
    directory_.write("crls.pem", bundle);
    std::vector<std::string> all = {"openssl",    "verify", "-crl_check", "-CAfile", "root.pem",
                                    "-untrusted", "ca.pem", "-CRLfile",   "crls.pem"};
    all.insert(all.end(), more.begin(), more.end());
    all.push_back(name + ".pem");
    return run(all);
  }
};

TEST_F(Readers, OpensslAndGnutlsReadACompleteCrl) {
  const auto good = issue_leaf("good", 5);
  const auto gone = issue_leaf("gone", 6);
  import_index(index_line(good) + index_line(gone, an_hour_ago(), "keyCompromise"));
  const auto done = publish({"--out", "ca.crl"});
  ASSERT_EQ(done.exit_code, 0) << done.describe();

  const auto shown = run({"openssl", "crl", "-inform", "DER", "-in", "ca.crl", "-noout", "-text",
                          "-verify", "-CAfile", "ca.pem"});
  EXPECT_THAT(shown.err + shown.out, HasSubstr("verify OK")) << shown.describe();
  EXPECT_THAT(shown.out, HasSubstr("Serial Number: 06"));
  EXPECT_THAT(shown.out, HasSubstr("Key Compromise"));
  EXPECT_THAT(shown.out, HasSubstr("X509v3 CRL Number"));
  EXPECT_THAT(shown.out, Not(HasSubstr("Issuing Distribution Point")));
  EXPECT_EQ(openssl_verify("good", {"ca.crl"}).exit_code, 0)
      << openssl_verify("good", {"ca.crl"}).describe();
  EXPECT_THAT(openssl_verify("gone", {"ca.crl"}).err, HasSubstr("certificate revoked"));

  if (!find_program("certtool")) {
    GTEST_SKIP() << "certtool is not installed";
  }
  const auto info = run({"certtool", "--crl-info", "--inder", "--infile", "ca.crl"});
  EXPECT_EQ(info.exit_code, 0) << info.describe();
  EXPECT_THAT(info.out, HasSubstr("Revoked certificates (1)"));
  directory_.write("ca-crl.pem", to_pem("X509 CRL", read_octets(directory_.file("ca.crl"))));
  const auto verified = run(
      {"certtool", "--verify-crl", "--load-ca-certificate", "ca.pem", "--infile", "ca-crl.pem"});
  EXPECT_THAT(verified.out + verified.err, HasSubstr("Verified")) << verified.describe();
}

// req: OCSP-CRL-044, OCSP-CRL-019
TEST_F(Readers, OpensslTellsPartitionsApartByTheirDistributionPoint) {
  const std::vector<std::string> points = {"http://crl.example/0.crl", "http://crl.example/1.crl"};
  const auto gone = issue_leaf("gone", 6, {points[1]});
  const auto good = issue_leaf("good", 5, {points[0]});
  import_index(index_line(good) + index_line(gone, an_hour_ago()));
  directory_.write("map", std::string_view("05 0\n06 1\n"));
  const auto done = publish(
      {"--out", "{partition}.crl", "--uri", "http://crl.example/{partition}.crl", "--partitions",
       "2", "--assignment", "map", "--sample", "gone.pem", "--sample", "good.pem"});
  ASSERT_EQ(done.exit_code, 0) << done.describe();
  EXPECT_EQ(openssl_verify("good", {"0.crl"}).exit_code, 0);
  EXPECT_THAT(openssl_verify("gone", {"1.crl"}).err, HasSubstr("certificate revoked"));
  EXPECT_THAT(openssl_verify("gone", {"0.crl"}).err, Not(HasSubstr("certificate revoked")));
  EXPECT_NE(openssl_verify("gone", {"0.crl"}).exit_code, 0)
      << "the other partition says nothing about it";
}

// req: OCSP-CRL-038
TEST_F(Readers, OpensslAppliesADelta) {
  const auto held = issue_leaf("held", 5);
  const auto late = issue_leaf("late", 6);
  import_index(index_line(held, an_hour_ago(), "certificateHold") + index_line(late));
  ASSERT_EQ(publish({"--out", "ca.crl", "--delta-out", "delta.crl", "--delta-uri",
                     "http://crl.example/delta.crl"})
                .exit_code,
            0);
  import_index(index_line(held) + index_line(late, an_hour_ago()));
  const auto done = publish({"--out", "ca.crl", "--delta-out", "delta.crl", "--delta-uri",
                             "http://crl.example/delta.crl", "--delta"});
  ASSERT_EQ(done.exit_code, 0) << done.describe();
  EXPECT_THAT(done.out, HasSubstr("delta CRL number"));
  const std::vector<std::string> both = {"ca.crl", "delta.crl"};
  const std::vector<std::string> deltas = {"-extended_crl", "-use_deltas"};
  EXPECT_THAT(openssl_verify("late", both, deltas).err, HasSubstr("certificate revoked"));
  EXPECT_EQ(openssl_verify("held", both, deltas).exit_code, 0)
      << openssl_verify("held", both, deltas).describe();
  EXPECT_THAT(openssl_verify("held", {"ca.crl"}).err, HasSubstr("certificate revoked"))
      << "the base alone";
}

TEST_F(Readers, OpensslReadsAnIndirectCrl) {
  auto spec = leaf_spec("CRL issuer");
  spec.dns_names.clear();
  spec.at = SystemClock().now();
  spec.key_usage = static_cast<std::uint16_t>(pki::KeyUsageBit::kCrlSign);
  const Identity crl_issuer = issue(pki_.root, spec);
  crl_issuer.write(directory_, "crl-issuer");
  // A distribution point whose cRLIssuer names the separate issuer.
  der::Writer name;
  name.element(crl::kGeneralNameDirectory, [&] { name.raw(crl_issuer.certificate.subject()); });
  der::Writer uri;
  uri.element(der::kGeneralNameUri, as_bytes("http://crl.example/indirect.crl"));
  crl::DistributionPoint point;
  point.name = crl::PointName{{uri.bytes()}, std::nullopt};
  point.crl_issuer = {name.bytes()};
  const der::Extension points{to_buffer(oid::kCeCrlDistributionPoints), false,
                              crl::encode_distribution_points({&point, 1})};
  const auto gone = issue_leaf("gone", 6, {}, {points});
  const auto good = issue_leaf("good", 5, {}, {points});
  import_index(index_line(good) + index_line(gone, an_hour_ago(), "superseded"));
  const auto done = muster({"crl", "publish", "--store", "store", "--issuer", "ca.pem",
                            "--crl-issuer", "crl-issuer.pem", "--key", "crl-issuer.key", "--uri",
                            "http://crl.example/indirect.crl", "--out", "indirect.crl"});
  ASSERT_EQ(done.exit_code, 0) << done.describe();
  const auto shown =
      run({"openssl", "crl", "-inform", "DER", "-in", "indirect.crl", "-noout", "-text"});
  EXPECT_THAT(shown.out, HasSubstr("Indirect CRL"));
  EXPECT_THAT(shown.out, HasSubstr("X509v3 Certificate Issuer: critical"));
  const std::vector<std::string> extended = {"-extended_crl", "-untrusted", "crl-issuer.pem"};
  EXPECT_THAT(openssl_verify("gone", {"indirect.crl"}, extended).err,
              HasSubstr("certificate revoked"))
      << openssl_verify("gone", {"indirect.crl"}, extended).describe();
  EXPECT_EQ(openssl_verify("good", {"indirect.crl"}, extended).exit_code, 0)
      << openssl_verify("good", {"indirect.crl"}, extended).describe();
}

TEST_F(Readers, OurOwnCheckerFindsWhatTheResponderWouldSay) {
  const auto good = issue_leaf("good", 5);
  const auto gone = issue_leaf("gone", 6);
  import_index(index_line(good) + index_line(gone, an_hour_ago(), "keyCompromise"));
  ASSERT_EQ(publish({"--out", "ca.crl"}).exit_code, 0);
  const auto revoked = muster({"check", "gone.pem", "--issuer", "ca.pem", "--roots", "root.pem",
                               "--crl", "ca.crl", "--offline"});
  EXPECT_EQ(revoked.exit_code, 1) << revoked.describe();
  EXPECT_THAT(revoked.out, HasSubstr("keyCompromise"));
  const auto stands = muster({"check", "good.pem", "--issuer", "ca.pem", "--roots", "root.pem",
                              "--crl", "ca.crl", "--offline"});
  EXPECT_EQ(stands.exit_code, 0) << stands.describe();
}

}  // namespace
}  // namespace muster::testing
