#include "muster/publish/crl_handler.h"

#include "publish_fixture.h"

namespace muster::publish {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class FakeReply final : public net::HttpReply {
 public:
  void send_ready(Bytes, std::size_t) override { FAIL() << "not expected"; }
  void send(unsigned s, std::string_view type, std::string_view extra, Bytes b) override {
    status = s;
    content_type = std::string(type);
    headers = std::string(extra);
    body = to_buffer(b);
  }
  unsigned status = 0;
  std::string content_type, headers;
  Buffer body;
};

class Serving : public PublishTest {
 protected:
  void SetUp() override {
    Spec s = spec_with_deltas();
    s.partitions[0].uris = {"http://crl.example/pki/ca%20one.crl", "ldap://x/y"};
    const auto publisher = open(s);
    must(publisher->publish(What::kComplete, kTestNow));
    must(publisher->publish(What::kDelta, kTestNow));
    auto served = publisher->served();
    ASSERT_TRUE(served);
    handler_.adopt(ServedCrls::make(*std::move(served), Seconds(900)));
  }
  FakeReply ask(std::string_view target, http::RequestView request = {}) {
    request.method = request.method == http::Method::kOther && request.method_text.empty()
                         ? http::Method::kGet
                         : request.method;
    request.target = target;
    FakeReply reply;
    handler_.handle(request, reply);
    return reply;
  }
  static std::string header(const FakeReply& reply, std::string_view name) {
    const std::size_t at = reply.headers.find(std::string(name) + ": ");
    EXPECT_NE(at, std::string::npos) << name;
    return reply.headers.substr(at + name.size() + 2,
                                reply.headers.find("\r\n", at) - at - name.size() - 2);
  }
  CrlHandler handler_;
};

// req: OCSP-CRL-022
TEST_F(Serving, GivesCrlsTheirTypeUnderThePathsTheirUrisName) {
  const Buffer complete = muster::testing::read_octets(out());
  for (const std::string_view target :
       {"/pki/ca%20one.crl", "/ca.crl", "http://crl.example/pki/ca%20one.crl", "/ca.crl?x=1"}) {
    const FakeReply reply = ask(target);
    EXPECT_EQ(reply.status, 200u) << target;
    EXPECT_EQ(reply.content_type, "application/pkix-crl");
    EXPECT_EQ(reply.body, complete);
  }
  EXPECT_EQ(ask("/delta.crl").body, muster::testing::read_octets(out("delta.crl")));
  EXPECT_EQ(ask("/other.crl").status, 404u);
  EXPECT_EQ(ask("/").status, 404u);
}

// req: OCSP-CRL-022
TEST_F(Serving, AnswersConditionalRequests) {
  const FakeReply first = ask("/ca.crl");
  EXPECT_EQ(header(first, "Last-Modified"), format_http_date(kTestNow));
  EXPECT_THAT(header(first, "Cache-Control"), HasSubstr("max-age=900"));
  const std::string etag = header(first, "ETag");
  const std::string date = format_http_date(kTestNow);
  const std::string before = format_http_date(kTestNow - Seconds(1));
  http::RequestView request;
  request.if_none_match = etag;
  const FakeReply same = ask("/ca.crl", request);
  EXPECT_EQ(same.status, 304u);
  EXPECT_TRUE(same.body.empty());
  EXPECT_EQ(header(same, "ETag"), etag);
  request.if_none_match = "\"other\"";
  request.if_modified_since = date;
  EXPECT_EQ(ask("/ca.crl", request).status, 200u) << "the tag counts, not the date";
  request.if_none_match = {};
  EXPECT_EQ(ask("/ca.crl", request).status, 304u);
  request.if_modified_since = before;
  EXPECT_EQ(ask("/ca.crl", request).status, 200u);
  request.if_modified_since = "yesterday";
  EXPECT_EQ(ask("/ca.crl", request).status, 200u);
  EXPECT_NE(header(ask("/delta.crl"), "ETag"), etag);
}

TEST_F(Serving, TakesNoPost) {
  http::RequestView request;
  request.method = http::Method::kPost;
  const FakeReply reply = ask("/ca.crl", request);
  EXPECT_EQ(reply.status, 405u);
  EXPECT_EQ(header(reply, "Allow"), "GET, HEAD");
}

TEST_F(Serving, HasNothingBeforeTheFirstCrl) {
  CrlHandler fresh;
  FakeReply reply;
  http::RequestView request;
  request.method = http::Method::kGet;
  request.target = "/ca.crl";
  fresh.handle(request, reply);
  EXPECT_EQ(reply.status, 404u);
}

}  // namespace
}  // namespace muster::publish
