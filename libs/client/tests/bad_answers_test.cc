#include "muster/testing/bad_answers.h"

#include <gtest/gtest.h>

#include "muster/client/gather.h"

// The corpus of bad_answers.h: each answer is refused with its exact code and exit code.
namespace muster::client {
namespace {

using namespace muster::testing;

const TestPki& P() { return standard_pki(); }

EntrySpec leaf_entry(ocsp::CertStatus status = ocsp::Good{}) {
  return entry_for(P().leaf.certificate, P().intermediate.certificate, status,
                   HashAlgorithm::kSha256);
}

BadAnswerWorld world() { return {P(), kTestNow}; }

class BadAnswers : public ::testing::TestWithParam<BadAnswer> {};

// req: OCSP-CLI-001 OCSP-CLI-002 OCSP-CLI-003 OCSP-CLI-004 OCSP-CLI-005 OCSP-CLI-006 OCSP-CLI-009
// OCSP-CLI-025 OCSP-CLI-031
TEST_P(BadAnswers, IsRefusedWithItsCode) {
  const Buffer response = GetParam().make(world());
  const auto result =
      verify({response, P().leaf.certificate, P().intermediate.certificate, std::nullopt, {}}, {},
             kTestNow);
  ASSERT_FALSE(result) << "believed";
  EXPECT_EQ(to_string(result.error().code), GetParam().code) << result.error().detail;
  EXPECT_FALSE(result.error().detail.empty());
}
TEST_P(BadAnswers, FromAFileIsUnacceptableForItsReason) {
  Material material(P().leaf.certificate);
  material.others = {P().intermediate.certificate};
  material.roots = {P().root.certificate};
  GatherOptions options;
  options.skip_live = true;
  options.saved = {{"answer.der", GetParam().make(world())}};
  const FakeClock clock(kTestNow);
  const Verdict verdict = judge(gather(material, options, clock), clock.now());
  EXPECT_EQ(exit_code(verdict.outcome), 4) << to_string(verdict.outcome);
  EXPECT_TRUE(std::any_of(verdict.findings.begin(), verdict.findings.end(), [](const Finding& f) {
    return f.code == GetParam().code;
  })) << GetParam().code;
}

INSTANTIATE_TEST_SUITE_P(Corpus, BadAnswers, ::testing::ValuesIn(bad_answers()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(BadAnswers, AnIssuerOfAnotherNameIsRefused) {
  CertificateSpec spec = ca_spec("Renamed CA");
  spec.use_key = TestKey{P().intermediate.key, ""};
  const Identity renamed = issue(P().root, spec);
  const Buffer response =
      build_good_response(P().intermediate, P().leaf.certificate, P().intermediate.certificate);
  const auto result =
      verify({response, P().leaf.certificate, renamed.certificate, std::nullopt, {}}, {}, kTestNow);
  ASSERT_FALSE(result);
  EXPECT_EQ(to_string(result.error().code), "signer-unauthorised");
}

TEST(BadAnswers, EveryFlippedBitAndEveryCutIsRefused) {
  const Buffer good = build_response(
      P().ocsp_signer, {.entries = {leaf_entry()}, .certificates = Certificates::kNone});
  const std::vector<pki::Certificate> extra = {P().ocsp_signer.certificate};
  const auto believed = [&](Bytes response) {
    return bool(
        verify({response, P().leaf.certificate, P().intermediate.certificate, std::nullopt, extra},
               {}, kTestNow));
  };
  ASSERT_TRUE(believed(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_FALSE(believed(Bytes(good).first(cut))) << "cut at " << cut;
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Buffer flipped = good;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(believed(flipped)) << "bit " << bit;
  }
}

}  // namespace
}  // namespace muster::client
