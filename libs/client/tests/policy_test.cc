#include "muster/client/policy.h"

#include <array>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "evidence_builder.h"

// Every policy in every situation: the table of docs/operating/check.md, cell by cell.
namespace muster::client {
namespace {

using namespace evidence_testing;

pki::Certificate naming_both(const std::function<void(CertificateSpec&)>& change) {
  return leaf_with([&change](CertificateSpec& s) {
    s.crl_uris = {"http://crl.test/"};
    change(s);
  });
}
const pki::Certificate& both() {
  static const pki::Certificate leaf = naming_both([](CertificateSpec&) {});
  return leaf;
}
const pki::Certificate& both_must_staple() {
  static const pki::Certificate leaf =
      naming_both([](CertificateSpec& s) { s.tls_features = {5}; });
  return leaf;
}
const pki::Certificate& bare() {
  static const pki::Certificate leaf = leaf_with([](CertificateSpec& s) { s.ocsp_uris.clear(); });
  return leaf;
}
const pki::Certificate& no_rev_avail() {
  static const pki::Certificate leaf = leaf_with([](CertificateSpec& s) {
    s.ocsp_uris.clear();
    s.no_rev_avail = true;
  });
  return leaf;
}

Evidence ocsp(Channel channel, ocsp::CertStatus status, const pki::Certificate& leaf = both()) {
  return verified(channel, status, leaf);
}

struct Situation {
  const char* text;  ///< as the table of the page has it
  std::function<Case()> make;
};

Case server(std::vector<Evidence> evidence, const pki::Certificate& leaf = both()) {
  Case what(leaf);
  what.issuer = P().intermediate.certificate;
  what.staple_offered = true;
  what.evidence = std::move(evidence);
  return what;
}
Case file(std::vector<Evidence> evidence, const pki::Certificate& leaf = both(),
          Role role = Role::kSubject) {
  Case what = server(std::move(evidence), leaf);
  what.staple_offered = false;
  what.role = role;
  return what;
}

const std::vector<Situation>& situations() {
  using enum Channel;
  static const Evidence none{kStapled, "handshake", Silence::kNoStaple};
  static const std::vector<Situation> all = {
      {"OCSP good, CRL not asked", [] { return file({ocsp(kLive, ocsp::Good{})}); }},
      {"OCSP good, CRL good",
       [] {
         return file({ocsp(kLive, ocsp::Good{}), crl_says(ocsp::Good{})});
       }},
      {"CRL good, OCSP not asked", [] { return file({crl_says(ocsp::Good{})}); }},
      {"OCSP silent, CRL good",
       [] {
         return file({silent(kLive), crl_says(ocsp::Good{})});
       }},
      {"OCSP good, CRL silent",
       [] {
         return file({ocsp(kLive, ocsp::Good{}), silent(kCrl)});
       }},
      {"OCSP unknown, CRL good",
       [] {
         return file({ocsp(kLive, ocsp::Unknown{}), crl_says(ocsp::Good{})});
       }},
      {"OCSP unknown alone", [] { return file({ocsp(kLive, ocsp::Unknown{})}); }},
      {"all silent",
       [] {
         return file({silent(kLive), silent(kCrl)});
       }},
      {"nobody asked",
       [] {
         return file({{kLive, "x", Silence::kPrivacy}});
       }},
      {"OCSP unacceptable, CRL silent",
       [] {
         return file({unacceptable(kLive), silent(kCrl)});
       }},
      {"OCSP unacceptable, CRL good",
       [] {
         return file({unacceptable(kLive), crl_says(ocsp::Good{})});
       }},
      {"OCSP good, CRL unacceptable",
       [] {
         return file({ocsp(kLive, ocsp::Good{}), unacceptable(kCrl)});
       }},
      {"OCSP revoked", [] { return file({ocsp(kLive, kRevoked)}); }},
      {"OCSP good, CRL revoked",
       [] {
         return file({ocsp(kLive, ocsp::Good{}), crl_says(kRevoked)});
       }},
      {"OCSP unacceptable, CRL revoked",
       [] {
         return file({unacceptable(kLive), crl_says(kRevoked)});
       }},
      {"server: staple good, CRL good",
       [] {
         return server({ocsp(kStapled, ocsp::Good{}), crl_says(ocsp::Good{})});
       }},
      {"server: no staple, OCSP and CRL good",
       [] {
         return server({none, ocsp(kLive, ocsp::Good{}), crl_says(ocsp::Good{})});
       }},
      {"server: must-staple unmet, OCSP and CRL good",
       [] {
         return server(
             {none, ocsp(kLive, ocsp::Good{}, both_must_staple()), crl_says(ocsp::Good{})},
             both_must_staple());
       }},
      {"server: must-staple unmet, all silent",
       [] {
         return server({none, silent(kLive)}, both_must_staple());
       }},
      {"names no source", [] { return file({}, bare()); }},
      {"issuer that names no source", [] { return file({}, bare(), Role::kIssuer); }},
      {"noRevAvail or short-lived", [] { return file({}, no_rev_avail()); }},
  };
  return all;
}

/// Outcomes in the order of the policies, first the default.
struct Row {
  const char* situation;
  std::array<Outcome, 8> outcomes;
};

constexpr std::array<const char*, 8> kColumns = {"ocsp-then-crl", "crl-then-ocsp", "ocsp-and-crl",
                                                 "ocsp-only",     "crl-only",      "soft",
                                                 "hard",          "require-staple"};

const std::vector<Row>& table() {
  constexpr auto G = Outcome::kGood, W = Outcome::kWarning, U = Outcome::kUndetermined,
                 K = Outcome::kUnknown, X = Outcome::kUnacceptable, R = Outcome::kRevoked,
                 N = Outcome::kNotNeeded;
  static const std::vector<Row> rows = {
      {"OCSP good, CRL not asked", {G, G, U, G, G, G, G, G}},
      {"OCSP good, CRL good", {G, G, G, G, G, G, G, G}},
      {"CRL good, OCSP not asked", {G, G, U, G, G, G, G, G}},
      {"OCSP silent, CRL good", {W, W, U, W, W, W, U, W}},
      {"OCSP good, CRL silent", {W, W, U, W, W, W, U, W}},
      {"OCSP unknown, CRL good", {W, W, K, W, W, W, K, W}},
      {"OCSP unknown alone", {K, K, K, K, K, K, K, K}},
      {"all silent", {U, U, U, U, U, W, U, U}},
      {"nobody asked", {U, U, U, U, U, W, U, U}},
      {"OCSP unacceptable, CRL silent", {X, X, X, X, X, W, X, X}},
      {"OCSP unacceptable, CRL good", {X, X, X, X, X, W, X, X}},
      {"OCSP good, CRL unacceptable", {X, X, X, X, X, W, X, X}},
      {"OCSP revoked", {R, R, R, R, R, R, R, R}},
      {"OCSP good, CRL revoked", {R, R, R, R, R, R, R, R}},
      {"OCSP unacceptable, CRL revoked", {R, R, R, R, R, R, R, R}},
      {"server: staple good, CRL good", {G, G, G, G, G, G, G, G}},
      {"server: no staple, OCSP and CRL good", {G, G, G, G, G, G, G, X}},
      {"server: must-staple unmet, OCSP and CRL good", {W, W, X, W, W, W, X, W}},
      {"server: must-staple unmet, all silent", {X, X, X, X, X, X, X, X}},
      {"names no source", {U, U, U, U, U, W, U, U}},
      {"issuer that names no source", {N, N, U, N, N, N, U, N}},
      {"noRevAvail or short-lived", {N, N, N, N, N, N, N, N}},
  };
  return rows;
}

TEST(Policies, JudgeEverySituationAsTheTableSays) {
  ASSERT_EQ(all_policies().size(), kColumns.size());
  ASSERT_EQ(situations().size(), table().size());
  for (std::size_t row = 0; row < table().size(); ++row) {
    const Situation& situation = situations()[row];
    ASSERT_STREQ(situation.text, table()[row].situation);
    for (std::size_t column = 0; column < kColumns.size(); ++column) {
      const Policy* policy = find_policy(kColumns[column]);
      ASSERT_NE(policy, nullptr) << kColumns[column];
      Case what = situation.make();
      what.policy = *policy;
      const Verdict verdict = judge(what, kTestNow);
      EXPECT_EQ(verdict.outcome, table()[row].outcomes[column])
          << kColumns[column] << ": " << situation.text << " is " << to_string(verdict.outcome);
    }
  }
}

// req: OCSP-CLI-060
TEST(Policies, NoneCallsGoodWhatNobodySaidIsGood) {
  for (const Policy& policy : all_policies()) {
    for (const Situation& situation : situations()) {
      Case what = situation.make();
      what.policy = policy;
      const bool told = std::any_of(what.evidence.begin(), what.evidence.end(), [](const auto& e) {
        return std::holds_alternative<VerifiedResponse>(e.content) ||
               std::holds_alternative<CrlAnswer>(e.content);
      });
      const Outcome outcome = judge(what, kTestNow).outcome;
      if (!told) {
        EXPECT_NE(outcome, Outcome::kGood) << policy.name << ": " << situation.text;
      }
    }
  }
}

// req: OCSP-CLI-018
TEST(Policies, AllTellThatSourcesDisagree) {
  for (const Policy& policy : all_policies()) {
    for (const auto& [by_ocsp, by_crl, disagree] :
         {std::tuple<ocsp::CertStatus, ocsp::CertStatus, bool>{ocsp::Good{}, kRevoked, true},
          {kRevoked, ocsp::Good{}, true},
          {ocsp::Unknown{}, ocsp::Good{}, true},
          {ocsp::Good{}, ocsp::Good{}, false},
          {kRevoked, kRevoked, false}}) {
      Case what = file({ocsp(Channel::kLive, by_ocsp), crl_says(by_crl)});
      what.policy = policy;
      EXPECT_EQ(has(judge(what, kTestNow), "sources-disagree"), disagree) << policy.name;
    }
  }
}

TEST(Policies, SayWhatWasMissing) {
  Case strict = file({silent(Channel::kLive), crl_says(ocsp::Good{})});
  strict.policy = *find_policy("hard");
  EXPECT_TRUE(has(judge(strict, kTestNow), "policy-unmet"));
  Case both = file({ocsp(Channel::kLive, ocsp::Good{})});
  both.policy = *find_policy("ocsp-and-crl");
  EXPECT_TRUE(has(judge(both, kTestNow), "policy-unmet"));
  Case staple = server({ocsp(Channel::kLive, ocsp::Good{})});
  staple.policy = *find_policy("require-staple");
  EXPECT_TRUE(has(judge(staple, kTestNow), "staple-required"));
  staple.staple_offered = false;
  EXPECT_EQ(judge(staple, kTestNow).outcome, Outcome::kGood) << "a file cannot staple";
  staple.staple_offered = true;
  staple.role = Role::kIssuer;
  EXPECT_EQ(judge(staple, kTestNow).outcome, Outcome::kGood) << "TLS 1.2 cannot staple for issuers";
}

// Soft is soft about silence, not about what was never verified.
TEST(Policies, SoftDoesNotPassACertificateOfUnknownIssuer) {
  Case what = file({{Channel::kLive, "x", Silence::kNoIssuer}});
  what.issuer.reset();
  what.policy = *find_policy("soft");
  EXPECT_EQ(judge(what, kTestNow).outcome, Outcome::kUndetermined);
  Case untrusted = file({silent(Channel::kLive)});
  untrusted.chain = ChainState::kUntrusted;
  untrusted.policy = *find_policy("soft");
  EXPECT_EQ(judge(untrusted, kTestNow).outcome, Outcome::kUndetermined);
}

TEST(Policies, AreFoundByTheirUniqueNames) {
  std::set<std::string_view> names;
  for (const Policy& policy : all_policies()) {
    EXPECT_TRUE(names.insert(policy.name).second) << policy.name;
    EXPECT_EQ(find_policy(policy.name), &policy);
    EXPECT_FALSE(policy.summary.empty());
  }
  EXPECT_EQ(find_policy("no-such"), nullptr);
  EXPECT_EQ(default_policy().name, "ocsp-then-crl");
}

/// What the page has for an outcome: its word and exit code.
std::string cell(Outcome outcome) {
  return std::string(to_string(outcome)) + " " + std::to_string(exit_code(outcome));
}

TEST(Policies, AreDocumentedCellByCell) {
  const char* root = std::getenv("MUSTER_SOURCE_DIR");
  std::ifstream in(std::string(root == nullptr ? "." : root) + "/docs/operating/check.md");
  std::stringstream page;
  page << in.rdbuf();
  std::string head = "| Situation |";
  for (const char* name : kColumns) {
    head += " `" + std::string(name) + "` |";
  }
  EXPECT_THAT(page.str(), ::testing::HasSubstr(head + "\n"));
  for (const Row& row : table()) {
    std::string line = "| " + std::string(row.situation) + " |";
    for (const Outcome outcome : row.outcomes) {
      line += " " + cell(outcome) + " |";
    }
    EXPECT_THAT(page.str(), ::testing::HasSubstr(line + "\n"));
  }
  for (const Policy& policy : all_policies()) {
    EXPECT_THAT(page.str(), ::testing::HasSubstr("| `" + std::string(policy.name) + "` | " +
                                                 std::string(policy.summary)));
  }
}

}  // namespace
}  // namespace muster::client
