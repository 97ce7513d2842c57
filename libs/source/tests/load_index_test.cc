#include "source_fixture.h"

namespace muster::source {
namespace {

using store::State;
using ::testing::HasSubstr;
using testing::kTestNow;
using testing::revoked_line;
using testing::SourceTest;
using testing::valid_line;
class LoadIndex : public SourceTest {
 protected:
  void expect_refused(std::string_view text, SourceErrc code, const std::string& substring) {
    const auto before = contents();
    const std::uint64_t sequence = state().sequence;
    const auto loaded = load_index(text);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, code) << loaded.error().detail;
    EXPECT_THAT(loaded.error().detail, HasSubstr(substring));
    EXPECT_THAT(loaded.error().detail, HasSubstr("index.txt"));
    EXPECT_EQ(contents(), before) << "a bad file must change nothing";
    EXPECT_EQ(state().sequence, sequence);
  }
};

// req: OCSP-RESP-013
TEST_F(LoadIndex, ReplacesTheWholeState) {
  const auto first = load_index(valid_line("01") + revoked_line("02") + valid_line("03"));
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(find("01")->state, State::kGood);
  EXPECT_EQ(find("02")->state, State::kRevoked);
  EXPECT_EQ(find("02")->revoked_at, *parse_iso8601("2026-01-01T00:00:00Z"));
  EXPECT_EQ(find("02")->reason, ReasonCode::kSuperseded);
  EXPECT_FALSE(find("04"));
  EXPECT_EQ(state().knows_issued, store::KnowsIssued::kYes);
  EXPECT_EQ(state().loaded_at, kTestNow);
  EXPECT_EQ(state().records, 3u);
  EXPECT_EQ(state().revoked, 1u);
  EXPECT_FALSE(state().this_update);
  options_.missing = LoadOptions::Missing::kGivenUp;
  const auto second = load_index(revoked_line("01") + revoked_line("02") + valid_line("04"));
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_GT(second->sequence, first->sequence);
  EXPECT_EQ(find("01")->state, State::kRevoked);
  EXPECT_FALSE(find("03"));
  EXPECT_TRUE(find("04"));
  EXPECT_EQ(second->changes.added, 1u);
  EXPECT_EQ(second->changes.changed, 1u);
  EXPECT_EQ(second->changes.removed, 1u);
}

TEST_F(LoadIndex, ABrokenFileChangesNothing) {
  ASSERT_TRUE(load_index(valid_line("01") + revoked_line("02")));
  expect_refused(valid_line("01") + "R\t300101000000Z\t2601", SourceErrc::kMalformed, "line 2");
  expect_refused(valid_line("01") + revoked_line("02") + "nonsense\n" + valid_line("03"),
                 SourceErrc::kMalformed, "line 3");
  expect_refused(valid_line("01") + "V\t300101000000Z\t\t0Z\tunknown\t/CN=x\n",
                 SourceErrc::kMalformed, "field 4");
  expect_refused(std::string(4096, '\0'), SourceErrc::kMalformed, "line 1");
  expect_refused("", SourceErrc::kEmptied, "2 were known");
  expect_refused(valid_line("01") + valid_line("02") + revoked_line("01"), SourceErrc::kConflict,
                 "lines 1, 3 give serial 01 different status");
}

// kTestNow is 2026-11-24T10:00:00Z.
TEST_F(LoadIndex, ARevocationYetToComeIsRefused) {
  ASSERT_TRUE(load_index(valid_line("01") + revoked_line("02")));
  expect_refused(valid_line("01") + revoked_line("02") + revoked_line("03", "261124100501Z"),
                 SourceErrc::kNotYetValid,
                 "line 3: serial 03 is revoked since 2026-11-24T10:05:01Z");
  ASSERT_TRUE(
      load_index(valid_line("01") + revoked_line("02") + revoked_line("03", "261124100500Z")))
      << "clocks differ a little";
  EXPECT_EQ(find("03")->state, State::kRevoked);
}

// Cut at every octet, a file is taken only where a line ends; what was known stays so even then.
// req: OCSP-RESP-068
TEST_F(LoadIndex, ACutFileNeverMakesARevokedCertificateGoodNorAnIssuedOneUnknown) {
  const std::string text =
      revoked_line("02") + valid_line("01") + revoked_line("03") + valid_line("04");
  ASSERT_TRUE(load_index(text));
  for (std::size_t n = 0; n < text.size(); ++n) {
    const auto loaded = load_index(std::string_view(text).substr(0, n));
    ASSERT_EQ(loaded.operator bool(), n != 0 && text[n - 1] == '\n') << n;
    for (const auto& [serial, state] :
         {std::pair("01", State::kGood), std::pair("04", State::kGood),
          std::pair("02", State::kRevoked), std::pair("03", State::kRevoked)}) {
      const auto known = find(serial);
      ASSERT_TRUE(known) << serial << " cut at " << n;
      ASSERT_EQ(known->state, state) << serial << " cut at " << n;
    }
  }
}

TEST_F(LoadIndex, ACertificateThatVanishesBeforeItsExpiryStaysWithAnAlarm) {
  const std::string expired = "V\t260101000000Z\t\t03\tunknown\t/CN=x\n";
  ASSERT_TRUE(load_index(valid_line("01") + valid_line("02") + expired + revoked_line("04")));
  store::Status pushed;  // by somebody who did not tell when it ends
  ASSERT_TRUE(store_->apply(id_, std::vector<store::Change>{{*Serial::from_hex("05"), pushed}}));
  const auto loaded = load_index(valid_line("01") + valid_line("06"));
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->kept_good(), 1u);
  EXPECT_EQ(loaded->kept_revoked(), 1u);
  EXPECT_EQ(loaded->changes.removed, 2u);
  EXPECT_THAT(loaded->kept_good_text(), HasSubstr(" 02 (was the file cut"));
  EXPECT_THAT(loaded->kept_good_text(), HasSubstr("muster store forget"));
  EXPECT_THAT(loaded->kept_text(), HasSubstr(" 04 "));
  EXPECT_EQ(find("02")->state, State::kGood);
  EXPECT_FALSE(find("03")) << "expired";
  EXPECT_FALSE(find("05")) << "nobody knows whether it has ended: never issued vouches for nothing";
  EXPECT_TRUE(find("06")) << "news of the same file is taken nevertheless";
  // The operator forgets it: the same file does not bring it back.
  ASSERT_TRUE(
      store_->apply(id_, std::vector<store::Change>{{*Serial::from_hex("02"), std::nullopt}}));
  EXPECT_EQ(load_index(valid_line("01") + valid_line("06"))->kept_good(), 0u);
  EXPECT_FALSE(find("02"));
}

