#include "lying_host.h"

// Whatever a host does, the last good CRL stays in force.
namespace muster::source {
namespace {

using testing::build_crl;
using testing::CrlFetch;
using testing::CrlSpec;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::LyingHost;
using testing::numbered;
using testing::ok;
using testing::says;

struct Fault {
  const char* name;
  SourceErrc code;
  const char* text;
  std::function<LyingHost::Answer(const CrlFetch&, const Buffer& good)> answer;
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class FaultyHost : public CrlFetch, public ::testing::WithParamInterface<Fault> {};

// Whatever a host does, the CRL in use stays in use, before and after a restart.
// req: OCSP-CRL-053 OCSP-CRL-021
TEST_P(FaultyHost, LeavesTheLastGoodOneInForce) {
  LyingHost host(says(ok(crl(numbered(5, {1})))));
  spec_.crls.locations = {{host.url()}};
  spec_.crls.max_bytes = 1 << 20;
  spec_.crls.time_limit = Milliseconds(3'000);  // what a hanging host costs
  fetch();
  ASSERT_TRUE(is_revoked(1) && covers_everything()) << error_text();
  const Buffer next = crl(numbered(6, {1, 2}));
  for (const bool restarted : {false, true}) {
    host.set([&](const std::string&) { return GetParam().answer(*this, next); });
    if (restarted) {
      restart();
      fetch();
    } else {
      fetch_again();
    }
    EXPECT_EQ(error(), GetParam().code) << error_text();
    EXPECT_THAT(error_text(), HasSubstr(GetParam().text));
    EXPECT_THAT(error_text(), HasSubstr(host.url()));
    EXPECT_THAT(error_text(), HasSubstr("stays in force"));
    EXPECT_TRUE(is_revoked(1) && covers_everything());
    EXPECT_FALSE(is_revoked(2));
    EXPECT_TRUE(part().failing_since);
  }
  host.set(says(ok(next)));
  fetch_again();
  EXPECT_FALSE(error()) << error_text();
  EXPECT_TRUE(is_revoked(2));
}

LyingHost::Answer plain(std::string octets) { return {std::move(octets)}; }
const Fault kFaults[] = {
    {"Hangs", SourceErrc::kUnreachable, "timeout",
     [](const CrlFetch&, const Buffer&) {
       return LyingHost::Answer{"", true};
     }},
    {"HangsInBody", SourceErrc::kUnreachable, "timeout",
     [](const CrlFetch&, const Buffer& good) {
       const std::string all = ok(good);
       return LyingHost::Answer{all.substr(0, all.size() - 9), true};
     }},
    {"Drips", SourceErrc::kUnreachable, "timeout",
     [](const CrlFetch&, const Buffer& good) {
       LyingHost::Answer answer{ok(good)};
       answer.drip = true;
       return answer;
     }},
    {"NeverEnds", SourceErrc::kUnreachable, "too-large",
     [](const CrlFetch&, const Buffer&) {
       std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
       for (int i = 0; i < 40; ++i) {
         chunks += "10000\r\n" + std::string(0x10000, '0') + "\r\n";
       }
       return LyingHost::Answer{chunks, true};
     }},
    {"CutsShort", SourceErrc::kUnreachable, "cut-short",
     [](const CrlFetch&, const Buffer& good) {
       const std::string all = ok(good);
       return plain(all.substr(0, all.size() - 9));
     }},
    {"CutsShortWithoutLength", SourceErrc::kMalformed, "damaged",
     [](const CrlFetch&, const Buffer& good) {
       return plain("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" +
                    std::string(as_text(good)).substr(0, good.size() - 9));
     }},
    {"UnderstatesItsLength", SourceErrc::kMalformed, "damaged",
     [](const CrlFetch&, const Buffer& good) {
       return plain("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                    std::to_string(good.size() - 1) + "\r\n\r\n" + std::string(as_text(good)));
     }},
    {"IsOversized", SourceErrc::kUnreachable, "too-large",
     [](const CrlFetch&, const Buffer&) { return plain(ok(Buffer((1 << 20) + 1, 0x30))); }},
    {"IsOversizedWithoutLength", SourceErrc::kUnreachable, "too-large",
     [](const CrlFetch&, const Buffer&) {
       return plain("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" +
                    std::string((1 << 20) + 1, '0'));
     }},
    {"IsMissing", SourceErrc::kUnreachable, "404",
     [](const CrlFetch&, const Buffer&) {
       return plain("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
     }},
    {"IsBusy", SourceErrc::kUnreachable, "503",
     [](const CrlFetch&, const Buffer&) {
       return plain("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nConnection: close\r\n\r\n");
     }},
    {"SendsAWebPage", SourceErrc::kMalformed, "text/html",
     [](const CrlFetch&, const Buffer&) {
       return plain(
           "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: "
           "close\r\n\r\n<html>login</html>");
     }},
    {"SendsNothing", SourceErrc::kMalformed, "no DER CRL",
     [](const CrlFetch&, const Buffer&) { return plain(ok({})); }},
    {"SendsPem", SourceErrc::kMalformed, "crl_http_pem",
     [](const CrlFetch&, const Buffer& good) {
       return plain(ok(as_bytes(muster::testing::to_pem("X509 CRL", good))));
     }},
    {"SendsTwoInOne", SourceErrc::kMalformed, "damaged",
     [](const CrlFetch&, Buffer good) {
       const Buffer once = good;
       good.insert(good.end(), once.begin(), once.end());
       return plain(ok(good));
     }},
    {"RedirectsForEver", SourceErrc::kUnreachable, "too-many-redirects",
     [](const CrlFetch&, const Buffer&) {
       return plain(
           "HTTP/1.1 302 Found\r\nLocation: /ca.crl\r\nConnection: close\r\nContent-Length: "
           "0\r\n\r\n");
     }},
    {"RedirectsToAFile", SourceErrc::kUnreachable, "another scheme",
     [](const CrlFetch&, const Buffer&) {
       return plain(
           "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nConnection: "
           "close\r\nContent-Length: 0\r\n\r\n");
     }},
    {"SendsAnotherCasCrl", SourceErrc::kNotTrusted, "no certificate of",
     [](const CrlFetch&, const Buffer&) {
       return plain(ok(build_crl(muster::testing::standard_pki().root, numbered(9, {2}))));
     }},
    {"SendsAForgedOne", SourceErrc::kNotTrusted, "bad-signature",
     [](const CrlFetch&, const Buffer& good) {
       Buffer forged = good;
       forged.back() ^= 1;
       return plain(ok(forged));
     }},
    {"RollsBack", SourceErrc::kRollback, "number 04 after 05",
     [](const CrlFetch&, const Buffer&) {
       return plain(ok(build_crl(muster::testing::standard_pki().intermediate, numbered(4))));
     }},
    {"SendsTheFuture", SourceErrc::kNotYetValid, "in the future",
     [](const CrlFetch&, const Buffer&) {
       CrlSpec future = numbered(6, {2});
       future.this_update = kTestNow + std::chrono::hours(24 * 5);
       return plain(ok(build_crl(muster::testing::standard_pki().intermediate, future)));
     }},
    {"IsNotHttp", SourceErrc::kUnreachable, "not-http",
     [](const CrlFetch&, const Buffer&) { return plain("SSH-2.0-x\r\n"); }},
};
INSTANTIATE_TEST_SUITE_P(All, FaultyHost, ::testing::ValuesIn(kFaults),
                         [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace muster::source
