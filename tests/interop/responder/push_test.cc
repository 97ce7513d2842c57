#include <unistd.h>

#include <sstream>

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

/// What openssl reads in the answers about the two leaves, but for when they were made.
std::string answers_of(const Site& site, const Running& responder) {
  std::string out;
  for (const char* certificate : {"leaf.pem", "other.pem"}) {
    const ProcessResult result = openssl_ocsp(site, responder, {"-no_nonce"}, certificate);
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) {
      if (line.find("Update:") == std::string::npos) {
        out += line.substr(line.rfind('/') + 1) + "\n";
      }
    }
  }
  return out;
}

// Whichever way they come, equal facts make equal answers. req: OCSP-CRL-056
TEST(PushFromOutside, SaysWhatIndexCrlAndImportOfTheSameContentSay) {
  const PushSite site;
  const UnixSeconds now = SystemClock().now();
  const UnixSeconds at = now - Seconds(3600);
  site.write_index(index_line(site.pki.leaf.certificate) +
                   index_line(site.pki.other_leaf.certificate, at, "keyCompromise"));
  const std::string from_index = answers_of(site, Running(site.one_liner()));
  EXPECT_THAT(from_index, AllOf(HasSubstr("leaf.pem: good"), HasSubstr("other.pem: revoked"),
                                HasSubstr("Reason: keyCompromise"), HasSubstr("Revocation Time")));

  const std::string crl = site.dir.write(
      "ca.crl", build_crl(site.pki.intermediate,
                          {.this_update = now - Seconds(60),
                           .next_update = now + Seconds(86400),
                           .entries = {revoked_entry(site.pki.other_leaf.certificate.serial(), at,
                                                     ReasonCode::kKeyCompromise)}}));
  std::vector<std::string> words = site.one_liner({"--unlisted", "good"});
  const auto index = std::find(words.begin(), words.end(), "--index");
  *index = "--crl";
  *(index + 1) = crl;
  EXPECT_EQ(answers_of(site, Running(words)), from_index) << "a CRL";

  const std::string other = site.pki.other_leaf.certificate.serial().to_hex();
  {
    const Running responder({muster_binary(), "responder", "-c", site.config("pushed")});
    EXPECT_EQ(site.local("issue", site.serial_json()).status, "200");
    EXPECT_EQ(site.local("issue", R"({"serial":")" + other + "\"}").status, "200");
    const Curl revoked =
        site.local("revoke", R"({"serial":")" + other + R"(","reason":"keyCompromise","at":")" +
                                 format_iso8601(at) + "\"}");
    EXPECT_EQ(revoked.status, "200") << revoked.body;
    EXPECT_EQ(answers_of(site, responder), from_index) << "the push API";
  }
  const ProcessResult imported =
      run_process({muster_binary(), "store", "--store", site.file("imported"), "import", "--ca",
                   site.file("ca.pem"), "--index", site.file("index.txt")});
  ASSERT_EQ(imported.exit_code, 0) << imported.describe();
  EXPECT_EQ(
      answers_of(site, Running({muster_binary(), "responder", "-c", site.config("imported")})),
      from_index)
      << "muster store import";
}

/// No more room: said so, nothing lost, nothing wrong, and the next start is fine.
TEST(PushFromOutside, AFullDiskIsToldAndLosesNothing) {
  const PushSite site;
  const std::string command = "ulimit -f 512; exec " + muster_binary() + " responder -c " +
                              site.config();  // 512 KiB a file
  std::string lines;
  for (int i = 0; i < 2000; ++i) {
    lines += R"({"op":"issue","serial":")" + std::to_string(100'000'000 + i) +
             R"(","expires":"2049-12-31T00:00:00Z"})" + "\n";
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
    EXPECT_TRUE(responder.daemon.wait_for("push.failed"));
    EXPECT_TRUE(responder.daemon.wait_for("cause=store_full"));
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
