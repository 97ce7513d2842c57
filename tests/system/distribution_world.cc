#include "distribution_world.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "muster/base/file.h"
#include "muster/edge/paths.h"
#include "muster/net/fetcher.h"
#include "revocation_world.h"

namespace muster::testing {
namespace {

constexpr Milliseconds kPatience{60'000};

/// 0x0A00 and on: two octets, so that nothing else has them.
std::string hex_of(unsigned serial) {
  char text[8];
  std::snprintf(text, sizeof text, "%04X", 0x0A00 + serial);
  return text;
}

Identity make_manifest_signer() {
  CertificateSpec spec;
  spec.common_name = "manifests";
  spec.at = SystemClock().now();
  return make_self_signed(spec);
}

}  // namespace

std::string muster_binary() {
  const char* const path = std::getenv("MUSTER_BINARY");
  EXPECT_NE(path, nullptr) << "set MUSTER_BINARY to the muster program";
  return path == nullptr ? "muster" : path;
}

DistributionWorld::DistributionWorld(unsigned serials)
    : serials_(serials), manifest_signer_(make_manifest_signer()) {
  pki_.intermediate.write(dir_, "ca");
  pki_.ocsp_signer.write(dir_, "ocsp");
  manifest_signer_.write(dir_, "manifest");
  const auto file = [this](const char* name) { return "\"" + dir_.file(name) + "\"\n"; };
  dir_.write("core.toml",
             "[responder]\nlisten = \"127.0.0.1:0\"\nloops = 2\nstore = " + file("store") +
                 "[responder.push]\nlisten = \"unix:" + dir_.file("push.sock") +
                 "\"\n[[responder.push.client]]\nname = \"test\"\nusers = [\"" +
                 std::to_string(::getuid()) +
                 "\"]\nissuers = [\"pushed\"]\n[responder.batch]\nlisten = \"unix:" +
                 dir_.file("batch.sock") + "\"\n[responder.export]\ndirectory = " + file("core") +
                 "manifest_key = " + file("manifest.key") +
                 "metrics_file = " + file("export.prom") +
                 "[[responder.issuer]]\nlabel = \"pushed\"\nca = " + file("ca.pem") +
                 "signer = " + file("ocsp.pem") + "key = " + file("ocsp.key"));
}

void DistributionWorld::start_core() {
  core_ = std::make_unique<Daemon>(
      std::vector<std::string>{muster_binary(), "responder", "-c", dir_.file("core.toml")});
  const auto port = core_->wait_for_port("listening on ", kPatience);
  ASSERT_TRUE(port) << core_->output();
  core_address_ = "127.0.0.1:" + std::to_string(*port);
  std::vector<unsigned> all;
  for (unsigned i = 0; i < serials_; ++i) {
    all.push_back(i);
  }
  ASSERT_TRUE(push("issue", all)) << core_->output();
}

bool DistributionWorld::push(std::string_view verb, const std::vector<unsigned>& serials) const {
  std::string lines;
  for (const unsigned serial : serials) {
    lines += R"({"op":")" + std::string(verb) + R"(","serial":")" + hex_of(serial) + "\"}\n";
  }
  Wire wire("unix:" + dir_.file("push.sock"));
  wire.send(
      "POST /v1/issuers/pushed/bulk HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      "Content-Length: " +
      std::to_string(lines.size()) + "\r\n\r\n" + lines);
  const std::string answer = wire.receive_all();
  std::size_t acknowledged = 0;
  for (std::size_t at = answer.find("\"result\":\"changed\""); at != std::string::npos;
       at = answer.find("\"result\":\"changed\"", at + 1)) {
    ++acknowledged;
  }
  EXPECT_EQ(acknowledged, serials.size()) << answer;
  return acknowledged == serials.size();
}

std::vector<std::string> DistributionWorld::export_arguments(
    const std::vector<std::string>& more) const {
  std::vector<std::string> out{muster_binary(), "responder", "export", "-c",
                               dir_.file("core.toml")};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

ProcessResult DistributionWorld::run_export(const std::vector<std::string>& more) const {
  ProcessOptions options;
  options.timeout = kPatience;
  return run_process(export_arguments(more), options);
}

std::string DistributionWorld::file_of(unsigned serial, HashAlgorithm hash) const {
  return exported() + "/tree/" + edge::file_path(request(serial, hash));
}

void DistributionWorld::start_origin() {
  std::filesystem::create_directories(exported());
  origin_ = std::make_unique<Daemon>(std::vector<std::string>{
      "python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", exported()});
  const auto port = origin_->wait_for_port("Serving HTTP on ", kPatience);
  ASSERT_TRUE(port) << origin_->output();
  dir_.write("edge.toml", "[edge]\nlisten = \"127.0.0.1:0\"\nloops = 2\nurl = \"http://127.0.0.1:" +
                              std::to_string(*port) + "/\"\nmanifest_signer = \"" +
                              dir_.file("manifest.pem") + "\"\ndirectory = \"" + dir_.file("edge") +
                              "\"\ninterval = \"1s\"\n[edge.admin]\nlisten = " + "\"unix:" +
                              dir_.file("edge.sock") + "\"\n");
}

void DistributionWorld::start_edge() {
  edge_ = std::make_unique<Daemon>(
      std::vector<std::string>{muster_binary(), "edge", "-c", dir_.file("edge.toml")});
  const auto port = edge_->wait_for_port("listening on ", kPatience);
  ASSERT_TRUE(port) << edge_->output();
  edge_address_ = "127.0.0.1:" + std::to_string(*port);
}

void DistributionWorld::kill_edge() {
  edge_->send_signal(SIGKILL);
  edge_->wait(kPatience);
}

std::string DistributionWorld::edge_page(const std::string& page) const {
  Wire wire("unix:" + dir_.file("edge.sock"));
  wire.send("GET " + page + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string text = wire.receive_all();
  const std::size_t end = text.find("\r\n\r\n");
  return end == std::string::npos ? "" : text.substr(end + 4);
}

std::optional<std::uint64_t> DistributionWorld::edge_metric(const std::string& sample) const {
  const std::string text = "\n" + edge_page("/metrics");
  const std::size_t at = text.find("\n" + sample + " ");
  return at == std::string::npos
             ? std::nullopt
             : std::optional<std::uint64_t>(std::stoull(text.substr(at + sample.size() + 2)));
}

bool DistributionWorld::edge_comes_to(const std::string& sample, std::uint64_t least) const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (edge_metric(sample).value_or(0) < least) {
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << sample << " did not come to " << least << "\n"
                    << edge_page("/metrics") << edge_->output();
      return false;
    }
    ::usleep(10'000);  // the edge looks in its own time
  }
  return true;
}

edge::Manifest DistributionWorld::manifest() const {
  const auto read =
      edge::verify_manifest(read_text(exported() + "/manifest"), manifest_signer_.certificate);
  EXPECT_TRUE(read) << (read ? "" : read.error());
  return read ? *read : edge::Manifest{};
}

Buffer DistributionWorld::request(unsigned serial, HashAlgorithm hash) const {
  ocsp::Request out;
  out.requests.push_back(
      {pki::make_cert_id(hash, pki_.intermediate.certificate, *Serial::from_hex(hex_of(serial))),
       {}});
  return ocsp::encode_request(out);
}

Buffer DistributionWorld::post(const std::string& address, const Buffer& request) {
  net::FetchRequest fetch;
  fetch.url = "http://" + address + "/";
  fetch.post_body = request;
  fetch.content_type = std::string(ocsp::kRequestMediaType);
  fetch.total_timeout = kPatience;
  auto got = net::fetch(fetch);
  return got ? std::move(got->body) : Buffer();
}

std::string DistributionWorld::says(Bytes response, unsigned serial, HashAlgorithm hash) const {
  const auto parsed = ocsp::parse_response(response);
  if (!parsed) {
    return "nothing";
  }
  if (!parsed->basic) {
    return std::string(ocsp::to_string(parsed->status));
  }
  const ocsp::SingleResponseView single = *parsed->basic->responses.begin();
  const Buffer id =
      pki::make_cert_id(hash, pki_.intermediate.certificate, *Serial::from_hex(hex_of(serial)))
          .der();
  const bool is_ours =
      equal(single.cert_id.raw, id) &&
      pki::verify_signature(parsed->basic->signature_algorithm, parsed->basic->tbs_raw,
                            parsed->basic->signature, pki_.ocsp_signer.certificate);
  return is_ours ? std::string(ocsp::to_string(single.status)) : "forged";
}

}  // namespace muster::testing
