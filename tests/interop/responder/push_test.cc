#include <unistd.h>

#include "site.h"

// The push API from outside: mutual TLS, a full disk, what survives.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Curl {
  std::string body;
  std::string status;
};

class PushSite : public Site {
 public:
  PushSite() {
    const UnixSeconds now = SystemClock().now();
    CertificateSpec client = leaf_spec("ca.example");
    client.at = now;
    client.extended_key_usage = {*der::oid_from_string("1.3.6.1.5.5.7.3.2")};
    const Identity remote = issue(pki.intermediate, client);
    remote.write(dir, "client");
    client_serial = remote.certificate.serial().to_hex();
    client.dns_names = {"stranger.example"};
    issue(pki.intermediate, client).write(dir, "stranger");
    CertificateSpec server = leaf_spec("push.example");
    server.at = now;
    server.ip_addresses = {"127.0.0.1"};
    issue(pki.intermediate, server).write(dir, "server");
  }
  std::string client_serial;
  /// Configuration of a responder fed over both kinds of sockets.
  std::string config(const std::string& store = "store") const {
    const auto entry = [this](const char* key, std::string_view name) {
      return std::string(key) + " = \"" + file(name) + "\"\n";
    };
    return dir.write("muster.toml",
                     "[responder]\nlisten = \"127.0.0.1:0\"\nloops = 1\n" + entry("store", store) +
                         "[responder.push]\nlisten = [\"unix:" + file("push.sock") +
                         "\", \"127.0.0.1:0\"]\n" + entry("certificate", "server.pem") +
                         entry("key", "server.key") + entry("client_ca", "ca.pem") +
                         "[[responder.push.client]]\nname = \"local\"\nusers = [\"" +
                         std::to_string(::getuid()) +
                         "\"]\nissuers = [\"ca\"]\n[[responder.push.client]]\nname = \"remote\"\n"
                         "certificates = [\"dns:ca.example\"]\nissuers = [\"ca\"]\nmay = "
                         "[\"issue\", \"revoke\"]\n"
                         "[[responder.issuer]]\nlabel = \"ca\"\n" +
                         entry("ca", "ca.pem") + entry("signer", "ocsp.pem") +
                         entry("key", "ocsp.key"));
  }
  [[nodiscard]] Curl curl(std::vector<std::string> words, const std::string& where,
                          const std::string& verb, const std::string& body) const {
    words.insert(words.begin(), {"curl", "-s", "-S", "--noproxy", "*", "--max-time", "30", "-w",
                                 "\n%{http_code}", "--data-binary", "@-"});
    words.push_back(where + "/v1/issuers/ca/" + verb);
    const ProcessResult result = run_process(words, {.input = body});
    const std::size_t end = result.out.rfind('\n');
    return {end == std::string::npos ? result.describe() : result.out.substr(0, end) + result.err,
            end == std::string::npos ? "" : result.out.substr(end + 1)};
  }
  [[nodiscard]] Curl local(const std::string& verb, const std::string& body) const {
    return curl({"--unix-socket", file("push.sock")}, "http://localhost", verb, body);
  }
  [[nodiscard]] std::string serial_json() const {
    return R"({"serial":")" + pki.leaf.certificate.serial().to_hex() + "\"}";
  }
};

