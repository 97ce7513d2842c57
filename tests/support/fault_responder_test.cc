#include "muster/testing/fault_responder.h"

#include <gmock/gmock.h>

#include <set>

#include "muster/http/get_path.h"
#include "muster/testing/process.h"

namespace muster::testing {
namespace {

const TestPki& live_pki() {
  static const TestPki pki = make_pki(SystemClock().now());
  return pki;
}

std::string fetch_with_curl(const FaultResponder& responder, const char* seconds = "30") {
  ocsp::Request request;
  request.requests.push_back({pki::make_cert_id(HashAlgorithm::kSha256, live_pki().leaf.certificate,
                                                live_pki().intermediate.certificate),
                              {}});
  const ProcessResult result =
      run_process({"curl", "-sS", "--max-time", seconds, "-i",
                   responder.url() + http::encode_get_tail(ocsp::encode_request(request))},
                  {});
  return result.out + result.err;
}

TEST(FaultResponder, AnswersAndMisbehavesAsTold) {
  FaultResponder responder(live_pki().ocsp_signer, live_pki().intermediate.certificate);
  EXPECT_THAT(fetch_with_curl(responder), ::testing::HasSubstr("200 OK"));
  EXPECT_EQ(responder.requests(), 1U);
  const Buffer request = responder.last_request();
  EXPECT_TRUE(ocsp::parse_request(request));
  const std::pair<Fault, const char*> cases[] = {
      {Fault::kAbsent, "onnect"},          {Fault::kReset, "reset by peer"},
      {Fault::kHangs, "timed out"},        {Fault::kHangsInBody, "timed out"},
      {Fault::kCutShort, "(18)"},          {Fault::kHttp404, "404"},
      {Fault::kHttp503, "Retry-After: 7"}, {Fault::kChunked, "chunked"},
      {Fault::kNotHttp, "HTTP/0.9"},
  };
  for (const auto& [fault, expected] : cases) {
    responder.set(fault);
    const bool hangs = fault == Fault::kHangs || fault == Fault::kHangsInBody;
    EXPECT_THAT(fetch_with_curl(responder, hangs ? "1" : "30"), ::testing::HasSubstr(expected))
        << to_string(fault);
  }
  responder.set(Fault::kNone);
  EXPECT_THAT(fetch_with_curl(responder), ::testing::HasSubstr("200 OK"));
}

TEST(FaultResponder, EveryFaultHasAName) {
  std::set<std::string_view> names;
  for (const Fault fault : all_faults()) {
    EXPECT_NE(to_string(fault), "");
    names.insert(to_string(fault));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Fault::kRevoked) + 1);
}

}  // namespace
}  // namespace muster::testing
