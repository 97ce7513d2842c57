#include <gtest/gtest.h>

#include "case_judge.h"

namespace muster::vectors {
namespace {

/// What we say, in the words of the expectation where they mean the same: an authentic and current
/// answer is also one to accept, and a response without an entry for the certificate is also one to
/// reject.
std::string overall_as(const std::string& wanted, const Judgement& judgement) {
  const std::string& got = judgement.overall;
  const bool authentic = got == "good" || got == "revoked" || got == "unknown" || got == "accept";
  if (wanted == "accept" && authentic) {
    return wanted;
  }
  if (wanted == "reject" && got == "no-match") {
    return wanted;
  }
  return got;
}

void compare(const Case& c, const Judgement& judgement, Judge& judge) {
  const Expected& wanted = c.expected;
  const bool decided =
      wanted.overall != "parsed" && wanted.overall != "unstated" && !wanted.overall.empty();
  if (decided) {
    judge.expect(c, "overall", wanted.overall, overall_as(wanted.overall, judgement));
  }
  if (!wanted.why.empty()) {
    std::string faults;
    for (const std::string& fault : judgement.faults) {
      faults += (faults.empty() ? "" : "+") + fault;
    }
    judge.expect(c, "why", wanted.why, judgement.faults.contains(wanted.why) ? wanted.why : faults);
  }
  if (!wanted.signature.empty()) {
    judge.expect(c, "signature", wanted.signature, judgement.signature);
  }
  if (!wanted.responder_authorised.empty()) {
    judge.expect(c, "responder_authorised", wanted.responder_authorised,
                 judgement.responder_authorised);
  }
  if (decided && !wanted.cert_status.empty()) {
    judge.expect(c, "cert_status", wanted.cert_status, judgement.cert_status);
  }
}

/// Cases whose maker names nothing that the verifier decides.
bool asserts_verification(const Expected& e) {
  return (e.overall != "parsed" && e.overall != "unstated" && !e.overall.empty()) ||
         !e.signature.empty() || !e.responder_authorised.empty();
}

// req: OCSP-CLI-001 OCSP-CLI-002 OCSP-CLI-003 OCSP-CLI-004 OCSP-CLI-005 OCSP-CLI-006 OCSP-CLI-009
// OCSP-CLI-014 OCSP-CLI-026 OCSP-CLI-028
TEST(VerdictVectors, AreJudgedAsTheirMakersExpect) {
  if (all_cases().empty()) {
    GTEST_SKIP() << kAbsent;
  }
  Judge judge(MUSTER_DIFFERENCES);
  std::size_t judged = 0, unsupported = 0;
  for (const Case& c : all_cases()) {
    if (c.kind == Kind::kCrl || !asserts_verification(c.expected)) {
      continue;
    }
    ++judged;
    const Judgement judgement = c.kind == Kind::kRequest ? judge_request(c) : judge_response(c);
    if (judgement.unsupported) {
      ++unsupported;
      EXPECT_NE(judgement.overall, "good") << c.id;
      continue;
    }
    compare(c, judgement, judge);
  }
  for (const std::string& problem : judge.problems()) {
    ADD_FAILURE() << problem;
  }
  std::printf(
      "%zu cases, %zu expectations, %zu listed differences, %zu cases beyond this OpenSSL\n",
      judged, judge.checks(), judge.differences(), unsupported);
  EXPECT_GT(judged, 100u);
}

}  // namespace
}  // namespace muster::vectors