// req: OCSP-RESP-085
TEST(PushFromOutside, MutualTlsSaysWhoMayWhat) {
  const PushSite site;
  Running responder({muster_binary(), "responder", "-c", site.config()});
  const std::string output = responder.daemon.output();
  const std::size_t at = output.find("127.0.0.1:", output.find("push on "));
  ASSERT_NE(at, std::string::npos) << output;
  const std::string where = "https://" + output.substr(at, output.find('\n', at) - at);
  const std::vector<std::string> anchors{"--cacert", site.file("ca.pem")};
  const auto as = [&](const std::string& who, const std::string& verb) {
    std::vector<std::string> words = anchors;
    words.insert(words.end(),
                 {"--cert", site.file(who + ".pem"), "--key", site.file(who + ".key")});
    return site.curl(words, where, verb, site.serial_json());
  };
  EXPECT_EQ(as("client", "issue").status, "403") << "its CA is ours, and never said it exists";
  EXPECT_EQ(site.local("issue", R"({"serial":")" + site.client_serial + "\"}").status, "200");
  EXPECT_EQ(as("client", "issue").status, "200") << as("client", "issue").body;
  EXPECT_EQ(openssl_says(site, responder, {"-no_nonce"}), "good");
  EXPECT_EQ(as("client", "hold").status, "403") << "not among what it may";
  const Curl stranger = as("stranger", "revoke");
  EXPECT_EQ(stranger.status, "403");
  EXPECT_THAT(stranger.body, HasSubstr("dns:stranger.example"));
  EXPECT_EQ(as("server", "revoke").status, "000") << "a server's certificate is no client's";
  EXPECT_EQ(site.curl(anchors, where, "revoke", site.serial_json()).status, "000")
      << "no certificate";
  EXPECT_EQ(openssl_says(site, responder, {"-no_nonce"}), "good");
  EXPECT_EQ(as("client", "revoke").status, "200");
  EXPECT_EQ(openssl_says(site, responder, {"-no_nonce"}), "revoked");
}

/// No more room: said so, nothing lost, nothing wrong, and the next start is fine.
TEST(PushFromOutside, AFullDiskIsToldAndLosesNothing) {
  const PushSite site;
  const std::string command = "ulimit -f 512; exec " + muster_binary() + " responder -c " +
                              site.config();  // 512 KiB a file
  std::string lines;
  for (int i = 0; i < 2000; ++i) {
    lines += R"({"op":"issue","serial":")" + std::to_string(100'000'000 + i) +
             R"(","expires":"2027-12-31T00:00:00Z"})" + "\n";
  }
  {
    Running responder({"bash", "-c", command});
    EXPECT_EQ(site.local("revoke", site.serial_json()).status, "200");
    Curl last;
    for (int round = 0; round < 60 && last.body.find("store_full") == std::string::npos; ++round) {
      std::string fresh = lines;
      for (std::size_t at = fresh.find("\"1000"); at != std::string::npos;
           at = fresh.find("\"1000", at + 1)) {
        fresh.replace(at + 1, 2, std::to_string(20 + round));
      }
      last = site.local("bulk?results=failed", fresh);
    }
    EXPECT_THAT(last.body, HasSubstr("\"error\":\"store_full\"")) << last.body.substr(0, 300);
    const Curl single = site.local("issue", R"({"serial":"ABCDEF"})");
    EXPECT_THAT(single.status, ::testing::AnyOf("507", "200")) << single.body;
    EXPECT_EQ(openssl_says(site, responder, {"-no_nonce"}), "revoked")
        << "what was acknowledged is answered";
  }
  Running again({muster_binary(), "responder", "-c", site.config()});
  EXPECT_EQ(openssl_says(site, again, {"-no_nonce"}), "revoked");
  EXPECT_EQ(site.local("issue", R"({"serial":"ABCDEF"})").status, "200");
}

TEST(PushFromOutside, ABadConfigurationIsExplainedAtTheStart) {
  const PushSite site;
  const auto fails = [&](const std::string& from, const std::string& to, const std::string& why) {
    std::string text = read_text(site.config());
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const ProcessResult result =
        run_process({muster_binary(), "responder", "-c", site.dir.write("bad.toml", text)});
    EXPECT_EQ(result.exit_code, 64) << result.describe();
    EXPECT_THAT(result.err, HasSubstr(why));
  };
  fails("users = [\"", "users = [\"nobody-of-that-name", "does not exist on this machine");
  fails("\"issue\", \"revoke\"", "\"isue\"", "is none of issue");
  fails("dns:ca.example", "ca.example", "must begin with dns:");
  fails("issuers = [\"ca\"]", "issuers = [\"other\"]", "none of ours");
  fails("client_ca = ", "# client_ca = ", "needs certificate, key and client_ca");
  fails("[[responder.issuer]]\n", "[[responder.issuer]]\nindex = \"index.txt\"\n", "not by both");
}

}  // namespace
}  // namespace muster::testing
