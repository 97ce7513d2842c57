#include "muster/http/ocsp_request.h"

#include <gmock/gmock.h>

#include "muster/http/base64.h"

namespace muster::http {
namespace {

struct Case {
  std::string_view what;
  Method method;
  std::string target;
  OcspAsk ask;
  bool has_query = false;
};

TEST(OcspRequest, IsFoundWhereItTravels) {
  const std::string octets = "\x30\x03\x0a\x01\x01?";
  const std::string text = base64_encode(as_bytes(octets));
  const Case cases[] = {
      {"GET", Method::kGet, "/ocsp/" + text, OcspAsk::kGet},
      {"HEAD asks as GET does", Method::kHead, "/ocsp/" + text, OcspAsk::kGet},
      {"a query is not looked at", Method::kGet, "/ocsp/" + text + "?utm=1", OcspAsk::kGet, true},
      {"the prefix itself", Method::kGet, "/ocsp/", OcspAsk::kLanding},
      {"the prefix with a query", Method::kGet, "/ocsp/?x", OcspAsk::kLanding, true},
      {"beside the prefix", Method::kGet, "/elsewhere/" + text, OcspAsk::kElsewhere},
      {"no base64", Method::kGet, "/ocsp/*", OcspAsk::kBadEncoding},
      {"POST on any path", Method::kPost, "/elsewhere", OcspAsk::kPost},
      {"another method", Method::kOther, "/ocsp/" + text, OcspAsk::kOtherMethod},
  };
  for (const Case& c : cases) {
    RequestView request;
    request.method = c.method;
    request.target = c.target;
    request.body = as_bytes(octets);
    Buffer decoded;
    const OcspRequestFound found = find_ocsp_request(request, "/ocsp", 4096, decoded);
    EXPECT_EQ(found.ask, c.ask) << c.what;
    EXPECT_EQ(found.has_query, c.has_query) << c.what;
    const bool has_octets = c.ask == OcspAsk::kGet || c.ask == OcspAsk::kPost;
    EXPECT_TRUE(equal(found.octets, has_octets ? as_bytes(octets) : Bytes())) << c.what;
  }
}

TEST(OcspRequest, IsNoLongerThanTheLimit) {
  RequestView request;
  request.method = Method::kGet;
  const std::string target = "/" + base64_encode(Buffer(100));
  request.target = target;
  Buffer decoded;
  EXPECT_EQ(find_ocsp_request(request, "/", 100, decoded).ask, OcspAsk::kGet);
  EXPECT_EQ(find_ocsp_request(request, "/", 99, decoded).ask, OcspAsk::kBadEncoding);
}

}  // namespace
}  // namespace muster::http
