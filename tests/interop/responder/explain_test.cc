#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "muster/ocsp/ocsp.h"
#include "site.h"

// `muster responder explain`: without a responder, and of a running one.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Buffer request_for(const Site& site, const pki::Certificate& certificate) {
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, certificate, site.pki.intermediate.certificate),
       {}});
  return ocsp::encode_request(request);
}

class Explain : public ::testing::Test {
 protected:
  [[nodiscard]] ProcessResult explain(std::vector<std::string> words,
                                      const std::string& input = "") const {
    words.insert(words.begin(), {muster_binary(), "responder", "explain"});
    return run_process(words, {.input = input});
  }
  /// The flags that describe the issuer.
  [[nodiscard]] std::vector<std::string> with_issuer(std::vector<std::string> words) const {
    const std::vector<std::string> all = site.one_liner();
    words.insert(words.end(), all.begin() + 4, all.end());  // without --listen
    return words;
  }
  Site site;
  const Buffer der = request_for(site, site.pki.leaf.certificate);
};

TEST_F(Explain, TakesARequestInEveryForm) {
  const std::string file = site.dir.write("request.der", der);
  const std::string pem = site.dir.write("request.pem", to_pem("OCSP REQUEST", der));
  for (const std::string& form : {file, pem, http::base64_encode(der), to_hex(der),
                                  "http://ocsp.example/x/" + http::encode_get_tail(der),
                                  "GET /" + http::encode_get_tail(der) + " HTTP/1.1"}) {
    const ProcessResult result = explain(with_issuer({form}));
    EXPECT_EQ(result.exit_code, 0) << form << result.describe();
    EXPECT_THAT(result.out, AllOf(HasSubstr("answer:  successful"), HasSubstr("rule:    record"),
                                  HasSubstr("answer:  good")))
        << form;
  }
  EXPECT_THAT(explain(with_issuer({"-"}), std::string(as_text(der))).out,
              HasSubstr("answer:  good"));
}

TEST_F(Explain, SaysWhyNot) {
  const auto other =
      explain(with_issuer({to_hex(request_for(site, site.pki.other_leaf.certificate)), "--json"}));
  EXPECT_THAT(other.out,
              AllOf(HasSubstr("\"rule\":\"unissued\""), HasSubstr("\"status\":\"unknown\"")));
  ocsp::Request foreign;
  foreign.requests.push_back(
      {pki::make_cert_id(HashAlgorithm::kSha256, site.pki.intermediate.certificate,
                         site.pki.root.certificate),
       {}});
  EXPECT_THAT(explain(with_issuer({to_hex(ocsp::encode_request(foreign))})).out,
              HasSubstr("unauthorized (unknown_issuer)"));
  for (const char* word : {"nonsense!", "nope", "no-such.der"}) {  // the second is base64
    const ProcessResult nothing = explain(with_issuer({word}));
    EXPECT_EQ(nothing.exit_code, 66) << nothing.describe();
    EXPECT_THAT(nothing.err,
                HasSubstr("'" + std::string(word) + "' is no file, and no OCSP request"));
  }
  const ProcessResult text = explain(with_issuer({site.dir.write("text.txt", "no request!")}));
  EXPECT_EQ(text.exit_code, 66) << text.describe();
  EXPECT_THAT(text.err, HasSubstr("text.txt: text that is neither PEM"));
  EXPECT_EQ(explain({to_hex(der)}).exit_code, 64) << "no issuer";
  EXPECT_EQ(explain(with_issuer({site.pki.leaf.certificate_pem()})).exit_code, 66)
      << "a certificate is no request";
  EXPECT_EQ(explain({to_hex(der), "--admin", "127.0.0.1:1"}).exit_code, 66);
}

