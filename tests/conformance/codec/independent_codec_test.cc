#include <gtest/gtest.h>
#include <openssl/ocsp.h>

#include <memory>

#include "muster/base/c_deleter.h"
#include "muster/ocsp/ocsp.h"
#include "muster/testing/response_builder.h"
#include "re_encode.h"

// What we encode, decoded and encoded again by OpenSSL.
namespace muster {
namespace {

/// Octets of `i2d(value, &out)`.
template <class T>
Buffer encoded(T* value, int (*i2d)(const T*, unsigned char**)) {
  const int size = i2d(value, nullptr);
  Buffer out(static_cast<std::size_t>(std::max(size, 0)));
  unsigned char* at = out.data();
  EXPECT_EQ(i2d(value, &at), size);
  return out;
}

Buffer request_by_openssl(const Buffer& octets) {
  const unsigned char* at = octets.data();
  const std::unique_ptr<OCSP_REQUEST, CDeleter<OCSP_REQUEST_free>> request(
      d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(octets.size())));
  return request == nullptr ? Buffer() : encoded(request.get(), i2d_OCSP_REQUEST);
}

/// The BasicOCSPResponse inside, which OpenSSL re-encodes field by field.
Buffer basic_by_openssl(const Buffer& octets) {
  const unsigned char* at = octets.data();
  const std::unique_ptr<OCSP_RESPONSE, CDeleter<OCSP_RESPONSE_free>> response(
      d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(octets.size())));
  if (response == nullptr || encoded(response.get(), i2d_OCSP_RESPONSE) != octets) {
    return {};
  }
  const std::unique_ptr<OCSP_BASICRESP, CDeleter<OCSP_BASICRESP_free>> basic(
      OCSP_response_get1_basic(response.get()));
  return basic == nullptr ? Buffer() : encoded(basic.get(), i2d_OCSP_BASICRESP);
}

const testing::TestPki& pki_set() { return testing::standard_pki(); }

ocsp::Request make_request() {
  ocsp::Request request;
  for (const HashAlgorithm hash : kAllHashAlgorithms) {
    request.requests.push_back(
        {pki::make_cert_id(hash, pki_set().leaf.certificate, pki_set().intermediate.certificate),
         {testing::unknown_extension(false)}});
  }
  return request;
}

// req: OCSP-COD-037
TEST(IndependentCodec, EncodesOurRequestsToTheSameOctets) {
  ocsp::Request request = make_request();
  EXPECT_EQ(request_by_openssl(ocsp::encode_request(request)), ocsp::encode_request(request));
  request.requestor_name = *from_hex("8203612e62");
  request.extensions.push_back(
      {to_buffer(oid::kOcspNonce), false, ocsp::encode_nonce(Buffer(32, 0xd4))});
  request.extensions.push_back(testing::unknown_extension(true));
  EXPECT_EQ(request_by_openssl(ocsp::encode_request(request)), ocsp::encode_request(request));
}

// req: OCSP-COD-035
TEST(IndependentCodec, VerifiesTheSignatureOfOurSignedRequest) {
  const testing::Identity& signer = pki_set().leaf;
  ocsp::Request request = make_request();
  request.requestor_name = *from_hex("8203612e62");
  const Buffer tbs = ocsp::encode_tbs_request(request);
  auto made = pki::Signer::make(signer.key);
  ASSERT_TRUE(made);
  ocsp::SignaturePart signature{
      to_buffer(made->algorithm()), {}, {to_buffer(signer.certificate.der())}};
  ASSERT_TRUE(made->sign(tbs, signature.signature));
  Buffer octets = ocsp::encode_request(tbs, &signature);
  EXPECT_EQ(request_by_openssl(octets), octets);

  const auto verifies = [&signer](const Buffer& message) {
    const auto view = ocsp::parse_request(message);
    return view && view->signature &&
           pki::verify_signature(view->signature->algorithm, view->tbs_raw,
                                 view->signature->signature, signer.certificate);
  };
  EXPECT_TRUE(verifies(octets));
  const auto view = ocsp::parse_request(octets);
  ASSERT_TRUE(view && view->signature);
  EXPECT_TRUE(equal(view->signature->certificates.at(0), signer.certificate.der()));
  // A bit of the first issuerNameHash.
  const Bytes hash = view->requests.at(0).cert_id.issuer_name_hash;
  octets[static_cast<std::size_t>(hash.data() - octets.data())] ^= 1;
  EXPECT_FALSE(verifies(octets));
}

// req: OCSP-COD-010
// req: OCSP-COD-037
TEST(IndependentCodec, EncodesOurResponsesToTheSameOctets) {
  const std::vector<ocsp::CertStatus> statuses = {
      ocsp::Good{}, ocsp::Revoked{testing::kTestNow, {}},
      ocsp::Revoked{testing::kTestNow, ReasonCode::kKeyCompromise}, ocsp::Unknown{}};
  for (const testing::ResponderIdAs by :
       {testing::ResponderIdAs::kByKey, testing::ResponderIdAs::kByName}) {
    testing::ResponseSpec spec;
    spec.responder_id = by;
    for (const ocsp::CertStatus& status : statuses) {
      testing::EntrySpec entry = testing::entry_for(pki_set().leaf.certificate,
                                                    pki_set().intermediate.certificate, status);
      entry.extensions = {testing::unknown_extension(false)};
      spec.entries.push_back(entry);
    }
    spec.entries.back().next_update.reset();
    spec.nonce = Buffer(16, 7);
    const Buffer octets = testing::build_response(pki_set().ocsp_signer, spec);
    const Buffer again = testing::re_encode_response(octets);
    EXPECT_EQ(again, octets);
    const Buffer basic = basic_by_openssl(again);
    ASSERT_FALSE(basic.empty());
    EXPECT_TRUE(std::search(again.begin(), again.end(), basic.begin(), basic.end()) != again.end())
        << "OpenSSL writes the BasicOCSPResponse otherwise";
  }
}

// req: OCSP-COD-009
// req: OCSP-COD-037
TEST(IndependentCodec, ReadsOurErrorResponses) {
  for (const int status : {1, 2, 3, 5, 6}) {
    const Buffer octets = ocsp::encode_error_response(static_cast<ocsp::ResponseStatus>(status));
    const unsigned char* at = octets.data();
    const std::unique_ptr<OCSP_RESPONSE, CDeleter<OCSP_RESPONSE_free>> response(
        d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(octets.size())));
    ASSERT_NE(response, nullptr);
    EXPECT_EQ(OCSP_response_status(response.get()), status);
    EXPECT_EQ(encoded(response.get(), i2d_OCSP_RESPONSE), octets);
  }
}

}  // namespace
}  // namespace muster
