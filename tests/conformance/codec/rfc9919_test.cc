#include <gtest/gtest.h>

#include "muster/base/file.h"
#include "muster/http/base64.h"
#include "muster/pki/keys.h"
#include "re_encode.h"

// The worked example of RFC 9919 appendix B (testdata/rfc9919).
namespace muster {
namespace {

Buffer read_testdata(const std::string& name) {
  auto content = read_file(std::string(MUSTER_TESTDATA) + "/rfc9919/" + name, 1 << 20);
  MUSTER_ASSERT(content);
  return *std::move(content);
}

Buffer read_message(const std::string& name) {
  std::string text;
  for (const std::uint8_t c : read_testdata(name)) {
    if (c != '\n') {
      text += static_cast<char>(c);
    }
  }
  const auto octets = http::base64_decode(text);
  MUSTER_ASSERT(octets.has_value());
  return *octets;
}

pki::Certificate read_certificate(const std::string& name) {
  const auto certificates = pki::parse_certificates(read_testdata(name));
  MUSTER_ASSERT(certificates && certificates->size() == 1);
  return certificates->front();
}

// req: OCSP-COD-001
// req: OCSP-COD-004
// req: OCSP-COD-005
TEST(Rfc9919, OurRequestIsTheOneInTheAppendix) {
  const pki::Certificate leaf = read_certificate("leaf.pem");
  const pki::Certificate ca = read_certificate("ca.pem");
  ocsp::Request request;
  request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, leaf, ca), {}});
  const Buffer octets = ocsp::encode_request(request);
  EXPECT_EQ(octets.size(), 99u);
  EXPECT_EQ(to_hex(octets), to_hex(read_message("request.b64")));
  const ocsp::CertIdView id = request.requests[0].cert_id.view();
  EXPECT_TRUE(to_hex(id.issuer_name_hash).starts_with("3a994677"));
  EXPECT_TRUE(to_hex(id.issuer_key_hash).starts_with("474a6ca3"));
}

// req: OCSP-COD-024
TEST(Rfc9919, WithoutHashParametersTheRequestIsTwoOctetsShorter) {
  const pki::Certificate leaf = read_certificate("leaf.pem");
  const pki::Certificate ca = read_certificate("ca.pem");
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, leaf, ca, der::HashParameters::kAbsent), {}});
  const Buffer octets = ocsp::encode_request(request);
  EXPECT_EQ(octets.size(), 97u);
  const Buffer appendix = read_message("request.b64");
  const auto a = ocsp::parse_request(octets);
  const auto b = ocsp::parse_request(appendix);
  ASSERT_TRUE(a && b);
  EXPECT_TRUE(ocsp::matches(a->requests.at(0).cert_id, b->requests.at(0).cert_id));
}

// req: OCSP-COD-006
// req: OCSP-COD-007
// req: OCSP-COD-011
TEST(Rfc9919, TheResponseDecodesVerifiesAndReEncodes) {
  const Buffer octets = read_message("response.b64");
  EXPECT_EQ(octets.size(), 931u);
  EXPECT_TRUE(to_hex(pki::digest(HashAlgorithm::kSha256, octets)).starts_with("23ccbfd4e5b2c441"));
  const auto response = ocsp::parse_response(octets);
  ASSERT_TRUE(response && response->basic);
  const ocsp::BasicResponseView& basic = *response->basic;
  const pki::Certificate responder = read_certificate("responder.pem");
  const auto* by_key = std::get_if<ocsp::ResponderByKey>(&basic.responder_id);
  ASSERT_NE(by_key, nullptr);
  EXPECT_TRUE(equal(by_key->key_hash, responder.key_hash()));
  EXPECT_TRUE(to_hex(by_key->key_hash).starts_with("0ae3a0fe"));
  ASSERT_EQ(basic.certificates.size(), 1u);
  EXPECT_TRUE(equal(basic.certificates.at(0), responder.der()));
  EXPECT_GT(basic.responses.at(0).this_update, basic.produced_at) << "a peculiarity of the example";
  EXPECT_TRUE(
      pki::verify_signature(basic.signature_algorithm, basic.tbs_raw, basic.signature, responder));
  EXPECT_EQ(to_hex(testing::re_encode_response(octets)), to_hex(octets));
}

}  // namespace
}  // namespace muster