/// A running responder is asked as its admin listener has it: on a unix socket, by its port alone,
/// and with mutual TLS.
TEST_F(Explain, AsksARunningResponderWhereverItsAdminListens) {
  const UnixSeconds now = SystemClock().now();
  CertificateSpec client = leaf_spec("operator.example");
  client.at = now;
  client.extended_key_usage = {*der::oid_from_string("1.3.6.1.5.5.7.3.2")};
  issue(site.pki.intermediate, client).write(site.dir, "operator");
  CertificateSpec server = leaf_spec("admin.example");
  server.at = now;
  server.ip_addresses = {"127.0.0.1"};
  issue(site.pki.intermediate, server).write(site.dir, "server");
  const auto entry = [this](const char* key, std::string_view name) {
    return std::string(key) + " = \"" + site.file(name) + "\"\n";
  };
  const std::string config = site.dir.write(
      "muster.toml",
      "[responder]\nlisten = \"127.0.0.1:0\"\nloops = 1\n[responder.admin]\n"
      "listen = [\"unix:" +
          site.file("admin.sock") + "\", \"0\"]\n" + entry("certificate", "server.pem") +
          entry("key", "server.key") + entry("client_ca", "ca.pem") +
          "[[responder.issuer]]\nlabel = \"ca\"\n" + "clients = [\"192.0.2.0/24\"]\n" +
          entry("ca", "ca.pem") + entry("signer", "ocsp.pem") + entry("key", "ocsp.key") +
          entry("index", "index.txt"));
  Running responder({muster_binary(), "responder", "-c", config});
  const auto port = responder.daemon.wait_for_port("admin on ");
  ASSERT_TRUE(port) << responder.daemon.output();
  const std::vector<std::string> unix{to_hex(der), "--admin", "unix:" + site.file("admin.sock")};
  EXPECT_THAT(explain(unix).out, HasSubstr("unauthorized (client_refused)"));
  std::vector<std::string> as_client = unix;
  as_client.insert(as_client.end(), {"--client", "192.0.2.7"});
  EXPECT_THAT(explain(as_client).out, HasSubstr("answer:  good"));
  as_client.back() = "nobody";
  EXPECT_EQ(explain(as_client).exit_code, 64);
  std::vector<std::string> tls{to_hex(der), "--admin", std::to_string(*port)};
  EXPECT_EQ(explain(tls).exit_code, 66) << "not without a certificate";
  tls.insert(tls.end(), {"--admin-cert", site.file("operator.pem"), "--admin-key",
                         site.file("operator.key"), "--admin-ca", site.file("chain.pem")});
  const ProcessResult over_tls = explain(tls);
  EXPECT_THAT(over_tls.out, HasSubstr("unauthorized (client_refused)")) << over_tls.describe();
}

/// Without a responder rules about clients are judged for whom one names.
TEST_F(Explain, IsToldWhoAsks) {
  const std::string config = site.dir.write(
      "muster.toml", "[responder]\n[[responder.issuer]]\nclients = [\"192.0.2.0/24\"]\nca = \"" +
                         site.file("ca.pem") + "\"\nsigner = \"" + site.file("ocsp.pem") +
                         "\"\nkey = \"" + site.file("ocsp.key") + "\"\nindex = \"" +
                         site.file("index.txt") + "\"\n");
  const std::vector<std::string> words{to_hex(der), "--config", config};
  EXPECT_THAT(explain(words).out, HasSubstr("client_refused"));
  EXPECT_THAT(explain({to_hex(der), "--config", config, "--client", "192.0.2.7"}).out,
              HasSubstr("answer:  good"));
}

/// The store as a stopped or running responder left it, not the sources.
TEST_F(Explain, LooksIntoTheConfiguredStore) {
  const std::vector<std::string> store{"--store", site.file("store")};
  const Running responder(site.one_liner({"--store", site.file("store"), "--admin", "0"}));
  const auto line = responder.daemon.output();
  const std::size_t at = line.find("admin on ");
  ASSERT_NE(at, std::string::npos) << line;
  const std::string admin = line.substr(at + 9, line.find('\n', at) - at - 9);
  EXPECT_THAT(explain({to_hex(der), "--admin", admin}).out, HasSubstr("answer:  good"));
  std::vector<std::string> words = with_issuer({to_hex(der)});
  words.insert(words.end(), store.begin(), store.end());
  EXPECT_THAT(explain(words).out, HasSubstr("answer:  good"));
  const auto index = std::find(words.begin(), words.end(), "--index");
  *(index + 1) = site.dir.write(
      "other.txt", index_line(site.pki.leaf.certificate, SystemClock().now() - Seconds(60)));
  EXPECT_THAT(explain(words).out, HasSubstr("answer:  good"))
      << "the store is not changed by looking at it";
  words.emplace_back("--load");
  EXPECT_THAT(explain(words).out, HasSubstr("answer:  revoked"));
}

}  // namespace
}  // namespace muster::testing
