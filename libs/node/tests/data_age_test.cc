#include "data_age.h"

#include "node_fixture.h"

// A CA that is late, and lists that are old.
namespace muster::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string render(const MetricsInput& in) {
  PrometheusText out;
  add_data_age(out, in);
  return out.take();
}

/// Two partitions of which one is over.
TEST(DataAge, APartitionThatIsOverIsALag) {
  store::IssuerState state;
  state.this_update = kTestNow - Seconds(60);
  state.next_update = kTestNow + Seconds(3600);
  MetricsInput in;
  in.now = kTestNow;
  in.issuers = {{"ca", state, {}}};
  EXPECT_THAT(render(in), HasSubstr("muster_crl_lag_seconds{issuer=\"ca\"} 0\n"));
  in.issuers[0].state.not_revoked_until = kTestNow - Seconds(40);
  EXPECT_THAT(
      render(in),
      AllOf(HasSubstr("muster_crl_lag_seconds{issuer=\"ca\"} 40\n"),
            HasSubstr("muster_crl_next_update_timestamp_seconds{issuer=\"ca\"} " +
                      std::to_string((kTestNow - Seconds(40)).time_since_epoch().count()))));
  in.issuers[0].state.not_revoked_until = UnixSeconds{};  // something was never there
  EXPECT_THAT(render(in), HasSubstr("muster_crl_lag_seconds{issuer=\"ca\"} 0\n"));
}

source::SourceStatus with_list(Seconds age, Seconds max_age) {
  source::SourceStatus source;
  source.label = "ca";
  source.checked = true;
  source.last_success = kTestNow;
  source.next_update = kTestNow + Seconds(3600);
  source::PartStatus list;
  list.kind = source::PartStatus::Kind::kIssuedList;
  list.origin = "/srv/issued.txt";
  list.this_update = kTestNow - age;
  source.parts = {list};
  source.never_issued_until = *list.this_update + max_age;
  return source;
}

TEST(DataAge, AnOldListIsToldOnceWithFileAndAge) {
  MemoryLogger log;
  ListWatch watch;
  watch.look({with_list(Seconds(10), Seconds(60))}, kTestNow, log);
  EXPECT_EQ(log.text(), "");
  const auto old = with_list(Seconds(100), Seconds(60));
  watch.look({old}, kTestNow, log);
  EXPECT_THAT(log.text(), AllOf(HasSubstr("source.list_old /srv/issued.txt"),
                                HasSubstr("issuer=ca age_seconds=100")));
  const std::string once = log.text();
  watch.look({old}, kTestNow, log);
  EXPECT_EQ(log.text(), once);
  watch.look({with_list(Seconds(1), Seconds(60))}, kTestNow, log);
  EXPECT_THAT(log.text(), HasSubstr("source.list_current"));
}

TEST(DataAge, ListsHaveMetrics) {
  MetricsInput in;
  in.now = kTestNow;
  EXPECT_THAT(render(in), Not(HasSubstr("issued_list")));
  in.sources = {with_list(Seconds(100), Seconds(60))};
  EXPECT_THAT(render(in), AllOf(HasSubstr("muster_issued_list_age_seconds{issuer=\"ca\"} 100\n"),
                                HasSubstr("muster_issued_list_current{issuer=\"ca\"} 0\n")));
}

TEST(DataAge, OldListsAreANoteOnlyWhileTheCrlIsCurrent) {
  auto source = with_list(Seconds(100), Seconds(60));
  EXPECT_THAT(trouble_with_lists(source, kTestNow), HasSubstr("issued_serials_max_age"));
  source.next_update = kTestNow - Seconds(1);
  EXPECT_EQ(trouble_with_lists(source, kTestNow), "");
  source = with_list(Seconds(10), Seconds(60));
  EXPECT_EQ(trouble_with_lists(source, kTestNow), "");
  source.never_issued_until = UnixSeconds{};
  source.parts.clear();
  EXPECT_THAT(trouble_with_lists(source, kTestNow), HasSubstr("no list"));
}

}  // namespace
}  // namespace muster::node
