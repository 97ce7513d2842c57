#include "muster/check/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "muster/testing/temp_dir.h"

namespace muster::check {
namespace {

using ::testing::HasSubstr;

/// "file PATH", "PROTOCOL HOST PORT", "PROTOCOL unix PATH", or "error: ...".
std::string told(const std::string& name, const TargetOptions& options = {}) {
  const auto parsed = parse_target(name, options);
  if (!parsed) {
    return "error: " + parsed.error();
  }
  if (const auto* file = std::get_if<FileTarget>(&*parsed)) {
    return "file " + file->path;
  }
  const auto& host = std::get<HostTarget>(*parsed);
  const std::string protocol(probe::to_string(host.protocol));
  return host.unix_path.empty() ? protocol + " " + host.host + " " + std::to_string(host.port)
                                : protocol + " unix " + host.unix_path;
}

struct Row {
  const char* name;
  const char* wanted;
};
class Targets : public ::testing::TestWithParam<Row> {};

TEST_P(Targets, AreToldBySpelling) { EXPECT_EQ(told(GetParam().name), GetParam().wanted); }

INSTANTIATE_TEST_SUITE_P(
    Names, Targets,
    ::testing::Values(
        Row{"-", "file -"}, Row{"leaf.pem", "file leaf.pem"}, Row{"LEAF.P12", "file LEAF.P12"},
        Row{"secret.yaml", "file secret.yaml"}, Row{"./ca.example", "file ./ca.example"},
        Row{"/tmp", "file /tmp"}, Row{"file:///etc/x.pem", "file /etc/x.pem"},
        Row{"ca.example", "tls ca.example 443"}, Row{"localhost", "tls localhost 443"},
        Row{"ca.example:8443", "tls ca.example 8443"}, Row{"192.0.2.7:993", "tls 192.0.2.7 993"},
        Row{"2001:db8::1", "tls 2001:db8::1 443"}, Row{"::1", "tls ::1 443"},
        Row{"[::1]", "tls ::1 443"}, Row{"[::1]:8443", "tls ::1 8443"},
        Row{"fe80::1%eth0", "tls fe80::1%eth0 443"},
        Row{"[fe80::1%eth0]:444", "tls fe80::1%eth0 444"},
        Row{"https://ca.example", "tls ca.example 443"},
        Row{"HTTPS://ca.example:8443/status?x=1#y", "tls ca.example 8443"},
        Row{"https://[2001:db8::1]:444/", "tls 2001:db8::1 444"},
        Row{"https://ca.example?x", "tls ca.example 443"},
        Row{"smtp://mail.example", "smtp mail.example 25"},
        Row{"imap://mail.example:1143", "imap mail.example 1143"},
        Row{"imaps://mail.example", "imaps mail.example 993"},
        Row{"postgresql://db.example/shop", "postgres db.example 5432"},
        Row{"ldap://dir.example", "ldap dir.example 389"},
        Row{"unix:/run/server.sock", "tls unix /run/server.sock"},
        Row{"unix:server.sock", "tls unix server.sock"}));

class NoTargets : public ::testing::TestWithParam<Row> {};

TEST_P(NoTargets, SayWhatIsWrong) {
  const std::string text = told(GetParam().name);
  EXPECT_THAT(text, HasSubstr("error: "));
  EXPECT_THAT(text, HasSubstr(GetParam().wanted));
}

INSTANTIATE_TEST_SUITE_P(
    Names, NoTargets,
    ::testing::Values(Row{"", "without a name"}, Row{"ca.example:0", "1 to 65535"},
                      Row{"ca.example:65536", "1 to 65535"}, Row{"ca.example:https", "1 to 65535"},
                      Row{"ca.example:", "1 to 65535"}, Row{"two words", "neither a file"},
                      Row{":443", "neither a file"}, Row{"[::1", "between brackets"},
                      Row{"[ca.example]:443", "between brackets"},
                      Row{"[::1]443", "behind the ']'"},
                      Row{"https://user@ca.example", "user information"},
                      Row{"https://", "nor the name"},
                      Row{"b\xc3\xbc"
                          "cher.example",
                          "xn--"},
                      Row{"http://ca.example", "https://"},
                      Row{"gopher://ca.example", "'gopher' is not known here; known: https, "},
                      Row{"file://etc/x.pem", "absolute"}, Row{"unix:", "path of a socket"},
                      Row{"-option", "neither a file"}));

TEST(Target, ASocketsPathFitsIntoItsAddress) {
  EXPECT_EQ(told("unix:" + std::string(107, 'x')), "tls unix " + std::string(107, 'x'));
  EXPECT_THAT(told("unix:" + std::string(108, 'x')), HasSubstr("at most 107"));
}

TEST(Target, AFileThatIsThereIsNoHost) {
  const testing::TempDir dir;
  const std::string path = dir.write("ca.example", "");
  EXPECT_EQ(told(path), "file " + path);
}

TEST(Target, StarttlsCountsWhereTheTargetDoesNotSay) {
  TargetOptions options;
  options.protocol = probe::Protocol::kSmtp;
  EXPECT_EQ(told("mail.example", options), "smtp mail.example 25");
  EXPECT_EQ(told("mail.example:2525", options), "smtp mail.example 2525");
  EXPECT_EQ(told("unix:/run/smtp", options), "smtp unix /run/smtp");
  EXPECT_EQ(told("imap://mail.example", options), "imap mail.example 143");
  EXPECT_EQ(told("https://ca.example", options), "tls ca.example 443");
}

TEST(Target, ResolveNamesAnAddressForOneHostAndPort) {
  TargetOptions options;
  options.resolve = {"a.example:443:127.0.0.1", "A.example:444:127.0.0.2", "[::2]:443:[::1]"};
  const auto connect_to = [&](const std::string& name) {
    return std::get<HostTarget>(*parse_target(name, options)).connect_to;
  };
  EXPECT_EQ(connect_to("a.example:444"), "127.0.0.2");
  EXPECT_EQ(connect_to("a.example"), "127.0.0.1");
  EXPECT_EQ(connect_to("b.example:444"), "");
  EXPECT_EQ(connect_to("a.example:445"), "");
  EXPECT_EQ(connect_to("::2"), "[::1]");
}

TEST(Target, ResolveEntriesAreLookedAt) {
  for (const char* good : {"a:443:127.0.0.1", "[::1]:443:[::2]", "a:1:b"}) {
    EXPECT_TRUE(is_resolve_entry(good)) << good;
  }
  for (const char* bad : {"", "a", "a:443", "a:443:", "a:x:b", ":443:b", "a:0:b", "[::1:443:b"}) {
    EXPECT_FALSE(is_resolve_entry(bad)) << bad;
  }
}

TEST(Target, TheServerNameIsTakenAlong) {
  TargetOptions options;
  options.server_name = "other.example";
  EXPECT_EQ(std::get<HostTarget>(*parse_target("127.0.0.1", options)).server_name, "other.example");
}

}  // namespace
}  // namespace muster::check
