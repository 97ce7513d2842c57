#include "muster/client/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "muster/crl/distribution_point.h"
#include "muster/pki/preferences.h"
#include "muster/testing/pki_builder.h"

namespace muster::client {
namespace {

using namespace muster::testing;

Buffer plain_request(const Question& question = {}) {
  return build_request(standard_pki().leaf.certificate, standard_pki().intermediate.certificate,
                       question);
}

// req: OCSP-CLI-023 OCSP-CLI-037 OCSP-CLI-038 OCSP-CLI-040
TEST(Request, IsOneSha256CertIdAndNothingElse) {
  const Buffer der = plain_request();
  const auto request = ocsp::parse_request(der);
  ASSERT_TRUE(request);
  ASSERT_EQ(request->requests.size(), 1u);
  const auto entry = request->requests.at(0);
  EXPECT_EQ(der::find_hash(entry.cert_id.hash_algorithm), HashAlgorithm::kSha256);
  EXPECT_TRUE(entry.extensions.empty());
  EXPECT_TRUE(request->extensions.empty());
  EXPECT_FALSE(request->requestor_name);
  EXPECT_FALSE(request->signature);
  EXPECT_TRUE(pki::names(entry.cert_id, standard_pki().leaf.certificate,
                         standard_pki().intermediate.certificate));
}

// req: OCSP-CLI-023 OCSP-CLI-044
TEST(Request, CarriesANonceOnlyWhenAskedForAndNeverCritical) {
  const Buffer nonce(32, 0x42);
  const Buffer der =
      plain_request({.hash = HashAlgorithm::kSha1, .parameters = {}, .nonce = nonce});
  const auto request = ocsp::parse_request(der);
  ASSERT_TRUE(request);
  ASSERT_EQ(request->extensions.size(), 1u);
  const auto extension = request->extensions.at(0);
  EXPECT_FALSE(extension.critical);
  EXPECT_TRUE(equal(ocsp::parse_nonce(extension.value)->octets, nonce));
  EXPECT_TRUE(request->requests.at(0).extensions.empty());
}

// req: OCSP-CLI-030
TEST(Request, ListsTheAlgorithmsThatTheVerifierTakesBestFirst) {
  const Buffer der = plain_request({.list_algorithms = true});
  const auto request = ocsp::parse_request(der);
  ASSERT_TRUE(request);
  ASSERT_EQ(request->extensions.size(), 1u);
  const auto extension = request->extensions.at(0);
  EXPECT_FALSE(extension.critical);
  const auto list = ocsp::parse_preferred_signatures(extension.value);
  ASSERT_TRUE(list);
  std::vector<Buffer> listed, preferred;
  for (const auto& entry : *list) {
    listed.push_back(to_buffer(entry.signature.raw));
    EXPECT_FALSE(entry.public_key);
  }
  for (const Bytes element : pki::preferred_signature_algorithms()) {
    preferred.push_back(to_buffer(element));
  }
  EXPECT_EQ(listed, preferred);
}

// req: OCSP-CLI-032
TEST(Request, SaysWhichResponseTypesAreAccepted) {
  const Buffer der = plain_request({.list_response_types = true});
  const auto request = ocsp::parse_request(der);
  ASSERT_TRUE(request);
  ASSERT_EQ(request->extensions.size(), 1u);
  const auto extension = request->extensions.at(0);
  EXPECT_TRUE(equal(extension.oid, oid::kOcspAcceptableResponses));
  EXPECT_FALSE(extension.critical);
  const auto types = ocsp::parse_acceptable_responses(extension.value);
  ASSERT_TRUE(types);
  ASSERT_EQ(types->size(), 1u);
  EXPECT_TRUE(equal(types->front(), oid::kOcspBasic));
}

// req: OCSP-CLI-022
TEST(SignedRequest, NamesItsRequestorAndVerifies) {
  const TestPki& pki = standard_pki();
  const auto requestor = Requestor::make({pki.other_leaf.certificate, pki.intermediate.certificate},
                                         pki.other_leaf.key);
  ASSERT_TRUE(requestor);
  const auto der = requestor->build_request(pki.leaf.certificate, pki.intermediate.certificate,
                                            {.nonce = Buffer(32, 1)});
  ASSERT_TRUE(der);
  const auto request = ocsp::parse_request(*der);
  ASSERT_TRUE(request);
  ASSERT_TRUE(request->requestor_name);
  const auto name = crl::directory_name(*request->requestor_name);
  ASSERT_TRUE(name);
  EXPECT_TRUE(equal(*name, pki.other_leaf.certificate.subject()));
  ASSERT_TRUE(request->signature);
  EXPECT_TRUE(pki::verify_signature(request->signature->algorithm, request->tbs_raw,
                                    request->signature->signature, pki.other_leaf.certificate));
  EXPECT_EQ(request->signature->certificates.size(), 2u);
}

// req: OCSP-CLI-022
TEST(SignedRequest, WithoutANameOrWithAnotherKeyIsRefusedHere) {
  const TestPki& pki = standard_pki();
  EXPECT_THAT(Requestor::make({}, pki.leaf.key).error(), ::testing::HasSubstr("certificate"));
  CertificateSpec nameless = leaf_spec();
  nameless.subject = make_name("");
  const Identity anonymous = issue(pki.intermediate, nameless);
  EXPECT_THAT(Requestor::make({anonymous.certificate}, anonymous.key).error(),
              ::testing::HasSubstr("must name its requestor"));
  EXPECT_THAT(Requestor::make({pki.leaf.certificate}, pki.other_leaf.key).error(),
              ::testing::HasSubstr("the key is not that of"));
}

// req: OCSP-CLI-044
TEST(Request, NoncesHave32OctetsAndDoNotRepeat) {
  std::set<Buffer> seen;
  for (int i = 0; i < 1000; ++i) {
    const Buffer nonce = make_nonce();
    EXPECT_EQ(nonce.size(), 32u);
    EXPECT_TRUE(seen.insert(nonce).second);
  }
  static_assert(kNonceOctets >= 32);
}

// req: OCSP-CLI-052 OCSP-CLI-055
TEST(Request, UsesGetUpTo255OctetsOfUrlAndPostBeyond) {
  const Buffer request(99, 0x01);  // 132 characters of base64, nothing to escape
  const std::string base = "http://ocsp.test/";
  for (const std::size_t total : {254u, 255u, 256u}) {
    const std::string url = base + std::string(total - base.size() - 1 - 132, 'a');
    const net::FetchRequest fetch = make_fetch_request(url, request, {});
    if (total <= 255) {
      EXPECT_EQ(fetch.url.size(), total);
      EXPECT_FALSE(fetch.post_body);
    } else {
      EXPECT_EQ(fetch.url, url);
      EXPECT_EQ(fetch.post_body, request) << "the bare DER";
      EXPECT_EQ(fetch.content_type, "application/ocsp-request");
    }
  }
}

// req: OCSP-CLI-054
TEST(Request, PostsToUrlsWithAQuery) {
  const net::FetchRequest fetch = make_fetch_request("http://ocsp.test/?ca=1", plain_request(), {});
  EXPECT_EQ(fetch.url, "http://ocsp.test/?ca=1");
  EXPECT_TRUE(fetch.post_body);
}

TEST(Request, PostsWhenToldTo) {
  EXPECT_TRUE(
      make_fetch_request("http://ocsp.test/", Buffer{0x30, 0x00}, {.method = HttpMethod::kPostOnly})
          .post_body);
}

// req: OCSP-CLI-058
TEST(Request, BypassesCachesOnlyWhenToldTo) {
  EXPECT_THAT(make_fetch_request("http://ocsp.test/", plain_request(), {}).headers,
              ::testing::IsEmpty());
  EXPECT_THAT(
      make_fetch_request("http://ocsp.test/", plain_request(), {}, CacheUse::kBypass).headers,
      ::testing::ElementsAre("Cache-Control: no-cache"));
}

// req: OCSP-CLI-059
TEST(Request, PassesLimitsAndTransportOn) {
  Transport transport;
  transport.total_timeout = Milliseconds(77);
  transport.max_body_bytes = 99;
  transport.proxy = "http://proxy.test:3128";
  transport.forbid_private_destinations = true;
  const net::FetchRequest fetch =
      make_fetch_request("https://ocsp.test/", plain_request(), transport);
  EXPECT_EQ(fetch.total_timeout, Milliseconds(77));
  EXPECT_EQ(fetch.max_body_bytes, 99u);
  EXPECT_EQ(fetch.proxy, "http://proxy.test:3128");
  EXPECT_TRUE(fetch.forbid_private_destinations);
}

// req: OCSP-CLI-036
TEST(Request, KnowsHttpUrls) {
  EXPECT_TRUE(is_http_url("http://ocsp.test"));
  EXPECT_TRUE(is_http_url("HTTPS://ocsp.test/x"));
  for (const char* url :
       {"ldap://ldap.test/cn=x", "file:///etc/passwd", "ftp://x.test/", "//x.test/", "", "http://",
        "http:///x", "http://user@x.test/", "http://x.test/ y"}) {
    EXPECT_FALSE(is_http_url(url)) << url;
  }
}

}  // namespace
}  // namespace muster::client
