#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "crl_fields.h"
#include "crl_judgement.h"

namespace muster::vectors {
namespace {

/// Lints that judge how a CA issues (reason codes of the CA/Browser Forum, dates of the
/// revocations), not whether a CRL can be relied on: muster has no verdict to compare. A new name
/// fails the test.
constexpr std::array<std::string_view, 3> kLintsNotOurs = {"e_cab_crl_has_valid_reason_code",
                                                           "e_cab_crl_reason_code_not_critical",
                                                           "e_crl_revocation_date_too_early"};
/// How the maker names an error is its own affair.
constexpr std::array<std::string_view, 3> kFieldsNotOurs = {"signature_algorithm", "upstream_error",
                                                            "upstream_flags"};

/// Where in the pipeline a CRL is refused differs between implementations and is not asserted, only
/// that it is.
void judge_parse(Judge& judge, const Case& c, const Judgement& ours) {
  const std::string& wanted = c.expected.parse;
  if (wanted.empty() || (wanted == "ok" && c.expected.overall == "reject")) {
    return;
  }
  judge.expect(c, "parse", wanted, ours.parses ? "ok" : "fail");
}

/// "reject" and "undetermined" both mean: this CRL decides nothing. The manifest says "reject"
/// where upstream names a fault.
void judge_overall(Judge& judge, const Case& c, const Judgement& ours) {
  const std::string& wanted = c.expected.overall;
  const bool decides_nothing = ours.overall == "undetermined" || ours.overall == "reject" ||
                               (ours.overall == "parsed" && !ours.why.empty());
  if (wanted == "reject" || wanted == "undetermined") {
    judge.expect(c, "overall", wanted, decides_nothing ? wanted : ours.overall);
    if (decides_nothing && !c.expected.why.empty()) {
      judge.expect(c, "why", c.expected.why, ours.why);
    }
    return;
  }
  judge.expect(c, "overall", wanted, ours.overall);
}

void judge_signature(Judge& judge, const Case& c, const Judgement& ours) {
  const bool is_bad = ours.why == "signature";
  if (c.expected.signature == "good") {
    judge.expect(c, "signature", "good", is_bad || !ours.parses ? "bad" : "good");
  } else if (c.expected.signature == "bad") {
    judge.expect(c, "signature", "bad", is_bad ? "bad" : "good");
  }
  if (!c.expected.responder_authorised.empty()) {
    judge.expect(c, "responder_authorised", c.expected.responder_authorised,
                 ours.why == "responder" ? "no" : "yes");
  }
}

void judge_status(Judge& judge, const Case& c, const Judgement& ours) {
  if (c.expected.overall == "good" || c.expected.overall == "revoked") {
    judge.expect(c, "cert_status", c.expected.cert_status, ours.overall);
    if (c.expected.revocation_time) {
      judge.expect(c, "revocation_time", std::to_string(*c.expected.revocation_time),
                   ours.revocation_time ? std::to_string(*ours.revocation_time) : "none");
    }
  }
}

void judge_fields(Judge& judge, const Case& c) {
  if (c.expected.fields.empty()) {
    return;
  }
  const Buffer octets = c.read("crls");
  const auto crl = crl::parse_crl(octets);
  if (!crl) {
    return;  // told by "parse" already
  }
  for (const auto& [name, wanted] : c.expected.fields.items()) {
    if (const auto got = crl_field(*crl, name, wanted)) {
      judge.expect(c, "fields." + name,
                   wanted.is_string() ? wanted.get<std::string>() : wanted.dump(), *got);
    } else if (name != "lints") {
      EXPECT_THAT(kFieldsNotOurs, ::testing::Contains(name)) << c.id;
    }
  }
  const auto lints = c.expected.fields.find("lints");
  if (lints == c.expected.fields.end()) {
    return;
  }
  for (const auto& [name, wanted] : lints->items()) {
    const auto result = wanted.get<std::string>();
    const auto got = crl_lint(*crl, name);
    if (!got && (result == "pass" || result == "error")) {
      EXPECT_THAT(kLintsNotOurs, ::testing::Contains(name)) << c.id;
    }
    if (got &&
        (result == "pass" || result == "error")) {  // "na", "ne", "warn": matters of date and taste
      judge.expect(c, "lints." + name, result, *got);
    }
  }
}

// NIST PKITS groups 4.4, 4.5, 4.7, 4.14 and 4.15 are among these.
// req: OCSP-CRL-024
TEST(CrlVectors, AreJudgedAsTheirMakersExpect) {
  if (all_cases().empty()) {
    GTEST_SKIP() << kAbsent;
  }
  Judge judge(MUSTER_DIFFERENCES);
  std::size_t cases = 0;
  for (const Case& c : all_cases()) {
    if (c.kind != Kind::kCrl) {
      continue;
    }
    ++cases;
    const Judgement ours = judge_crl(c);
    SCOPED_TRACE(c.id);
    judge_parse(judge, c, ours);
    judge_overall(judge, c, ours);
    judge_signature(judge, c, ours);
    judge_status(judge, c, ours);
    judge_fields(judge, c);
    if (std::getenv("MUSTER_SHOW_JUDGEMENTS") != nullptr) {
      std::printf("%s: %s %s (%s)\n", c.id.c_str(), ours.overall.c_str(), ours.why.c_str(),
                  ours.detail.c_str());
    }
  }
  EXPECT_GT(cases, 0u);
  for (const std::string& problem : judge.problems()) {
    ADD_FAILURE() << problem;
  }
  std::printf("%zu cases, %zu checks, %zu documented differences\n", cases, judge.checks(),
              judge.differences());
}

}  // namespace
}  // namespace muster::vectors
