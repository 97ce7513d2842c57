#include <gtest/gtest.h>

#include "muster/pki/keys.h"
#include "muster/testing/crl_builder.h"
#include "muster/testing/process.h"

namespace muster::pki {
namespace {

using muster::testing::run_process;
using muster::testing::standard_pki;
using muster::testing::TempDir;
using muster::testing::to_pem;

TEST(ParseCertificates, SaysThatThereIsNone) {
  for (const std::string_view input :
       {"", "hello", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"}) {
    const auto result = parse_certificates(as_bytes(input));
    ASSERT_FALSE(result) << input;
    EXPECT_EQ(result.error().code, PkiErrc::kNotACertificate) << input;
  }
}

TEST(ParseCertificates, ReadsPemInOrderAmongOtherThings) {
  const auto& pki = standard_pki();
  const std::string pem = "some text\n" + pki.leaf.key_pem + pki.leaf.certificate_pem() +
                          "more text\n" + pki.intermediate.certificate_pem();
  const auto result = parse_certificates(as_bytes(pem));
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(*result, (std::vector{pki.leaf.certificate, pki.intermediate.certificate}));
}

TEST(ParseCertificates, ReadsDer) {
  const auto result = parse_certificates(standard_pki().leaf.certificate.der());
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, std::vector{standard_pki().leaf.certificate});
}

TEST(ParseCertificates, TakesDerForDerEvenWithPemInside) {
  muster::testing::CertificateSpec spec;
  spec.ocsp_uris = {standard_pki().leaf.certificate_pem()};
  const auto tricky = muster::testing::issue(standard_pki().intermediate, spec);
  const auto result = parse_certificates(tricky.certificate.der());
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(*result, std::vector{tricky.certificate});
}

TEST(ParseCertificates, ReadsPkcs7InBothForms) {
  const auto& pki = standard_pki();
  const TempDir dir;
  const std::string chain = pki.leaf.write(dir, "chain", {pki.intermediate.certificate});
  for (const std::string form : {"PEM", "DER"}) {
    const auto r = run_process({"openssl", "crl2pkcs7", "-nocrl", "-certfile", chain, "-outform",
                                form, "-out", dir.file("bundle")});
    ASSERT_EQ(r.exit_code, 0) << r.describe();
    const auto result = load_certificates(dir.file("bundle"));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(*result, (std::vector{pki.leaf.certificate, pki.intermediate.certificate}));
    Buffer cut = muster::testing::read_octets(dir.file("bundle"));
    cut.resize(cut.size() / 2);
    EXPECT_FALSE(parse_certificates(cut)) << form;
  }
}

TEST(ParseCertificates, ReadsTrustedCertificatesOfOpenssl) {
  const TempDir dir;
  const auto r =
      run_process({"openssl", "x509", "-in", standard_pki().root.write(dir, "root"), "-trustout",
                   "-addtrust", "serverAuth", "-out", dir.file("trusted.pem")});
  ASSERT_EQ(r.exit_code, 0) << r.describe();
  const auto result = load_certificates(dir.file("trusted.pem"));
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(*result, std::vector{standard_pki().root.certificate});
}

TEST(ParseCertificates, RefusesAllWhenOneIsDamaged) {
  const auto& pki = standard_pki();
  std::string damaged = pki.intermediate.certificate_pem();
  damaged[100] = '*';
  const auto bad_base64 = parse_certificates(as_bytes(pki.leaf.certificate_pem() + damaged));
  ASSERT_FALSE(bad_base64);
  EXPECT_EQ(bad_base64.error().code, PkiErrc::kNotACertificate);

  Buffer der = to_buffer(pki.intermediate.certificate.der());
  der[4] = 0x31;
  EXPECT_FALSE(
      parse_certificates(as_bytes(pki.leaf.certificate_pem() + to_pem("CERTIFICATE", der))));

  const std::string cut = pki.leaf.certificate_pem();
  EXPECT_FALSE(parse_certificates(as_bytes(std::string_view(cut).substr(0, cut.size() / 2))));
}

TEST(ParseCertificates, RefusesDerBesidePem) {
  const auto& pki = standard_pki();
  const std::string pem = pki.leaf.certificate_pem();
  const std::string der(as_text(pki.intermediate.certificate.der()));
  for (const std::string& both : {pem + der, pem + der + pem, "text\n" + der + "\n" + pem}) {
    const auto refused = parse_certificates(as_bytes(both));
    ASSERT_FALSE(refused) << "OpenSSL passes over it as over text";
    EXPECT_EQ(refused.error().code, PkiErrc::kNotACertificate);
    EXPECT_NE(refused.error().detail.find("no text"), std::string::npos) << refused.error().detail;
  }
  EXPECT_FALSE(parse_certificates(as_bytes(der + pem))) << "trailing octets";
}

TEST(ParseCertificates, PassesOverWhatOtherProgramsWriteBesidePem) {
  const std::string pem = standard_pki().leaf.certificate_pem();
  for (const std::string& beside :
       {std::string("\xef\xbb\xbf"), std::string("# K\xc3\xb6ln\r\n"),
        std::string("Bag Attributes\n    friendlyName: Ksi\x05\x7cka\n"),
        std::string("Explicit Text: \x04\x1f\x04\x40\x04\x30\n"),
        std::string("at most 100\x84 or 100\x80 in Windows-1252\n")}) {
    const auto all = parse_certificates(as_bytes(beside + pem));
    ASSERT_TRUE(all) << all.error().detail;
    EXPECT_EQ(all->size(), 1U);
  }
}

TEST(LoadCertificates, NamesTheFileAndTheReason) {
  const TempDir dir;
  const auto missing = load_certificates(dir.file("none.pem"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, PkiErrc::kUnreadable);
  EXPECT_NE(missing.error().detail.find(dir.file("none.pem")), std::string::npos)
      << missing.error().detail;
  const auto empty = load_certificates(dir.write("empty.pem", std::string_view("nothing")));
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, PkiErrc::kNotACertificate);
  EXPECT_NE(empty.error().detail.find(dir.file("empty.pem")), std::string::npos)
      << empty.error().detail;
}

TEST(DecodeCrlInput, TakesPemAndDer) {
  const Buffer der = muster::testing::build_crl(standard_pki().intermediate, {});
  EXPECT_EQ(*decode_crl_input(der), der);
  const std::string pem = standard_pki().leaf.certificate_pem() + to_pem("X509 CRL", der);
  EXPECT_EQ(*decode_crl_input(to_buffer(as_bytes(pem))), der);
  for (const std::string& bad :
       {std::string(), std::string("<html>"), standard_pki().leaf.certificate_pem(),
        pem.substr(0, pem.size() - 40)}) {
    const auto result = decode_crl_input(to_buffer(as_bytes(bad)));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, PkiErrc::kNotACrl);
  }
}

TEST(DecodeCrls, TakesEveryOneOfAFile) {
  const Buffer first = muster::testing::build_crl(standard_pki().intermediate, {});
  const Buffer second = muster::testing::build_crl(standard_pki().root, {});
  const std::string both = to_pem("X509 CRL", first) + "a line between them\n" +
                           standard_pki().leaf.certificate_pem() + to_pem("X509 CRL", second);
  const auto crls = decode_crls(to_buffer(as_bytes(both)));
  ASSERT_TRUE(crls) << crls.error().detail;
  EXPECT_EQ(*crls, (std::vector<Buffer>{first, second}));
  EXPECT_EQ(*decode_crls(first), (std::vector<Buffer>{first}));

  const auto alone = decode_crl_input(to_buffer(as_bytes(both)));
  ASSERT_FALSE(alone) << "one of several is no answer";
  EXPECT_EQ(alone.error().code, PkiErrc::kNotACrl);
  EXPECT_NE(alone.error().detail.find("2 CRLs"), std::string::npos) << alone.error().detail;
}

TEST(DecodeCrls, PassesOverNoneThatCannotBeRead) {
  const std::string good =
      to_pem("X509 CRL", muster::testing::build_crl(standard_pki().intermediate, {}));
  std::string bad_base64 = good;
  bad_base64[100] = '!';
  for (const std::string& second : {bad_base64, good.substr(0, good.size() - 40), good.substr(1),
                                    "  " + good, good.substr(good.find('\n') + 1)}) {
    for (const std::string& all : {good + second, second + good}) {
      const auto refused = decode_crls(to_buffer(as_bytes(all)));
      ASSERT_FALSE(refused) << all;
      EXPECT_EQ(refused.error().code, PkiErrc::kNotACrl);
      EXPECT_NE(refused.error().detail.find("damaged"), std::string::npos)
          << refused.error().detail;
    }
  }
}

TEST(DecodeCrls, RefusesDerBesidePem) {
  const std::string der(as_text(muster::testing::build_crl(standard_pki().intermediate, {})));
  const std::string pem = to_pem("X509 CRL", muster::testing::build_crl(standard_pki().root, {}));
  for (const std::string& both : {pem + der, "text\n" + der + "\n" + pem}) {
    const auto refused = decode_crls(to_buffer(as_bytes(both)));
    ASSERT_FALSE(refused) << "the CRL behind may be the one that revokes";
    EXPECT_EQ(refused.error().code, PkiErrc::kNotACrl);
    EXPECT_NE(refused.error().detail.find("no text"), std::string::npos) << refused.error().detail;
  }
  const std::string named = "Revocation list of the CA in K\xc3\xb6ln\r\n\t(weekly)\n" + pem;
  EXPECT_TRUE(decode_crls(to_buffer(as_bytes(named))));
}

TEST(SystemAnchors, AreThoseOfDebianOnceEach) {
  const auto anchors = system_anchors();
  for (std::size_t i = 1; i < anchors.size(); ++i) {
    EXPECT_FALSE(anchors[i] == anchors[0]);
  }
  if (run_process({"test", "-e", "/etc/ssl/certs/ca-certificates.crt"}).exit_code == 0) {
    EXPECT_GT(anchors.size(), 50u);
  }
}

}  // namespace
}  // namespace muster::pki
