#include "check_fixture.h"
#include "muster/testing/response_builder.h"

namespace muster::interop {
namespace {

using namespace muster::testing;
using std::chrono::hours;
using ::testing::Contains;
using ::testing::HasSubstr;

/// A lying, slow, hanging, truncated, oversized or absent responder: each a clear message and its
/// own exit code, in bounded time.
class BadResponder : public CheckTest {
 protected:
  BadResponder() : leaf_(make_leaf("leaf.example")) {}

  Buffer good_answer() const {
    EntrySpec entry = entry_for(leaf_.identity.certificate, pki_.intermediate.certificate);
    entry.this_update = now_ - hours(1);
    entry.next_update = now_ + hours(50);
    return build_response(pki_.ocsp_signer, {.entries = {entry}, .produced_at = now_ - hours(1)});
  }
  CheckRun ask(const std::string& url, std::vector<std::string> more = {},
               const char* timeout = "20s") const {
    more.insert(more.begin(),
                {leaf_.pem, "--roots", roots_, "--url", url, "--json", "--timeout", timeout});
    return check(more);
  }
  void expect(const CheckRun& run, int exit_code, const std::string& code) const {
    EXPECT_EQ(run.exit_code, exit_code) << run.out << run.err;
    EXPECT_THAT(run.codes(), Contains(code)) << run.out;
  }

  Leaf leaf_;
};

TEST_F(BadResponder, TheScriptedServerWorksAtAll) {
  const ScriptedServer server(http_answer(good_answer()));
  EXPECT_EQ(ask(server.url()).exit_code, 0);
}

// req: OCSP-CLI-059
TEST_F(BadResponder, Absent) {
  expect(ask("http://127.0.0.1:" + std::to_string(unused_port()) + "/"), 3, "transport-error");
}

// req: OCSP-CLI-059
TEST_F(BadResponder, Hanging) {
  const ScriptedServer server("", ScriptedServer::Then::kHold);
  expect(ask(server.url(), {}, "1s"), 3, "transport-error");
}

// req: OCSP-CLI-059
TEST_F(BadResponder, HangingInTheMiddle) {
  const std::string whole = http_answer(good_answer());
  const ScriptedServer server(whole.substr(0, whole.size() / 2), ScriptedServer::Then::kHold);
  expect(ask(server.url(), {}, "1s"), 3, "transport-error");
}

TEST_F(BadResponder, Truncated) {
  const std::string whole = http_answer(good_answer());
  const ScriptedServer server(whole.substr(0, whole.size() - 10));
  expect(ask(server.url()), 3, "transport-error");
}

TEST_F(BadResponder, TruncatedBeforeItWasSent) {
  Buffer answer = good_answer();
  answer.resize(answer.size() - 10);
  const ScriptedServer server(http_answer(answer));
  expect(ask(server.url()), 4, "malformed-response");
}

// req: OCSP-CLI-059
TEST_F(BadResponder, Oversized) {
  const ScriptedServer server(http_answer(Buffer(3 << 20, 0x30)));
  expect(ask(server.url()), 3, "transport-error");
}

TEST_F(BadResponder, ErrorPageWithStatus200) {
  const ScriptedServer server(http_answer(as_bytes("<html>Sorry</html>"), "200 OK", "text/html"));
  expect(ask(server.url()), 4, "malformed-response");
}

// req: OCSP-CLI-059
TEST_F(BadResponder, GoodOctetsWithStatus404) {
  const ScriptedServer server(http_answer(good_answer(), "404 Not Found"));
  expect(ask(server.url()), 3, "transport-error");
}

TEST_F(BadResponder, NotHttpAtAll) {
  const ScriptedServer server("220 mail.example ESMTP\r\n");
  expect(ask(server.url()), 3, "transport-error");
}

// req: OCSP-CLI-020
TEST_F(BadResponder, ErrorStatus) {
  const ScriptedServer server(
      http_answer(ocsp::encode_error_response(ocsp::ResponseStatus::kUnauthorized)));
  const CheckRun run = ask(server.url());
  expect(run, 3, "responder-error");
  EXPECT_EQ(run.target()["evidence"][0]["response_status"], "unauthorized");
  EXPECT_EQ(run.target()["evidence"][0]["attempts"].size(), 1u);
}

// req: OCSP-CLI-002
TEST_F(BadResponder, Lying) {
  Buffer answer = good_answer();
  answer.back() ^= 1;
  const ScriptedServer broken(http_answer(answer));
  const Identity outsider = make_self_signed([&] {
    CertificateSpec spec = ocsp_signer_spec("outsider");
    spec.at = now_;
    return spec;
  }());
  EntrySpec entry = entry_for(leaf_.identity.certificate, pki_.intermediate.certificate);
  entry.this_update = now_ - hours(1);
  entry.next_update = now_ + hours(50);
  const ScriptedServer forged(
      http_answer(build_response(outsider, {.entries = {entry}, .produced_at = now_})));
  expect(ask(forged.url()), 4, "signer-unauthorised");
}

// req: OCSP-CLI-034
TEST_F(BadResponder, IsReplacedByTheNextUrl) {
  const ScriptedServer good(http_answer(good_answer()));
  const std::string dead = "http://127.0.0.1:" + std::to_string(unused_port()) + "/";
  const CheckRun run = ask(dead, {"--url", good.url()});
  EXPECT_EQ(run.exit_code, 0) << run.out;
  EXPECT_EQ(run.target()["evidence"][0]["attempts"].size(), 2u);
}

TEST_F(BadResponder, MessagesSayWhatWhyAndWhatToDo) {
  const CheckRun run =
      check({leaf_.pem, "--roots", roots_, "--url",
             "http://127.0.0.1:" + std::to_string(unused_port()) + "/", "--timeout", "1s"});
  EXPECT_THAT(run.out, HasSubstr("NO ANSWER"));
  EXPECT_THAT(run.out, HasSubstr("seen:"));
  EXPECT_THAT(run.out, HasSubstr("why:"));
  EXPECT_THAT(run.out, HasSubstr("fix:"));
}

}  // namespace
}  // namespace muster::interop
