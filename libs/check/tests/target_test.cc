#include "muster/check/target.h"

#include <gtest/gtest.h>

namespace muster::check {
namespace {

struct HostCase {
  const char* text;
  const char* host;  ///< nullptr: not a server
  std::uint16_t port;
};

class HostTargets : public ::testing::TestWithParam<HostCase> {};

TEST_P(HostTargets, AreTakenApart) {
  const HostCase& c = GetParam();
  const auto parsed = parse_host_target(c.text, "", {});
  ASSERT_EQ(parsed.has_value(), c.host != nullptr) << c.text;
  if (parsed) {
    EXPECT_EQ(parsed->host, c.host);
    EXPECT_EQ(parsed->port, c.port);
  }
}

INSTANTIATE_TEST_SUITE_P(Texts, HostTargets,
                         ::testing::Values(HostCase{"ca.example", "ca.example", 443},
                                           HostCase{"ca.example:8443", "ca.example", 8443},
                                           HostCase{"ca.example:0", nullptr, 0},
                                           HostCase{"ca.example:65536", nullptr, 0},
                                           HostCase{"ca.example:https", nullptr, 0},
                                           HostCase{"leaf.pem", nullptr, 0},
                                           HostCase{"LEAF.CRT", nullptr, 0},
                                           HostCase{"./ca.example", nullptr, 0},
                                           HostCase{"-", nullptr, 0}, HostCase{"", nullptr, 0}));

TEST(HostTarget, ResolveNamesAnAddressForOneHostAndPort) {
  const std::vector<std::string> resolve = {"a.example:443:127.0.0.1", "a.example:444:127.0.0.2"};
  EXPECT_EQ(parse_host_target("a.example:444", "", resolve)->connect_to, "127.0.0.2");
  EXPECT_EQ(parse_host_target("b.example:444", "", resolve)->connect_to, "");
}

}  // namespace
}  // namespace muster::check
