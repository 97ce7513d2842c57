#include "muster/lint/probes.h"

#include <algorithm>

#include "lint_world.h"
#include "muster/http/get_path.h"

namespace muster::lint {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

PlanInput plan_input(ProfileSet profiles, std::string url = "http://127.0.0.1:1/ocsp") {
  return {.url = std::move(url),
          .issuer = P().intermediate.certificate,
          .serial = P().leaf.certificate.serial(),
          .profiles = profiles,
          .random = [](std::size_t octets) { return Buffer(octets, 0xcd); }};
}
std::vector<ProbeKind> kinds(const std::vector<Probe>& probes) {
  std::vector<ProbeKind> out;
  for (const Probe& probe : probes) {
    out.push_back(probe.kind);
  }
  return out;
}
const Probe& find(const std::vector<Probe>& probes, ProbeKind kind) {
  return *std::find_if(probes.begin(), probes.end(),
                       [kind](const Probe& p) { return p.kind == kind; });
}
HashAlgorithm hash_of(const Probe& probe) {
  return *der::find_hash(ocsp::parse_request(probe.request)->requests.at(0).cert_id.hash_algorithm);
}

TEST(Plan, IsBoundedAndAsksWhatTheRulesNeed) {
  const std::vector<Probe> all = plan(plan_input(kEveryProfile));
  EXPECT_EQ(all.size(), kMaxProbes);
  for (const ProfileRow& row : profiles()) {
    const std::vector<ProbeKind> of_profile = kinds(plan(plan_input(set_of({row.profile}))));
    EXPECT_LE(of_profile.size(), kMaxProbes);
    for (const Rule& rule : rules()) {
      if (rule.probe && (rule.profiles & set_of({row.profile})) != 0) {
        EXPECT_THAT(of_profile, Contains(*rule.probe)) << row.name << " " << rule.id;
      }
    }
  }
  EXPECT_THAT(kinds(plan(plan_input(set_of({Profile::kRfc6960})))),
              Not(Contains(ProbeKind::kPostSha384)));
}

TEST(Plan, TheFederalProfileAsksBySha1) {
  EXPECT_EQ(hash_of(plan(plan_input(set_of({Profile::kFpki})))[0]), HashAlgorithm::kSha1);
  EXPECT_EQ(hash_of(plan(plan_input(set_of({Profile::kCabfTls})))[0]), HashAlgorithm::kSha256);
}

TEST(Plan, EachProbeIsWhatItsNameSays) {
  const std::vector<Probe> probes = plan(plan_input(kEveryProfile));
  const ocsp::CertId plain =
      pki::make_cert_id(HashAlgorithm::kSha1, P().leaf.certificate, P().intermediate.certificate);
  const auto request = [&](ProbeKind kind) {
    return *ocsp::parse_request(find(probes, kind).request);
  };
  EXPECT_TRUE(ocsp::matches(request(ProbeKind::kGet).requests.at(0).cert_id, plain.view()));
  EXPECT_FALSE(find(probes, ProbeKind::kGet).post_body);
  EXPECT_TRUE(find(probes, ProbeKind::kPost).post_body);
  for (const auto& [kind, octets] :
       {std::pair(ProbeKind::kNonce32, 32U), std::pair(ProbeKind::kNonce33, 33U)}) {
    const auto extension = der::find_extension(request(kind).extensions, oid::kOcspNonce);
    ASSERT_TRUE(extension);
    EXPECT_EQ(ocsp::parse_nonce(extension->value)->octets.size(), octets);
    EXPECT_EQ(find(probes, kind).nonce->size(), octets);
  }
  const auto long_nonce =
      der::find_extension(request(ProbeKind::kNonce129).extensions, oid::kOcspNonce);
  EXPECT_EQ(ocsp::parse_nonce(long_nonce->value).error().code, der::DerErrc::kTooLarge);
  EXPECT_EQ(request(ProbeKind::kUnissued).requests.at(0).cert_id.serial.size(), 20U);
  EXPECT_FALSE(pki::names_issuer(request(ProbeKind::kForeignIssuer).requests.at(0).cert_id,
                                 P().intermediate.certificate));
  EXPECT_EQ(request(ProbeKind::kTwoCertIds).requests.size(), 2U);
  EXPECT_FALSE(request(ProbeKind::kUnknownExtension).extensions.at(0).critical);
  EXPECT_TRUE(request(ProbeKind::kCriticalExtension).extensions.at(0).critical);
  EXPECT_TRUE(request(ProbeKind::kRequestorName).requestor_name);
  EXPECT_FALSE(request(ProbeKind::kRequestorName).signature);
  EXPECT_EQ(ocsp::parse_acceptable_responses(
                der::find_extension(request(ProbeKind::kAcceptableResponses).extensions,
                                    oid::kOcspAcceptableResponses)
                    ->value)
                ->size(),
            2U);
  EXPECT_FALSE(ocsp::parse_request(*find(probes, ProbeKind::kGarbage).post_body));
  EXPECT_EQ(find(probes, ProbeKind::kOversized).post_body->size(), kOversizedBytes);
  EXPECT_EQ(find(probes, ProbeKind::kWrongContentType).content_type, "text/plain");
  EXPECT_TRUE(find(probes, ProbeKind::kHttp10).as_http_1_0);
  EXPECT_EQ(der::find_hash(request(ProbeKind::kUnknownHash).requests.at(0).cert_id.hash_algorithm),
            std::nullopt);
}

// req: OCSP-CLI-054
TEST(Plan, GetIsAppendedWithOneSlashAndLeftOutBehindAQuery) {
  EXPECT_TRUE(plan(plan_input(1))[0].url.starts_with("http://127.0.0.1:1/ocsp/M"));
  EXPECT_TRUE(
      plan(plan_input(1, "http://127.0.0.1:1/"))[0].url.starts_with("http://127.0.0.1:1/M"));
  EXPECT_EQ(plan(plan_input(1, "http://127.0.0.1:1/?a=b"))[0].kind, ProbeKind::kPost);
}

TEST(Run, CollectsHeadBodyAndStatusOfErrorsToo) {
  FakeClock clock;
  std::vector<net::FetchRequest> seen;
  const auto fetch = [&](const net::FetchRequest& request) -> net::FetchResult {
    seen.push_back(request);
    clock.advance(Milliseconds(40));
    for (const char* line : {"HTTP/1.1 302 Found", "Location: /x", "HTTP/1.1 200 OK",
                             "Content-Type: application/ocsp-response", "ETag:  \"a\""}) {
      request.head_sink(line);
    }
    request.sink(as_bytes("octets"));
    if (request.post_body) {
      return Err{net::FetchError{net::FetchErrc::kHttpStatus, "HTTP status 413", 413, {}}};
    }
    net::FetchResponse response;
    response.http_status = 200;
    return response;
  };
  Probe get{.kind = ProbeKind::kGet, .url = "http://a.test/x"};
  Probe post{.kind = ProbeKind::kPost, .url = "http://a.test/", .post_body = Buffer{1}};
  post.content_type = "text/plain";
  post.as_http_1_0 = true;
  post.nonce = Buffer(3, 1);
  const std::vector<Exchange> out =
      run({get, post}, {.timeout = Milliseconds(1500), .proxy = "http://p:1"}, clock, fetch);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].http->status, 200U);
  EXPECT_EQ(out[0].http->header("etag"), "\"a\"");
  EXPECT_EQ(out[0].http->header("location"), std::nullopt);
  EXPECT_EQ(as_text(out[0].response), "octets");
  EXPECT_EQ(out[0].http->duration, Milliseconds(40));
  EXPECT_EQ(out[0].served_at, clock.now());
  EXPECT_EQ(out[1].http->status, 413U);
  EXPECT_EQ(out[1].nonce, Buffer(3, 1));
  EXPECT_EQ(seen[1].total_timeout, Milliseconds(1500));
  EXPECT_LE(seen[1].connect_timeout, Milliseconds(1500));
  EXPECT_EQ(seen[1].proxy, "http://p:1");
  EXPECT_EQ(seen[1].content_type, "text/plain");
  EXPECT_TRUE(seen[1].as_http_1_0);
}

TEST(Run, StopsAskingWhoDoesNotAnswer) {
  FakeClock clock;
  std::size_t asked = 0;
  const auto fetch = [&](const net::FetchRequest&) -> net::FetchResult {
    ++asked;
    return Err{net::FetchError{net::FetchErrc::kTimeout, "too slow", 0, {}}};
  };
  const auto out = run(plan(plan_input(kEveryProfile)), {}, clock, fetch);
  EXPECT_EQ(asked, kMaxSilence);
  EXPECT_EQ(out.size(), kMaxSilence);
  EXPECT_EQ(out[0].http->failure, "too slow");
}

}  // namespace
}  // namespace muster::lint