TEST_F(LoadIndex, WhatTheOperatorGivesUpGoesUnlessItIsRevoked) {
  ASSERT_TRUE(load_index(valid_line("01") + valid_line("02") + revoked_line("03")));
  options_.missing = LoadOptions::Missing::kGivenUp;
  const auto loaded = load_index(valid_line("01"));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->kept_good(), 0u);
  EXPECT_FALSE(find("02"));
  EXPECT_EQ(find("03")->state, State::kRevoked);
}

TEST_F(LoadIndex, EqualLinesAreNoConflict) {
  ASSERT_TRUE(load_index(valid_line("01") + valid_line("02") + valid_line("01")));
  EXPECT_EQ(state().records, 2u);
}

TEST_F(LoadIndex, AnEmptyFileIsFineForANewCaAndWhenTheOperatorSaysSo) {
  ASSERT_TRUE(load_index(""));
  ASSERT_TRUE(load_index(valid_line("01")));
  options_.missing = LoadOptions::Missing::kGivenUp;
  ASSERT_TRUE(load_index(""));
  EXPECT_EQ(state().records, 0u);
}

TEST_F(LoadIndex, AnUnreadableFileIsNamed) {
  const auto missing = load(*store_, spec(SourceKind::kIndexTxt, "absent.txt"), options_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, SourceErrc::kUnreadable);
  EXPECT_THAT(missing.error().detail, HasSubstr("absent.txt"));
  SourceSpec directory = spec(SourceKind::kIndexTxt, "store");
  EXPECT_EQ(load(*store_, directory, options_).error().code, SourceErrc::kUnreadable);
}

