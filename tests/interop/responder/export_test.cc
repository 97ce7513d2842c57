#include <filesystem>

#include "muster/http/base64.h"
#include "muster/http/get_path.h"
#include "site.h"

// Exported answers behind a real web server.
namespace muster::testing {
namespace {

using ::testing::HasSubstr;

class ExportSite : public Site {
 public:
  [[nodiscard]] std::string config() const {
    const auto entry = [this](const char* key, std::string_view name) {
      return std::string(key) + " = \"" + file(name) + "\"\n";
    };
    return dir.write(
        "muster.toml",
        "[responder]\nlisten = \"127.0.0.1:0\"\n[responder.batch]\nlisten = \"127.0.0.1:0\"\n"
        "[responder.export]\n" +
            entry("directory", "static") + "[[responder.issuer]]\nlabel = \"ca\"\n" +
            entry("ca", "ca.pem") + entry("signer", "ocsp.pem") + entry("key", "ocsp.key") +
            entry("index", "index.txt"));
  }
  [[nodiscard]] ProcessResult run_export(std::vector<std::string> more = {}) const {
    std::vector<std::string> words{muster_binary(), "responder", "export", "--config", config()};
    words.insert(words.end(), more.begin(), more.end());
    return run_process(words);
  }
  /// An nginx in the foreground, serving static/tree.
  [[nodiscard]] std::vector<std::string> nginx(std::uint16_t port) const {
    std::filesystem::create_directories(file("nginx"));
    const std::string conf = dir.write(
        "nginx.conf",
        "daemon off;\nworker_processes 1;\nmaster_process off;\nerror_log stderr notice;\npid " +
            file("nginx/pid") +
            ";\nevents { worker_connections 64; }\nhttp {\n  access_log off;\n" +
            "  client_body_temp_path " + file("nginx/a") + "; proxy_temp_path " + file("nginx/b") +
            "; fastcgi_temp_path " + file("nginx/c") + "; uwsgi_temp_path " + file("nginx/d") +
            "; scgi_temp_path " + file("nginx/e") + ";\n  server { listen 127.0.0.1:" +
            std::to_string(port) + "; root " + file("static/tree") +
            "; location / { types { } default_type application/ocsp-response; } }\n}\n");
    return {*find_program("nginx"), "-e", "stderr", "-p", file("nginx"), "-c", conf};
  }
};

Buffer request_of(const Site& site, HashAlgorithm hash) {
  ocsp::Request request;
  request.requests.push_back(
      {pki::make_cert_id(hash, site.pki.leaf.certificate, site.pki.intermediate.certificate), {}});
  return ocsp::encode_request(request);
}

/// The body of a GET, or how it went.
std::string get(const Site& site, const std::string& url) {
  const ProcessResult result =
      run_process({"curl", "-s", "-S", "-f", "--noproxy", "*", "--max-time", "30", "--path-as-is",
                   "-o", site.file("got"), "-w", "%{content_type}", url});
  EXPECT_EQ(result.exit_code, 0) << url << "\n" << result.describe();
  EXPECT_EQ(result.out, "application/ocsp-response") << url;
  return result.exit_code == 0 ? read_text(site.file("got")) : "";
}

std::string status_of(const std::string& response) {
  const Buffer octets = to_buffer(as_bytes(response));
  const auto parsed = ocsp::parse_response(octets);
  return parsed && parsed->basic
             ? std::string(ocsp::to_string((*parsed->basic->responses.begin()).status))
             : "none";
}

TEST(StaticExport, NginxServesWhatTheResponderAnswers) {
  if (!find_program("nginx") || !find_program("curl")) {
    GTEST_SKIP() << "nginx or curl is not installed (Debian packages nginx-light, curl)";
  }
  const ExportSite site;
  Daemon responder({muster_binary(), "responder", "--config", site.config()});
  const auto batch = responder.wait_for_port("batch on ", Milliseconds(60'000));
  const auto ocsp = responder.wait_for_port("listening on ", Milliseconds(60'000));
  ASSERT_TRUE(batch && ocsp) << responder.output();
  const std::vector<std::string> from_batch{"--batch", std::to_string(*batch)};
  const ProcessResult exported = site.run_export(from_batch);
  ASSERT_EQ(exported.exit_code, 0) << exported.describe();
  EXPECT_THAT(exported.out, HasSubstr("2 answers; 2 written"));

  const std::uint16_t port = unused_port();
  Daemon nginx(site.nginx(port));
  const std::string base = "http://127.0.0.1:" + std::to_string(port) + "/";
  ASSERT_EQ(run_process({"curl", "-s", "--noproxy", "*", "--retry", "50", "--retry-delay", "1",
                         "--retry-connrefused", "--max-time", "60", base})
                .exit_code,
            0)
      << nginx.output();
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256}) {
    const Buffer request = request_of(site, hash);
    const std::string live = get(
        site, "http://127.0.0.1:" + std::to_string(*ocsp) + "/" + http::encode_get_tail(request));
    EXPECT_EQ(status_of(live), "good");
    EXPECT_EQ(get(site, base + http::encode_get_tail(request)), live);
    EXPECT_EQ(get(site, base + http::base64_encode(request)), live);
  }
  // openssl makes of it what it makes of a responder's answer.
  static_cast<void>(
      get(site, base + http::encode_get_tail(request_of(site, HashAlgorithm::kSha1))));
  const ProcessResult openssl =
      run_process({"openssl", "ocsp", "-respin", site.file("got"), "-issuer", site.file("ca.pem"),
                   "-CAfile", site.file("chain.pem"), "-cert", site.file("leaf.pem")});
  EXPECT_THAT(openssl.err, HasSubstr("Response verify OK"));
  EXPECT_THAT(openssl.out, HasSubstr("leaf.pem: good"));

  site.write_index(index_line(site.pki.leaf.certificate, SystemClock().now() - Seconds(60)));
  ASSERT_TRUE(responder.wait_for("revoked=1", Milliseconds(60'000))) << responder.output();
  const ProcessResult again = site.run_export(from_batch);
  EXPECT_THAT(again.out, HasSubstr("2 written, 0 kept, 0 removed, 2 changed")) << again.describe();
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256}) {
    const std::string body = get(site, base + http::encode_get_tail(request_of(site, hash)));
    EXPECT_EQ(status_of(body), "revoked");
    EXPECT_EQ(body, get(site, "http://127.0.0.1:" + std::to_string(*ocsp) + "/" +
                                  http::encode_get_tail(request_of(site, hash))));
  }
}

TEST(StaticExport, NeedsNoResponder) {
  const ExportSite site;
  const ProcessResult first = site.run_export();
  ASSERT_EQ(first.exit_code, 0) << first.describe();
  EXPECT_THAT(first.out, HasSubstr("2 written"));
  const UnixSeconds revoked_at = SystemClock().now() - Seconds(60);
  site.write_index(index_line(site.pki.leaf.certificate, revoked_at));
  EXPECT_THAT(site.run_export().out, HasSubstr("2 written, 0 kept, 0 removed, 2 changed"));
  site.write_index(index_line(site.pki.leaf.certificate, revoked_at));
  EXPECT_THAT(site.run_export().out, HasSubstr("0 written, 2 kept, 0 removed, 0 changed"));
}

TEST(StaticExport, SaysWhatIsWrong) {
  const ExportSite site;
  const auto fails = [&site](std::vector<std::string> more, int code, const char* why) {
    const ProcessResult result = site.run_export(std::move(more));
    EXPECT_EQ(result.exit_code, code) << result.describe();
    EXPECT_THAT(result.err, HasSubstr(why));
  };
  fails({"--manifest-key", site.file("nothing.pem")}, 64, "manifest_key");
  fails({"--batch", "unix:" + site.file("nobody")}, 66, "nobody");
  fails({"--store", site.file("empty")}, 0, "");  // none there yet: the sources are read
  EXPECT_FALSE(std::filesystem::exists(site.file("empty/data.mdb")));
}

}  // namespace
}  // namespace muster::testing
