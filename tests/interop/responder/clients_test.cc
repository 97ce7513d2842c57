#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "muster/ocsp/ocsp.h"
#include "site.h"

namespace muster::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Buffer leaf_request(const Site& site, HashAlgorithm hash = HashAlgorithm::kSha256) {
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(hash, site.pki.leaf.certificate, site.pki.intermediate.certificate), {}});
  return ocsp::encode_request(request);
}

/// curl -s -i, split into head and body.
struct CurlAnswer {
  std::string head;
  Buffer body;
};
CurlAnswer curl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"curl", "-s", "-S", "-i", "--noproxy", "*", "--max-time",
                                       "10", "--path-as-is"});
  const ProcessResult result = run_process(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  const std::size_t end = result.out.find("\r\n\r\n");
  if (end == std::string::npos) {
    ADD_FAILURE() << result.describe();
    return {};
  }
  return {result.out.substr(0, end + 4), to_buffer(as_bytes(result.out).subspan(end + 4))};
}
std::optional<ocsp::ResponseStatus> status_of(const Buffer& body) {
  const auto parsed = ocsp::parse_response(body);
  return parsed ? std::optional(parsed->status) : std::nullopt;
}

class Clients : public ::testing::Test {
 protected:
  Site site;
  Running responder{site.one_liner()};
};

// req: OCSP-RESP-032 OCSP-RESP-054
TEST_F(Clients, OpensslVerifiesWithEveryHashWithAndWithoutNonce) {
  for (const char* hash : {"-sha1", "-sha256", "-sha384", "-sha512"}) {
    for (const char* nonce : {"-nonce", "-no_nonce"}) {
      const ProcessResult result = openssl_ocsp(site, responder, {hash, nonce});
      EXPECT_THAT(result.out, HasSubstr("leaf.pem: good")) << hash << nonce << result.describe();
      EXPECT_THAT(result.err, HasSubstr("Response verify OK")) << hash << nonce;
      EXPECT_THAT(result.out + result.err, Not(HasSubstr("WARNING: no nonce"))) << hash << nonce;
    }
  }
}

// req: OCSP-RESP-062
TEST_F(Clients, OpensslHearsUnknownForACertificateNotInTheIndex) {
  EXPECT_EQ(openssl_says(site, responder, {}, "other.pem"), "unknown");
}

TEST_F(Clients, OpensslHearsUnauthorizedForAForeignIssuer) {
  const ProcessResult result =
      run_process({"openssl", "ocsp", "-issuer", site.file("root.pem"), "-cert",
                   site.file("ca.pem"), "-CAfile", site.file("chain.pem"), "-url", responder.url});
  EXPECT_THAT(result.out + result.err, HasSubstr("unauthorized"));
}

// req: OCSP-RESP-020
TEST_F(Clients, OpensslGetsEachOfSeveralCertificates) {
  const ProcessResult result = run_process(
      {"openssl", "ocsp", "-issuer", site.file("ca.pem"), "-cert", site.file("leaf.pem"), "-cert",
       site.file("other.pem"), "-CAfile", site.file("chain.pem"), "-url", responder.url});
  EXPECT_THAT(result.out, HasSubstr("leaf.pem: good"));
  EXPECT_THAT(result.out, HasSubstr("other.pem: unknown"));
  EXPECT_THAT(result.err, HasSubstr("Response verify OK"));
}

TEST_F(Clients, OcsptoolVerifies) {
  if (!find_program("ocsptool")) {
    GTEST_SKIP() << "ocsptool is not installed (gnutls-bin)";
  }
  for (const auto& nonce : {std::vector<std::string>{}, std::vector<std::string>{"--nonce"}}) {
    std::vector<std::string> command{
        "ocsptool",    "--ask=" + responder.url, "--load-issuer", site.file("ca.pem"),
        "--load-cert", site.file("leaf.pem"),    "--load-trust",  site.file("chain.pem")};
    command.insert(command.end(), nonce.begin(), nonce.end());
    const ProcessResult result = run_process(command);
    EXPECT_EQ(result.exit_code, 0) << result.describe();
    EXPECT_THAT(result.out, HasSubstr("Certificate Status: good"));
    EXPECT_THAT(result.out, HasSubstr("Verifying OCSP Response: Success"));
  }
}