// req: OCSP-RESP-068
TEST_F(LoadIndex, ARevocationDroppedBeforeExpiryIsKeptWithAnAlarm) {
  ASSERT_TRUE(load_index(valid_line("01") + revoked_line("02") +
                         revoked_line("03", "260101000000Z", "260201000000Z")));
  const auto loaded = load_index(valid_line("01") + valid_line("04"));
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->kept_revoked(), 1u);
  EXPECT_THAT(loaded->kept_text(), HasSubstr(" 02 "));
  EXPECT_EQ(find("02")->state, State::kRevoked);
  EXPECT_FALSE(find("03")) << "that one had expired";
  EXPECT_TRUE(find("04")) << "news of the same file is taken nevertheless";
}

// req: OCSP-CRL-051 OCSP-RESP-004
TEST_F(LoadIndex, OnlyAHoldCanBeLifted) {
  ASSERT_TRUE(load_index(revoked_line("01", "260101000000Z,certificateHold") + revoked_line("02")));
  EXPECT_EQ(find("01")->state, State::kHold);
  const auto loaded = load_index(valid_line("01") + valid_line("02"));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(find("01")->state, State::kGood);
  EXPECT_EQ(find("02")->state, State::kRevoked);
  EXPECT_EQ(loaded->kept_revoked(), 1u);
  // A hold that becomes final, and a corrected reason, are news.
  ASSERT_TRUE(load_index(revoked_line("01", "260101000000Z,certificateHold") + revoked_line("02")));
  ASSERT_TRUE(load_index(revoked_line("01", "260103000000Z,keyCompromise") +
                         revoked_line("02", "260101000000Z,keyCompromise")));
  EXPECT_EQ(find("01")->reason, ReasonCode::kKeyCompromise);
  EXPECT_EQ(find("02")->reason, ReasonCode::kKeyCompromise);
}

TEST_F(LoadIndex, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  options_.stop = stop.get_token();
  const auto loaded = load_index(valid_line("01"));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, SourceErrc::kStopped);
}

TEST_F(LoadIndex, ConfirmMovesTheTimeOnly) {
  ASSERT_TRUE(load_index(valid_line("01")));
  const store::IssuerState before = state();
  ASSERT_TRUE(confirm(*store_, id_, kTestNow + Seconds(60)));
  EXPECT_EQ(state().loaded_at, kTestNow + Seconds(60));
  EXPECT_EQ(state().records, before.records);
  EXPECT_EQ(state().knows_issued, before.knows_issued);
  EXPECT_EQ(state().label, before.label);
}

TEST(IssuerKey, SeparatesNamesAndKeys) {
  const auto& pki = muster::testing::standard_pki();
  EXPECT_EQ(make_issuer_key(pki.root.certificate), make_issuer_key(pki.root.certificate));
  EXPECT_NE(make_issuer_key(pki.root.certificate), make_issuer_key(pki.intermediate.certificate));
  muster::testing::CertificateSpec same_name = muster::testing::ca_spec("Twin");
  const auto a = muster::testing::issue(pki.root, same_name);
  const auto b = muster::testing::issue(pki.root, same_name);
  EXPECT_NE(make_issuer_key(a.certificate), make_issuer_key(b.certificate)) << "one name, two keys";
}

}  // namespace
}  // namespace muster::source
