#include "muster/publish/terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster::publish {
namespace {

constexpr Seconds days(int n) { return Seconds(n * 86400); }

Terms of(std::string_view profile) {
  Terms terms;
  terms.profile = find_profile(profile);
  return terms;
}
std::string why_bad(const Terms& terms) {
  const auto checked = check_terms(terms);
  return checked ? "" : checked.error().detail;
}

TEST(Profiles, AreFoundByNameAndHoldWithTheirUsualTerms) {
  EXPECT_EQ(find_profile("web"), nullptr);
  for (const Profile& profile : profiles()) {
    EXPECT_EQ(why_bad(of(profile.name)), "") << profile.name;
  }
}

// req: OCSP-CRL-041
TEST(Cabf, LimitsNextUpdateByTheHolders) {
  Terms terms = of("cabf");
  terms.interval = days(1);
  terms.overlap = days(9);
  EXPECT_EQ(why_bad(terms), "") << "10 days";
  terms.overlap = days(9) + Seconds(1);
  EXPECT_THAT(why_bad(terms), ::testing::HasSubstr("allows 10d"));
  terms.holders = Holders::kCas;
  EXPECT_EQ(why_bad(terms), "");
  terms.overlap = days(364) + Seconds(1);
  EXPECT_THAT(why_bad(terms), ::testing::HasSubstr("allows 365d"));
}

// req: OCSP-CRL-040
TEST(Cabf, LimitsTheIntervalByWhetherCertificatesNameAResponder) {
  Terms terms = of("cabf");
  terms.reaction = Seconds(3600);
  terms.overlap = days(1);
  terms.interval = days(7);
  EXPECT_EQ(why_bad(terms), "");
  terms.interval = days(7) + Seconds(1);
  EXPECT_THAT(why_bad(terms), ::testing::HasSubstr("interval"));
  terms.ocsp_pointers = false;
  terms.interval = days(4);
  EXPECT_EQ(why_bad(terms), "");
  terms.interval = days(4) + Seconds(1);
  EXPECT_THAT(why_bad(terms), ::testing::HasSubstr("4d"));
  terms.holders = Holders::kCas;
  terms.interval = days(200);
  EXPECT_EQ(why_bad(terms), "");
}

// req: OCSP-CRL-040
TEST(Cabf, WantsRevocationsPublishedWithinADay) {
  Terms terms = of("cabf");
  terms.interval = days(3);
  EXPECT_THAT(why_bad(terms), ::testing::HasSubstr("set reaction"));
  terms.reaction = days(1);
  EXPECT_EQ(why_bad(terms), "");
  terms.reaction = days(1) + Seconds(1);
  EXPECT_NE(why_bad(terms), "");
}

// req: OCSP-CRL-048
TEST(Etsi, WantsACrlEachDay) {
  Terms terms = of("etsi");
  EXPECT_LE(interval_of(terms), days(1));
  terms.interval = days(1);
  EXPECT_EQ(why_bad(terms), "");
  terms.interval = days(1) + Seconds(1);
  EXPECT_THAT(why_bad(terms), ::testing::HasSubstr("profile etsi"));
}

// req: OCSP-CRL-047
TEST(Cabf, WithoutOcspSaysTheNextPublicationAndLimitsTheSize) {
  Terms terms = of("cabf");
  EXPECT_FALSE(says_next_publish(terms));
  EXPECT_FALSE(most_bytes_of(terms));
  terms.ocsp_pointers = false;
  EXPECT_TRUE(says_next_publish(terms));
  EXPECT_EQ(most_bytes_of(terms), 10'000'000u);
  terms.most_bytes = 1000;
  EXPECT_EQ(most_bytes_of(terms), 1000u);
}

TEST(Terms, MustHoldTogether) {
  Terms terms;
  terms.delta_interval = days(1);
  EXPECT_NE(why_bad(terms), "") << "as long as the complete one";
  terms.delta_interval = Seconds(3600);
  EXPECT_EQ(why_bad(terms), "");
  terms.interval = Seconds(0);
  EXPECT_NE(why_bad(terms), "");
  terms.interval = days(1);
  terms.overlap = Seconds(-1);
  EXPECT_NE(why_bad(terms), "");
  terms.overlap = Seconds(0);
  terms.reaction = Seconds(0);
  EXPECT_NE(why_bad(terms), "");
}

}  // namespace
}  // namespace muster::publish
