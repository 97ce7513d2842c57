#include "muster/report/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "muster/testing/temp_dir.h"

namespace muster::report {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string explain(std::string_view code, std::size_t columns = 0) {
  std::string out;
  for (const Entry* entry : find_entries(code)) {
    out += explain_text(*entry, {.now = {}, .colour = Colour::kPlain, .columns = columns});
  }
  return out;
}

TEST(Explain, EveryReasonIsWholeAndNamedOnce) {
  std::set<std::string_view> codes;
  for (const client::Reason& reason : client::all_reasons()) {
    EXPECT_TRUE(codes.insert(reason.code).second) << reason.code << " is there twice";
    for (const std::string_view text : {reason.what, reason.why, reason.fix}) {
      EXPECT_THAT(text, ::testing::EndsWith(".")) << reason.code;
    }
    EXPECT_FALSE(reason.causes.empty())
        << reason.code << " has no causes (libs/client/src/reasons.cc)";
    EXPECT_FALSE(reason.causes.ends_with('.')) << reason.code << ": causes are no sentences";
    for (const std::string_view text : {reason.what, reason.why, reason.fix, reason.causes}) {
      EXPECT_THAT(text, Not(HasSubstr("|"))) << reason.code << " goes into a table";
    }
  }
}

// Whatever a program can read in a report can be asked about.
TEST(Explain, KnowsEveryCodeThatEnumsGive) {
  std::vector<std::string_view> codes;
  for (int i = 0; i <= static_cast<int>(client::VerifyErrc::kProducedBeforeCertificate); ++i) {
    codes.push_back(client::to_string(static_cast<client::VerifyErrc>(i)));
  }
  for (const auto code : {client::LiveErrc::kNoUrl, client::LiveErrc::kTransport,
                          client::LiveErrc::kResponderError}) {
    codes.push_back(client::to_string(code));
  }
  for (int i = 0; i <= static_cast<int>(client::Silence::kUntrusted); ++i) {
    codes.push_back(client::to_string(static_cast<client::Silence>(i)));
  }
  for (int i = 0; i <= static_cast<int>(client::Outcome::kRevoked); ++i) {
    codes.push_back(client::to_string(static_cast<client::Outcome>(i)));
  }
  for (const std::string_view code : codes) {
    EXPECT_THAT(find_entries(code), Not(IsEmpty())) << code;
  }
}

TEST(Explain, TellsMeaningCausesAndWhatToDo) {
  EXPECT_EQ(explain("refresh-late", 60),
            "refresh-late  reason of muster check\n"
            "  what    The answer is near its end of life.\n"
            "  why     It should have been replaced at half of it; soon\n"
            "          nothing valid is left.\n"
            "  causes  - the refresh job fails or runs too rarely\n"
            "          - the responder is out of reach from the server\n"
            "          - the responder itself signs late\n"
            "  fix     See why the refresh is late.\n");
  EXPECT_EQ(explain("REFRESH-LATE"), explain("refresh-late"));
  EXPECT_THAT(explain("revoked"), HasSubstr("revoked  verdict of muster check, exit code 1\n"));
  EXPECT_THAT(explain("70"), HasSubstr("70  exit code of muster check\n"));
  EXPECT_EQ(find_entries("0").size(), 2U) << "good, and not needed";
  EXPECT_THAT(explain("4"), HasSubstr("unacceptable  verdict"));
}

TEST(Explain, SuggestsWhatWasProbablyMeant) {
  struct Row {
    const char* word;
    const char* guess;
  };
  for (const Row& row : {Row{"respone-expired", "response-expired"},
                         {"bad_signature", "bad-signature"},
                         {"expired", "response-expired"},
                         {"nostaple", "no-staple"},
                         {"quark", ""},
                         {"", ""}}) {
    EXPECT_THAT(find_entries(row.word), IsEmpty()) << row.word;
    EXPECT_EQ(suggest_code(row.word), row.guess) << row.word;
  }
}

TEST(Explain, ListsAndTellsProgramsEveryEntry) {
  const std::string list = explain_list({.now = {}, .colour = Colour::kPlain, .columns = 80});
  std::vector<const Entry*> entries;
  for (const Entry& entry : all_entries()) {
    EXPECT_THAT(list, HasSubstr("\n  " + std::string(entry.code) + " "));
    entries.push_back(&entry);
  }
  const auto json = nlohmann::json::parse(explain_json(entries));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["entries"].size(), all_entries().size());
  EXPECT_EQ(json["entries"][0]["code"], "good");
  EXPECT_EQ(json["entries"][0]["exit_code"], 0);
  EXPECT_EQ(json["entries"].back()["exit_code"], nullptr);
}

TEST(Explain, TellsOfFurtherEntriesToo) {
  const View view{.now = {}, .colour = Colour::kPlain, .columns = 60};
  const Entry rules[] = {{"crl-number",
                          "rule",
                          "A CRL has a number.",
                          "Newer is told from older.",
                          "",
                          "Add one.",
                          std::nullopt,
                          {{"level", "must"}, {"requirement", "OCSP-CRL-001"}}}};
  ASSERT_EQ(find_entries("crl-number", rules).size(), 1U);
  EXPECT_THAT(find_entries("crl-number"), IsEmpty());
  EXPECT_EQ(suggest_code("crl_number", rules), "crl-number");
  EXPECT_EQ(explain_text(rules[0], view),
            "crl-number  rule of muster lint\n"
            "  what         A CRL has a number.\n"
            "  why          Newer is told from older.\n"
            "  fix          Add one.\n"
            "  level        must\n"
            "  requirement  OCSP-CRL-001\n");
  EXPECT_THAT(explain_list(view, rules), HasSubstr("\nrules\n  crl-number  "));
  const Entry* const entries[] = {&rules[0]};
  const auto json = nlohmann::json::parse(explain_json(entries));
  EXPECT_EQ(json["entries"][0]["kind"], "rule");
  EXPECT_EQ(json["entries"][0]["level"], "must");
}

TEST(Explain, ThePageOfReasonsIsWhatTheProgramPrints) {
  const char* root = std::getenv("MUSTER_SOURCE_DIR");
  const std::string page =
      testing::read_text(std::string(root == nullptr ? "." : root) + "/docs/formats/reasons.md");
  EXPECT_EQ(page, reasons_page()) << "muster explain --list --markdown > docs/formats/reasons.md";
}

}  // namespace
}  // namespace muster::report
