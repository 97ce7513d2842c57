#include <gtest/gtest.h>

#include "codec_fields.h"
#include "guard_buffer.h"
#include "re_encode.h"

namespace muster::vectors {
namespace {

bool parses(const Case& c, Bytes octets) {
  return c.kind == Kind::kRequest ? static_cast<bool>(ocsp::parse_request(octets))
                                  : static_cast<bool>(ocsp::parse_response(octets));
}

Buffer re_encode(const Case& c, Bytes octets) {
  return c.kind == Kind::kRequest ? testing::re_encode_request(octets)
                                  : testing::re_encode_response(octets);
}

void judge_status(Judge& judge, const Case& c) {
  const Buffer octets = c.read_main();
  const auto response = ocsp::parse_response(octets);
  if (!response) {
    return;
  }
  if (!c.expected.response_status.empty()) {
    judge.expect(c, "response_status", c.expected.response_status, to_string(response->status));
  }
  // With several entries the verdict layer says which one counts.
  if (!c.expected.cert_status.empty() && response->basic &&
      response->basic->responses.size() == 1) {
    const ocsp::SingleResponseView single = response->basic->responses.at(0);
    judge.expect(c, "cert_status", c.expected.cert_status, to_string(single.status));
    const auto* revoked = std::get_if<ocsp::Revoked>(&single.status);
    if (c.expected.revocation_time) {
      judge.expect(c, "revocation_time", std::to_string(*c.expected.revocation_time),
                   revoked == nullptr ? "none" : std::to_string(to_int(revoked->time)));
    }
    if (c.expected.revocation_reason) {
      judge.expect(c, "revocation_reason", std::to_string(*c.expected.revocation_reason),
                   revoked == nullptr || !revoked->reason
                       ? "none"
                       : std::to_string(static_cast<int>(*revoked->reason)));
    }
  }
}

// req: OCSP-COD-001
// req: OCSP-COD-008
TEST(CodecVectors, DecodeAsTheirMakersExpect) {
  if (all_cases().empty()) {
    GTEST_SKIP() << kAbsent;
  }
  Judge judge(MUSTER_DIFFERENCES);
  for (const Case& c : all_cases()) {
    if (c.kind == Kind::kCrl) {
      continue;
    }
    if (!c.expected.parse.empty()) {
      judge.expect(c, "parse", c.expected.parse, parses(c, c.read_main()) ? "ok" : "fail");
    }
    if (c.kind == Kind::kResponse) {
      judge_status(judge, c);
    }
    for (const auto& [name, wanted] : c.expected.fields.items()) {
      if (is_for_another_layer(name)) {
        continue;
      }
      const std::optional<FieldCheck> check = check_field(c, name, wanted);
      if (!check) {
        ADD_FAILURE() << c.id << ": nothing decoded for fields." << name;
        continue;
      }
      judge.expect(c, "fields." + name, check->wanted, check->got);
    }
  }
  for (const std::string& problem : judge.problems()) {
    ADD_FAILURE() << problem;
  }
  RecordProperty("checks", static_cast<int>(judge.checks()));
  RecordProperty("differences", static_cast<int>(judge.differences()));
  EXPECT_GT(judge.checks(), 1000u);
}

// req: OCSP-COD-037
TEST(CodecVectors, ReEncodeToTheSameOctets) {
  if (all_cases().empty()) {
    GTEST_SKIP() << kAbsent;
  }
  std::size_t identical = 0;
  for (const Case& c : all_cases()) {
    if (c.kind == Kind::kCrl) {
      continue;
    }
    const Buffer octets = c.read_main();
    if (!parses(c, octets)) {
      continue;
    }
    const Buffer again = re_encode(c, octets);
    EXPECT_TRUE(testing::is_faithful(octets, again)) << c.id;
    EXPECT_TRUE(parses(c, again)) << c.id;
    identical += again == octets ? 1u : 0u;
  }
  EXPECT_GT(identical, 600u);
}

// req: OCSP-COD-029
TEST(CodecVectors, EveryCutIsRefusedAndEveryFlipIsHarmless) {
  if (all_cases().empty()) {
    GTEST_SKIP() << kAbsent;
  }
  // Captured responses of one kind resemble each other: some of each source are enough.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::size_t kPerSource = 1;  // instrumented code is fifty times slower
#else
  constexpr std::size_t kPerSource = 6;
#endif
  std::map<std::string, std::size_t> taken;
  for (const Case& c : all_cases()) {
    const std::string source = c.id.substr(0, c.id.find('-'));
    if (c.kind == Kind::kCrl || taken[source]++ >= kPerSource) {
      continue;
    }
    testing::for_each_cut_and_flip(
        c.read_main(), [&c](Bytes cut) { EXPECT_FALSE(parses(c, cut)) << c.id << cut.size(); },
        [&c](Bytes flipped) {
          if (!parses(c, flipped)) {
            return;
          }
          EXPECT_TRUE(testing::is_faithful(flipped, re_encode(c, flipped))) << c.id;
        });
  }
}

// A difference that is gone must leave the list; lines about cases that this collection lacks are
// not judged.
TEST(Judge, ReportsUnlistedAndStaleDifferences) {
  if (all_cases().empty()) {
    GTEST_SKIP() << kAbsent;
  }
  const Case& stale = all_cases().front();
  const std::string path = ::testing::TempDir() + "/differences.txt";
  std::FILE* const file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fprintf(file,
               "# a comment\n\na/known | parse | because | RFC 1\n%s | parse | because | RFC 1\n"
               "a/elsewhere | parse | because | RFC 1\n",
               stale.id.c_str());
  ASSERT_EQ(std::fclose(file), 0);
  Judge judge(path);
  Case known{};
  known.id = "a/known";
  Case fresh{};
  fresh.id = "a/new";
  judge.expect(known, "parse", "ok", "fail");
  judge.expect(stale, "parse", "ok", "ok");
  judge.expect(fresh, "parse", "ok", "fail");
  EXPECT_EQ(
      judge.problems(),
      (std::vector<std::string>{
          "a/new | parse: expected ok, got fail",
          stale.id + " | parse: listed as a difference, but there is none: remove the line"}));
  EXPECT_EQ(judge.checks(), 3u);
}

}  // namespace
}  // namespace muster::vectors
