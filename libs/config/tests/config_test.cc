#include "muster/config/config.h"

#include <gtest/gtest.h>

namespace muster::config {
namespace {

struct Signer {
  std::string key;
};
struct Issuer {
  std::string ca;
  std::string signer;
  std::vector<Signer> signers;
  Seconds validity{3600};
};
struct Service {
  std::string listen = "127.0.0.1:80";
  std::vector<std::string> files;
  bool verbose = false;
  std::int64_t loops = 1;
  Milliseconds timeout{500};
  Size limit{65536};
  int mode = 0;
  std::vector<Issuer> issuers;
};

void bind_signer(Section& s, Signer& v) { s.text("key", &v.key, "Its key."); }
void bind_issuer(Section& s, Issuer& i) {
  s.text("signer", &i.signer, "Its one signer.");
  s.tables<Signer>("signer", &i.signers, bind_signer, "Its signers.");
  s.text("ca", &i.ca, "Certificate of the CA.");
  s.duration("validity", &i.validity, Seconds(60), Seconds(864000), "Validity of answers.");
}
void bind(Section& root, Service& v) {
  Section& s = root.table("service", "A service.");
  s.text("listen", &v.listen, "Address.");
  s.texts("files", &v.files, "Files.");
  s.flag("verbose", &v.verbose, "Say more.");
  s.integer("loops", &v.loops, 1, 64, "Loops.");
  s.milliseconds("timeout", &v.timeout, Milliseconds(1), Milliseconds(60000), "Deadline.");
  s.size("limit", &v.limit, 1, 1 << 20, "Largest body.");
  s.choice(
      "mode", {"soft", "hard"}, 0, [&v](std::size_t i) { v.mode = static_cast<int>(i); },
      "How strict.");
  s.tables<Issuer>("issuer", &v.issuers, bind_issuer, "One CA.");
}

std::string error_of(std::string_view toml) {
  Service v;
  Section root;
  bind(root, v);
  const auto result = parse(toml, "muster.toml", root);
  return result ? "" : result.error().message;
}

TEST(Config, ReadsEveryKindOfValue) {
  Service v;
  Section root;
  bind(root, v);
  const auto result = parse(R"(
[service]
listen = "[::1]:0"
files = ["a", "b"]
verbose = true
loops = 4
timeout = "250ms"
limit = "64KiB"
mode = "hard"
[[service.issuer]]
ca = "one.pem"
[[service.issuer]]
ca = "two.pem"
validity = "1d12h"
)",
                            "muster.toml", root);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(v.listen, "[::1]:0");
  EXPECT_EQ(v.files, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(v.verbose);
  EXPECT_EQ(v.loops, 4);
  EXPECT_EQ(v.timeout, Milliseconds(250));
  EXPECT_EQ(v.limit.bytes, 65536u);
  EXPECT_EQ(v.mode, 1);
  ASSERT_EQ(v.issuers.size(), 2u);
  EXPECT_EQ(v.issuers[0].validity, Seconds(3600));
  EXPECT_EQ(v.issuers[1].ca, "two.pem");
  EXPECT_EQ(v.issuers[1].validity, Seconds(129600));
}

TEST(Config, ANameMayStandForAValueOrForTables) {
  Service v;
  Section root;
  bind(root, v);
  const auto result = parse(R"(
[[service.issuer]]
signer = "one.pem"
[[service.issuer]]
[[service.issuer.signer]]
key = "a"
[[service.issuer.signer]]
key = "b"
)",
                            "muster.toml", root);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(v.issuers[0].signer, "one.pem");
  ASSERT_EQ(v.issuers[1].signers.size(), 2U);
  EXPECT_EQ(v.issuers[1].signers[1].key, "b");
  EXPECT_NE(error_of("[[service.issuer]]\n[[service.issuer.signer]]\nkez = 1\n")
                .find("[service.issuer.signer] unknown key"),
            std::string::npos);
}

TEST(Config, UnknownKeysAreErrorsWithPlaceAndSuggestion) {
  EXPECT_EQ(error_of("[service]\nlisen = \"x\"\n"),
            "muster.toml:2:1: [service] unknown key 'lisen' (did you mean 'listen'?)");
  EXPECT_EQ(error_of("[servcie]\n"),
            "muster.toml:1:2: unknown key 'servcie' (did you mean 'service'?)");
  EXPECT_EQ(error_of("[[service.issuer]]\nzzz = 1\n"),
            "muster.toml:2:1: [service.issuer] unknown key 'zzz'");
}

TEST(Config, WrongTypesAndBoundsSayWhatWouldBeRight) {
  EXPECT_NE(error_of("[service]\ntimeout = 5\n").find("must be a duration such as"),
            std::string::npos);
  EXPECT_NE(error_of("[service]\ntimeout = \"5h\"\n").find("must lie between"), std::string::npos);
  EXPECT_NE(error_of("[service]\nloops = 65\n").find("from 1 to 64"), std::string::npos);
  EXPECT_NE(error_of("[service]\nverbose = \"yes\"\n").find("true or false"), std::string::npos);
  EXPECT_NE(error_of("[service]\nmode = \"harder\"\n").find("one of \"soft\", \"hard\""),
            std::string::npos);
  EXPECT_NE(error_of("[service]\nlimit = \"1kb\"\n").find("64KiB"), std::string::npos);
  EXPECT_NE(error_of("[service]\nfiles = [1]\n").find("list of texts"), std::string::npos);
  EXPECT_NE(error_of("service = 1\n").find("must be a table"), std::string::npos);
  EXPECT_NE(error_of("[service.issuer]\n").find("[[service.issuer]]"), std::string::npos);
}

TEST(Config, SyntaxErrorsNameLineAndColumn) {
  EXPECT_TRUE(error_of("[service\n").starts_with("muster.toml:1:")) << error_of("[service\n");
  EXPECT_NE(error_of("[service]\nlisten = \"a\"\nlisten = \"b\"\n"), "");
}

TEST(Config, AnUnreadableFileIsNamed) {
  Section root;
  const auto result = load("/no/such/muster.toml", root);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("/no/such/muster.toml"), std::string::npos);
}

TEST(Config, ReferenceListsEveryKeyWithDefaultAndBounds) {
  Service v;
  Section root;
  bind(root, v);
  const std::string text = reference(root);
  EXPECT_NE(text.find("## `[service]`"), std::string::npos) << text;
  EXPECT_NE(text.find("| `timeout` | duration 1ms to 1m | `\"500ms\"` | Deadline. |"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("## `[[service.issuer]]`"), std::string::npos) << text;
  EXPECT_NE(text.find("| `validity` | duration 1m to 10d | `\"1h\"` |"), std::string::npos) << text;
  EXPECT_TRUE(v.issuers.empty());
}

}  // namespace
}  // namespace muster::config