// req: OCSP-RESP-032 OCSP-RESP-033 OCSP-RESP-075 OCSP-RESP-076 OCSP-RESP-077
TEST_F(Clients, CurlGetsTheSameOctetsByGetAndPost) {
  const Buffer request = leaf_request(site);
  const std::string file = site.dir.write("request.der", request);
  const CurlAnswer post = curl(
      {"--data-binary", "@" + file, "-H", "Content-Type: application/ocsp-request", responder.url});
  EXPECT_EQ(status_of(post.body), ocsp::ResponseStatus::kSuccessful);
  EXPECT_THAT(post.head, HasSubstr("Content-Type: application/ocsp-response\r\n"));
  EXPECT_THAT(post.head, HasSubstr("Content-Length: " + std::to_string(post.body.size()) + "\r\n"));
  const std::string raw = http::base64_encode(request);
  for (const std::string& tail :
       {http::encode_get_tail(request), raw, "/" + raw, raw.substr(0, raw.find('='))}) {
    const CurlAnswer get = curl({responder.url + tail});
    EXPECT_EQ(get.body, post.body) << tail;
  }
  const CurlAnswer typeless =
      curl({"--data-binary", "@" + file, "-H", "Content-Type: text/plain", responder.url});
  EXPECT_EQ(typeless.body, post.body);
}

// req: OCSP-RESP-046 OCSP-RESP-048 OCSP-RESP-080
TEST_F(Clients, CurlSeesCachingHeadersHeadAnd304) {
  const std::string url = responder.url + http::encode_get_tail(leaf_request(site));
  const CurlAnswer full = curl({url});
  const std::string etag = "\"" + to_hex(pki::digest(HashAlgorithm::kSha256, full.body)) + "\"";
  EXPECT_THAT(full.head, HasSubstr("ETag: " + etag + "\r\n"));
  for (const char* field : {"Last-Modified: ", "Expires: ", "Date: ", "Cache-Control: max-age=",
                            "no-transform", "must-revalidate"}) {
    EXPECT_THAT(full.head, HasSubstr(field));
  }
  const CurlAnswer head = curl({"--head", url});
  EXPECT_THAT(head.head, HasSubstr("200 OK"));
  EXPECT_THAT(head.head, HasSubstr("Content-Length: " + std::to_string(full.body.size()) + "\r\n"));
  EXPECT_TRUE(head.body.empty());
  const CurlAnswer again = curl({"-H", "If-None-Match: " + etag, url});
  EXPECT_THAT(again.head, HasSubstr("304 Not Modified"));
  EXPECT_TRUE(again.body.empty());
  EXPECT_THAT(curl({"-X", "PUT", "-d", "x", responder.url}).head, HasSubstr("405"));
}

// req: OCSP-RESP-078
TEST_F(Clients, OversizedInputIsRefused) {
  const std::string big = site.dir.write("big", std::string(std::size_t{10} << 20, 'A'));
  EXPECT_THAT(curl({"-H", "Expect:", "--data-binary", "@" + big, responder.url}).head,
              HasSubstr(" 413 "));
  EXPECT_THAT(curl({responder.url + std::string(64 * 1024, 'A')}).head, HasSubstr(" 414 "));
  EXPECT_EQ(openssl_says(site, responder), "good");
}

// req: OCSP-RESP-079 OCSP-RESP-052
TEST_F(Clients, ErrorsComeWithHttp200AndAreNotStored) {
  const CurlAnswer answer = curl({"--data-binary", "junk", responder.url});
  EXPECT_THAT(answer.head, HasSubstr(" 200 OK"));
  EXPECT_THAT(answer.head, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_EQ(status_of(answer.body), ocsp::ResponseStatus::kMalformedRequest);
}

TEST_F(Clients, OldClientsAndVisitorsDoNoHarm) {
  EXPECT_THAT(curl({responder.url}).head, HasSubstr(" 200 "));
  EXPECT_THAT(curl({responder.url + "favicon.ico"}).head, HasSubstr(" 200 "));
  const CurlAnswer old =
      curl({"--http1.0", "-H", "Host:", responder.url + http::encode_get_tail(leaf_request(site))});
  EXPECT_EQ(status_of(old.body), ocsp::ResponseStatus::kSuccessful);
  // TLS on the plain port, and noise.
  const ProcessResult tls = run_process({"openssl", "s_client", "-connect", responder.address});
  EXPECT_NE(tls.exit_code, 0);
  EXPECT_FALSE(tls.timed_out);
  run_process({"curl", "-s", "--max-time", "5", "--noproxy", "*", "--http0.9",
               "telnet://" + responder.address},
              {.input = std::string("\x00\xff\x80garbage\r\n\r\n", 14)});
  EXPECT_EQ(openssl_says(site, responder), "good");
}

}  // namespace
}  // namespace muster::testing
